"""Delimited text and columns of numbers, in blocks, with the line of every problem."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.traces.report import Report, Where
from consolidate.traces.sources import Stream

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Chunk", "LineBlocks", "csv_chunks", "numbers", "to_epoch_s"]

BLOCK_BYTES: Final = 2**20
#: Longest header or row; real ones have a few hundred bytes.
MAX_LINE_BYTES: Final = 2**16
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: 1990 and 2100: outside, an epoch was misread or a clock was wrong.
EARLIEST_S: Final = 631_152_000
LATEST_S: Final = 4_102_444_800
#: Seconds up to here (the year 5138), milliseconds from here on.
_LARGEST_EPOCH_S: Final = 10**11


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows of a table.

    Parameters
    ----------
    columns
        Arrow array of each column, by stripped name.
    at
        Place of each row.
    """

    columns: dict[str, pa.Array]
    at: Where


class LineBlocks:
    """Cuts a stream into a first line and blocks of whole lines.

    Parameters
    ----------
    stream
        The bytes.
    file
        Name for messages.
    """

    def __init__(self, stream: Stream, *, file: str) -> None:
        self._stream, self._file = stream, file
        self._rest = b""

    def first_line(self) -> str:
        """Return the first line, without a byte order mark."""
        self._rest = self._stream.read(MAX_LINE_BYTES)
        if not self._rest:
            msg = "is empty; a trace needs a header and rows"
            raise TraceError(msg, file=self._file)
        head, newline, self._rest = self._rest.partition(b"\n")
        if b"\0" in head:
            msg = "is binary or UTF-16 text; a trace table is UTF-8 text"
            raise TraceError(msg, file=self._file, line=1)
        if not newline and len(head) >= MAX_LINE_BYTES:
            msg = f"has a header of more than {MAX_LINE_BYTES} bytes"
            raise TraceError(msg, file=self._file, line=1)
        if b"\r" in head.rstrip(b"\r"):
            msg = "has lines that end in a bare carriage return; save it with line feeds"
            raise TraceError(msg, file=self._file, line=1)
        try:
            return head.decode("utf-8-sig").rstrip("\r")
        except UnicodeDecodeError as error:
            msg = "is not UTF-8 text"
            raise TraceError(msg, file=self._file, line=1) from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks, each ending with a line feed, the last one perhaps without."""
        rest = self._rest
        while data := self._stream.read(BLOCK_BYTES):
            cut = data.rfind(b"\n") + 1
            if cut:
                yield rest + data[:cut]
                rest = data[cut:]
            else:
                rest += data
            if len(rest) > BLOCK_BYTES:
                msg = f"has a line of more than {BLOCK_BYTES} bytes"
                raise TraceError(msg, file=self._file)
        if rest:
            yield rest


def csv_chunks(
    stream: Stream, report: Report, *, file: str, delimiter: str, quote: bool
) -> Iterator[Chunk]:
    """Yield the rows of a delimited text file, all columns as text.

    Rows with another number of fields than the header are reported and left out; blank lines are left
    out and counted. The first chunk is empty, so that the columns are known of a file without rows.

    Parameters
    ----------
    stream
        The bytes.
    report
        Takes the problems.
    file
        Name for messages.
    delimiter
        Character between fields.
    quote
        Whether ``"`` encloses fields; a quoted field may not contain a line feed.
    """
    import pyarrow as pa

    blocks = LineBlocks(stream, file=file)
    header = next(csv.reader([blocks.first_line()], delimiter=delimiter), [])
    names = [name.strip() for name in header]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        msg = f"column {twice[0]!r} occurs {names.count(twice[0])} times"
        raise TraceError(msg, file=file, line=1)
    nothing = {n: pa.array([], type=pa.string()) for n in names}
    yield Chunk(columns=nothing, at=Where(file=file, line=np.zeros(0, dtype=np.int64)))
    before = 1
    for block in blocks:
        chunk = _parse(block, report, names, before, file=file, delimiter=delimiter, quote=quote)
        before += block.count(b"\n")
        yield chunk


def _parse(
    block: bytes,
    report: Report,
    names: list[str],
    before: int,
    *,
    file: str,
    delimiter: str,
    quote: bool,
) -> Chunk:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    _refuse_binary(block, before, file=file)
    ragged: list[int] = []

    def on_ragged(row: Any) -> str:
        ragged.append(row.number)
        message = f"has {row.actual_columns} fields; the header has {row.expected_columns}"
        report.issue("ragged-row", message, file=file, line=before + row.number)
        return "skip"

    try:
        table = pa_csv.read_csv(
            pa.BufferReader(block),
            read_options=pa_csv.ReadOptions(
                use_threads=False, column_names=names, block_size=len(block) + 1
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quote else False,
                ignore_empty_lines=False,
                invalid_row_handler=on_ragged,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        msg = f"cannot be parsed after line {before}: {error}"
        raise TraceError(msg, file=file) from error
    n = table.num_rows + len(ragged)
    line = np.delete(np.arange(1, n + 1, dtype=np.int64), np.array(ragged, dtype=np.int64) - 1) + before
    columns = {name: table.column(i).combine_chunks() for i, name in enumerate(names)}
    chunk = Chunk(columns=columns, at=Where(file=file, line=line))
    has_blank = b"\n\n" in block or b"\n\r\n" in block or block[:1] in (b"\n", b"\r")
    return _without_blank_lines(chunk, report) if has_blank else chunk


def _without_blank_lines(chunk: Chunk, report: Report) -> Chunk:
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = np.zeros(len(chunk.at.line), dtype=np.bool_)
    for array in chunk.columns.values():
        filled |= np.asarray(pc.binary_length(array)) > 0
    report.count("blank lines left out", int((~filled).sum()))
    mask = pa.array(filled)
    return Chunk(
        columns={name: array.filter(mask) for name, array in chunk.columns.items()},
        at=Where(file=chunk.at.file, line=chunk.at.line[filled]),
    )


def _refuse_binary(block: bytes, before: int, *, file: str) -> None:
    # Arrow leaves out a ragged row that is not UTF-8 without calling the handler.
    try:
        block.decode()
        at, what = block.find(b"\0"), "has a NUL byte"
    except UnicodeDecodeError as error:
        at, what = error.start, "is not UTF-8 text"
    if at >= 0:
        raise TraceError(what, file=file, line=before + block.count(b"\n", 0, at) + 1)


def numbers(array: pa.Array, report: Report, *, at: Where, most: float = np.inf) -> NDArray[np.float64]:
    """Return a column as numbers of 0 or more; what is not one is reported and becomes NaN.

    Parameters
    ----------
    array
        Text or numbers.
    report
        Takes the problems.
    at
        Place of the values.
    most
        Largest value accepted.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        array = pc.ascii_trim_whitespace(array)
    try:
        cast = pc.cast(array, pa.float64(), safe=False)
        values = np.array(cast.to_numpy(zero_copy_only=False), dtype=np.float64)
        text = np.zeros(len(values), dtype=np.bool_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values, text = _one_by_one(array, report, at)
    report.rows(
        "not-finite",
        ~text & ~np.isfinite(values),
        at=at,
        message=lambda i: _not_finite(array[i].as_py()),
    )
    negative = values < 0
    report.rows(
        "negative",
        negative & np.isfinite(values),
        at=at,
        message=lambda i: f"{values[i]:g} is negative; needs 0 or more",
    )
    large = np.isfinite(values) & (values > most)
    report.rows(
        "over-limit",
        large,
        at=at,
        message=lambda i: f"{values[i]:g} is too large; at most {most:g} is possible",
    )
    return np.where(np.isfinite(values) & ~negative & ~large, values, np.nan)


def _not_finite(value: object) -> str:
    return "is missing" if value is None else f"{value} is not a finite number"


def _one_by_one(
    array: pa.Array, report: Report, at: Where
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers of a column that is not all numbers, and where it has none: reported."""
    shown = ["" if v is None else str(v) for v in array.to_pylist()]
    special = {"nan", "inf", "infinity"}
    number = [bool(_NUMBER.fullmatch(v)) for v in shown]
    named = [v.lower().lstrip("+-") in special for v in shown]
    bad = ~np.array(number, dtype=np.bool_) & ~np.array(named, dtype=np.bool_)
    report.rows(
        "not-a-number",
        bad,
        at=at,
        message=lambda i: f"{shown[i][:40]!r} is not a number" if shown[i] else "is missing",
    )
    values = [float(v) if ok else np.nan for v, ok in zip(shown, number, strict=True)]
    return np.array(values, dtype=np.float64), bad


def to_epoch_s(
    values: NDArray[np.float64], report: Report, *, at: Where, unit: str = "auto"
) -> NDArray[np.float64]:
    """Return epoch stamps in whole seconds, taking them as seconds or milliseconds by their size.

    What is no instant between 1990 and 2100, or not a whole second, is reported and becomes NaN.

    Parameters
    ----------
    values
        The stamps; NaN where already reported.
    report
        Takes the problems.
    at
        Place of the values.
    unit
        ``s``, ``ms``, or ``auto`` to take the one that fits the first stamp.
    """
    finite = values[np.isfinite(values)]
    if unit == "auto":
        unit = "ms" if len(finite) and finite[0] >= _LARGEST_EPOCH_S else "s"
    seconds = values / 1000 if unit == "ms" else values
    outside = (seconds < EARLIEST_S) | (seconds >= LATEST_S)
    report.rows(
        "bad-timestamp",
        outside,
        at=at,
        message=lambda i: f"{values[i]:.0f} {unit} since 1970 is outside the years 1990 to 2099",
    )
    fraction = np.isfinite(seconds) & ~outside & (seconds != np.floor(seconds))
    report.rows(
        "bad-timestamp",
        fraction,
        at=at,
        message=lambda i: f"{values[i]:f} {unit} is not a whole second",
    )
    return np.where(outside | fraction, np.nan, seconds)
