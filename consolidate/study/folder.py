"""Files of a run folder: each is complete or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from consolidate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["is_unfinished", "read_json", "read_table", "write_json", "write_table"]

_UNFINISHED = ".tmp"


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write JSON, sorted by nothing but the order given, through a temporary file."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=_plain) + "\n"
    _replace(path, text.encode("utf-8"))


def read_json(path: Path) -> dict[str, Any]:
    """Read JSON.

    Raises
    ------
    InputError
        When the file is missing or malformed.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise InputError(msg) from error
    if not isinstance(value, dict):
        msg = f"{path}: needs a JSON object"
        raise InputError(msg)
    return value


def is_unfinished(path: Path) -> bool:
    """Say whether a file is one that was being written when its run was killed."""
    return path.name.startswith(".") and path.name.endswith(_UNFINISHED)


def write_table(path: Path, columns: Mapping[str, object]) -> None:
    """Write a Parquet table through a temporary file; equal columns give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {k: v if isinstance(v, pa.Array) else pa.array(_list(v)) for k, v in columns.items()}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    _replace(path, sink.getvalue().to_pybytes())


def read_table(path: Path) -> pa.Table:
    """Read a Parquet table.

    Raises
    ------
    InputError
        When the file is missing or malformed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        msg = f"{path}: cannot be read: {error}"
        raise InputError(msg) from error


def _list(values: object) -> object:
    return list(values) if isinstance(values, tuple) else values


def _plain(value: object) -> object:
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()
    if isinstance(value, frozenset | set):
        return sorted(value)
    msg = f"cannot be written as JSON: {type(value).__name__}"
    raise TypeError(msg)


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}{_UNFINISHED}")
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
