"""What it took to make servers, from a table of product footprints in the layout of Boavizta."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from consolidate.errors import TraceError
from consolidate.inventory.power_tables import table_text

__all__ = ["EmbodiedServer", "EmbodiedTable", "read_embodied"]

_COLUMNS = ("manufacturer", "name", "subcategory", "gwp_total", "gwp_manufacturing_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbodiedServer:
    """One server of a table.

    Parameters
    ----------
    name
        Maker and model.
    embodied_kg : kg CO2e
        The manufacturing part of its footprint.
    reported
        When its maker reported it; empty where the table does not say.
    """

    name: str
    embodied_kg: float
    reported: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbodiedTable:
    """The servers of a table.

    Parameters
    ----------
    servers
        In the order of the table.
    left_out
        Servers of which it does not say which part is manufacturing.
    """

    servers: tuple[EmbodiedServer, ...]
    left_out: int = 0


def read_embodied(path: str | Path) -> EmbodiedTable:
    """Read the servers of a table of product footprints; other products are passed over.

    Parameters
    ----------
    path
        The file, plain or gzip: columns ``manufacturer``, ``name``, ``subcategory`` (``Server``),
        ``gwp_total`` (kg CO2e) and ``gwp_manufacturing_ratio`` (a fraction), among others; commas and
        decimal points, or semicolons and decimal commas.

    Raises
    ------
    TraceError
        When the file holds something else, or a number is wrong; names file, line, column and value.

    References
    ----------
    Boavizta, environmental-footprint-data, https://github.com/Boavizta/environmental-footprint-data (ODbL).
    """
    file, text = str(path), table_text(Path(path))
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        msg = f"is no table of product footprints: has no {', '.join(missing)}"
        raise TraceError(msg, file=file, line=1)
    servers, left_out = [], 0
    for row in reader:
        if row["subcategory"] != "Server":
            continue
        if not (row["gwp_total"] and row["gwp_manufacturing_ratio"]):
            left_out += 1
            continue
        total, ratio = (
            _number(row, column, most, separator=separator, file=file, line=reader.line_num)
            for column, most in (("gwp_total", math.inf), ("gwp_manufacturing_ratio", 1.0))
        )
        name = " ".join(f"{row['manufacturer']} {row['name']}".split())
        reported = " ".join((row.get("report_date") or "").split())
        servers.append(EmbodiedServer(name=name, embodied_kg=total * ratio, reported=reported))
    return EmbodiedTable(servers=tuple(servers), left_out=left_out)


def _number(
    row: dict[str, str], column: str, most: float, *, separator: str, file: str, line: int
) -> float:
    text = row[column].replace(",", ".") if separator == ";" else row[column]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and 0 <= value <= most):
        msg = f"needs a number from 0{f' to {most:g}' if most < math.inf else ''}, got {row[column]!r}"
        raise TraceError(msg, file=file, line=line, column=column)
    return value
