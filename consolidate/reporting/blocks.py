"""Our own page, taken apart into blocks, so that other outputs print the same words and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, Literal

__all__ = ["Block", "Cell", "Table", "blocks_of"]

_SKIPPED: Final = frozenset({"head", "nav", "svg", "figcaption"})
_TEXTS: Final = frozenset({"h1", "h2", "h3", "p", "li", "pre", "dt", "dd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table."""

    text: str
    right: bool = False
    columns: int = 1


@dataclass(slots=True, kw_only=True)
class Table:
    """A table: its heading row, its rows, and which of them close it with a sum."""

    caption: str = ""
    heading: list[Cell] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    dense: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading, paragraph, list item, code, picture or table.

    Parameters
    ----------
    kind
        What it is; ``part`` is the heading of a part, ``banner`` a warning.
    text
        Its words; the name of the picture for a ``chart``.
    table
        Only for a ``table``.
    tone
        ``bad`` or ``good`` where a ``banner`` says so.
    """

    kind: Literal["h1", "h2", "h3", "p", "li", "pre", "dt", "dd", "part", "banner", "chart", "table"]
    text: str = ""
    table: Table | None = None
    tone: str = ""


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.blocks


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self._skip = ""
        self._depth = 0
        self._text: list[str] | None = None
        self._kind = ""
        self._banner = False
        self._tone = ""
        self._table: Table | None = None
        self._row: list[Cell] = []
        self._head = False
        self._cell: tuple[bool, int] = (False, 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open what the element starts."""
        if self._skip:
            self._depth += tag == self._skip
            return
        values = {key: value or "" for key, value in attrs}
        classes = values.get("class", "").split()
        if tag in _SKIPPED:
            self._skip, self._depth = tag, 1
        elif tag == "figure":
            self.blocks.append(Block(kind="chart", text=values.get("data-chart", "")))
        elif tag == "table":
            self._table = Table(dense="all" in classes)
        elif tag == "thead":
            self._head = True
        elif tag == "tr":
            self._row = []
        elif tag in ("td", "th", "caption"):
            self._text, self._kind = [], tag
            self._cell = ("r" in classes, int(values.get("colspan", "1")))
        elif tag == "div":
            self._banner = "banner" in classes
            self._tone = next((tone for tone in ("bad", "good") if tone in classes), "")
        elif tag in _TEXTS:
            self._text = []
            self._kind = "part" if "part" in classes else "banner" if self._banner else tag

    def handle_endtag(self, tag: str) -> None:
        """Close what the element ends."""
        if self._skip:
            self._depth -= tag == self._skip
            self._skip = self._skip if self._depth else ""
        elif tag == "table" and self._table is not None:
            self.blocks.append(Block(kind="table", table=self._table))
            self._table = None
        elif tag == "thead":
            self._head = False
        elif tag == "tr" and self._table is not None:
            if self._head:
                self._table.heading = self._row
            else:
                self._table.rows.append(self._row)
        elif tag == "caption" and self._table is not None:
            self._table.caption = self._words()
        elif tag in ("td", "th"):
            right, columns = self._cell
            self._row.append(Cell(text=self._words(), right=right, columns=columns))
        elif tag == "div":
            self._banner = False
        elif tag in _TEXTS and self._text is not None:
            tone = self._tone if self._kind == "banner" else ""
            self.blocks.append(Block(kind=self._kind, text=self._words(), tone=tone))  # type: ignore[arg-type]

    def handle_data(self, data: str) -> None:
        """Collect the words of the open block."""
        if self._text is not None and not self._skip:
            self._text.append(data)

    def _words(self) -> str:
        text = " ".join("".join(self._text or ()).split())
        self._text = None
        return text
