"""ENTSO-E actual generation per production type, as CSV."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from consolidate.carbon.clock import CLOCKS, local_stamps
from consolidate.carbon.content import Content, Table
from consolidate.carbon.factors import ENTSOE_NAMES
from consolidate.carbon.generation import GenerationFile, Mix
from consolidate.carbon.rows import instant_s
from consolidate.errors import ConfigError, TraceError

__all__ = ["EntsoeCsvFile"]

GENERATED: Final = "actual aggregated"
CONSUMED: Final = "actual consumption"
#: "Fossil Gas  - Actual Aggregated [MW]" of the platform's own export.
COLUMN = re.compile(
    r"(?P<name>.+?)\s+-\s+(?P<what>actual aggregated|actual consumption)(\s*\[mw\])?", re.IGNORECASE
)
MTU = re.compile(r"(?P<start>\d{2}\.\d{2}\.\d{4} \d{2}:\d{2})(:\d{2})?( - .*)?")
#: What exports call the clocks: a single stamp may say CET where the column changes to CEST later.
CLOCK_NAMES: Final = {name: name for name in CLOCKS} | {
    half: name for name in CLOCKS if "/" in name for half in name.split("/")
}
CLOCK = re.compile(r"\((?P<clock>[A-Z]+(/[A-Z]+)?)\)")
#: "n/e" means that the zone has no such plant; the others that no value was delivered.
MISSING: Final = frozenset({"", "n/e", "n/a", "-", "nan"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EntsoeCsvFile(GenerationFile):
    """CSV with one column for each production type, in MW.

    Either the platform's own export (a column ``MTU`` with local-time ranges, columns such as ``Fossil
    Gas - Actual Aggregated [MW]``) or a table with two header lines (type, then ``Actual Aggregated`` or
    ``Actual Consumption``) and ISO 8601 instants.

    Parameters
    ----------
    path, zone, kind, scope, fill_gaps_h, factors
        As in :class:`~consolidate.carbon.generation.GenerationFile`.
    clock
        ``UTC``, ``WET/WEST``, ``CET/CEST`` or ``EET/EEST``: the clock of an ``MTU`` column that does not
        say it.
    """

    clock: str | None = None

    @staticmethod
    def recognises(content: Content) -> bool:
        """Say whether a file is of this format."""
        names = content.header[1:]
        if any(COLUMN.fullmatch(name) for name in names):
            return True
        return bool(names) and all(name.lower() in ENTSOE_NAMES for name in names)

    def mix(self, content: Content) -> Mix:
        """Return the generation."""
        table = content.table()
        platform = any(COLUMN.fullmatch(name) for name in table.header)
        columns, body = _platform_columns(table) if platform else _two_line_columns(table)
        kept = {at: technology for at, technology in columns.items() if technology is not None}
        if platform:
            time_name, stamps, body = self._market_times(table)
        else:
            time_name = table.header[0] or "1"
            stamps = [
                (line, *instant_s(cells[0], file=table.file, line=line, column=time_name))
                for line, cells in body
            ]
        mw = [[_megawatts(table, line, cells, at) for at in kept] for line, cells in body]
        zone = self.zone or (_area(table) if platform else "not stated")
        return Mix(
            stamps=stamps,
            technologies=tuple(kept.values()),
            mw=np.array(mw, dtype=np.float64).reshape(len(body), len(kept)),
            time_name=time_name,
            zone=zone,
            source=f"ENTSO-E generation, {zone}, file {self.path.name}",
        )

    def _market_times(
        self, table: Table
    ) -> tuple[str, list[tuple[int | None, int, int]], list[tuple[int, list[str]]]]:
        """Return the name of the column of times, the instants, and the rows that have one."""
        name = next((name for name in table.header if name.upper().startswith("MTU")), None)
        if name is None:
            msg = f"needs a column MTU, got {', '.join(table.header[:3])}"
            raise TraceError(msg, file=table.file, line=1)
        at = table.header.index(name)
        stated = CLOCK.search(name) or CLOCK.search(table.rows[0][1][at])
        clock = self.clock or (CLOCK_NAMES.get(stated["clock"]) if stated else None)
        if clock is None or clock not in CLOCKS:
            msg = f"needs {', '.join(CLOCKS)} for the column {name}, got {clock or 'none'}"
            raise ConfigError(msg, path="carbon.clock")
        wall = [_wall(cells[at], table, line, name) for line, cells in table.rows]
        stamps: list[tuple[int | None, int, int]] = []
        body = []
        for (line, cells), stamp in zip(table.rows, local_stamps(wall, clock), strict=True):
            if stamp is not None:
                stamps.append((line, *stamp))
                body.append((line, cells))
            # The hour that summer time skips stands in an export all the same, without values.
            elif any(cell.strip().lower() not in MISSING for cell in cells[at + 1 :]):
                msg = f"holds values at {cells[at]!r}, which the clock {clock} skips"
                raise TraceError(msg, file=table.file, line=line, column=name)
        return name, stamps, body


def _wall(text: str, table: Table, line: int, name: str) -> datetime:
    match = MTU.match(text.strip())
    try:
        return datetime.strptime(match["start"] if match else "", "%d.%m.%Y %H:%M")  # noqa: DTZ007 -- local
    except ValueError:
        msg = f"needs DD.MM.YYYY HH:MM - ..., got {text!r}"
        raise TraceError(msg, file=table.file, line=line, column=name) from None


def _platform_columns(table: Table) -> tuple[dict[int, str | None], list[tuple[int, list[str]]]]:
    columns: dict[int, str | None] = {}
    for at, name in enumerate(table.header):
        match = COLUMN.fullmatch(name)
        if match is not None and match["what"].lower() == GENERATED:
            columns[at] = _technology(match["name"], table)
    return columns, list(table.rows)


def _two_line_columns(table: Table) -> tuple[dict[int, str | None], list[tuple[int, list[str]]]]:
    (line, second), *body = table.rows
    columns: dict[int, str | None] = {}
    for at, (name, what) in enumerate(zip(table.header, second, strict=True)):
        if at and what.strip().lower() not in {GENERATED, CONSUMED}:
            msg = f"needs Actual Aggregated or Actual Consumption in the second line, got {what!r}"
            raise TraceError(msg, file=table.file, line=line, column=name)
        if at and what.strip().lower() == GENERATED:
            columns[at] = _technology(name, table)
    return columns, body


def _technology(name: str, table: Table) -> str | None:
    if name.strip().lower() not in ENTSOE_NAMES:
        msg = f"is no production type of ENTSO-E: {', '.join(ENTSOE_NAMES)}"
        raise TraceError(msg, file=table.file, line=1, column=name)
    return ENTSOE_NAMES[name.strip().lower()]


def _megawatts(table: Table, line: int, cells: list[str], at: int) -> float:
    text = cells[at].strip()
    if text.lower() in MISSING:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = float("inf")
    if not math.isfinite(value):
        msg = f"needs a number of MW, got {text!r}"
        raise TraceError(msg, file=table.file, line=line, column=table.header[at])
    return value


def _area(table: Table) -> str:
    names = [name.lower() for name in table.header]
    return table.rows[0][1][names.index("area")].strip() if "area" in names else "not stated"
