"""From rows of a table to a regular series of carbon intensity."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.model import TimeGrid
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["Columns", "Row", "parse_row", "regular_series"]

#: A median outside these looks like another unit. A single clean or dirty hour is normal.
LEAST_MEDIAN_G_PER_KWH = 1.5
MOST_MEDIAN_G_PER_KWH = 1_500.0

FLAGS = {"true": True, "false": False, "1": True, "0": False, "": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names and positions of the columns of a file that matter here.

    Parameters
    ----------
    names
        All names, for messages.
    time, value
        Positions of the instant and of the intensity.
    estimated
        Position of the flag that marks estimated values; ``None`` for none.
    """

    names: tuple[str, ...]
    time: int
    value: int
    estimated: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: line number, instant in seconds since 1970 UTC, value (or none), estimated flag."""

    line: int
    time_s: int
    value: float | None
    estimated: bool


def parse_row(line: int, cells: list[str], *, columns: Columns, file: str) -> Row:
    """Parse the cells of one row.

    An empty value is a missing one, to be filled or refused with the gaps; it is never zero.

    Raises
    ------
    TraceError
        When the instant is no ISO 8601 instant in whole seconds, the value is not a finite number >= 0,
        or the flag is neither true nor false.
    """

    def refuse(column: int, wanted: str) -> TraceError:
        msg = f"needs {wanted}, got {cells[column]!r}"
        return TraceError(msg, file=file, line=line, column=columns.names[column])

    try:
        instant = datetime.fromisoformat(cells[columns.time].strip())
    except ValueError:
        raise refuse(columns.time, "an ISO 8601 instant") from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if instant.microsecond:
        raise refuse(columns.time, "whole seconds")
    text = cells[columns.value].strip()
    value = None
    if text:
        try:
            value = float(text)
        except ValueError:
            raise refuse(columns.value, "a number") from None
        if not (math.isfinite(value) and value >= 0):
            raise refuse(columns.value, "a finite number of 0 or more")
    estimated = False
    if columns.estimated is not None:
        flag = cells[columns.estimated].strip().lower()
        if flag not in FLAGS:
            raise refuse(columns.estimated, "true or false")
        estimated = FLAGS[flag]
    return Row(line=line, time_s=round(instant.timestamp()), value=value, estimated=estimated)


def regular_series(
    rows: list[Row], *, file: str, columns: Columns, fill_gaps_h: float
) -> tuple[TimeGrid, NDArray[np.float64], tuple[str, ...]]:
    """Return the steps, their values in g/kWh, and notes on what was filled.

    Parameters
    ----------
    rows
        Rows with values in g/kWh, in the order of the file.
    file, columns
        For messages.
    fill_gaps_h : h
        Longest gap that is filled, linearly between its neighbours.

    Raises
    ------
    TraceError
        When instants repeat, go back or do not fit regular steps, when a gap is longer, when the first
        or last value is missing, or when the median looks like another unit.
    """
    step_s = _step_s(rows, file=file, columns=columns)
    first_s = rows[0].time_s
    at = np.array([(row.time_s - first_s) // step_s for row in rows])
    values = np.full(int(at[-1]) + 1, np.nan)
    values[at] = [np.nan if row.value is None else row.value for row in rows]
    for row in (rows[0], rows[-1]):
        if row.value is None:
            msg = "the first and the last row need a value; cut the file"
            raise TraceError(msg, file=file, line=row.line, column=columns.names[columns.value])
    _refuse_other_unit(values, file=file, columns=columns)
    values, notes = _filled(
        values, rows, file=file, step_s=step_s, longest=int(fill_gaps_h * SECONDS_PER_HOUR // step_s)
    )
    start = np.datetime64(first_s, "s")
    return TimeGrid(start=start, step_s=step_s, n_steps=len(values)), values, notes


def _step_s(rows: list[Row], *, file: str, columns: Columns) -> int:
    column = columns.names[columns.time]
    if len(rows) < 2:
        msg = "needs at least two rows, to know the length of a step"
        raise TraceError(msg, file=file)
    widths = [b.time_s - a.time_s for a, b in pairwise(rows)]
    for row, width in zip(rows[1:], widths, strict=True):
        if width <= 0:
            what = "is given twice" if width == 0 else "is earlier than the row before; sort the file"
            msg = f"{_utc(row.time_s)} {what}"
            raise TraceError(msg, file=file, line=row.line, column=column)
    step_s = Counter(widths).most_common(1)[0][0]
    for row, width in zip(rows[1:], widths, strict=True):
        if width % step_s:
            msg = f"{_utc(row.time_s)} is {width} s after the row before, no multiple of {step_s} s"
            raise TraceError(msg, file=file, line=row.line, column=column)
    return step_s


def _refuse_other_unit(values: NDArray[np.float64], *, file: str, columns: Columns) -> None:
    median = float(np.nanmedian(values))
    if median < LEAST_MEDIAN_G_PER_KWH:
        hint = "kg/kWh; multiply by 1,000"
    elif median > MOST_MEDIAN_G_PER_KWH:
        hint = "lb/MWh; if it is, name the column lb_per_mwh in a tidy file"
    else:
        return
    msg = f"the median is {median:g} g/kWh, which looks like {hint}"
    raise TraceError(msg, file=file, column=columns.names[columns.value])


def _filled(
    values: NDArray[np.float64], rows: list[Row], *, file: str, step_s: int, longest: int
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    missing = np.isnan(values)
    if not missing.any():
        return values, ()
    edges = np.flatnonzero(np.diff(missing.astype(np.int8)))
    gaps = [(int(a) + 1, int(b) + 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    for first, stop in gaps:
        if stop - first > longest:
            start_s = rows[0].time_s
            line = next(r.line for r in rows if r.time_s >= start_s + stop * step_s)
            msg = (
                f"no value from {_utc(start_s + first * step_s)} to {_utc(start_s + stop * step_s)} "
                f"({(stop - first) * step_s / SECONDS_PER_HOUR:g} h); gaps of up to "
                f"{longest * step_s / SECONDS_PER_HOUR:g} h are filled"
            )
            raise TraceError(msg, file=file, line=line)
    known = np.flatnonzero(~missing)
    filled = np.interp(np.arange(len(values)), known, values[known])
    note = (
        f"{int(missing.sum())} of {len(values)} steps had no value, in {len(gaps)} gaps: "
        "filled linearly between their neighbours"
    )
    return filled, (note,)


def _utc(time_s: int) -> str:
    return f"{np.datetime64(time_s, 's')}Z"
