"""Carbon intensity of a grid zone over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import HorizonError, InstanceError, Issue
from consolidate.model._arrays import frozen
from consolidate.model.timegrid import TimeGrid

__all__ = ["CarbonIntensity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonIntensity:
    """Grams of CO2 equivalent per kilowatt-hour, constant within each step of a grid.

    Parameters
    ----------
    grid
        The steps.
    g_per_kwh : g/kWh
        One value per step, shape ``(n_steps,)``.
    zone
        Grid zone, as its source names it.
    kind
        ``average`` answers "what was emitted", ``marginal`` "what did the change cause"; never mixed.
    scope
        ``direct`` (at the stack) or ``life_cycle``.
    source
        Where the values come from, with year and licence.
    estimated_fraction
        Share of steps that the source itself marks as estimated.
    notes
        What was done to the values (gaps filled, re-dating), line by line.
    """

    grid: TimeGrid
    g_per_kwh: NDArray[np.float64]
    zone: str
    kind: Literal["average", "marginal"]
    scope: Literal["direct", "life_cycle"]
    source: str
    estimated_fraction: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        values = frozen(self.g_per_kwh, np.float64, ndim=1)
        object.__setattr__(self, "g_per_kwh", values)
        issues = []
        if values.shape != (self.grid.n_steps,):
            msg = f"needs {self.grid.n_steps} values, got {values.shape[0]}"
            issues.append(Issue(path="carbon.g_per_kwh", message=msg))
        elif not np.isfinite(values).all() or (values < 0).any():
            step = int(np.flatnonzero(~np.isfinite(values) | (values < 0))[0])
            msg = f"needs a finite value >= 0 g/kWh, got {values[step]}"
            issues.append(Issue(path=f"carbon.g_per_kwh[{step}]", message=msg))
        if issues:
            raise InstanceError(issues)

    def at(self, times: NDArray[np.datetime64]) -> NDArray[np.float64]:
        """Return the intensity at each instant, in g/kWh.

        Raises
        ------
        HorizonError
            When an instant lies outside the grid.
        """
        asked = np.asarray(times, dtype="datetime64[s]")
        if asked.size and (asked.min() < self.grid.start or asked.max() >= self.grid.stop):
            msg = f"carbon intensity of {self.zone} is not known there"
            raise HorizonError(
                msg,
                asked=f"{asked.min()}Z to {asked.max()}Z",
                covered=f"{self.grid.start}Z to {self.grid.stop}Z",
            )
        seconds = (asked - self.grid.start).astype(np.int64)
        return self.g_per_kwh[seconds // self.grid.step_s]
