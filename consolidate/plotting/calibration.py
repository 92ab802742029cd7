"""Whether predictors keep what they promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from consolidate.plotting.style import AFTER, BEFORE, GRID, INK
from consolidate.plotting.tabular import drawn

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["calibration"]

_COLUMNS = ("predictor", "level", "coverage_fraction")


def calibration(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw coverage against the level that predictors mean, from :func:`consolidate.forecasting.backtest`.

    On the diagonal a predictor keeps its promise; below it, demand exceeds forecasts more often than said. Rows
    of one predictor with several levels are joined; rows without a level are drawn at the right edge.

    Parameters
    ----------
    table
        One row per forecast rule, with columns ``predictor``, ``level`` and ``coverage_fraction``.
    ax
        Axes to draw on; default new ones.

    Raises
    ------
    InputError
        When the table lacks a column or has no row.
    """
    return drawn(table, ax, _draw, name="calibration", columns=_COLUMNS, size=(5.2, 4.8))


def _draw(ax: Axes, table: pd.DataFrame) -> Axes:
    ax.plot([0, 1], [0, 1], color=BEFORE, linewidth=1.0, linestyle="--")
    for name, rows in table.groupby("predictor", sort=True):
        level = rows["level"].to_numpy(dtype=np.float64)
        covered = rows["coverage_fraction"].to_numpy(dtype=np.float64)
        order = np.argsort(level, kind="stable")
        level, covered = np.where(np.isnan(level), 1.04, level)[order], covered[order]
        ax.plot(level, covered, color=AFTER, alpha=0.6, linewidth=1.1, marker="o", markersize=4)
        ax.annotate(
            str(name),
            (level[-1], covered[-1]),
            xytext=(5, -3),
            textcoords="offset points",
            color=INK,
            fontsize=7.5,
        )
    ax.set_xlabel("level that is meant")
    ax.set_ylabel("forecasts that were not exceeded")
    ax.set_title("Calibration of predictors", loc="left")
    ax.grid(color=GRID, linewidth=0.6)
    ax.set_xlim(-0.02, 1.25)
    ax.set_ylim(-0.02, 1.02)
    return ax
