"""Tables as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["csv_text", "safe_cell"]

#: First letters that make a spreadsheet compute a cell, their full-width forms included.
_FORMULA: Final = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001


def safe_cell(text: str) -> str:
    """Return text that a spreadsheet shows and does not compute: a formula gets a leading ``'``."""
    start = text.lstrip()[:1]
    return f"'{text}" if text[:1] in ("\t", "\r", "\n") or (start and start in _FORMULA) else text


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV: text quoted and guarded, numbers as they are, ``None`` as an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [str(cell).lower() if isinstance(cell, bool) else cell for cell in row]
        cells = ["" if cell is None else cell for cell in cells]
        writer.writerow([safe_cell(c) if isinstance(c, str) else c for c in cells])
    return buffer.getvalue()
