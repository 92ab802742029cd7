"""Carbon of a run: one intensity per site, the emissions of each arm."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from consolidate.carbon import constant_intensity, emissions_g, read_intensity, redate
from consolidate.errors import ConfigError, HorizonError
from consolidate.model import CarbonIntensity, Default, Fleet, Replay, TimeGrid
from consolidate.study.config import RunConfig

__all__ = ["arm_emissions_g", "intensities", "on_window"]

#: Zone that is assumed for a site that names none.
DEFAULT_ZONE = Default(
    key="zone",
    value="DE",
    source="no grid zone was given: the largest grid of the built-in table in Europe",
)


def intensities(
    fleet: Fleet, grid: TimeGrid, config: RunConfig
) -> tuple[tuple[CarbonIntensity, ...], tuple[Default, ...]]:
    """Return the intensity at each site over the replayed window, and what was assumed.

    Raises
    ------
    ConfigError
        When a year is given, and no file.
    HorizonError
        When a file does not cover the window and no re-dating was asked for.
    UnknownNameError
        When a zone is not in the built-in table.
    """
    whole = TimeGrid(start=grid.start, step_s=grid.duration_s, n_steps=1)
    given = config.carbon
    if config.redate_year is not None and (given is None or not Path(given).exists()):
        msg = "moves the trace to another year of an intensity file; no such file was given"
        raise ConfigError(msg, path="redate_year")
    if given is not None and not Path(given).exists():
        value = _number(given)
        if value is not None:
            one = constant_intensity("given", whole, g_per_kwh=value)
        else:
            one = constant_intensity(given, whole)
        return (one,) * len(fleet.sites), ()
    if given is not None:
        scope = cast("Literal['life_cycle', 'direct'] | None", config.carbon_scope)
        read = read_intensity(given, scope=scope)
        return (on_window(read, grid, config.redate_year),) * len(fleet.sites), ()
    assumed = (DEFAULT_ZONE,) if any(not site.zone for site in fleet.sites) else ()
    found = tuple(constant_intensity(site.zone or DEFAULT_ZONE.value, whole) for site in fleet.sites)
    return found, assumed


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def on_window(intensity: CarbonIntensity, grid: TimeGrid, year: int | None) -> CarbonIntensity:
    """Cut a series to the window; with a year, take it from the same weekday and hour there."""
    start = grid.start
    notes = intensity.notes
    if year is not None:
        start = redate(grid.start, year)
        notes = (
            *notes,
            f"re-dated: the replay from {grid.start}Z uses the intensities from {start}Z "
            "(same weekday and hour)",
        )
    covered = intensity.grid
    first = int((start - covered.start).astype(np.int64)) // covered.step_s
    end_s = int((start - covered.start).astype(np.int64)) + grid.duration_s
    stop = -(-end_s // covered.step_s)
    if first < 0 or stop > covered.n_steps:
        msg = f"the carbon intensities of {intensity.zone} do not cover the replay" + (
            "" if year is not None else "; --redate YEAR moves the trace to a year that they cover"
        )
        raise HorizonError(
            msg,
            asked=f"{start}Z to {start + np.timedelta64(grid.duration_s, 's')}Z",
            covered=f"{covered.start}Z to {covered.stop}Z",
        )
    part = covered.window(first, stop)
    shifted = part.starting(part.start - (start - grid.start))
    return replace(intensity, grid=shifted, g_per_kwh=intensity.g_per_kwh[first:stop], notes=notes)


def arm_emissions_g(replay: Replay, found: tuple[CarbonIntensity, ...]) -> float:
    """Return the emissions of an arm in grams: energy of each site times its intensity, over time."""
    return math.fsum(
        emissions_g(replay.grid, replay.site_energy_mj[site], intensity)
        for site, intensity in enumerate(found)
    )
