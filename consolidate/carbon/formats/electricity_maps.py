"""Electricity Maps: CSV exports in both layouts, and JSON of the API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from consolidate.carbon.content import Content, Table
from consolidate.carbon.reading import IntensityFile, Parsed
from consolidate.carbon.rows import Row, instant_s, table_rows, value_of
from consolidate.carbon.source import Scope
from consolidate.errors import ConfigError, TraceError

__all__ = ["ElectricityMapsApiFile", "ElectricityMapsFile"]

# The names changed with the years ("LCA", then "Life cycle"; capitals), hence patterns.
TIME = re.compile(r"datetime \(utc\)", re.IGNORECASE)
ZONE = re.compile(r"zone id", re.IGNORECASE)
ESTIMATED = re.compile(r"data estimated", re.IGNORECASE)
VALUE: dict[Scope, re.Pattern[str]] = {
    "direct": re.compile(r"carbon intensity g\s?co.{0,2}eq/kwh \(direct\)", re.IGNORECASE),
    "life_cycle": re.compile(
        r"carbon intensity g\s?co.{0,2}eq/kwh \((lca|life[ -]?cycle)\)", re.IGNORECASE
    ),
}
SCOPES: dict[str, Scope] = {"lifecycle": "life_cycle", "direct": "direct"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMapsFile(IntensityFile):
    """A CSV export of Electricity Maps, in the layout up to 2023 or the one since.

    Values are hourly averages of consumption (imports included), in g/kWh; ``scope`` chooses the column.
    The licence of the data is Electricity Maps' own.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return any(TIME.fullmatch(h) for h in content.header) and any(
            pattern.fullmatch(h) for pattern in VALUE.values() for h in content.header
        )

    def parse(self, content: Content) -> Parsed:
        """Return the rows of the zone."""
        scope = self.scope or "life_cycle"
        self.require(kind="average", scope=scope, what="an export of Electricity Maps")
        table = content.table()
        time = _matching(table, TIME, "Datetime (UTC)")
        value = _matching(table, VALUE[scope], f"carbon intensity ({scope})")
        zone, table = self._one_zone(table)
        estimated = _matching(table, ESTIMATED, "Data estimated")
        return Parsed(
            rows=table_rows(table, time=time, value=value, estimated=estimated),
            time_name=time,
            value_name=value,
            zone=zone,
            kind="average",
            scope=scope,
            source=f"Electricity Maps, {zone}, file {self.path.name}",
        )

    def _one_zone(self, table: Table) -> tuple[str, Table]:
        at = table.header.index(_matching(table, ZONE, "Zone id"))
        zones = sorted({cells[at] for _, cells in table.rows})
        zone = _chosen(self.zone, zones, file=table.file, column=table.header[at])
        return zone, replace(table, rows=tuple(row for row in table.rows if row[1][at] == zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMapsApiFile(IntensityFile):
    """JSON of the Electricity Maps API: history, past range or forecast of the carbon intensity.

    Average of consumption in g/kWh. A forecast is marked as estimated. The file says whether it holds
    direct or life-cycle emissions (``emissionFactorType``); where it does not, which forecasts do not,
    ``scope`` has to be stated.
    """

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        return any("carbonIntensity" in entry for entry, _ in _entries(content.document))

    def parse(self, content: Content) -> Parsed:
        """Return the rows of the zone, sorted by time."""
        entries = list(_entries(content.document))
        zones = sorted({str(entry["zone"]) for entry, _ in entries if "zone" in entry})
        zone = _chosen(self.zone, zones or [self.zone or "not stated"], file=content.file, column="zone")
        entries = [pair for pair in entries if pair[0].get("zone", zone) == zone]
        scope = self._scope([entry for entry, _ in entries], content.file)
        self.require(kind="average", scope=scope, what="a file of the Electricity Maps API")
        rows = []
        for entry, forecast in entries:
            time_s, offset_s = instant_s(
                entry.get("datetime"), file=content.file, line=None, column="datetime"
            )
            value = value_of(
                entry.get("carbonIntensity"), file=content.file, line=None, column="carbonIntensity"
            )
            estimated = forecast or bool(entry.get("isEstimated", False))
            rows.append(
                Row(line=None, time_s=time_s, value=value, estimated=estimated, offset_s=offset_s)
            )
        return Parsed(
            rows=sorted(rows, key=lambda row: row.time_s),
            time_name="datetime",
            value_name="carbonIntensity",
            zone=zone,
            kind="average",
            scope=scope,
            source=f"Electricity Maps API, {zone}, file {self.path.name}",
        )

    def _scope(self, entries: Sequence[dict[str, Any]], file: str) -> Scope:
        types = sorted({str(e["emissionFactorType"]) for e in entries if "emissionFactorType" in e})
        unknown = [name for name in types if name not in SCOPES]
        if len(types) > 1 or unknown:
            msg = f"needs one of {', '.join(SCOPES)} in all entries, got {', '.join(types)}"
            raise TraceError(msg, file=file, column="emissionFactorType")
        if types:
            return SCOPES[types[0]]
        if self.scope is None:
            msg = "the file has no emissionFactorType; say whether it is direct or life_cycle"
            raise ConfigError(msg, path="carbon.scope")
        return self.scope


def _entries(document: object) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each entry, and whether it is a forecast, with the zone of the document if it has none."""
    if isinstance(document, list):
        yield from ((entry, False) for entry in document if isinstance(entry, dict))
    if not isinstance(document, dict):
        return
    if "carbonIntensity" in document:
        yield document, False
    zone = {"zone": document["zone"]} if "zone" in document else {}
    for key in ("history", "data", "forecast"):
        entries = document.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield zone | entry, key == "forecast"


def _chosen(asked: str | None, zones: Sequence[str], *, file: str, column: str) -> str:
    if asked is not None and asked not in zones:
        msg = f"holds {', '.join(zones)}, not {asked}"
        raise TraceError(msg, file=file, column=column)
    if asked is None and len(zones) > 1:
        msg = f"holds {len(zones)} zones ({', '.join(zones[:8])}); say which with zone="
        raise TraceError(msg, file=file, column=column)
    return asked or zones[0]


def _matching(table: Table, pattern: re.Pattern[str], what: str) -> str:
    found = [name for name in table.header if pattern.fullmatch(name)]
    if len(found) != 1:
        msg = f"needs one column {what}, got {', '.join(found) or 'none'}: {', '.join(table.header)}"
        raise TraceError(msg, file=table.file, line=1)
    return found[0]
