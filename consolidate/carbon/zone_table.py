"""A table of the user: one intensity for each zone."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from consolidate.carbon.content import read_content
from consolidate.carbon.source import Kind, Scope
from consolidate.errors import TraceError, UnknownNameError

__all__ = ["ZoneRow", "zone_row"]

COLUMNS: Final = ("zone", "g_per_kwh", "kind", "scope", "source")
WORDS: Final = {"kind": ("average", "marginal"), "scope": ("direct", "life_cycle")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """Intensity of a zone, with everything that a reader has to know about it."""

    g_per_kwh: float
    kind: Kind
    scope: Scope
    source: str


def zone_row(path: str | Path, zone: str) -> ZoneRow:
    """Return the row of a zone.

    Parameters
    ----------
    path
        CSV file with the columns ``zone``, ``g_per_kwh``, ``kind``, ``scope``, ``source``.
    zone
        Which zone.

    Raises
    ------
    TraceError
        When a cell is wrong or empty, a zone stands twice, or a value looks like another unit.
    UnknownNameError
        When the zone is not in the file.
    """
    content = read_content(path)
    if content.header != COLUMNS:
        msg = f"needs the columns {', '.join(COLUMNS)}, got {', '.join(content.header) or content.kind}"
        raise TraceError(msg, file=content.file, line=1)
    found: dict[str, ZoneRow] = {}
    for line, cells in content.table().rows:
        row = dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True))
        value = _intensity(row["g_per_kwh"], content.file, line)
        for key, words in WORDS.items():
            if row[key] not in words:
                msg = f"needs {' or '.join(words)}, got {row[key]!r}"
                raise TraceError(msg, file=content.file, line=line, column=key)
        if not row["zone"] or not row["source"] or row["zone"] in found:
            msg = "needs a zone that stands once, and a source"
            raise TraceError(msg, file=content.file, line=line)
        found[row["zone"]] = ZoneRow(
            g_per_kwh=value,
            kind=cast("Kind", row["kind"]),
            scope=cast("Scope", row["scope"]),
            source=f"{row['source']} (file {Path(path).name}, sha256 {content.sha256})",
        )
    if zone not in found:
        near = difflib.get_close_matches(zone, found, n=1)
        kind = f"zone in {content.file}"
        raise UnknownNameError(kind, zone, known=sorted(found), nearest=near[0] if near else None)
    return found[zone]


def _intensity(text: str, file: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    problem = ""
    if not (math.isfinite(value) and value >= 0):
        problem = f"needs a finite number of 0 or more, got {text!r}"
    elif 0 < value < 1.5:
        problem = f"{value:g} g/kWh looks like kg/kWh; multiply by 1,000"
    elif value > 1_500:
        problem = f"{value:g} g/kWh looks like lb/MWh; multiply by 0.45359237"
    if problem:
        raise TraceError(problem, file=file, line=line, column="g_per_kwh")
    return value
