"""Files of a run folder, read with suspicion: a missing or malformed one is named, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.verdict import Violation

__all__ = ["Json", "MalformedError", "Table", "read_json", "read_table", "read_text"]

#: Amounts, seconds and energies of single things beyond this are refused: sums could wrap around.
LARGEST = 2**40

#: What stands for a type that has several widths.
_ARROW_NAMES = {"timestamp": "timestamp[us, tz=UTC]"}


class MalformedError(Exception):
    """A file cannot be used; carries the violation that says why."""

    def __init__(self, message: str, *, code: str, **witness: object) -> None:
        self.violation = Violation(code=code, message=message, witness=witness)
        super().__init__(message)


def read_text(folder: Path, name: str) -> str:
    """Return the text of a file."""
    try:
        return (folder / name).read_text("utf-8")
    except FileNotFoundError:
        message = f"{name} is missing"
        raise MalformedError(message, code="V0.missing", file=name) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name} cannot be read: {error}"
        raise MalformedError(message, code="V0.malformed", file=name) from None


def read_json(folder: Path, name: str) -> Json:
    """Return the content of a JSON file, whose top is an object."""
    text = read_text(folder, name)

    def refuse(word: str) -> object:
        msg = f"{word} is not a JSON number"
        raise ValueError(msg)

    try:
        content = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        message = f"{name} is not valid JSON: {error}"
        raise MalformedError(message, code="V0.malformed", file=name) from None
    if not isinstance(content, dict):
        message = f"{name} needs an object at its top"
        raise MalformedError(message, code="V0.malformed", file=name)
    return Json(file=name, path="", content=content)


class Json:
    """An object of a JSON file; every access states the type that it expects."""

    def __init__(self, *, file: str, path: str, content: Mapping[str, object]) -> None:
        self.file, self._path, self.content = file, path, content

    def fail(self, key: str, problem: str) -> NoReturn:
        """Refuse the file because of a key."""
        place = f"{self._path}{key}"
        message = f"{self.file}: {place} {problem}"
        raise MalformedError(message, code="V0.value", file=self.file, column=place)

    def _get(self, key: str) -> object:
        if key not in self.content:
            self.fail(key, "is missing")
        return self.content[key]

    def integer(self, key: str, *, least: int | None = None, most: int = 2**63 - 1) -> int:
        """Return a whole number."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(key, f"needs a whole number, got {value!r}")
        if least is not None and value < least:
            self.fail(key, f"needs {least} or more, got {value}")
        if not -(2**63) <= value <= most:
            self.fail(key, f"needs at most {most}, got {value}")
        return value

    def number(self, key: str, *, least: float = -np.inf, most: float = np.inf) -> float:
        """Return a finite number."""
        value = self._get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.fail(key, f"needs a number, got {value!r}")
        try:
            number = float(value)
        except OverflowError:
            self.fail(key, "is too large")
        if not np.isfinite(number):
            self.fail(key, "is not finite")
        if not least <= number <= most:
            self.fail(key, f"needs a number from {least:g} to {most:g}, got {number}")
        return number

    def text(self, key: str) -> str:
        """Return a text."""
        value = self._get(key)
        if not isinstance(value, str):
            self.fail(key, f"needs a text, got {value!r}")
        return value

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            self.fail(key, f"needs true or false, got {value!r}")
        return value

    def items(self, key: str) -> Sequence[object]:
        """Return a list."""
        value = self._get(key)
        if not isinstance(value, list):
            self.fail(key, f"needs a list, got {value!r}")
        return value

    def object(self, key: str) -> Json:
        """Return an object within the object."""
        value = self._get(key)
        if not isinstance(value, dict):
            self.fail(key, f"needs an object, got {value!r}")
        return Json(file=self.file, path=f"{self._path}{key}.", content=value)

    def objects(self, key: str) -> list[Json]:
        """Return a list of objects."""
        found = []
        for i, value in enumerate(self.items(key)):
            if not isinstance(value, dict):
                self.fail(f"{key}[{i}]", f"needs an object, got {value!r}")
            found.append(Json(file=self.file, path=f"{self._path}{key}[{i}].", content=value))
        return found

    def integers(self, key: str, *, limit: int | None = None) -> tuple[int, ...]:
        """Return a list of whole numbers; with ``limit``, of indices below it."""
        numbers = []
        for i, value in enumerate(self.items(key)):
            if not isinstance(value, int) or isinstance(value, bool):
                self.fail(f"{key}[{i}]", f"needs a whole number, got {value!r}")
            if limit is not None and not 0 <= value < limit:
                self.fail(f"{key}[{i}]", f"needs an index from 0 to {limit - 1}, got {value}")
            numbers.append(value)
        return tuple(numbers)

    def sets(self, key: str, *, limit: int) -> tuple[tuple[int, ...], ...]:
        """Return a list of lists of indices below ``limit``."""
        found = []
        for i, value in enumerate(self.items(key)):
            if not isinstance(value, list):
                self.fail(f"{key}[{i}]", f"needs a list, got {value!r}")
            for x in value:
                if not isinstance(x, int) or isinstance(x, bool) or not 0 <= x < limit:
                    self.fail(f"{key}[{i}]", f"needs indices from 0 to {limit - 1}, got {x!r}")
            found.append(tuple(value))
        return tuple(found)


