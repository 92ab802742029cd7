"""From a window to a year: only on demand, with the doubt that it adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from consolidate.errors import InstanceError, Issue
from consolidate.model import CarbonIntensity

__all__ = ["Annualised", "annualised", "window_spread"]

DAYS_PER_YEAR: Final = 365.25
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Annualised:
    """A total of a window, carried over to a year.

    Parameters
    ----------
    value
        Total times factor, in the unit of the total.
    factor
        Days of a year over days of the window.
    window_days
        Length of the window, in days.
    low, high
        Band that the choice of the window alone makes, if load and saving stay as they were; ``None``
        without an intensity over a longer time.
    """

    value: float
    factor: float
    window_days: float
    low: float | None
    high: float | None


def annualised(
    total: float, window_days: float, *, intensity: CarbonIntensity | None = None
) -> Annualised:
    """Carry a total of a window over to a year.

    Nothing here does so by itself: a window says nothing about holidays, growth and seasons.

    Parameters
    ----------
    total
        Of the window, in any unit.
    window_days
        Length of the window, in days.
    intensity
        Of the zone over a year or more, for totals of emissions: how far the mean of a window of this
        length is from the mean of all makes the band.

    Raises
    ------
    InstanceError
        When the window is empty, or the intensity does not cover two windows.
    """
    if not window_days > 0:
        raise InstanceError([Issue(path="window_days", message=f"needs more than 0, got {window_days}")])
    factor = DAYS_PER_YEAR / window_days
    value = total * factor
    if intensity is None:
        return Annualised(value=value, factor=factor, window_days=window_days, low=None, high=None)
    # A window with twice the usual intensity over-states the year twofold, so the band divides.
    least, most = window_spread(intensity, window_days)
    ends = sorted((value / most if most else 0.0, value / least if least else float("inf")))
    return Annualised(value=value, factor=factor, window_days=window_days, low=ends[0], high=ends[1])


def window_spread(intensity: CarbonIntensity, window_days: float) -> tuple[float, float]:
    """Return the least and the greatest mean of any window of a length, as shares of the mean of all.

    Parameters
    ----------
    intensity
        The series.
    window_days
        Length of a window, in days.

    Raises
    ------
    InstanceError
        When the series does not cover two windows, or is zero throughout.
    """
    n_steps = round(window_days * SECONDS_PER_DAY / intensity.grid.step_s)
    mean = float(intensity.g_per_kwh.mean())
    if n_steps < 1 or 2 * n_steps > intensity.grid.n_steps or mean == 0:
        msg = f"needs values over at least two windows of {window_days:g} days, got {intensity.grid}"
        raise InstanceError([Issue(path="intensity", message=msg)])
    running = np.concatenate([[0.0], np.cumsum(intensity.g_per_kwh)])
    means = (running[n_steps:] - running[:-n_steps]) / n_steps
    return float(means.min()) / mean, float(means.max()) / mean
