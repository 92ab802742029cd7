"""The report on paper: the blocks of the page, set on A4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from consolidate.plotting.style import AFTER, GRID, INK, LOST, MUTED, SAVED
from consolidate.reporting.blocks import Block, Cell, Table, blocks_of
from consolidate.reporting.charts import Drawing, drawings_of
from consolidate.reporting.doubt import doubt_of
from consolidate.reporting.paper import LEFT, RIGHT, WIDTH, Paper, small_style, width_of, wrapped

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["render_pdf"]

SPAN: Final = WIDTH - LEFT - RIGHT
#: Pictures are drawn ten inches wide and set on the width of the text.
SCALE: Final = SPAN / 72 / 10 * 1.12
#: Kind of block: size, bold, space above, indent.
_SET: Final = {
    "h1": (17.0, True, 2.0, 0.0),
    "h2": (12.0, True, 14.0, 0.0),
    "h3": (9.5, True, 9.0, 0.0),
    "p": (8.4, False, 4.0, 0.0),
    "li": (8.4, False, 2.0, 9.0),
    "pre": (7.4, False, 4.0, 6.0),
    "banner": (8.4, False, 6.0, 8.0),
}
GAP: Final = 7.0
#: What rounding may take from the width of a column, in points.
HAIR: Final = 0.01
#: Tables up to this height are not broken over pages.
MOST_TOGETHER: Final = 260.0
#: Edge of a banner by what it says.
_TONES: Final = {"": MUTED, "bad": LOST, "good": SAVED}


def render_pdf(report: Report, page: str) -> bytes:
    """Return the report as PDF.

    Parameters
    ----------
    report
        For the pictures.
    page
        The page of the report: every word and number is taken from it.
    """
    drawings = {d[0]: d for d in drawings_of(report, doubt_of(report))}
    with small_style(), Paper(title="Consolidation report") as paper:
        cards: list[Block] = []
        blocks = blocks_of(page)
        for k, block in enumerate(blocks):
            if block.kind in ("dt", "dd"):
                cards.append(block)
                continue
            if cards:
                _cards(paper, cards)
                cards = []
            if block.kind in ("h2", "h3"):
                # A heading stands on the page of what it is the heading of.
                paper.room(40 + _start(blocks[k + 1 : k + 3], drawings))
            _set(paper, block, drawings, report)
        if cards:
            _cards(paper, cards)
    return paper.content()


def _set(paper: Paper, block: Block, drawings: dict[str, Drawing], report: Report) -> None:
    if block.kind == "table" and block.table is not None:
        _table(paper, block.table)
    elif block.kind == "chart":
        _, height_in, draw, caption = drawings[block.text]
        height = 72 * height_in * SCALE
        paper.room(_start([block], drawings))
        paper.y -= 6
        paper.picture(height, lambda canvas: draw(canvas, report))  # type: ignore[arg-type]
        _lines(paper, caption, size=7.2, color=MUTED, above=3.0)
    elif block.kind == "part":
        if not paper.fresh:
            paper.turn()
        paper.bar(LEFT, paper.y - 14, SPAN, 18, AFTER)
        paper.text(LEFT + 6, paper.y - 9, block.text, size=9.5, bold=True, color="white")
        paper.y -= 20
    elif block.text:
        size, bold, above, indent = _SET[block.kind]
        text = f"• {block.text}" if block.kind == "li" else block.text
        if block.kind == "banner":
            height = len(wrapped(text, size, SPAN - indent)) * 1.4 * size
            paper.room(above + height)
            paper.bar(LEFT, paper.y - above - height - 3, 2.5, height + 2, _TONES[block.tone])
        _lines(paper, text, size=size, bold=bold, above=above, indent=indent)


def _start(blocks: list[Block], drawings: dict[str, Drawing]) -> float:
    """Return the height that blocks need on the page where they start, up to a picture or a table."""
    height = 0.0
    for block in blocks:
        if block.kind == "chart":
            return height + 72 * drawings[block.text][1] * SCALE + 30
        if block.kind == "table" and block.table is not None:
            return height + _least(block.table)
        height += 30
    return height


def _lines(
    paper: Paper,
    text: str,
    *,
    size: float,
    bold: bool = False,
    above: float = 0.0,
    indent: float = 0.0,
    color: str = INK,
) -> None:
    paper.y -= above
    for line in wrapped(text, size, SPAN - indent, bold=bold):
        paper.room(1.4 * size)
        paper.y -= 1.4 * size
        paper.text(LEFT + indent, paper.y, line, size=size, bold=bold, color=color)


def _cards(paper: Paper, cards: list[Block]) -> None:
    """Set the cards in rows of three."""
    grouped: list[list[str]] = []
    for block in cards:
        if block.kind == "dt":
            grouped.append([block.text])
        else:
            grouped[-1].append(block.text)
    width = (SPAN - 2 * 8) / 3
    for first in range(0, len(grouped), 3):
        row = grouped[first : first + 3]
        below = [wrapped(small, 7.0, width - 9) for _, _, small in row]
        height = 33.0 + 9.0 * max(len(lines) for lines in below)
        paper.room(height + 10)
        paper.y -= 8
        for k, (label, big, _) in enumerate(row):
            x = LEFT + k * (width + 8)
            paper.bar(x, paper.y - height, width, height, "#f5f7f9")
            paper.text(x + 6, paper.y - 11, label, size=7, color=MUTED)
            paper.text(x + 6, paper.y - 25, big, size=12.5, bold=True)
            for down, line in enumerate(below[k]):
                paper.text(x + 6, paper.y - 36 - 9 * down, line, size=7)
        paper.y -= height + 2


def _table(paper: Paper, table: Table) -> None:
    size = 5.6 if table.dense else 7.2
    widths = _widths(table, size)
    paper.room(_least(table))
    paper.y -= 4
    _lines(paper, table.caption, size=7.2, color=MUTED, above=3.0)
    paper.y -= 2
    _row(paper, table.heading, widths, size, bold=True)
    for row in table.rows:
        if paper.room(_height(row, widths, size)):
            _row(paper, table.heading, widths, size, bold=True)
        _row(paper, row, widths, size)
    paper.y -= 6


def _least(table: Table) -> float:
    """Return the height of a short table as a whole, and of the start of a long one."""
    if table.dense:
        return 60.0
    size = 7.2
    widths = _widths(table, size)
    caption = len(wrapped(table.caption, 7.2, SPAN)) * 1.4 * 7.2 + 9
    rows = sum(_height(row, widths, size) for row in (table.heading, *table.rows))
    return caption + rows if rows < MOST_TOGETHER else 60.0


def _widths(table: Table, size: float) -> list[float]:
    """Return the widths of the columns: what they need, or a share of what there is."""
    rows = [row for row in (table.heading, *table.rows) if all(c.columns == 1 for c in row)]
    count = max(len(row) for row in rows)
    need = [
        max(width_of(row[k].text, size, bold=True) if k < len(row) else 0.0 for row in rows) + GAP
        for k in range(count)
    ]
    if sum(need) <= SPAN:
        return need
    # Short columns keep their width. So do name, value and interval in the list of all figures: the
    # checks read them back, each from one line.
    fixed = [k for k in range(count) if need[k] <= 0.17 * SPAN or (table.dense and k < 3)]
    loose = [k for k in range(count) if k not in fixed]
    left = max(SPAN - sum(need[k] for k in fixed), 40.0 * len(loose))
    whole = sum(need[k] ** 0.6 for k in loose) or 1.0
    return [need[k] if k in fixed else left * need[k] ** 0.6 / whole for k in range(count)]


def _cells(
    row: list[Cell], widths: list[float], size: float, *, bold: bool
) -> list[tuple[Cell, float, float, list[str]]]:
    placed, x, k = [], LEFT, 0
    for cell in row:
        width = sum(widths[k : k + cell.columns])
        placed.append((cell, x, width, wrapped(cell.text, size, max(width - GAP, 8) + HAIR, bold=bold)))
        x, k = x + width, k + cell.columns
    return placed


def _height(row: list[Cell], widths: list[float], size: float) -> float:
    most = max((len(lines) for *_, lines in _cells(row, widths, size, bold=False)), default=1)
    return most * 1.28 * size + 3.4


def _row(paper: Paper, row: list[Cell], widths: list[float], size: float, *, bold: bool = False) -> None:
    cells = _cells(row, widths, size, bold=bold)
    most = max((len(lines) for *_, lines in cells), default=1)
    top = paper.y
    for cell, x, width, lines in cells:
        for k, line in enumerate(lines):
            at = x + width - GAP if cell.right else x
            y = top - (k + 1) * 1.28 * size
            paper.text(at, y, line, size=size, bold=bold, right=cell.right)
    paper.y = top - most * 1.28 * size - 3.4
    paper.bar(LEFT, paper.y + 0.6, SPAN, 0.7 if bold else 0.4, INK if bold else GRID)
