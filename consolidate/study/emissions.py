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
from consolidate.study.config import RunConfig, split_carbon

__all__ = [
    "aligned",
    "arm_emissions_g",
    "intensities",
    "on_window",
    "site_series",
    "whole_series",
]

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
        When a year is given, and no file; when a site has no intensity.
    HorizonError
        When a file does not cover the window and no re-dating was asked for.
    UnknownNameError
        When a zone is not in the built-in table.
    """
    given = dict(split_carbon(config.carbon))
    if config.redate_year is not None and not any(Path(v).exists() for v in given.values()):
        msg = "moves the trace to another year of an intensity file; no such file was given"
        raise ConfigError(msg, path="redate_year")
    if not given:
        whole = TimeGrid(start=grid.start, step_s=grid.duration_s, n_steps=1)
        assumed = (DEFAULT_ZONE,) if any(not site.zone for site in fleet.sites) else ()
        zones = (site.zone or DEFAULT_ZONE.value for site in fleet.sites)
        return tuple(constant_intensity(zone, whole) for zone in zones), assumed
    found = {
        value: whole_series(value, grid, config) for value in dict.fromkeys(_of_sites(fleet, given))
    }
    cut = {value: on_window(read, grid, config.redate_year) for value, read in found.items()}
    return tuple(cut[value] for value in _of_sites(fleet, given)), ()


def site_series(fleet: Fleet, grid: TimeGrid, config: RunConfig) -> tuple[CarbonIntensity, ...]:
    """Return all that is known of each site's intensity, in the time of the trace; errors as above."""
    given = dict(split_carbon(config.carbon))
    if not given:
        return intensities(fleet, grid, config)[0]
    found = {
        value: aligned(whole_series(value, grid, config), grid, config.redate_year)
        for value in dict.fromkeys(_of_sites(fleet, given))
    }
    return tuple(found[value] for value in _of_sites(fleet, given))


def _of_sites(fleet: Fleet, given: dict[str, str]) -> tuple[str, ...]:
    """Return what is given for each site, in their order.

    Raises
    ------
    ConfigError
        When a site is not there, or has nothing.
    """
    names = [site.name for site in fleet.sites]
    if "" in given:
        return (given[""],) * len(names)
    if strange := [name for name in given if name not in names]:
        msg = f"there is no site {strange[0]!r}; there are {', '.join(names)}"
        raise ConfigError(msg, path="carbon")
    if missing := [name for name in names if name not in given]:
        msg = f"gives nothing for site {missing[0]!r}; needs SITE=FILE|ZONE|G for each, with commas between"
        raise ConfigError(msg, path="carbon")
    return tuple(given[name] for name in names)


def whole_series(given: str, grid: TimeGrid, config: RunConfig) -> CarbonIntensity:
    """Return the series of a file, or the figure of a zone or of the user over the grid."""
    if Path(given).exists():
        scope = cast("Literal['life_cycle', 'direct'] | None", config.carbon_scope)
        return read_intensity(given, scope=scope)
    whole = TimeGrid(start=grid.start, step_s=grid.duration_s, n_steps=1)
    value = _number(given)
    if value is None:
        return constant_intensity(given, whole)
    return constant_intensity("given", whole, g_per_kwh=value)


def aligned(intensity: CarbonIntensity, grid: TimeGrid, year: int | None) -> CarbonIntensity:
    """Move a series to the time of the trace; with a year, from the same weekday and hour there."""
    if year is None or intensity.grid.n_steps == 1:
        return intensity
    shift = redate(grid.start, year) - grid.start
    return replace(intensity, grid=intensity.grid.starting(intensity.grid.start - shift))


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
    if intensity.grid.n_steps == 1 and intensity.grid.start == grid.start:
        return intensity
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
