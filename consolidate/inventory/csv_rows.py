"""Rows of a small CSV file whose columns are known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from consolidate.errors import TraceError

__all__ = ["csv_rows"]


def csv_rows(path: str | Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line (from 1) of each row that is not empty, and its cells by column, without outer blanks.

    Parameters
    ----------
    path
        The file: UTF-8, a header, these columns in any order, and no others.
    columns
        Their names.

    Raises
    ------
    TraceError
        When the file cannot be read, or header or row do not fit; names file and line.
    """
    file = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        msg = f"cannot be read ({error.strerror or error})"
        raise TraceError(msg, file=file) from error
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 text (byte {error.start}); save it as UTF-8"
        raise TraceError(msg, file=file) from error
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if sorted(header) != sorted(columns):
            msg = f"needs the header {','.join(columns)}, got {','.join(header) or 'nothing'}"
            raise TraceError(msg, file=file, line=1)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                msg = f"needs {len(header)} cells, got {len(cells)}"
                raise TraceError(msg, file=file, line=reader.line_num)
            yield reader.line_num, dict(zip(header, (c.strip() for c in cells), strict=True))
    except csv.Error as error:
        raise TraceError(str(error), file=file, line=reader.line_num) from error
