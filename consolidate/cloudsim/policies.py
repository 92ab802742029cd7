"""Detectors of overload and choices of the VM that leaves, under the names of the literature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from consolidate._kernels.cloudsim_detectors import IQR, LOCAL, MAD, THRESHOLD
from consolidate._kernels.cloudsim_selection import (
    LEAST_TIME,
    LEAST_USED,
    MOST_CORRELATED,
    RANDOM,
)
from consolidate.errors import ConfigError
from consolidate.registry import Registry

__all__ = [
    "DETECTORS",
    "SELECTORS",
    "Detector",
    "InterquartileRange",
    "LocalRegression",
    "MaximumCorrelation",
    "MedianDeviation",
    "MinimumTime",
    "MinimumUtilization",
    "RandomChoice",
    "RobustLocalRegression",
    "Selector",
    "Threshold",
]


@runtime_checkable
class Detector(Protocol):
    """Says which hosts are overloaded; compiled, so ``code`` is one of those of the kernels."""

    name: ClassVar[str]
    code: ClassVar[int]

    @property
    def parameter(self) -> float:
        """Its one parameter."""
        ...


@runtime_checkable
class Selector(Protocol):
    """Chooses the VM that leaves an overloaded host."""

    name: ClassVar[str]
    code: ClassVar[int]


DETECTORS: Registry[type[Detector]] = Registry(
    "detector",
    entry_point_group="consolidate.cloudsim_detectors",
    builtin={
        "iqr": f"{__name__}:InterquartileRange",
        "lr": f"{__name__}:LocalRegression",
        "lrr": f"{__name__}:RobustLocalRegression",
        "mad": f"{__name__}:MedianDeviation",
        "thr": f"{__name__}:Threshold",
    },
)

SELECTORS: Registry[type[Selector]] = Registry(
    "selector",
    entry_point_group="consolidate.cloudsim_selectors",
    builtin={
        "mc": f"{__name__}:MaximumCorrelation",
        "mmt": f"{__name__}:MinimumTime",
        "mu": f"{__name__}:MinimumUtilization",
        "rs": f"{__name__}:RandomChoice",
    },
)


def _check(value: float, name: str, *, most: float = math.inf, hint: str = "") -> None:
    if not (math.isfinite(value) and 0 < value <= most):
        limit = f" and at most {most:g}" if most < math.inf else ""
        msg = f"needs a number above 0{limit}, got {value:g}{hint}"
        raise ConfigError(msg, path=f"{name}.parameter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Overloaded while more than a fixed share of the MIPS is asked for.

    Parameters
    ----------
    parameter : fraction
        That share, above 0 and at most 1.
    """

    parameter: float = 0.8
    name: ClassVar[str] = "thr"
    code: ClassVar[int] = THRESHOLD

    def __post_init__(self) -> None:
        _check(self.parameter, self.name, most=1.0, hint="; a share of the host, as in 0.8 for 80 %")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Safety:
    """A detector whose parameter is a safety factor.

    Parameters
    ----------
    parameter
        Safety s: more means earlier.
    """

    parameter: float
    name: ClassVar[str]
    code: ClassVar[int]

    def __post_init__(self) -> None:
        _check(self.parameter, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianDeviation(_Safety):
    """Threshold 1 - s * MAD of the past; 0.7 while that is shorter than 12 samples."""

    parameter: float = 2.5
    name: ClassVar[str] = "mad"
    code: ClassVar[int] = MAD


@dataclass(frozen=True, slots=True, kw_only=True)
class InterquartileRange(_Safety):
    """Threshold 1 - s * IQR of the past; 0.7 while that is shorter than 12 samples."""

    parameter: float = 1.5
    name: ClassVar[str] = "iqr"
    code: ClassVar[int] = IQR


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRegression(_Safety):
    """Overloaded when a line through the last ten samples reaches 1/s at the next step.

    While the past is shorter, a threshold of 0.7.
    """

    parameter: float = 1.2
    name: ClassVar[str] = "lr"
    code: ClassVar[int] = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustLocalRegression(_Safety):
    """Meant to be robust against outliers; in the program the same as ``lr``, bit for bit."""

    parameter: float = 1.2
    name: ClassVar[str] = "lrr"
    code: ClassVar[int] = LOCAL


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumTime:
    """The VM that takes least time to migrate, which is the one of least RAM."""

    name: ClassVar[str] = "mmt"
    code: ClassVar[int] = LEAST_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumUtilization:
    """The VM of least utilization now."""

    name: ClassVar[str] = "mu"
    code: ClassVar[int] = LEAST_USED


@dataclass(frozen=True, slots=True, kw_only=True)
class MaximumCorrelation:
    """The VM whose past follows best from the pasts of the others on its host (R squared)."""

    name: ClassVar[str] = "mc"
    code: ClassVar[int] = MOST_CORRELATED


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomChoice:
    """Any VM, each as likely; the program draws without a seed, here the seed of the run decides."""

    name: ClassVar[str] = "rs"
    code: ClassVar[int] = RANDOM