class Table:
    """Columns of a Parquet file, by name, of the types that were asked for."""

    def __init__(self, *, file: str, columns: Mapping[str, NDArray[np.generic]], rows: int) -> None:
        self.file, self._columns, self.rows = file, columns, rows

    def integers(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers as int64."""
        out: NDArray[np.int64] = self._columns[name].astype(np.int64)
        return out

    def amounts(self, name: str) -> NDArray[np.int64]:
        """Return a column of whole numbers that are small enough to be added up."""
        values = self.integers(name)
        large = np.flatnonzero((values > LARGEST) | (values < -LARGEST))
        if large.size:
            row = int(large[0])
            message = (
                f"{self.file}: column {name}, row {row}: {int(values[row])} is beyond {LARGEST}, so "
                "sums could not be trusted"
            )
            raise MalformedError(message, code="V0.value", file=self.file, column=name, row=row)
        return values

    def floats(self, name: str) -> NDArray[np.float64]:
        """Return a column of floats."""
        out: NDArray[np.float64] = self._columns[name].astype(np.float64)
        return out

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Return a column of flags."""
        out: NDArray[np.bool_] = self._columns[name].astype(np.bool_)
        return out

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a column of texts."""
        return tuple(str(value) for value in self._columns[name].tolist())

    def indices(self, name: str, *, least: int, limit: int) -> NDArray[np.int64]:
        """Return a column of indices, each from ``least`` to below ``limit``."""
        values = self.integers(name)
        bad = np.flatnonzero((values < least) | (values >= limit))
        if bad.size:
            row = int(bad[0])
            message = (
                f"{self.file}: column {name}, row {row}: needs an index from {least} to {limit - 1}, "
                f"got {int(values[row])}"
            )
            raise MalformedError(message, code="V0.value", file=self.file, column=name, row=row)
        return values


def read_table(
    folder: Path,
    name: str,
    columns: Mapping[str, str],
    *,
    nullable: Mapping[str, object] | None = None,
    optional: tuple[str, ...] = (),
) -> Table:
    """Return columns of a Parquet file.

    Parameters
    ----------
    folder, name
        The run folder, and the file within it.
    columns
        Type of each column that is needed, in Arrow's spelling; ``string`` and ``timestamp`` stand for
        every width of them (a timestamp has to be UTC, and comes as whole seconds since 1970).
    nullable
        Columns that may be null, with what a null becomes.
    optional
        Columns that may be missing; they are zero then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (folder / name).is_file():
        message = f"{name} is missing"
        raise MalformedError(message, code="V0.missing", file=name)
    try:
        with (folder / name).open("rb") as source:
            table = pq.ParquetFile(source, memory_map=False).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"{name} is not a readable Parquet file: {' '.join(str(error).split())}"
        raise MalformedError(message, code="V0.malformed", file=name) from None
    found = {
        column: _column(table, name, column, kind=kind, null=(nullable or {}).get(column))
        for column, kind in columns.items()
        if column not in optional or column in table.column_names
    }
    found |= {c: np.zeros(table.num_rows, dtype=np.int64) for c in optional if c not in found}
    return Table(file=name, columns=found, rows=table.num_rows)


def _column(table: Any, name: str, column: str, *, kind: str, null: object) -> NDArray[np.generic]:
    """Return one column of an Arrow table; a null becomes ``null``, unless that is ``None``."""
    import pyarrow as pa

    if table.column_names.count(column) != 1:
        message = f"{name}: column {column} is missing"
        if column in table.column_names:
            message = f"{name}: column {column} is there more than once"
        raise MalformedError(message, code="V0.column", file=name, column=column)
    values = table.column(column)
    if pa.types.is_null(values.type) and (null is not None or not table.num_rows):
        # Nothing is in the column, so a writer that infers types cannot have known its type.
        values = values.cast(_ARROW_NAMES.get(kind, kind))
    if not _is_kind(values.type, kind):
        message = f"{name}: column {column} has type {values.type}; it needs {kind}"
        raise MalformedError(message, code="V0.column", file=name, column=column)
    if values.null_count and null is None:
        row = int(np.flatnonzero(values.is_null().to_numpy())[0])
        message = f"{name}: column {column}, row {row} is null"
        raise MalformedError(message, code="V0.value", file=name, column=column, row=row)
    return _to_numpy(values, kind, null)


def _is_kind(arrow_type: object, kind: str) -> bool:
    import pyarrow as pa

    if kind == "string":
        return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))
    if kind == "timestamp":
        return bool(pa.types.is_timestamp(arrow_type)) and getattr(arrow_type, "tz", None) == "UTC"
    return str(arrow_type) == kind


def _to_numpy(values: Any, kind: str, null: object) -> NDArray[np.generic]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if null is not None:
        values = pc.fill_null(values, pa.scalar(null, type=values.type))
    if kind == "timestamp":
        values = pc.cast(values, pa.timestamp("us", tz="UTC"))
        micros: NDArray[np.int64] = pc.cast(values, pa.int64()).to_numpy()
        return micros // 1_000_000
    out: NDArray[np.generic] = values.to_numpy()
    return out
