"""Power and hosts on over time, both arms in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from consolidate.model.replay import LEDGER
from consolidate.plotting.style import AFTER, BEFORE, LOST, MOVES, SAVED, end_labels, label
from consolidate.plotting.text import number, percent
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from consolidate.model.replay import Replay
    from consolidate.model.timegrid import TimeGrid

__all__ = ["hosts_on", "power_over_time"]

#: More steps than this are drawn as means of equal groups, so that a month stays a small file.
MAX_STEPS = 720


def power_over_time(ax: Axes, before: Replay, after: Replay) -> Axes:
    """Draw the mean power of both arms, with the saving between them.

    The area between the lines is the energy saved (green) or lost (vermilion); a purple band marks the
    time in which VMs were moved.

    Parameters
    ----------
    ax
        Axes to draw on.
    before, after
        The two arms, over the same steps.
    """
    unit, scale = ("kW", 1e-3) if before.power_w.max(initial=0.0) >= 10_000 else ("W", 1.0)
    edges, one = _steps(before.grid, before.power_w * scale)
    _, two = _steps(after.grid, after.power_w * scale)
    _mark_moves(ax, after)
    x, a, b = _outline(edges, one), _corners(one), _corners(two)
    ax.fill_between(x, np.minimum(a, b), a, color=SAVED, alpha=0.16, linewidth=0)
    ax.fill_between(x, a, np.maximum(a, b), color=LOST, alpha=0.22, linewidth=0)
    ax.plot(x, a, color=BEFORE)
    ax.plot(x, b, color=AFTER)
    top = float(max(a.max(), b.max()))
    ax.set_ylim(0, 1.08 * top if top > 0 else 1)
    _name_saving(ax, before, after, (edges, one, two))
    ax.yaxis.set_major_formatter(whole_ticks)
    _time_axis(ax, before.grid)
    ax.set_ylabel(f"power of the fleet, {unit}")
    end_labels(
        ax,
        [
            (float(values[-1]), f"{name}\nmean {number(float(values.mean()))} {unit}", colour)
            for name, values, colour in (("baseline", one, BEFORE), ("consolidated", two, AFTER))
        ],
    )
    return ax


def hosts_on(ax: Axes, before: Replay, after: Replay) -> Axes:
    """Draw the hosts that are on or booting in both arms.

    Parameters
    ----------
    ax
        Axes to draw on.
    before, after
        The two arms, over the same steps.
    """
    from matplotlib.ticker import MaxNLocator

    _mark_moves(ax, after, named=False)
    ends = []
    for name, replay, colour in (("baseline", before, BEFORE), ("consolidated", after, AFTER)):
        edges, values = _steps(replay.grid, replay.hosts_on.astype(np.float64))
        ax.plot(_outline(edges, values), _corners(values), color=colour)
        last = int(replay.hosts_on[-1])
        ends.append((float(values[-1]), f"{name}, {number(last)} at the end", colour))
    ax.set_ylim(0, 1.08 * max(int(before.hosts_on.max()), int(after.hosts_on.max()), 1))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    ax.yaxis.set_major_formatter(whole_ticks)
    _time_axis(ax, before.grid)
    ax.set_ylabel("hosts on")
    end_labels(ax, ends)
    return ax


def whole_ticks(value: float, _: float) -> str:
    """Write a whole number beside an axis, as it is written in texts."""
    return f"{value:,.10g}"


def time_unit(duration_s: float) -> tuple[str, float]:
    """Return the unit that suits a duration, and its length in seconds."""
    if duration_s <= 2 * 3_600:
        return "minutes", 60.0
    return ("hours", 3_600.0) if duration_s <= 4 * 86_400 else ("days", 86_400.0)


def _steps(
    grid: TimeGrid, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return edges (in the unit of the axis) and values, as means of groups where steps are many."""
    per = -(-grid.n_steps // MAX_STEPS)
    starts = np.arange(0, grid.n_steps, per)
    counts = np.diff(np.append(starts, grid.n_steps))
    means = np.add.reduceat(values, starts) / counts
    edges = np.append(starts, grid.n_steps) * (grid.step_s / time_unit(grid.duration_s)[1])
    return edges, means


def _outline(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the abscissae of a line that is level within each step."""
    assert edges.size == values.size + 1
    return np.repeat(edges, 2)[1:-1]


def _corners(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.repeat(values, 2)


def _mark_moves(ax: Axes, after: Replay, *, named: bool = True) -> None:
    moving = np.flatnonzero(after.step_energy_mj[:, LEDGER.index("migration")])
    if not moving.size:
        return
    length = after.grid.step_s / time_unit(after.grid.duration_s)[1]
    start, stop = float(moving[0]) * length, float(moving[-1] + 1) * length
    ax.axvspan(start, stop, color=MOVES, alpha=0.13, linewidth=0)
    if named:
        late = start > 0.75 * length * after.grid.n_steps
        ax.annotate(
            "VMs move",
            xy=(stop if late else start, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="right" if late else "left",
            va="bottom",
            color=MOVES,
            fontsize=8,
        )


def _name_saving(
    ax: Axes,
    before: Replay,
    after: Replay,
    lines: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Write the energy saved or lost into the area between the lines, where there is room for it."""
    edges, one, two = lines
    # The widest room that stays free over the width of the words.
    width = min(max(one.size // 3, 1), one.size)
    low = sliding_window_view(np.maximum(np.minimum(one, two), 0), width).max(axis=1)
    high = sliding_window_view(np.maximum(one, two), width).min(axis=1)
    room = high - low
    if room.max() < 0.1 * ax.get_ylim()[1]:
        return
    # Of places about as wide, the one nearest to the middle.
    wide = np.flatnonzero(room >= 0.9 * room.max())
    first = int(wide[np.abs(wide - (room.size - 1) / 2).argmin()])
    saved_mj = before.total_mj - after.total_mj
    word, colour = ("saved", SAVED) if saved_mj >= 0 else ("lost", LOST)
    share = f" ({percent(abs(saved_mj) / before.total_mj)})" if before.total_mj else ""
    label(
        ax,
        float(edges[first] + edges[first + width]) / 2,
        float(low[first] + high[first]) / 2,
        f"{word} {number(mj_to_kwh(abs(saved_mj)))} kWh{share}",
        color=colour,
        ha="center",
        va="center",
        fontweight="bold",
        fontsize=10,
    )


def _time_axis(ax: Axes, grid: TimeGrid) -> None:
    unit, length_s = time_unit(grid.duration_s)
    ax.set_xlim(0, grid.duration_s / length_s)
    if unit == "hours" and 12 <= grid.duration_s / length_s <= 72:
        from matplotlib.ticker import MultipleLocator

        ax.xaxis.set_major_locator(MultipleLocator(3 if grid.duration_s / length_s <= 36 else 6))
    start = str(grid.start).replace("T", " ").removesuffix(":00")
    ax.set_xlabel(f"{unit} from {start} UTC")
