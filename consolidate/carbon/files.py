"""Read carbon intensity from files: tidy tables and exports of Electricity Maps."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from consolidate.carbon.series import Columns, Row, parse_row, regular_series
from consolidate.carbon.source import INTENSITY_SOURCES, Kind, Scope
from consolidate.carbon.table import Table, read_table
from consolidate.errors import ConfigError, HorizonError, TraceError
from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.units import lb_per_mwh_to_g_per_kwh

__all__ = ["ElectricityMapsFile", "TidyFile", "read_intensity"]

#: Columns of a tidy file that hold the intensity, and what makes them g/kWh.
TIDY_UNITS: dict[str, Callable[[float], float]] = {
    "g_per_kwh": float,
    "lb_per_mwh": lb_per_mwh_to_g_per_kwh,
}

# The names changed with the years ("LCA", then "Life cycle"; capitals), hence patterns.
EM_TIME = re.compile(r"datetime \(utc\)", re.IGNORECASE)
EM_ZONE = re.compile(r"zone id", re.IGNORECASE)
EM_ESTIMATED = re.compile(r"data estimated", re.IGNORECASE)
EM_VALUE: dict[Scope, re.Pattern[str]] = {
    "direct": re.compile(r"carbon intensity g\s?co.{0,2}eq/kwh \(direct\)", re.IGNORECASE),
    "life_cycle": re.compile(
        r"carbon intensity g\s?co.{0,2}eq/kwh \((lca|life[ -]?cycle)\)", re.IGNORECASE
    ),
}


class _FileFormat(Protocol):
    """A source that is one file; how :func:`read_intensity` makes and uses one."""

    def __init__(
        self,
        *,
        path: Path,
        zone: str | None,
        kind: Kind | None,
        scope: Scope,
        fill_gaps_h: float,
    ) -> None: ...

    @staticmethod
    def recognises(header: tuple[str, ...]) -> bool: ...

    def read(self) -> CarbonIntensity: ...


def read_intensity(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 -- the name that every reader here uses
    scope: Scope = "life_cycle",
    zone: str | None = None,
    kind: Kind | None = None,
    fill_gaps_h: float = 3.0,
) -> CarbonIntensity:
    """Read the carbon intensity of one zone from a file.

    Units are declared by the file, never guessed. What looks like another unit is refused.

    Parameters
    ----------
    path
        A CSV file, plain or gzip.
    format
        ``tidy`` or ``electricitymaps``; default the one whose header it has.
    scope
        Which of the two columns of Electricity Maps; what the values of a tidy file are.
    zone
        Grid zone. Electricity Maps: which of the file's zones, needed when there are several. Tidy: name
        of the zone.
    kind
        ``average`` or ``marginal``; default average, which is what Electricity Maps exports.
    fill_gaps_h : h
        Longest gap that is filled linearly; longer ones are refused. Each filled step is counted in the
        ``notes`` of the result.

    Raises
    ------
    ConfigError
        When the options contradict the file.
    TraceError
        When the file is wrong at a place; names file, line, column and value.
    UnknownNameError
        When there is no such format.
    """
    header = read_table(path).header
    formats: dict[str, type[_FileFormat]] = {}
    for name in INTENSITY_SOURCES if format is None else (format,):
        source: object = INTENSITY_SOURCES.get(name)
        if isinstance(source, type) and hasattr(source, "recognises"):
            formats[name] = source
    if format is not None and format not in formats:
        msg = f"{format} is a carbon intensity source, but not a format of files"
        raise ConfigError(msg, path="carbon.format")
    fitting = [name for name, kind_ in formats.items() if kind_.recognises(header)]
    if format is None and len(fitting) != 1:
        msg = (
            f"the header fits {' and '.join(fitting) or 'no known format'} "
            f"(known: {', '.join(formats)}): {', '.join(header)}; "
            "a tidy file has the columns timestamp_utc, g_per_kwh"
        )
        raise TraceError(msg, file=str(path), line=1)
    reader = formats[format or fitting[0]]
    return reader(path=Path(path), zone=zone, kind=kind, scope=scope, fill_gaps_h=fill_gaps_h).read()


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyFile:
    """A CSV file with the columns ``timestamp_utc`` and ``g_per_kwh`` (or ``lb_per_mwh``).

    A column ``estimated`` (true or false) is optional. Any regular resolution.

    Parameters
    ----------
    path
        The file, plain or gzip.
    zone
        Name of the grid zone; ``None`` for not stated.
    kind
        ``average`` or ``marginal``; ``None`` means average, and a note says so.
    scope
        What the values are.
    fill_gaps_h : h
        Longest gap that is filled linearly.
    """

    path: Path
    zone: str | None = None
    kind: Kind | None = None
    scope: Scope = "life_cycle"
    fill_gaps_h: float = 3.0

    @staticmethod
    def recognises(header: tuple[str, ...]) -> bool:
        """Say whether a file with this header is one of these."""
        return "timestamp_utc" in header and any(unit in header for unit in TIDY_UNITS)

    def read(self) -> CarbonIntensity:
        """Return all that the file holds."""
        table = read_table(self.path)
        known = ("timestamp_utc", *TIDY_UNITS, "estimated")
        units = [name for name in table.header if name in TIDY_UNITS]
        unknown = [name for name in table.header if name not in known]
        if len(units) != 1 or unknown or len(set(table.header)) != len(table.header):
            msg = (
                "needs timestamp_utc and one of "
                f"{', '.join(TIDY_UNITS)} (and may have estimated), got {', '.join(table.header)}"
            )
            raise TraceError(msg, file=table.file, line=1)
        columns = _columns(table, time="timestamp_utc", value=units[0], estimated="estimated")
        rows = _rows(table, columns, convert=TIDY_UNITS[units[0]])
        notes = () if self.kind else ("kind not stated: taken as average",)
        return _intensity(
            table,
            rows,
            columns,
            fill_gaps_h=self.fill_gaps_h,
            zone=self.zone or "not stated",
            kind=self.kind or "average",
            scope=self.scope,
            source=f"file {self.path.name}",
            notes=notes,
        )

    def intensity(self, grid: TimeGrid) -> CarbonIntensity:
        """Return the intensity, which covers at least the grid."""
        return _covering(self.read(), grid)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMapsFile:
    """A CSV export of Electricity Maps, in the layout up to 2023 or the one since.

    Values are hourly averages of consumption (imports included), in g/kWh; the license of the data is
    Electricity Maps' own.

    Parameters
    ----------
    path
        The file, plain or gzip.
    zone
        Zone to read; needed when the file holds several.
    kind
        ``average`` or ``None``: the exports hold no marginal intensity.
    scope
        Which column: ``direct`` or ``life_cycle``.
    fill_gaps_h : h
        Longest gap that is filled linearly.
    """

    path: Path
    zone: str | None = None
    kind: Kind | None = None
    scope: Scope = "life_cycle"
    fill_gaps_h: float = 3.0

    @staticmethod
    def recognises(header: tuple[str, ...]) -> bool:
        """Say whether a file with this header is one of these."""
        return any(EM_TIME.fullmatch(h) for h in header) and any(
            pattern.fullmatch(h) for pattern in EM_VALUE.values() for h in header
        )

    def read(self) -> CarbonIntensity:
        """Return all that the file holds of the zone."""
        if self.kind == "marginal":
            msg = "Electricity Maps exports hold average intensity, not marginal"
            raise ConfigError(msg, path="carbon.kind")
        table = read_table(self.path)
        columns = _columns(
            table,
            time=_matching(table, EM_TIME, "Datetime (UTC)"),
            value=_matching(table, EM_VALUE[self.scope], f"carbon intensity ({self.scope})"),
            estimated=_matching(table, EM_ESTIMATED, "Data estimated"),
        )
        zone, table = self._one_zone(table)
        rows = _rows(table, columns, convert=float)
        return _intensity(
            table,
            rows,
            columns,
            fill_gaps_h=self.fill_gaps_h,
            zone=zone,
            kind="average",
            scope=self.scope,
            source=f"Electricity Maps, {zone}, file {self.path.name}",
        )

    def intensity(self, grid: TimeGrid) -> CarbonIntensity:
        """Return the intensity, which covers at least the grid."""
        return _covering(self.read(), grid)

    def _one_zone(self, table: Table) -> tuple[str, Table]:
        at = table.header.index(_matching(table, EM_ZONE, "Zone id"))
        zones = sorted({cells[at] for _, cells in table.rows})
        if self.zone is not None and self.zone not in zones:
            msg = f"holds {', '.join(zones)}, not {self.zone}"
            raise TraceError(msg, file=table.file, column=table.header[at])
        if self.zone is None and len(zones) > 1:
            msg = f"holds {len(zones)} zones ({', '.join(zones[:8])}); say which with zone="
            raise TraceError(msg, file=table.file, column=table.header[at])
        zone = self.zone or zones[0]
        rows = tuple(row for row in table.rows if row[1][at] == zone)
        return zone, replace(table, rows=rows)


def _matching(table: Table, pattern: re.Pattern[str], what: str) -> str:
    found = [name for name in table.header if pattern.fullmatch(name)]
    if len(found) != 1:
        msg = f"needs one column {what}, got {', '.join(found) or 'none'}: {', '.join(table.header)}"
        raise TraceError(msg, file=table.file, line=1)
    return found[0]


def _columns(table: Table, *, time: str, value: str, estimated: str) -> Columns:
    header = table.header
    return Columns(
        names=header,
        time=header.index(time),
        value=header.index(value),
        estimated=header.index(estimated) if estimated in header else None,
    )


def _rows(table: Table, columns: Columns, *, convert: Callable[[float], float]) -> list[Row]:
    rows = [parse_row(line, cells, columns=columns, file=table.file) for line, cells in table.rows]
    return [row if row.value is None else replace(row, value=convert(row.value)) for row in rows]


def _intensity(
    table: Table,
    rows: list[Row],
    columns: Columns,
    *,
    fill_gaps_h: float,
    zone: str,
    kind: Kind,
    scope: Scope,
    source: str,
    notes: tuple[str, ...] = (),
) -> CarbonIntensity:
    grid, values, filled = regular_series(
        rows, file=table.file, columns=columns, fill_gaps_h=fill_gaps_h
    )
    return CarbonIntensity(
        grid=grid,
        g_per_kwh=values,
        zone=zone,
        kind=kind,
        scope=scope,
        source=source,
        estimated_fraction=float(np.mean([row.estimated for row in rows])),
        notes=(*notes, *filled, f"sha256 of the file: {table.sha256}"),
    )


def _covering(intensity: CarbonIntensity, grid: TimeGrid) -> CarbonIntensity:
    known = intensity.grid
    if grid.start < known.start or grid.stop > known.stop:
        msg = f"{intensity.source} does not cover the grid; redate() moves a trace to another year"
        raise HorizonError(
            msg,
            asked=f"{grid.start}Z to {grid.stop}Z",
            covered=f"{known.start}Z to {known.stop}Z",
        )
    return intensity
