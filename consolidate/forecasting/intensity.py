"""Forecasts of carbon intensity, made of nothing but what was known before the hours they are for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, HorizonError
from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.registry import Registry

__all__ = ["INTENSITY_FORECASTS", "IntensityForecast", "Persistence", "SeasonalMean"]

_DAY_S = 86_400


@runtime_checkable
class IntensityForecast(Protocol):
    """A way to forecast; the fields of the dataclass are its parameters."""

    def forecast(self, history: CarbonIntensity, grid: TimeGrid) -> CarbonIntensity:
        """Return intensities that cover a grid, from the steps of a series that end before it."""
        ...


INTENSITY_FORECASTS: Registry[type[IntensityForecast]] = Registry(
    "intensity forecast",
    entry_point_group="consolidate.intensity_forecasts",
    builtin={
        "persistence": "consolidate.forecasting.intensity:Persistence",
        "seasonal": "consolidate.forecasting.intensity:SeasonalMean",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """Every hour will be as the same hour of the last day that is known."""

    def forecast(self, history: CarbonIntensity, grid: TimeGrid) -> CarbonIntensity:
        """Return the last known day, again and again.

        Raises
        ------
        ConfigError
            When the steps of the series do not divide a day.
        HorizonError
            When less than a day is known before the grid.
        """
        return _repeated(history, grid, days=1, name="persistence: the last known day again")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonalMean:
    """Every hour will be as the mean of that hour over the last days.

    Parameters
    ----------
    days
        Days before the grid that count; fewer where fewer are known.
    """

    days: int = 14

    def __post_init__(self) -> None:
        if self.days < 1:
            msg = f"needs 1 or more, got {self.days}"
            raise ConfigError(msg, path="forecast.days")

    def forecast(self, history: CarbonIntensity, grid: TimeGrid) -> CarbonIntensity:
        """Return the mean day of the last days, again and again; errors of :class:`Persistence`."""
        name = f"seasonal mean of at most {self.days} days"
        return _repeated(history, grid, days=self.days, name=name)


def _repeated(history: CarbonIntensity, grid: TimeGrid, *, days: int, name: str) -> CarbonIntensity:
    """Return the mean of the last days before a grid, hour by hour, repeated over it."""
    known = history.grid
    if known.n_steps == 1:
        # One figure for all the time: there is nothing else to expect.
        return history
    if _DAY_S % known.step_s:
        msg = f"needs steps that divide a day, {history.source} has steps of {known.step_s} s"
        raise ConfigError(msg, path="forecast")
    per_day = _DAY_S // known.step_s
    # The last whole step before the grid: one that reaches into it was not over yet.
    ended = int((grid.start - known.start).astype(np.int64)) // known.step_s
    ended = min(ended, known.n_steps)
    whole_days = min(days, max(0, ended) // per_day)
    if not whole_days:
        msg = f"a forecast for {history.zone} needs a day of intensities before the replay"
        day = np.timedelta64(_DAY_S, "s")
        raise HorizonError(
            msg,
            asked=f"{grid.start - day}Z to {grid.start}Z",
            covered=f"{known.start}Z to {known.stop}Z",
        )
    first = ended - whole_days * per_day
    mean: NDArray[np.float64] = history.g_per_kwh[first:ended].reshape(whole_days, per_day).mean(axis=0)
    start = known.start + np.timedelta64(ended * known.step_s, "s")
    length_s = int((grid.stop - start).astype(np.int64))
    n_steps = -(-length_s // known.step_s)
    values = mean[np.arange(n_steps) % per_day]
    note = f"forecast from {whole_days} days until {start}Z, {name}"
    return replace(
        history,
        grid=TimeGrid(start=start, step_s=known.step_s, n_steps=n_steps),
        g_per_kwh=values,
        source=f"{name} ({history.source})",
        notes=(*history.notes, note),
    )
