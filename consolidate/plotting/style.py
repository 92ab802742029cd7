"""The one visual language of all figures: colours, lines and fonts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["AFTER", "BEFORE", "GRID", "INK", "LOST", "MOVES", "MUTED", "SAVED", "label", "style"]

# Okabe and Ito's colours (https://jfly.uni-koeln.de/color/), darkened where they carry text: every one
# of them has a contrast of at least 4.5 to 1 on white.
INK: Final = "#1b2733"
MUTED: Final = "#52606d"
GRID: Final = "#e3e8ed"
BEFORE: Final = "#66717c"
AFTER: Final = "#0a64a4"
SAVED: Final = "#00765a"
LOST: Final = "#b8480a"
MOVES: Final = "#8a4b86"

_RC: Final[dict[str, Any]] = {
    "font.family": ["sans-serif"],
    # Comes with matplotlib, so text is measured alike everywhere; it is wider than what pages show.
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 8.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#9aa5b1",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": "#9aa5b1",
    "ytick.color": "#9aa5b1",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "patch.linewidth": 0,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "consolidate",
    "text.usetex": False,
    # Names may hold dollar signs.
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "path.simplify": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the house style to every figure made and saved inside the ``with`` block."""
    import matplotlib as mpl

    with mpl.rc_context(_RC):  # type: ignore[arg-type]
        yield


def label(ax: Axes, x: float, y: float, text: str, **options: Any) -> Text:
    """Write text at a place; never read as a formula, since names may hold dollar signs."""
    return ax.text(x, y, text, parse_math=False, **options)


def end_labels(ax: Axes, entries: list[tuple[float, str, str]]) -> None:
    """Write the names of lines at their right ends, moved apart where they would overlap.

    Parameters
    ----------
    ax
        Axes whose limits are final.
    entries
        Height in data units, text, and colour of each.
    """
    low, high = ax.get_ylim()
    height_pt = ax.get_window_extent().height * 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    places = sorted(
        (
            (value - low) / (high - low) * height_pt,
            value,
            text,
            colour,
        )
        for value, text, colour in entries
    )
    previous = -1e9
    for place_pt, value, text, colour in places:
        lines = text.count("\n") + 1
        wanted = max(place_pt, previous)
        previous = wanted + 11.5 * lines
        ax.annotate(
            text,
            xy=(1, value),
            xycoords=("axes fraction", "data"),
            xytext=(6, wanted - place_pt),
            textcoords="offset points",
            ha="left",
            va="center",
            color=colour,
            fontweight="bold",
            annotation_clip=False,
            parse_math=False,
        )


def nothing(ax: Axes, text: str) -> Axes:
    """Say in empty axes that there is nothing to draw."""
    ax.set_axis_off()
    label(ax, 0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=MUTED)
    return ax
