"""From rows of a file to a regular series of carbon intensity."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.repairs import Repair, utc
from consolidate.carbon.rows import Row
from consolidate.errors import TraceError
from consolidate.model import TimeGrid
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["Series", "regular_series"]

#: A median outside these looks like another unit. A single clean or dirty hour is normal.
LEAST_MEDIAN_G_PER_KWH = 1.5
MOST_MEDIAN_G_PER_KWH = 1_500.0
#: So many equal distances in a row make a step of its own; fewer are gaps.
SHORTEST_RUN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Regular steps with a value each, shape ``(n_steps,)``, and what was repaired."""

    grid: TimeGrid
    g_per_kwh: NDArray[np.float64]
    estimated: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    repairs: tuple[Repair, ...]


def regular_series(
    rows: list[Row], *, file: str, time_name: str, value_name: str, fill_gaps_h: float
) -> Series:
    """Return the steps, their values in g/kWh, and what was repaired.

    The step may change inside a file: the finest regular one becomes that of the result, and a coarser
    value, which is the mean of its interval, is held over the finer steps.

    Parameters
    ----------
    rows
        Rows with values in g/kWh, in order of time.
    file, time_name, value_name
        For messages.
    fill_gaps_h : h
        Longest gap that is filled, linearly between its neighbours.

    Raises
    ------
    TraceError
        When instants repeat with another value, go back or do not fit regular steps, when a gap is
        longer, when the first or last value is missing, or when the median looks like another unit.
    """
    rows, repairs = _without_repeats(rows, file=file, column=time_name)
    step_s, holds_s = _steps(rows, file=file, column=time_name)
    for row in (rows[0], rows[-1]):
        if row.value is None:
            msg = "the first and the last row need a value; cut the file"
            raise TraceError(msg, file=file, line=row.line, column=value_name)
    repairs += _coarser(rows, holds_s, step_s) + _clock_changes(rows)
    longest = int(fill_gaps_h * SECONDS_PER_HOUR // step_s)
    # Before anything is laid out: one wrong year in a stamp would ask for all the memory there is.
    _refuse_long(_absent(rows, holds_s, step_s), rows, file=file, longest=longest, step_s=step_s)
    first_s = rows[0].time_s
    n_steps = (rows[-1].time_s + holds_s[-1] - first_s) // step_s
    values, estimated = np.full(n_steps, np.nan), np.zeros(n_steps, dtype=np.bool_)
    for row, hold_s in zip(rows, holds_s, strict=True):
        at = (row.time_s - first_s) // step_s
        values[at : at + hold_s // step_s] = np.nan if row.value is None else row.value
        estimated[at : at + hold_s // step_s] = row.estimated
    _refuse_other_unit(values, file=file, column=value_name)
    filled = np.isnan(values)
    gaps = _gaps(filled, first_s=first_s, step_s=step_s)
    _refuse_long(gaps, rows, file=file, longest=longest, step_s=step_s)
    known = np.flatnonzero(~filled)
    return Series(
        grid=TimeGrid(start=np.datetime64(first_s, "s"), step_s=step_s, n_steps=n_steps),
        g_per_kwh=np.interp(np.arange(n_steps), known, values[known]),
        estimated=estimated,
        filled=filled,
        repairs=(*repairs, *gaps),
    )


def _without_repeats(rows: list[Row], *, file: str, column: str) -> tuple[list[Row], list[Repair]]:
    kept: list[Row] = rows[:1]
    repairs: list[Repair] = []
    for row in rows[1:]:
        last = kept[-1]
        if row.time_s > last.time_s:
            kept.append(row)
            continue
        if row.time_s < last.time_s:
            msg = f"{utc(row.time_s)} is earlier than the row before; sort the file"
            raise TraceError(msg, file=file, line=row.line, column=column)
        if row.value is not None and last.value not in {None, row.value}:
            msg = (
                f"{utc(row.time_s)} is given twice, with {last.value:g} and {row.value:g} g/kWh; "
                "if the stamps are local time, the hour repeats when summer time ends: write UTC"
            )
            raise TraceError(msg, file=file, line=row.line, column=column)
        if last.value is None:
            kept[-1] = replace(row, line=last.line)
        repairs.append(Repair(kind="duplicate", start_s=row.time_s, stop_s=row.time_s))
    return kept, repairs


def _steps(rows: list[Row], *, file: str, column: str) -> tuple[int, list[int]]:
    """Return the finest step, and how long the value of each row holds."""
    if len(rows) < 2:
        msg = "needs at least two rows at different times, to know the length of a step"
        raise TraceError(msg, file=file)
    widths = [b.time_s - a.time_s for a, b in pairwise(rows)]
    regular: list[bool] = []
    usual_s = Counter(widths).most_common(1)[0][0]
    steps = {usual_s}
    for width, run in groupby(widths):
        length = sum(1 for _ in run)
        if length >= SHORTEST_RUN:
            steps.add(width)
        regular += [length >= SHORTEST_RUN or width == usual_s] * length
    step_s = math.gcd(*steps)
    for row, width in zip(rows[1:], widths, strict=True):
        if width % step_s:
            msg = f"{utc(row.time_s)} is {width} s after the row before, no multiple of {step_s} s"
            raise TraceError(msg, file=file, line=row.line, column=column)
    hold_s = next(width for width, fits in zip(widths, regular, strict=True) if fits)
    holds_s = []
    for width, fits in zip(widths, regular, strict=True):
        hold_s = width if fits else min(hold_s, width)
        holds_s.append(hold_s)
    return step_s, [*holds_s, hold_s]


def _coarser(rows: list[Row], holds_s: list[int], step_s: int) -> list[Repair]:
    repairs = []
    for hold_s, run in groupby(zip(rows, holds_s, strict=True), key=lambda pair: pair[1]):
        if hold_s != step_s:
            part = [row for row, _ in run]
            start_s, stop_s = part[0].time_s, part[-1].time_s + hold_s
            repairs.append(
                Repair(
                    kind="step",
                    start_s=start_s,
                    stop_s=stop_s,
                    count=len(part) * (hold_s // step_s),
                    detail=f"{hold_s} s held over {step_s} s",
                )
            )
    return repairs


def _clock_changes(rows: list[Row]) -> list[Repair]:
    return [
        Repair(
            kind="clock",
            start_s=after.time_s,
            stop_s=after.time_s,
            detail=f"offset {_hours(before.offset_s)} to {_hours(after.offset_s)} h",
        )
        for before, after in pairwise(rows)
        if before.offset_s != after.offset_s
    ]


def _hours(offset_s: int) -> str:
    return f"{offset_s / SECONDS_PER_HOUR:+g}"


def _refuse_other_unit(values: NDArray[np.float64], *, file: str, column: str) -> None:
    median = float(np.nanmedian(values))
    if median < LEAST_MEDIAN_G_PER_KWH:
        hint = "kg/kWh; if it is, name the column kg_per_kwh in a tidy file"
    elif median > MOST_MEDIAN_G_PER_KWH:
        hint = "lb/MWh; if it is, name the column lb_per_mwh in a tidy file"
    else:
        return
    msg = f"the median is {median:g} g/kWh, which looks like {hint}"
    raise TraceError(msg, file=file, column=column)


def _gaps(missing: NDArray[np.bool_], *, first_s: int, step_s: int) -> list[Repair]:
    edges = np.flatnonzero(np.diff(missing.astype(np.int8)))
    return [
        Repair(
            kind="gap",
            start_s=first_s + (int(a) + 1) * step_s,
            stop_s=first_s + (int(b) + 1) * step_s,
            count=int(b - a),
        )
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _absent(rows: list[Row], holds_s: list[int], step_s: int) -> list[Repair]:
    """Return the gaps that absent rows make; missing values may lengthen them."""
    ends = [row.time_s + hold_s for row, hold_s in zip(rows, holds_s, strict=True)]
    return [
        Repair(kind="gap", start_s=end_s, stop_s=row.time_s, count=(row.time_s - end_s) // step_s)
        for end_s, row in zip(ends[:-1], rows[1:], strict=True)
        if row.time_s > end_s
    ]


def _refuse_long(gaps: list[Repair], rows: list[Row], *, file: str, longest: int, step_s: int) -> None:
    for gap in gaps:
        if gap.count > longest:
            line = next(row.line for row in rows if row.time_s >= gap.stop_s)
            msg = (
                f"no value from {utc(gap.start_s)} to {utc(gap.stop_s)} "
                f"({gap.count * step_s / SECONDS_PER_HOUR:g} h); gaps of up to "
                f"{longest * step_s / SECONDS_PER_HOUR:g} h are filled"
            )
            raise TraceError(msg, file=file, line=line)
