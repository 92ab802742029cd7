"""How sure a saving is, given what was assumed: Monte Carlo with common draws, and a tornado."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.arms import ArmLedger
from consolidate.carbon.parameters import (
    PARAMETERS,
    Draws,
    Parameter,
    base_draws,
    draw_parameters,
)
from consolidate.errors import InstanceError, Issue
from consolidate.model.replay import LEDGER
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["Bar", "Outcome", "SavingSamples", "Spread", "saving_samples", "spread", "tornado"]

Outcome = Literal["kwh", "fraction", "kg", "facility_kwh"]
IDLE, LOAD, MIGRATION, BOOTING, SHUTTING_DOWN, OFF = range(len(LEDGER))
MILLI = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingSamples:
    """Savings in each draw, all of shape ``(draws,)``.

    Parameters
    ----------
    kwh : kWh
        Energy saved at the IT equipment.
    fraction
        The same as a share of the energy before.
    kg : kg
        Emissions saved at the IT equipment.
    facility_kwh : kWh
        Energy saved with the part of the overhead that follows the load.
    """

    kwh: NDArray[np.float64]
    fraction: NDArray[np.float64]
    kg: NDArray[np.float64]
    facility_kwh: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Quantiles of an outcome."""

    low: float
    median: float
    high: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar of a tornado chart: the outcome at both ends of one parameter, all else as modelled."""

    parameter: Parameter
    at_low: float
    at_high: float
    base: float

    @property
    def swing(self) -> float:
        """Length of the bar."""
        return max(self.at_low, self.at_high, self.base) - min(self.at_low, self.at_high, self.base)


def saving_samples(
    before: ArmLedger,
    after: ArmLedger,
    *,
    seed: int = 0,
    n_draws: int = 2_000,
    pue: float = 1.0,
    parameters: Sequence[Parameter] = PARAMETERS,
) -> SavingSamples:
    """Return the saving in each draw of the assumptions.

    Both arms share each draw, so what is wrong in both cancels: two identical arms save exactly zero in
    every draw. The load scales with utilisation along a straight line, a first-order rule.

    Parameters
    ----------
    before, after
        The arms, with the same host types.
    seed
        Of the draws.
    n_draws
        How many.
    pue
        Power usage effectiveness, for ``facility_kwh``.
    parameters
        Ranges; see :data:`~consolidate.carbon.parameters.PARAMETERS`.

    Raises
    ------
    InstanceError
        When the arms have different host types, or a parameter is unknown.
    """
    draws = draw_parameters(_n_types(before, after), n_draws, seed=seed, parameters=parameters)
    return _savings(before, after, draws, pue=pue)


def tornado(
    before: ArmLedger,
    after: ArmLedger,
    *,
    outcome: Outcome = "kwh",
    pue: float = 1.0,
    parameters: Sequence[Parameter] = PARAMETERS,
) -> tuple[Bar, ...]:
    """Return the effect of each parameter alone, the longest bar first.

    All host types move together here. Parameters and errors are those of :func:`saving_samples`.
    """
    n_types = _n_types(before, after)
    base = base_draws(n_types)
    at_base = float(getattr(_savings(before, after, base, pue=pue), outcome)[0])
    bars = []
    for parameter in parameters:
        shape = (1, n_types) if parameter.each_type else (1,)
        ends = []
        for value in (parameter.low, parameter.high):
            moved = replace(base, **{parameter.name: np.full(shape, value)})
            ends.append(float(getattr(_savings(before, after, moved, pue=pue), outcome)[0]))
        bars.append(Bar(parameter=parameter, at_low=ends[0], at_high=ends[1], base=at_base))
    return tuple(sorted(bars, key=lambda bar: (-bar.swing, bar.parameter.name)))


def spread(samples: NDArray[np.float64], *, level: float = 0.95) -> Spread:
    """Return the central quantiles of samples."""
    low, median, high = np.quantile(samples, (0.5 * (1 - level), 0.5, 0.5 * (1 + level)))
    return Spread(low=float(low), median=float(median), high=float(high), level=level)


def _n_types(before: ArmLedger, after: ArmLedger) -> int:
    if len(before.off_host_s) != len(after.off_host_s):
        msg = f"{len(before.off_host_s)} and {len(after.off_host_s)} host types: arms need the same"
        raise InstanceError([Issue(path="arms", message=msg)])
    return len(before.off_host_s)


def _savings(before: ArmLedger, after: ArmLedger, draws: Draws, *, pue: float) -> SavingSamples:
    used_mj, used_g = _drawn(before, draws)
    left_mj, left_g = _drawn(after, draws)
    saved_mj = used_mj - left_mj
    kwh = saved_mj / MILLIJOULES_PER_KWH
    return SavingSamples(
        kwh=kwh,
        fraction=np.divide(saved_mj, used_mj, out=np.zeros_like(saved_mj), where=used_mj > 0),
        kg=(used_g - left_g) * draws.intensity / 1_000,
        facility_kwh=kwh * (1.0 + draws.pue_variable_share * (pue - 1.0)),
    )


def _drawn(arm: ArmLedger, draws: Draws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return energy in mJ and emissions in g of an arm in each draw."""
    off_mj = arm.energy_mj[:, OFF].astype(np.float64)
    modelled = np.isnan(draws.off_w)[:, None]
    watts = np.where(np.isnan(draws.off_w), 0.0, draws.off_w)
    drawn_off_mj = np.where(modelled, off_mj, MILLI * watts[:, None] * arm.off_host_s)
    total_mj = max(float(arm.energy_mj.sum()), 1.0)
    # Emissions of off energy that was modelled as none go by the mean intensity of the arm.
    g_per_mj = np.divide(
        arm.emissions_g[:, OFF],
        off_mj,
        out=np.full_like(off_mj, arm.emissions_g.sum() / total_mj),
        where=off_mj > 0,
    )

    def scaled(ledger: NDArray[np.float64], off: NDArray[np.float64]) -> NDArray[np.float64]:
        on = draws.power_curve * (
            draws.idle * ledger[:, IDLE] + draws.utilization[:, None] * ledger[:, LOAD]
        )
        boot = draws.boot * (ledger[:, BOOTING] + ledger[:, SHUTTING_DOWN]).sum()
        total: NDArray[np.float64] = (
            (on + off).sum(axis=1) + boot + draws.migration * ledger[:, MIGRATION].sum()
        )
        return total

    energy = scaled(arm.energy_mj.astype(np.float64), drawn_off_mj)
    return energy, scaled(arm.emissions_g, drawn_off_mj * g_per_mj)
