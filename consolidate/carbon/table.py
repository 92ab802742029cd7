"""Read a CSV file, plain or compressed, keeping line numbers."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from consolidate.errors import TraceError

__all__ = ["Table", "read_table"]

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells of a CSV file.

    Parameters
    ----------
    file
        Name of the file as the user gave it.
    sha256
        Hash of its bytes, compressed if they are.
    header
        Names of the columns, without surrounding blanks.
    rows
        Line number (from 1) and cells of each row that is not empty.
    """

    file: str
    sha256: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, list[str]], ...]


def read_table(path: str | Path) -> Table:
    """Read a CSV file, plain or ``.gz``.

    Raises
    ------
    TraceError
        When it cannot be read, is not UTF-8, is empty, or has a row of another length than its header.
    """
    file = str(path)
    try:
        raw = Path(path).read_bytes()
        # By content, not by name: downloads often lose or gain an ending.
        text = (gzip.decompress(raw) if raw.startswith(GZIP_MAGIC) else raw).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start})"
        raise TraceError(msg, file=file) from error
    except (OSError, EOFError, zlib.error) as error:
        msg = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise TraceError(msg, file=file) from error
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(cell.strip() for cell in next(reader, []))
    rows = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            msg = f"needs {len(header)} cells as the header has, got {len(row)}"
            raise TraceError(msg, file=file, line=reader.line_num)
        rows.append((reader.line_num, row))
    if not rows:
        msg = "holds no rows below a header"
        raise TraceError(msg, file=file)
    return Table(file=file, sha256=hashlib.sha256(raw).hexdigest(), header=header, rows=tuple(rows))
