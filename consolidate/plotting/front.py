"""What fewer moves cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from consolidate.plotting.style import AFTER, GRID, INK
from consolidate.plotting.tabular import drawn
from consolidate.plotting.text import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["energy_vs_moves"]

_COLUMNS = ("energy_kwh", "moves", "hosts_used")


def energy_vs_moves(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the front of :func:`consolidate.study.front.pareto_front`: energy against moves.

    Every point is a placement that no other beats in both; its label says how many hosts carry VMs.

    Parameters
    ----------
    table
        One row per placement, with columns ``energy_kwh``, ``moves`` and ``hosts_used``.
    ax
        Axes to draw on; default new ones.

    Raises
    ------
    InputError
        When the table lacks a column or has no row.
    """
    return drawn(table, ax, _draw, name="energy_vs_moves", columns=_COLUMNS)


def _draw(ax: Axes, table: pd.DataFrame) -> Axes:
    rows = table.sort_values("moves")
    moves = rows["moves"].to_numpy(dtype=np.float64)
    energy = rows["energy_kwh"].to_numpy(dtype=np.float64)
    ax.step(moves, energy, where="post", color=AFTER, alpha=0.45, linewidth=1.1)
    ax.scatter(moves, energy, color=AFTER, s=28, zorder=3)
    for x, y, hosts in zip(moves, energy, rows["hosts_used"], strict=True):
        ax.annotate(
            f"{number(int(hosts))} hosts",
            (x, y),
            xytext=(5, 5),
            textcoords="offset points",
            color=INK,
            fontsize=7.5,
        )
    ax.set_xlabel("VMs that move")
    ax.set_ylabel("modelled energy over the horizon, kWh")
    ax.set_title("Fewer moves, more energy", loc="left")
    ax.grid(color=GRID, linewidth=0.6)
    ax.margins(x=0.08, y=0.12)
    return ax
