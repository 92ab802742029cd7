"""Files of values over periods: contractual factors, tariffs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.content import read_content
from consolidate.carbon.repairs import utc
from consolidate.carbon.rows import instant_s
from consolidate.errors import TraceError

__all__ = ["Periods", "read_periods"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Values over periods that follow on each other without gap.

    Parameters
    ----------
    edges_s : s
        Bounds, in seconds since 1970 UTC, shape ``(n + 1,)``.
    per_kwh
        Value of each period, shape ``(n,)``.
    words
        Further columns of each period, by name.
    sha256
        Hash of the file.
    """

    edges_s: NDArray[np.int64]
    per_kwh: NDArray[np.float64]
    words: dict[str, tuple[str, ...]]
    sha256: str


def read_periods(
    path: str | Path, *, value: str, words: tuple[str, ...], least: float = -math.inf
) -> Periods:
    """Read a CSV file with ``start_utc``, ``end_utc``, a value, and further columns of words.

    Parameters
    ----------
    path
        The file, plain or gzip.
    value
        Name of the column of the values.
    words
        Names of the further columns; none of their cells may be empty.
    least
        Smallest value that is allowed.

    Raises
    ------
    TraceError
        When a cell is wrong, or the periods overlap or leave a gap.
    """
    content = read_content(path)
    wanted = ("start_utc", "end_utc", value, *words)
    table = content.table() if content.kind == "csv" else None
    if table is None or table.header != wanted:
        got = ", ".join(content.header) or content.kind.upper()
        msg = f"needs the columns {', '.join(wanted)}, got {got}"
        raise TraceError(msg, file=content.file, line=1)
    edges: list[int] = []
    values = []
    for line, cells in table.rows:
        start, end = (
            instant_s(cells[k], file=table.file, line=line, column=wanted[k])[0] for k in (0, 1)
        )
        if end <= start or (edges and edges[-1] != start):
            after = f" after {utc(edges[-1])}" if edges else ""
            msg = f"{utc(start)} to {utc(end)} does not follow{after}; periods need no gap, no overlap"
            raise TraceError(msg, file=table.file, line=line, column="start_utc")
        edges += [start, end] if not edges else [end]
        values.append(_number(cells[2], table.file, line, value, least))
        for name, cell in zip(words, cells[3:], strict=True):
            if not cell.strip():
                msg = "may not be empty"
                raise TraceError(msg, file=table.file, line=line, column=name)
    return Periods(
        edges_s=np.array(edges, dtype=np.int64),
        per_kwh=np.array(values, dtype=np.float64),
        words={
            name: tuple(cells[3 + k].strip() for _, cells in table.rows) for k, name in enumerate(words)
        },
        sha256=content.sha256,
    )


def _number(text: str, file: str, line: int, column: str, least: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        msg = (
            f"needs a finite number{f' of {least:g} or more' if least > -math.inf else ''}, got {text!r}"
        )
        raise TraceError(msg, file=file, line=line, column=column)
    return number
