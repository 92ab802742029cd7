"""Predictors: how much a set of VMs may want at most within a horizon, from what was seen of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.registry import Registry

__all__ = [
    "PREDICTORS",
    "AllocationShare",
    "Ewma",
    "LastValue",
    "MaxOf",
    "NSigma",
    "PeakOracle",
    "Predictor",
    "Quantile",
    "RcLike",
    "Seasonal",
    "Seen",
]

_DAY_S = 86_400

PREDICTORS: Registry[type[Predictor]] = Registry(
    "predictor",
    entry_point_group="consolidate.predictors",
    builtin={
        "allocation-share": "consolidate.forecasting.predictors:AllocationShare",
        "ewma": "consolidate.forecasting.predictors:Ewma",
        "last": "consolidate.forecasting.predictors:LastValue",
        "max": "consolidate.forecasting.predictors:MaxOf",
        "n-sigma": "consolidate.forecasting.predictors:NSigma",
        "oracle": "consolidate.forecasting.predictors:PeakOracle",
        "quantile": "consolidate.forecasting.predictors:Quantile",
        "rc-like": "consolidate.forecasting.predictors:RcLike",
        "seasonal": "consolidate.forecasting.predictors:Seasonal",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a set of VMs at one moment.

    Parameters
    ----------
    demand : mcores
        Demand in the steps that are over, the oldest first, shape ``(vms, steps)``.
    allocation : mcores
        CPU allocation, shape ``(vms,)``.
    step_s : s
        Length of a step.
    future : mcores
        Demand in the steps of the horizon, for the oracle alone; ``None`` in practice.
    """

    demand: NDArray[np.float64]
    allocation: NDArray[np.float64]
    step_s: int
    future: NDArray[np.float64] | None = None

    @property
    def total(self) -> NDArray[np.float64]:
        """Demand of all together, shape ``(steps,)``."""
        total: NDArray[np.float64] = self.demand.sum(axis=0)
        return total


