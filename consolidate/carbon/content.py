"""Read the bytes of a carbon intensity file and say what they are."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from consolidate.errors import TraceError

__all__ = ["Content", "Table", "read_content"]

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells of a CSV file.

    Parameters
    ----------
    file
        Name of the file as the user gave it.
    header
        Names of the columns, without surrounding blanks.
    rows
        Line number (from 1) and cells of each row that is not empty.
    """

    file: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds, looked at far enough to choose its format.

    Parameters
    ----------
    file
        Name of the file as the user gave it.
    sha256
        Hash of its bytes, compressed if they are.
    kind
        What the bytes are.
    data
        The bytes, decompressed.
    header
        First line of a CSV file, without surrounding blanks; empty for the others.
    document
        Decoded JSON; ``None`` for the others.
    """

    file: str
    sha256: str
    kind: Literal["csv", "json", "xml", "parquet"]
    data: bytes
    header: tuple[str, ...] = ()
    document: Any = None

    def table(self) -> Table:
        """Return the cells of a CSV file.

        Raises
        ------
        TraceError
            When it has no rows, or a row of another length than its header.
        """
        reader = csv.reader(io.StringIO(_text(self.data, self.file), newline=""))
        next(reader, [])
        rows = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(self.header):
                msg = f"needs {len(self.header)} cells as the header has, got {len(row)}"
                raise TraceError(msg, file=self.file, line=reader.line_num)
            rows.append((reader.line_num, row))
        if not rows:
            msg = "holds no rows below a header"
            raise TraceError(msg, file=self.file)
        return Table(file=self.file, header=self.header, rows=tuple(rows))


def read_content(path: str | Path) -> Content:
    """Read a file, plain or gzip, and find out whether it is CSV, JSON, XML or Parquet.

    Raises
    ------
    TraceError
        When it cannot be read, is neither Parquet nor UTF-8 text, or is broken JSON.
    """
    file = str(path)
    try:
        raw = Path(path).read_bytes()
        # By content, not by name: downloads often lose or gain an ending.
        data = gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw
    except (OSError, EOFError, zlib.error) as error:
        msg = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise TraceError(msg, file=file) from error
    sha256 = hashlib.sha256(raw).hexdigest()
    if data.startswith(PARQUET_MAGIC):
        return Content(file=file, sha256=sha256, kind="parquet", data=data)
    text = _text(data, file).lstrip()
    if text.startswith(("{", "[")):
        return Content(file=file, sha256=sha256, kind="json", data=data, document=_json(text, file))
    if text.startswith("<"):
        return Content(file=file, sha256=sha256, kind="xml", data=data)
    header = tuple(cell.strip() for cell in next(csv.reader(io.StringIO(text, newline="")), []))
    return Content(file=file, sha256=sha256, kind="csv", data=data, header=header)


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start})"
        raise TraceError(msg, file=file) from error


def _json(text: str, file: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"is broken JSON: {error.msg}"
        raise TraceError(msg, file=file, line=error.lineno) from error
    except RecursionError as error:
        msg = "is JSON nested too deeply to be an intensity file"
        raise TraceError(msg, file=file) from error
