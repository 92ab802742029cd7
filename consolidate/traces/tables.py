"""Tables of the tidy format: CSV and Parquet in chunks, and their typed columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.traces.columns import Chunk, csv_chunks, to_epoch_s
from consolidate.traces.report import Report, Where
from consolidate.traces.sources import open_plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "check_columns",
    "column_names",
    "flags",
    "instants",
    "table_chunks",
    "texts",
    "vm_indices",
]

ROWS_PER_CHUNK = 65_536
#: Beginnings of column names, and the column that is meant by them.
_MEANT = (
    ("vcpu", "vcpus"),
    ("cpu", "cpu_mcores (thousandths of a core)"),
    ("core", "cpu_mcores (thousandths of a core)"),
    ("mem", "memory_mib (MiB)"),
    ("ram", "memory_mib (MiB)"),
    ("time", "timestamp_utc"),
    ("date", "timestamp_utc"),
    ("dirty", "dirty_mib_per_s (MiB/s)"),
    ("vm", "vm_id"),
)


def table_chunks(path: Path, report: Report) -> Iterator[Chunk]:
    """Yield a table in parts; lines of Parquet are rows, counted from 1.

    Raises
    ------
    TraceError
        When the file is damaged.
    """
    if path.suffix.lower() != ".parquet":
        with open_plain(path) as stream:
            yield from csv_chunks(stream, report, file=str(path), delimiter=",", quote=True)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    before = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            twice = [n for n in schema.names if schema.names.count(n) > 1]
            if twice:
                msg = f"column {twice[0]!r} occurs more than once"
                raise TraceError(msg, file=str(path))
            nothing = {f.name: pa.array([], type=f.type) for f in schema}
            yield Chunk(columns=nothing, at=Where(file=str(path), line=np.zeros(0, dtype=np.int64)))
            for batch in file.iter_batches(batch_size=ROWS_PER_CHUNK, use_threads=False):
                columns = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
                line = before + np.arange(1, batch.num_rows + 1, dtype=np.int64)
                before += batch.num_rows
                yield Chunk(columns=columns, at=Where(file=str(path), line=line))
    except (pa.ArrowException, OSError) as error:
        msg = f"is damaged or not Parquet ({error}); write it again"
        raise TraceError(msg, file=str(path)) from error


def column_names(path: Path) -> list[str]:
    """Return the names of the columns, from the beginning (Parquet: the end) of the file only."""
    return list(next(table_chunks(path, Report())).columns)


def check_columns(
    names: Sequence[str],
    required: Sequence[str],
    optional: Sequence[str],
    report: Report,
    *,
    file: str,
) -> None:
    """Refuse missing columns, and columns that look like one of ours in another unit; note the others.

    Raises
    ------
    TraceError
        With the column that is expected.
    """
    unknown = [n for n in names if n not in required and n not in optional]
    for name in unknown:
        plain = name.strip().lower()
        meant = next((m for start, m in _MEANT if plain.startswith(start)), None)
        if meant:
            msg = f"is not a column of the format; {meant} is: convert the values and rename it"
            raise TraceError(msg, file=file, line=1, column=name)
    missing = [n for n in required if n not in names]
    if missing:
        msg = f"has no column {', '.join(missing)}; it has {', '.join(names) or 'none'}"
        raise TraceError(msg, file=file, line=1)
    for name in unknown:
        report.note(f"column {name!r} is not used")


def texts(array: pa.Array) -> list[str]:
    """Return a column as text; a missing value becomes the empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return ["" if v is None else v for v in pc.cast(array, pa.string()).to_pylist()]