@runtime_checkable
class Predictor(Protocol):
    """A way to predict. The fields of the dataclass are its parameters."""

    name: ClassVar[str]

    @property
    def level(self) -> float:
        """Probability with which demand is meant to stay within the prediction; NaN where none is meant."""
        ...

    def peak(self, seen: Seen, horizon_steps: int) -> float:
        """Return the highest demand expected within the horizon, in mcores."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LastValue:
    """The demand of the last step."""

    name: ClassVar[str] = "last"

    @property
    def level(self) -> float:
        """No probability is meant."""
        return float("nan")

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return the last total, in mcores."""
        return float(seen.total[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ewma:
    """An exponentially weighted mean of the past.

    Parameters
    ----------
    weight
        Weight of the last step, between 0 (exclusive) and 1.
    """

    name: ClassVar[str] = "ewma"
    weight: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            msg = f"needs more than 0 and at most 1, got {self.weight}"
            raise ConfigError(msg, path="predictor.ewma.weight")

    @property
    def level(self) -> float:
        """No probability is meant."""
        return float("nan")

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return the mean, in mcores."""
        total = seen.total
        weights = (1.0 - self.weight) ** np.arange(len(total))[::-1]
        return float(weights @ total / weights.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasonal:
    """The highest demand of the same times of day, or of the same weekday once two weeks were seen.

    Before a whole day was seen, the highest demand so far.

    Parameters
    ----------
    days
        Past days that are averaged, the same weekday counted apart.
    """

    name: ClassVar[str] = "seasonal"
    days: int = 7

    def __post_init__(self) -> None:
        if self.days < 1:
            msg = f"needs 1 or more, got {self.days}"
            raise ConfigError(msg, path="predictor.seasonal.days")

    @property
    def level(self) -> float:
        """No probability is meant."""
        return float("nan")

    def peak(self, seen: Seen, horizon_steps: int) -> float:
        """Return the highest of the mean days, in mcores."""
        total, per_day = seen.total, _DAY_S // seen.step_s
        now = len(total)
        period = 7 * per_day if now >= 14 * per_day else per_day
        if now < per_day:
            return float(total.max())
        expected = []
        for ahead in range(min(horizon_steps, per_day)):
            past = np.arange(now + ahead - period, -1, -period)[: self.days]
            past = past[past < now]
            if past.size:
                expected.append(total[past].mean())
        return float(max(expected))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile of the total demand that was seen.

    Parameters
    ----------
    q
        Between 0 and 1.
    window_s : s
        How far back is looked.
    """

    name: ClassVar[str] = "quantile"
    q: float = 0.95
    window_s: int = _DAY_S

    def __post_init__(self) -> None:
        _refuse_window(self.window_s, self.name)
        _refuse_share(self.q, "predictor.quantile.q")

    @property
    def level(self) -> float:
        """The quantile."""
        return self.q

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return the quantile, in mcores."""
        return float(np.quantile(_window(seen, self.window_s).sum(axis=0), self.q))


@dataclass(frozen=True, slots=True, kw_only=True)
class NSigma:
    """Mean and so many standard deviations of the total (Bashir et al., EuroSys 2021).

    See doi:10.1145/3447786.3456259, "Take it to the limit: peak prediction-driven resource overcommitment in
    datacenters".

    Parameters
    ----------
    n
        Standard deviations; the paper uses 5 for machines of Google.
    window_s : s
        How far back is looked.
    """

    name: ClassVar[str] = "n-sigma"
    n: float = 5.0
    window_s: int = _DAY_S

    def __post_init__(self) -> None:
        _refuse_window(self.window_s, self.name)
        if not self.n >= 0:
            msg = f"needs 0 or more, got {self.n}"
            raise ConfigError(msg, path="predictor.n-sigma.n")

    @property
    def level(self) -> float:
        """What a normal distribution gives."""
        return NormalDist().cdf(self.n)

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return mean plus deviations, in mcores."""
        total = _window(seen, self.window_s).sum(axis=0)
        return float(total.mean() + self.n * total.std())


@dataclass(frozen=True, slots=True, kw_only=True)
class RcLike:
    """The sum of a percentile of each VM, in the way of Resource Central (Cortez et al., SOSP 2017).

    See doi:10.1145/3132747.3132772; the sum over a machine is that of Bashir et al. (EuroSys 2021).

    Parameters
    ----------
    percentile : percent
        Of each VM's own demand.
    window_s : s
        How far back is looked.
    """

    name: ClassVar[str] = "rc-like"
    percentile: float = 99.0
    window_s: int = _DAY_S

    def __post_init__(self) -> None:
        _refuse_window(self.window_s, self.name)
        _refuse_share(self.percentile / 100, "predictor.rc-like.percentile")

    @property
    def level(self) -> float:
        """The percentile, which the sum over many VMs exceeds far less often."""
        return self.percentile / 100

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return the sum of percentiles, in mcores."""
        return float(np.percentile(_window(seen, self.window_s), self.percentile, axis=1).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationShare:
    """A fixed part of what is promised, as a static overcommitment does.

    Parameters
    ----------
    share
        Part of the sum of the allocations (0.9 is the default of Borg that Bashir et al. compare with).
    """

    name: ClassVar[str] = "allocation-share"
    share: float = 0.9

    def __post_init__(self) -> None:
        _refuse_share(self.share, "predictor.allocation-share.share")

    @property
    def level(self) -> float:
        """No probability is meant."""
        return float("nan")

    def peak(self, seen: Seen, horizon_steps: int) -> float:  # noqa: ARG002
        """Return the part, in mcores."""
        return float(self.share * seen.allocation.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxOf:
    """The highest of several predictions (Bashir et al., EuroSys 2021: N-sigma and RC-like).

    Parameters
    ----------
    predictors
        Names, with ``+`` between them; each with its default parameters.
    """

    name: ClassVar[str] = "max"
    predictors: str = "n-sigma+rc-like"

    def __post_init__(self) -> None:
        for name in self.predictors.split("+"):
            if name in {"max", "oracle"}:
                msg = f"cannot contain {name!r}"
                raise ConfigError(msg, path="predictor.max.predictors")
            PREDICTORS.get(name)

    @property
    def level(self) -> float:
        """No probability is meant."""
        return float("nan")

    def peak(self, seen: Seen, horizon_steps: int) -> float:
        """Return the highest, in mcores."""
        parts = (PREDICTORS.get(name)() for name in self.predictors.split("+"))
        return max(part.peak(seen, horizon_steps) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakOracle:
    """What really comes: the yardstick that no predictor reaches (Bashir et al., EuroSys 2021)."""

    name: ClassVar[str] = "oracle"

    @property
    def level(self) -> float:
        """Nothing exceeds it."""
        return 1.0

    def peak(self, seen: Seen, horizon_steps: int) -> float:
        """Return the peak of the horizon, in mcores.

        Raises
        ------
        ConfigError
            Where the future is not known, which is everywhere but in a back-test.
        """
        if seen.future is None:
            msg = "knows the future; only a back-test can use it"
            raise ConfigError(msg, path="predictor.oracle")
        return float(seen.future[:, :horizon_steps].sum(axis=0).max())


def _window(seen: Seen, window_s: int) -> NDArray[np.float64]:
    steps = max(1, window_s // seen.step_s)
    return seen.demand[:, -steps:]


def _refuse_window(window_s: int, name: str) -> None:
    if window_s <= 0:
        msg = f"needs more than 0 s, got {window_s}"
        raise ConfigError(msg, path=f"predictor.{name}.window_s")


def _refuse_share(value: float, path: str) -> None:
    if not 0 < value <= 1:
        msg = f"needs a part between 0 (exclusive) and 1, got {value}"
        raise ConfigError(msg, path=path)
