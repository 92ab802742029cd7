"""Drawing what a table holds, on given axes or on new ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from consolidate.errors import InputError
from consolidate.plotting.style import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["drawn"]


def drawn(
    table: pd.DataFrame,
    ax: Axes | None,
    draw: Callable[[Axes, pd.DataFrame], Axes],
    *,
    name: str,
    columns: Sequence[str],
    size: tuple[float, float] = (7.2, 4.4),
) -> Axes:
    """Draw a table that has certain columns.

    Parameters
    ----------
    table
        What is drawn.
    ax
        Axes to draw on; ``None`` for new ones.
    draw
        Draws the table on axes.
    name
        The plot, for the message.
    columns
        Columns that it needs.
    size : inch
        Of new axes.

    Raises
    ------
    InputError
        When the table lacks a column or has no row.
    """
    missing = [c for c in columns if c not in table.columns]
    if missing or not len(table):
        what = f"lacks the columns {', '.join(missing)}" if missing else "has no row"
        msg = f"the table {what}; {name} needs {', '.join(columns)}"
        raise InputError(msg)
    if ax is not None:
        return draw(ax, table)
    with style():
        from matplotlib import pyplot as plt

        return draw(plt.subplots(figsize=size, layout="constrained")[1], table)
