"""Rows of a carbon intensity file: instant, value, flag."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from consolidate.carbon.content import Table
from consolidate.errors import TraceError

__all__ = ["Row", "instant_s", "table_rows", "value_of"]

FLAGS = {"true": True, "false": False, "1": True, "0": False, "": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One value of a file.

    Parameters
    ----------
    line
        Line number, ``None`` in files without lines that mean something.
    time_s : s
        Start of its interval, in seconds since 1970 UTC.
    value : g/kWh
        The intensity, ``None`` for missing.
    estimated
        Whether the source calls it estimated.
    offset_s : s
        Offset of its time stamp from UTC.
    """

    line: int | None
    time_s: int
    value: float | None
    estimated: bool = False
    offset_s: int = 0


def instant_s(text: object, *, file: str, line: int | None, column: str) -> tuple[int, int]:
    """Return an ISO 8601 instant as seconds since 1970 UTC, and its offset; no offset means UTC.

    Raises
    ------
    TraceError
        When it is no such instant, or not in whole seconds.
    """
    try:
        instant = datetime.fromisoformat(str(text).strip())
    except ValueError:
        msg = f"needs an ISO 8601 instant, got {text!r}"
        raise TraceError(msg, file=file, line=line, column=column) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if instant.microsecond:
        msg = f"needs whole seconds, got {text!r}"
        raise TraceError(msg, file=file, line=line, column=column)
    offset = instant.utcoffset()
    return round(instant.timestamp()), round(offset.total_seconds()) if offset else 0


def value_of(given: object, *, file: str, line: int | None, column: str) -> float | None:
    """Return a number of 0 or more; ``None`` (or an empty cell) is missing, never zero.

    Raises
    ------
    TraceError
        When it is something else.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    problem = "a number"
    if isinstance(given, (int, float, str)) and not isinstance(given, bool):
        try:
            value = float(given)
        except ValueError:
            value = None
        if value is not None and math.isfinite(value) and value >= 0:
            return value
        problem = "a number" if value is None else "a finite number of 0 or more"
    msg = f"needs {problem}, got {given!r}"
    raise TraceError(msg, file=file, line=line, column=column)


def table_rows(
    table: Table,
    *,
    time: str,
    value: str,
    estimated: str | None = None,
    convert: Callable[[float], float] = float,
) -> list[Row]:
    """Parse the rows of a CSV file.

    Parameters
    ----------
    table
        The cells.
    time, value, estimated
        Names of the columns; a column of flags that is absent means that nothing is estimated.
    convert
        What makes g/kWh of a value.

    Raises
    ------
    TraceError
        When a cell is wrong; names line and column.
    """
    at_time, at_value = table.header.index(time), table.header.index(value)
    at_flag = table.header.index(estimated) if estimated in table.header else None
    rows = []
    for line, cells in table.rows:
        time_s, offset_s = instant_s(cells[at_time], file=table.file, line=line, column=time)
        found = value_of(cells[at_value], file=table.file, line=line, column=value)
        flag = "" if at_flag is None else cells[at_flag].strip().lower()
        if flag not in FLAGS:
            msg = f"needs true or false, got {flag!r}"
            raise TraceError(msg, file=table.file, line=line, column=estimated)
        rows.append(
            Row(
                line=line,
                time_s=time_s,
                value=None if found is None else convert(found),
                estimated=FLAGS[flag],
                offset_s=offset_s,
            )
        )
    return rows
