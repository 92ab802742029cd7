"""One intensity for all the time: given, or the yearly average of a country."""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from consolidate.carbon.source import Kind, Scope
from consolidate.carbon.zone_table import zone_row
from consolidate.errors import ConfigError, UnknownNameError
from consolidate.model import CarbonIntensity, TimeGrid

__all__ = ["ConstantIntensity", "constant_intensity", "zone_names"]

NOTE = "constant over time: says nothing about when energy is used"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantIntensity:
    """The same intensity in every step.

    Parameters
    ----------
    zone
        Grid zone; without ``g_per_kwh``, a country of the built-in table (:func:`zone_names`).
    g_per_kwh : g/kWh
        The intensity; default the yearly average of the country ``zone``, life cycle, from Ember via Our
        World in Data (CC BY 4.0).
    kind, scope
        What a given intensity is. A table says itself what it holds.
    table
        A file of your own in place of the built-in table; see :func:`constant_intensity`.
    """

    zone: str
    g_per_kwh: float | None = None
    kind: Kind = "average"
    scope: Scope = "life_cycle"
    table: str | Path | None = None

    def intensity(self, grid: TimeGrid) -> CarbonIntensity:
        """Return the intensity over a grid."""
        return constant_intensity(
            self.zone,
            grid,
            g_per_kwh=self.g_per_kwh,
            kind=self.kind,
            scope=self.scope,
            table=self.table,
        )


def constant_intensity(
    zone: str,
    grid: TimeGrid,
    *,
    g_per_kwh: float | None = None,
    kind: Kind = "average",
    scope: Scope = "life_cycle",
    table: str | Path | None = None,
) -> CarbonIntensity:
    """Return one intensity for a whole grid.

    Parameters
    ----------
    zone
        Grid zone; without ``g_per_kwh``, a country of the built-in table. A zone that is part of a
        country is not in the table, and never gets the figure of its country.
    grid
        The steps to cover.
    g_per_kwh : g/kWh
        The intensity; default that of the built-in table: yearly average, life cycle, from Ember via Our
        World in Data (CC BY 4.0).
    kind, scope
        What a given intensity is.
    table
        A CSV file with the columns ``zone``, ``g_per_kwh``, ``kind``, ``scope`` and ``source``, one row for
        each zone, in place of the built-in table.

    Raises
    ------
    ConfigError
        When both an intensity and a table are given.
    InstanceError
        When ``g_per_kwh`` is negative or not finite.
    TraceError
        When the table is wrong at a place.
    UnknownNameError
        When the zone is not in the table and no intensity is given.
    """
    source = "given as a constant"
    if g_per_kwh is not None and table is not None:
        msg = "an intensity and a table of intensities are given; give one"
        raise ConfigError(msg, path="carbon.table")
    if table is not None:
        row = zone_row(table, zone)
        g_per_kwh, kind, scope, source = row.g_per_kwh, row.kind, row.scope, row.source
    elif g_per_kwh is None:
        g_per_kwh, source = _country(zone)
        kind, scope = "average", "life_cycle"
    return CarbonIntensity(
        grid=grid,
        g_per_kwh=np.full(grid.n_steps, g_per_kwh, dtype=np.float64),
        zone=zone,
        kind=kind,
        scope=scope,
        source=source,
        notes=(NOTE,),
    )


def zone_names() -> tuple[str, ...]:
    """Return the countries of the built-in table (ISO 3166-1, two letters), sorted."""
    return tuple(sorted(_table()))


def _country(zone: str) -> tuple[float, str]:
    table = _table()
    if zone not in table:
        near = difflib.get_close_matches(zone.upper(), table, n=1)
        # A sub-region such as US-CAL-CISO is nearest to its country, but the user has to choose it.
        country = zone.upper().split("-")[0]
        nearest = country if country in table else next(iter(near), None)
        kind = "country in the built-in table of carbon intensities"
        raise UnknownNameError(kind, zone, known=zone_names(), nearest=nearest)
    g_per_kwh, year = table[zone]
    return g_per_kwh, f"Ember via Our World in Data, {zone} {year}, CC BY 4.0"


@cache
def _table() -> dict[str, tuple[float, int]]:
    path = resources.files("consolidate.carbon").joinpath("data/zone_factors.csv")
    lines = path.read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {row["zone"]: (float(row["g_per_kwh"]), int(row["year"])) for row in rows}
