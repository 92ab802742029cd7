"""Pages of paper: text, rules and pictures at places, drawn by matplotlib."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from consolidate.plotting.style import INK, style

if TYPE_CHECKING:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure as Canvas
    from matplotlib.figure import SubFigure

__all__ = ["HEIGHT", "WIDTH", "Paper", "wrapped"]

#: A4, in points.
WIDTH, HEIGHT = 595.28, 841.89
LEFT, RIGHT, TOP, BOTTOM = 42.0, 42.0, 46.0, 46.0
#: Between the page and the picture fonts shrink, as pictures are drawn for a wider page.
_SMALL: Final[dict[str, Any]] = {
    "font.size": 6.8,
    "axes.titlesize": 7.6,
    "axes.labelsize": 6.8,
    "xtick.labelsize": 6.8,
    "ytick.labelsize": 6.8,
    "legend.fontsize": 6.8,
    # Outlines that keep their characters, so that numbers can be read back from the file.
    "pdf.fonttype": 42,
    "pdf.compression": 6,
}


@lru_cache(maxsize=4)
def _advances(bold: bool) -> dict[int, float]:
    """Return the width of every character of the font, in ems."""
    from matplotlib import font_manager
    from matplotlib.ft2font import LoadFlags

    where = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    font = font_manager.get_font(font_manager.findfont(where))
    font.set_size(100, 72)
    return {
        code: font.load_glyph(glyph, LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / 100
        for code, glyph in font.get_charmap().items()
    }


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a line, in points."""
    known = _advances(bold)
    return size * sum(known.get(ord(c), 0.6) for c in text)


def drawable(text: str) -> str:
    r"""Write characters that the font lacks as ``\uXXXX``."""
    known = _advances(False)
    return "".join(c if ord(c) in known else f"\\u{ord(c):04x}" for c in text)


def wrapped(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Break a text into lines of a width in points; words that are longer are cut."""
    lines, line = [], ""
    for word in drawable(text).split(" "):
        rest = word
        while width_of(rest, size, bold=bold) > width and len(rest) > 1:
            fit = len(rest)
            while fit > 1 and width_of(rest[:fit], size, bold=bold) > width:
                fit -= 1
            if line:
                lines.append(line)
                line = ""
            lines.append(rest[:fit])
            rest = rest[fit:]
        longer = f"{line} {rest}" if line else rest
        if width_of(longer, size, bold=bold) <= width:
            line = longer
        else:
            lines.append(line)
            line = rest
    return [*lines, line]


def _settle(page: Canvas) -> None:
    """Lay the pictures out and fix them on a grid finer than print.

    The solver of the layout leaves noise in the last digits, which differs from run to run.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if page.axes or page.subfigs:
        # An engine that belongs to the page would draw every word twice more.
        ConstrainedLayoutEngine().execute(page)
    for picture in page.subfigs:
        frame = picture.bbox_relative
        frame.p0, frame.p1 = (tuple(round(float(x), 6) for x in p) for p in (frame.p0, frame.p1))
    for ax in page.axes:
        box = ax.get_position()
        ax.set_position(tuple(round(float(x), 4) for x in box.bounds))  # type: ignore[arg-type]


class Paper:
    """A stack of pages with a pen; ``y`` is the height of the pen above the lower edge, in points."""

    def __init__(self, *, title: str) -> None:
        self.y = 0.0
        self._title = title
        self._buffer = BytesIO()
        self._pdf: PdfPages | None = None
        self._page: Canvas | None = None
        self._number = 0

    def __enter__(self) -> Paper:
        """Open the stack and its first page."""
        from matplotlib.backends.backend_pdf import PdfPages

        self._pdf = PdfPages(
            self._buffer,
            metadata={"Title": self._title, "Creator": "consolidate", "CreationDate": None},
        )
        self.turn()
        return self

    def __exit__(self, *_: object) -> None:
        """Print the last page."""
        self._print()
        if self._pdf is not None:
            self._pdf.close()  # type: ignore[no-untyped-call]

    def content(self) -> bytes:
        """Return the file; equal pages give equal bytes."""
        return self._buffer.getvalue()

    def turn(self) -> None:
        """Go to a new page."""
        from matplotlib.figure import Figure as Canvas

        self._print()
        self._number += 1
        self._page = Canvas(figsize=(WIDTH / 72, HEIGHT / 72))
        self.y = HEIGHT - TOP
        self.text(WIDTH - RIGHT, BOTTOM - 20, f"page {self._number}", size=6.5, right=True)
        self.text(LEFT, BOTTOM - 20, "modelled from a trace; none of it is measured", size=6.5)

    def room(self, height: float) -> bool:
        """Make sure that so much fits under the pen; say whether a page was turned for it."""
        if self.y - height >= BOTTOM:
            return False
        self.turn()
        return True

    @property
    def fresh(self) -> bool:
        """Whether the page is still empty."""
        return self.y >= HEIGHT - TOP

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        bold: bool = False,
        color: str = INK,
        right: bool = False,
    ) -> None:
        """Write a line; ``x`` is its start, or its end when ``right``."""
        assert self._page is not None
        if not text:
            return
        self._page.text(
            x / WIDTH,
            y / HEIGHT,
            text,
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=color,
            ha="right" if right else "left",
            va="baseline",
            parse_math=False,
        )

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Fill a rectangle."""
        from matplotlib.patches import Rectangle

        assert self._page is not None
        box = Rectangle(
            (x / WIDTH, y / HEIGHT),
            width / WIDTH,
            height / HEIGHT,
            transform=self._page.transSubfigure,
            facecolor=color,
            edgecolor="none",
            zorder=-1,
        )
        self._page.add_artist(box)

    def picture(self, height: float, draw: Callable[[SubFigure], None]) -> None:
        """Draw a picture of the width of the text under the pen, which is left below it."""
        assert self._page is not None
        below = self.y - height
        grid = self._page.add_gridspec(
            3,
            3,
            width_ratios=(LEFT, WIDTH - LEFT - RIGHT, RIGHT),
            height_ratios=(HEIGHT - self.y, height, below),
        )
        draw(self._page.add_subfigure(grid[1, 1]))
        self.y = below

    def _print(self) -> None:
        if self._page is None or self._pdf is None:
            return
        with warnings.catch_warnings():
            # A picture may hold a name in a script that the font lacks: it prints boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            _settle(self._page)
            self._pdf.savefig(self._page)  # type: ignore[no-untyped-call]
        self._page = None


def small_style() -> Any:
    """Return a context with the house style, at the size of paper."""
    from contextlib import ExitStack

    import matplotlib as mpl

    stack = ExitStack()
    stack.enter_context(style())
    stack.enter_context(mpl.rc_context(_SMALL))  # type: ignore[arg-type]
    return stack
