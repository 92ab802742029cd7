"""What better forecasts would be worth to the controller ``risk``: the same decisions with parts of the future.

Whatever it is told, it learns how far hosts strayed from that and keeps room for it. Not a controller anybody could
run: the levels look at the trace itself. See docs/reference/controllers.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

import consolidate as cs
from benchmarks.days import Days, print_table
from consolidate.control.base import Setting
from consolidate.control.levels import Levels
from consolidate.control.risk import RiskController
from consolidate.engine import replay
from consolidate.units import mj_to_kwh

COLUMNS = ("known", "over demand at the best watts per core", "overload", "moves", "CPU s of a day")
_HOUR_S = 3_600

Amounts = NDArray[np.float64]
#: Mean and variance of every VM as told at a step, from its demand and the steps of an hour.
Told = Callable[[Amounts, int, int], tuple[Amounts, Amounts]]


def _hour(demand: Amounts, k: int, hour: int) -> tuple[Amounts, Amounts]:
    around = demand[:, max(0, k - 2 * hour) : k + 2 * hour]
    return demand[:, k : k + hour].mean(axis=1), around.var(axis=1)


def _hours(demand: Amounts, k: int, hour: int) -> tuple[Amounts, Amounts]:
    coming = demand[:, k : k + 4 * hour]
    return coming.mean(axis=1), coming.var(axis=1)


def _day(demand: Amounts, k: int, hour: int) -> tuple[Amounts, Amounts]:
    del k, hour
    return demand.mean(axis=1), demand.var(axis=1)


TOLD: dict[str, Told | None] = {
    "nothing": None,
    "demand of the next step": None,
    "mean over the coming hour": _hour,
    "mean and variance over four coming hours": _hours,
    "mean and variance over the whole day": _day,
}


class _Foresight(Levels):
    """Levels that are told instead of learnt; what comes next is told where ``told`` is ``None``."""

    def __init__(self, levels: Levels, demand: Amounts, hour: int, told: Told | None) -> None:
        vars(self).update(vars(levels))
        self._demand, self._hour, self._told, self._step = demand, hour, told, 0

    def take(self, sample: Amounts, alive: NDArray[np.bool_]) -> None:
        """Take a sample, and then what is told."""
        super().take(sample, alive)
        self._step += 1
        if self._told is not None:
            mean, variance = self._told(self._demand, self._step, self._hour)
            self.mean[:], self.var[:] = mean, variance + 1.0

    def coming(self) -> tuple[Amounts, Amounts]:
        """Return what comes next: what the levels say, or what will be."""
        if self._told is not None:
            return super().coming()
        return self._demand[:, self._step].copy(), np.zeros(len(self._demand))


class _Told(RiskController):
    """The controller with levels that know more than they could."""

    def __init__(self, setting: Setting, trace: cs.Trace, known: str, risk: float) -> None:
        super().__init__(setting, risk)
        if known != "nothing":
            demand = np.minimum(trace.cpu_mcores, self._desk.most[:, np.newaxis]).astype(np.float64)
            hour = _HOUR_S // setting.step_s
            self._levels = _Foresight(self._levels, demand, hour, TOLD[known])


def measure(days: Days, known: str, risk: float) -> tuple[str, ...]:
    """Replay all days and return the means."""
    rows = []
    for trace, fleet in days:
        start, floor = (
            cs.first_placement(trace, fleet),
            cs.replay_bound(trace, fleet, accounting="classic"),
        )
        begin = time.process_time()
        controller = _Told(Setting.of(trace, fleet), trace, known, risk)
        arm = replay(trace, fleet, controller, label=known, current=start)
        spent = time.process_time() - begin
        without = arm.energy_kwh - mj_to_kwh(arm.by_cause_mj()["off"])
        service = arm.service
        rows.append((without / floor.energy_kwh, service.overload_fraction, service.migrations, spent))
    ratio, overload, moves, seconds = (fmean(column) for column in zip(*rows, strict=True))
    return known, f"{ratio:.3f}", f"{overload:.2%}", f"{moves:,.0f}", f"{seconds:.1f}"


def main() -> None:
    """Print the table."""
    print_table("benchmarks.foresight", __doc__, COLUMNS, TOLD, measure)


if __name__ == "__main__":
    main()