def vm_indices(array: pa.Array, report: Report, *, at: Where) -> NDArray[np.int32]:
    """Return the index of each row's VM, -1 where it is not in the table of VMs, which is reported."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pc.fill_null(pc.cast(array, pa.string()), "").dictionary_encode()
    ids = encoded.dictionary.to_pylist()
    known = np.array([report.find(v) for v in ids], dtype=np.int32)
    index = encoded.indices.to_numpy(zero_copy_only=False)
    found = known[index] if len(ids) else np.zeros(0, dtype=np.int32)
    report.rows(
        "unknown-vm",
        found < 0,
        at=at,
        message=lambda i: f"VM {ids[index[i]]!r} is not in the table of VMs",
    )
    return found


def flags(array: pa.Array, report: Report, *, at: Where) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a column of true and false, and where it is one of the two; the rest is reported."""
    text = [v.strip().lower() for v in texts(array)]
    known = np.array([v in {"true", "false", "1", "0"} for v in text], dtype=np.bool_)
    report.rows(
        "not-a-flag",
        ~known,
        at=at,
        message=lambda i: f"{text[i]!r} is neither true nor false",
    )
    return np.array([v in {"true", "1"} for v in text], dtype=np.bool_), known


def instants(
    array: pa.Array,
    report: Report,
    *,
    at: Where,
    naive_is_utc: bool,
) -> NDArray[np.float64]:
    """Return instants in whole seconds since 1970 UTC; what is none is reported and becomes NaN.

    Raises
    ------
    TraceError
        When the column has no zone and must not be taken as UTC, or is no instant at all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None and not naive_is_utc:
            msg = "has no time zone; name it timestamp_utc, or give the option assume_utc"
            raise TraceError(msg, file=at.file, column=at.column)
        micros = pc.cast(pc.cast(array, pa.timestamp("us", kind.tz), safe=False), pa.int64())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        micros = _parsed(
            pc.ascii_trim_whitespace(pc.cast(array, pa.string())),
            report,
            at=at,
            naive_is_utc=naive_is_utc,
        )
    else:
        msg = f"is of type {kind}; needs instants, as in 2024-01-31T00:05:00Z"
        raise TraceError(msg, file=at.file, column=at.column)
    missing = np.asarray(pc.is_null(micros).to_numpy(zero_copy_only=False)) & (
        np.asarray(pc.is_null(array).to_numpy(zero_copy_only=False))
    )
    report.rows("bad-timestamp", missing, at=at, message=lambda _: "is missing")
    seconds = np.array(micros.to_numpy(zero_copy_only=False), dtype=np.float64) / 1e6
    return to_epoch_s(seconds, report, at=at, unit="s")


def _parsed(
    text: pa.Array,
    report: Report,
    *,
    at: Where,
    naive_is_utc: bool,
) -> pa.Array:
    """Return microseconds since 1970 of ISO 8601 text; null where it is none, which is reported."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zoned, naive = pa.timestamp("us", "UTC"), pa.timestamp("us")
    for kind in (zoned, naive) if naive_is_utc else (zoned,):
        try:
            return pc.cast(pc.cast(text, kind), pa.int64())
        except pa.ArrowInvalid:
            continue
    values: list[int | None] = []
    bad = np.zeros(len(text), dtype=np.bool_)
    unzoned = np.zeros(len(text), dtype=np.bool_)
    for i in range(len(text)):
        value = _cast_one(text.slice(i, 1), zoned)
        if value is None:
            value = _cast_one(text.slice(i, 1), naive)
            unzoned[i] = value is not None and not naive_is_utc
        bad[i] = value is None
        values.append(None if unzoned[i] else value)
    report.rows(
        "bad-timestamp",
        bad,
        at=at,
        message=lambda i: f"{text[i].as_py()!r} is no instant; needs one as in 2024-01-31T00:05:00Z",
    )
    hint = "add one (Z for UTC), name the column timestamp_utc, or give the option assume_utc"
    report.rows(
        "no-time-zone",
        unzoned,
        at=at,
        message=lambda i: f"{text[i].as_py()!r} has no time zone; {hint}",
    )
    return pa.array(values, type=pa.int64())


def _cast_one(text: pa.Array, kind: pa.DataType) -> int | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        value: int | None = pc.cast(pc.cast(text, kind), pa.int64())[0].as_py()
    except pa.ArrowInvalid:
        return None
    return value
