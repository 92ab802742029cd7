"""Forecasts of intensity: only the past, repeated day by day."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import ConfigError, HorizonError
from consolidate.forecasting import INTENSITY_FORECASTS, Persistence, SeasonalMean
from consolidate.model import CarbonIntensity, TimeGrid

START = np.datetime64("2024-03-01T00:00:00", "s")


def series(values, *, step_s=3_600, start=START):
    """Known values, one a step."""
    grid = TimeGrid(start=start, step_s=step_s, n_steps=len(values))
    about = {"zone": "X", "kind": "marginal", "scope": "direct", "source": "made up"}
    return CarbonIntensity(grid=grid, g_per_kwh=np.array(values, dtype=float), **about)


def days(*levels):
    """Days of 24 hours: the level of the day plus the hour."""
    return [level + hour for level in levels for hour in range(24)]


def grid_at(hours, n_hours):
    """A grid of half hours that starts so many hours after the series."""
    start = START + np.timedelta64(hours, "h")
    return TimeGrid(start=start, step_s=1_800, n_steps=2 * n_hours)


def test_persistence_is_the_same_hour_of_the_day_before():
    """From 6 o'clock on: 18 hours of yesterday evening, then the morning; never what comes later."""
    found = Persistence().forecast(series(days(100, 200, 900)), grid_at(24 + 6, 30))
    at = found.at(grid_at(30, 30).times())
    hours = [(6 + k // 2) % 24 for k in range(60)]
    assert at.tolist() == [(100 if h >= 6 else 200) + h for h in hours]
    assert (found.kind, found.scope) == ("marginal", "direct")


def test_seasonal_mean_averages_the_days_that_are_known():
    """Two of three past days count with ``days=2``, all three with more."""
    known = series(days(100, 200, 600, 9_000))
    two = SeasonalMean(days=2).forecast(known, grid_at(72, 24))
    assert two.g_per_kwh.tolist() == [400.0 + h for h in range(24)]
    three = SeasonalMean().forecast(known, grid_at(72, 24))
    assert three.g_per_kwh.tolist() == [300.0 + h for h in range(24)]


def test_the_future_does_not_matter():
    """Whatever comes after the start leaves the forecast as it is, a step that reaches into it included."""
    past = days(100, 200)
    start = START + np.timedelta64(36 * 3_600 + 600, "s")
    grid = TimeGrid(start=start, step_s=300, n_steps=24)
    for name in INTENSITY_FORECASTS:
        model = INTENSITY_FORECASTS.get(name)()
        one = model.forecast(series(past), grid)
        changed = list(past)
        changed[36:] = [7.0] * 12
        other = model.forecast(series(changed), grid)
        assert one.g_per_kwh.tolist() == other.g_per_kwh.tolist()
        assert one.grid.start <= start
        assert one.grid.stop >= grid.stop


def test_too_little_and_odd_history_is_refused():
    """Less than a day, steps that do not divide one, no days."""
    with pytest.raises(HorizonError, match="a day of intensities"):
        Persistence().forecast(series(days(1)), grid_at(23, 1))
    with pytest.raises(ConfigError, match="divide a day"):
        Persistence().forecast(series(days(1), step_s=7_000), grid_at(72, 1))
    with pytest.raises(ConfigError, match="1 or more"):
        SeasonalMean(days=0)


def test_a_constant_stays_what_it_is():
    """One figure for all the time has no history and needs none."""
    constant = series([250.0], step_s=7_200)
    assert SeasonalMean().forecast(constant, grid_at(0, 2)) is constant
