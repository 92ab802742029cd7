"""Utilisation of every host over time, as one picture per arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.plotting.over_time import time_unit
from consolidate.plotting.style import MUTED, label
from consolidate.plotting.text import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from consolidate.model.replay import Replay

__all__ = ["host_order", "host_utilization"]

#: Levels of the ramp; few colours keep the picture small.
_LEVELS: Final = 16
#: One hue from light to dark, readable in grey print; light enough at the low end to show idle hosts.
_RAMP: Final = ("#d6e7f4", "#b3d2ea", "#86b7dc", "#559ac9", "#2f7cb3", "#135e97", "#0a4478", "#062c52")
_FULL: Final = "#d2570c"
_OFF: Final = "#fbfaf7"


def host_order(replay: Replay) -> NDArray[np.int64]:
    """Return the hosts so that those longest off come first, then by mean utilisation, ascending.

    Draw both arms in the order of the consolidated one: each row is then the same host in both.
    """
    on = ~np.isnan(replay.utilization)
    share = on.mean(axis=1)
    total = np.where(on, replay.utilization, 0.0).sum(axis=1, dtype=np.float64)
    mean = total / np.maximum(on.sum(axis=1), 1)
    return np.lexsort((np.arange(share.size), mean, share))


def host_utilization(
    ax: Axes,
    replay: Replay,
    *,
    order: NDArray[np.int64] | None = None,
    max_rows: int = 240,
    max_columns: int = 432,
    key: bool = True,
) -> Axes:
    """Draw CPU utilisation of each host (a row) over time; hosts that are off stay blank.

    Parameters
    ----------
    ax
        Axes to draw on.
    replay
        The arm.
    order
        Hosts from top to bottom, see :func:`host_order`.
    max_rows, max_columns
        Size of the picture; beyond it, neighbours are averaged.
    key
        Whether to draw the key of the colours above the axes.
    """
    order = host_order(replay) if order is None else order
    cells = _shrink(replay.utilization[order], max_rows, max_columns)
    duration = replay.grid.duration_s / time_unit(replay.grid.duration_s)[1]
    n_hosts = len(replay.host_ids)
    ax.imshow(
        _colours(cells),
        extent=(0, duration, n_hosts, 0),
        aspect="auto",
        interpolation="none",
    )
    ax.grid(visible=False)
    ax.set_xlabel(f"{time_unit(replay.grid.duration_s)[0]} from the start")
    ax.set_ylabel(_rows_words(n_hosts, -(-n_hosts // max_rows)))
    ax.set_yticks([])
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    _name_off(ax, np.isnan(cells), duration, n_hosts)
    if key:
        _colour_bar(ax)
    return ax


def _rows_words(n_hosts: int, per_row: int) -> str:
    if n_hosts == 1:
        return "the only host"
    return f"{number(n_hosts)} hosts, {'one' if per_row == 1 else number(per_row)} per row"


def _shrink(values: NDArray[np.float32], max_rows: int, max_columns: int) -> NDArray[np.float64]:
    """Average neighbours; a cell is off where most of what it stands for is off."""
    rows = np.arange(0, values.shape[0], -(-values.shape[0] // max_rows))
    columns = np.arange(0, values.shape[1], -(-values.shape[1] // max_columns))

    def total(cells: NDArray[np.float64]) -> NDArray[np.float64]:
        by_row: NDArray[np.float64] = np.add.reduceat(cells, rows, axis=0)
        return np.add.reduceat(by_row, columns, axis=1)

    on = ~np.isnan(values)
    sums = total(np.where(on, values, 0.0).astype(np.float64))
    n_on, n_all = total(on.astype(np.float64)), total(np.ones(values.shape))
    return np.where(2 * n_on > n_all, sums / np.maximum(n_on, 1), np.nan)


def _table() -> NDArray[np.float64]:
    """Return the colours of the levels, of a full host, and of a host that is off."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    ramp = LinearSegmentedColormap.from_list("utilization", _RAMP)(np.linspace(0, 1, _LEVELS))
    return np.vstack([ramp[:, :3], to_rgb(_FULL), to_rgb(_OFF)])


def _colours(cells: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return RGB pixels."""
    share = np.nan_to_num(cells)
    level = np.clip((share * _LEVELS).astype(np.int64), 0, _LEVELS - 1)
    level[share >= 1.0] = _LEVELS
    level[np.isnan(cells)] = _LEVELS + 1
    return np.round(255 * _table()[level]).astype(np.uint8)


def _name_off(ax: Axes, off: NDArray[np.bool_], duration: float, n_hosts: int) -> None:
    """Write "off" into the blank part if it is large enough to hold the word."""
    rows, columns = off.shape
    late = off[:, int(0.55 * columns) : int(0.95 * columns)]
    if late.size and late.all(axis=1).sum() > 0.12 * rows:
        middle = float(np.flatnonzero(late.all(axis=1)).mean() + 0.5) / rows * n_hosts
        label(ax, 0.75 * duration, middle, "off", color=MUTED, ha="center", va="center", fontsize=11)


def _colour_bar(ax: Axes) -> None:
    bar = ax.inset_axes((0.55, 1.035, 0.45, 0.035))
    table = _table()
    gap = np.ones((1, 3))
    pixels = np.vstack([table[-1:], table[-1:], gap, table[:_LEVELS], gap, table[-2:-1], table[-2:-1]])
    bar.imshow(pixels[None], aspect="auto", interpolation="none", extent=(-3, _LEVELS + 3, 0, 1))
    bar.grid(visible=False)
    bar.set_yticks([])
    places = [-2, 0.2, _LEVELS / 2, _LEVELS + 2]
    bar.set_xticks(places, labels=["off", "0", "50 %", "full"])
    bar.xaxis.tick_top()
    bar.tick_params(axis="x", length=0, pad=1, labelsize=7.5)
    for side in ("top", "right", "left", "bottom"):
        bar.spines[side].set_visible(False)
    for x0, width in ((-3, 2), (0, _LEVELS), (_LEVELS + 1, 2)):
        bar.plot(
            [x0, x0 + width, x0 + width, x0, x0],
            [0, 0, 1, 1, 0],
            color=MUTED,
            linewidth=0.4,
            clip_on=False,
        )
