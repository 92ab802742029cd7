"""Policies against each other: energy and what the VMs pay for it."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.plotting.style import AFTER, BEFORE, GRID, INK, MUTED
from consolidate.plotting.tabular import drawn
from consolidate.plotting.text import number, visible

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["above_the_picture", "clairvoyant_line", "energy_vs_overload"]

_COLUMNS = ("policy", "energy_kwh", "overload_fraction", "migrations")


def energy_vs_overload(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw each policy by its energy and the share of host time that is overloaded.

    Blue points are those that no other policy beats in both; the line joins them.

    Parameters
    ----------
    table
        One row per run, with columns ``policy``, ``energy_kwh``, ``overload_fraction`` and
        ``migrations``.
    ax
        Axes to draw on; default new ones.

    Raises
    ------
    InputError
        When the table lacks a column or has no row.
    """
    return drawn(table, ax, _draw, name="energy_vs_overload", columns=_COLUMNS)


def clairvoyant_line(ax: Axes, energy_kwh: float) -> Axes:
    """Draw the bound that no policy undercuts into a plot of energy by :func:`energy_vs_overload`.

    Parameters
    ----------
    ax
        Axes with energy on the vertical axis.
    energy_kwh : kWh
        The bound, see :func:`consolidate.replay_bound`.
    """
    ax.axhline(energy_kwh, color=INK, linewidth=1.0, linestyle=(0, (5, 3)))
    ax.annotate(
        f"clairvoyant bound {number(energy_kwh)} kWh",
        (1.0, energy_kwh),
        xycoords=("axes fraction", "data"),
        # Names of points stand above the line.
        xytext=(-4, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
        fontsize=7.5,
    )
    return ax


def above_the_picture(ax: Axes, table: pd.DataFrame) -> Axes:
    """Name runs that use too much to be drawn on the scale of the others.

    Parameters
    ----------
    ax
        Axes with energy on the vertical axis.
    table
        The runs, with columns ``policy`` and ``energy_kwh``.
    """
    names = [
        f"{visible(str(policy), limit=32)} {number(float(energy))} kWh"
        for policy, energy in zip(table["policy"], table["energy_kwh"], strict=True)
    ]
    ax.annotate(
        fill("above the picture: " + ", ".join(names), width=72),
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(-4, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=MUTED,
        fontsize=7.5,
        parse_math=False,
    )
    return ax


def _draw(ax: Axes, table: pd.DataFrame) -> Axes:
    energy = table["energy_kwh"].to_numpy(dtype=np.float64)
    overload = 100.0 * table["overload_fraction"].to_numpy(dtype=np.float64)
    best = _unbeaten(energy, overload)
    front = np.flatnonzero(best)[np.argsort(overload[best], kind="stable")]
    ax.step(overload[front], energy[front], where="post", color=AFTER, alpha=0.45, linewidth=1.1)
    ax.scatter(
        overload,
        energy,
        s=42,
        c=[AFTER if b else BEFORE for b in best],
        edgecolors="white",
        linewidths=0.8,
        zorder=3,
    )
    ax.grid(visible=True, axis="both", color=GRID)
    ax.margins(x=0.08, y=0.12)
    right = max(float(overload.max()), 1e-3)
    ax.set_xlim(-0.03 * right, 1.06 * right)
    ax.set_xlabel("host time with more demand than capacity, %")
    ax.set_ylabel("energy, kWh")
    names = [
        f"{visible(str(policy), limit=32)}  ({number(int(moves))} moves)"
        for policy, moves in zip(table["policy"], table["migrations"], strict=True)
    ]
    _name_points(ax, overload, energy, names, best)
    return ax


def _unbeaten(energy: NDArray[np.float64], overload: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of each point whether no other is at least as good in both and better in one."""
    at_least = (energy[:, None] <= energy) & (overload[:, None] <= overload)
    better = (energy[:, None] < energy) | (overload[:, None] < overload)
    return np.array(~(at_least & better).any(axis=0), dtype=np.bool_)


def _name_points(
    ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64], names: list[str], best: NDArray[np.bool_]
) -> None:
    """Write names beside their points; of points close to each other, the higher name moves up."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    box = ax.get_window_extent()
    points = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    height, width = box.height * points, box.width * points
    placed: list[tuple[float, float, int]] = []
    for k in np.lexsort((x, y)):
        x_pt = (x[k] - left) / (right - left) * width
        y_pt = (y[k] - low) / (high - low) * height
        # Names of points in the right half stand to their left, inside the axes.
        side = -1 if x_pt > 0.55 * width else 1
        middle = x_pt + side * 2.5 * len(names[k])
        at = y_pt
        for other_middle, other_at, other in placed:
            if abs(other_middle - middle) < 2.5 * (len(names[k]) + other) and at < other_at + 11:
                at = other_at + 11
        placed.append((middle, at, len(names[k])))
        ax.annotate(
            names[k],
            xy=(x[k], y[k]),
            xytext=(8 * side, at - y_pt),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=INK if best[k] else BEFORE,
            fontsize=8,
            fontweight="bold" if best[k] else "normal",
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )
