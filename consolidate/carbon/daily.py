"""Totals of calendar days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model import TimeGrid

__all__ = ["DailyTotals", "daily_totals"]

SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyTotals:
    """Totals of whole days.

    Parameters
    ----------
    days
        Start of each day, shape ``(days,)``.
    totals
        In the unit of what was summed, shape ``(days,)``.
    left_out_s : s
        Time of the grid outside whole days.
    """

    days: NDArray[np.datetime64]
    totals: NDArray[np.float64]
    left_out_s: int


def daily_totals(
    grid: TimeGrid, per_step: NDArray[np.float64] | NDArray[np.int64], *, utc_offset_s: int = 0
) -> DailyTotals:
    """Sum a quantity of each step by calendar day; a step that crosses midnight is split evenly.

    Days have 24 hours at a fixed offset from UTC: local days of 23 and 25 hours could not be paired and
    resampled.

    Parameters
    ----------
    grid
        The steps.
    per_step
        Amount in each step, shape ``(n_steps,)``.
    utc_offset_s : s
        Offset of midnight from UTC.

    Raises
    ------
    InstanceError
        When the shape is wrong.
    """
    amounts = np.asarray(per_step, dtype=np.float64)
    if amounts.shape != (grid.n_steps,):
        msg = f"needs {grid.n_steps} values, got shape {amounts.shape}"
        raise InstanceError([Issue(path="per_step", message=msg)])
    start_s = int(grid.start.astype(np.int64)) + utc_offset_s
    first = -(-start_s // SECONDS_PER_DAY)
    stop = (start_s + grid.duration_s) // SECONDS_PER_DAY
    n_days = max(0, stop - first)
    bounds = (first + np.arange(n_days + 1, dtype=np.int64)) * SECONDS_PER_DAY - start_s
    # Each part is a whole step or a part of one, so a day's total does not depend on what came before.
    edges = np.arange(grid.n_steps + 1, dtype=np.int64) * grid.step_s
    inside = edges[(edges > bounds[0]) & (edges < bounds[-1])] if n_days else edges[:0]
    cuts = np.union1d(bounds, inside)
    parts = amounts[cuts[:-1] // grid.step_s] * (np.diff(cuts) / grid.step_s)
    day = (cuts[:-1] - bounds[0]) // SECONDS_PER_DAY
    return DailyTotals(
        days=np.datetime64(0, "D") + (first + np.arange(n_days)).astype("timedelta64[D]"),
        totals=np.bincount(day, weights=parts, minlength=n_days).astype(np.float64)[:n_days],
        left_out_s=grid.duration_s - n_days * SECONDS_PER_DAY,
    )
