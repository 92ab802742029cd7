"""What a migration plan does when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.plotting.over_time import time_unit, whole_ticks
from consolidate.plotting.style import AFTER, BEFORE, GRID, INK, LOST, MOVES, MUTED, SAVED, nothing
from consolidate.plotting.text import number, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from consolidate.model.action import Action
    from consolidate.model.instance import Instance
    from consolidate.model.plan import MigrationPlan

__all__ = ["MAX_LANES", "hosts_in_order", "migration_timeline"]

#: Most hosts of a plan that get a lane each.
MAX_LANES = 28
#: Parts of the time of which a line shows least and most, where it has more corners than that.
MAX_PARTS = 600


def migration_timeline(
    ax: Axes, plan: MigrationPlan, instance: Instance | None = None, *, max_lanes: int = MAX_LANES
) -> Axes:
    """Draw a plan over time: a lane per host while they are few, else how much happens at a time.

    In a lane, the upper half is what leaves the host and the lower half what arrives at it, to storage and
    from there included.

    Parameters
    ----------
    ax
        Axes to draw on.
    plan
        The plan.
    instance
        Gives the names of the hosts.
    max_lanes
        Most hosts that get a lane each.
    """
    if not plan.actions:
        return nothing(ax, "the plan is empty: nothing moves, no host changes state")
    unit, length_s = time_unit(plan.makespan_s)
    hosts = hosts_in_order(plan)
    if len(hosts) <= max_lanes:
        _lanes(ax, plan, hosts, length_s, instance)
    else:
        _concurrency(ax, plan, length_s)
    ax.set_xlim(0, max(plan.makespan_s, 1) / length_s)
    ax.set_xlabel(f"{unit} from the start of the plan")
    return ax


def hosts_in_order(plan: MigrationPlan) -> list[int]:
    """Return the hosts of a plan: those that only receive first, the others by their last action."""
    last_out: dict[int, int] = {}
    every: dict[int, int] = {}
    for a in plan.actions:
        if a.kind == "migration":
            last_out[a.source] = max(last_out.get(a.source, 0), a.end_s)
            every.setdefault(a.target, a.start_s)
            every.setdefault(a.source, a.start_s)
        else:
            every.setdefault(a.host, a.start_s)
            if a.kind in ("shutdown", "save"):
                last_out[a.host] = max(last_out.get(a.host, 0), a.end_s)
    return sorted(every, key=lambda h: (h in last_out, last_out.get(h, 0), h))


def _lanes(
    ax: Axes, plan: MigrationPlan, hosts: list[int], length_s: float, instance: Instance | None
) -> None:
    lane = {host: k for k, host in enumerate(hosts)}
    out: list[tuple[int, Action]] = []
    arriving, boots, downs, saves, restores = (list(out) for _ in range(5))
    for a in plan.actions:
        if a.kind == "migration":
            out.append((lane[a.source], a))
            arriving.append((lane[a.target], a))
        else:
            mine = {"boot": boots, "shutdown": downs, "save": saves, "restore": restores}
            mine.get(a.kind, arriving).append((lane[a.host], a))
    for k in range(len(hosts)):
        ax.axhline(k, color=GRID, linewidth=0.7, zorder=0)
    # A bar too short to see keeps a hairline; edges between many bars would leave only edges.
    least, edge = plan.makespan_s / 800, 0.4 if len(plan.actions) <= 150 else 0.0
    for bars, low, height, colour in (
        (out, -0.38, 0.36, MOVES),
        (arriving, 0.02, 0.36, AFTER),
        (saves, -0.38, 0.36, SAVED),
        (restores, 0.02, 0.36, SAVED),
        (boots, -0.38, 0.76, LOST),
        (downs, -0.38, 0.76, BEFORE),
    ):
        boxes = [
            (
                a.start_s / length_s,
                k + low,
                max(a.end_s - a.start_s, least) / length_s,
                height,
            )
            for k, a in bars
        ]
        _boxes(ax, boxes, color=colour, edge=edge)
    names = [_host_name(h, instance) for h in hosts]
    ax.set_yticks(range(len(hosts)), labels=names, parse_math=False)
    ax.tick_params(axis="y", labelcolor=INK, labelsize=7.5 if len(hosts) > 14 else 8.5)
    ax.set_ylim(len(hosts) - 0.4, -0.6)
    ax.grid(visible=False)
    _words(
        ax,
        [
            ("VM leaves", MOVES, bool(out)),
            ("VM arrives", AFTER, bool(arriving)),
            ("to storage and from there", SAVED, bool(saves or restores)),
            ("host boots", LOST, bool(boots)),
            ("host shuts down", BEFORE, bool(downs)),
        ],
    )


def _boxes(ax: Axes, boxes: list[tuple[float, float, float, float]], *, color: str, edge: float) -> None:
    """Draw boxes (left, low, width, height) as one path, so that thousands stay a small file."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not boxes:
        return
    left, low, width, height = np.array(boxes).T
    corners = [(left, low), (left + width, low), (left + width, low + height), (left, low + height)]
    polygons = np.stack([np.stack(corner, axis=1) for corner in (*corners, corners[0])], axis=1)
    path = Path.make_compound_path_from_polys(polygons)
    ax.add_patch(PathPatch(path, facecolor=color, edgecolor="white", linewidth=edge))


def _host_name(host: int, instance: Instance | None) -> str:
    return visible(instance.fleet.host_ids[host], limit=28) if instance else f"host {host}"


def _words(ax: Axes, entries: list[tuple[str, str, bool]]) -> None:
    """Name the colours in one line above the axes, from the left."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea

    words: list[Artist] = [
        TextArea(f"■ {text}", textprops={"color": colour, "fontsize": 8.5, "fontweight": "bold"})
        for text, colour, there in entries
        if there
    ]
    packed = HPacker(children=words, pad=0, sep=14)
    box = AnchoredOffsetbox(
        loc="lower left",
        child=packed,
        pad=0,
        borderpad=0.4,
        frameon=False,
        bbox_to_anchor=(0.0, 1.0),
        bbox_transform=ax.transAxes,
    )
    ax.add_artist(box)


def _concurrency(ax: Axes, plan: MigrationPlan, length_s: float) -> None:
    """Draw moves under way, hosts booting, and hosts shut down so far."""
    from matplotlib.ticker import MaxNLocator

    entries = []
    if plan.migrations:
        x, moving = _thinned(*_under_way(plan.migrations))
        ax.fill_between(x / length_s, moving, color=MOVES, alpha=0.25, linewidth=0)
        ax.plot(x / length_s, moving, color=MOVES, linewidth=1.0)
        words = f"at most {number(int(moving.max()))}, {number(len(plan.migrations))} in all"
        entries.append((f"moves under way ({words})", MOVES, True))
    if plan.saves:
        x, stored = _thinned(
            *_changes([a.start_s for a in plan.saves], [a.end_s for a in plan.restores])
        )
        ax.plot(x / length_s, stored, color=SAVED, linewidth=1.2)
        entries.append((f"VMs in storage ({number(len(plan.saves))} in all)", SAVED, True))
    if plan.boots:
        x, booting = _thinned(*_under_way(plan.boots))
        ax.plot(x / length_s, booting, color=LOST, linewidth=1.2)
        entries.append((f"hosts booting ({number(len(plan.boots))} in all)", LOST, True))
    ax.set_ylim(0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.yaxis.set_major_formatter(whole_ticks)
    ax.set_ylabel("at the same time")
    if plan.shutdowns:
        ends = np.sort([a.end_s for a in plan.shutdowns])
        steps, count = _thinned(
            np.repeat(np.concatenate([[0.0], ends, [plan.makespan_s]]), 2)[1:-1],
            np.repeat(np.arange(len(ends) + 1), 2),
        )
        other = ax.twinx()
        other.plot(steps / length_s, count, color=BEFORE, linewidth=1.6)
        other.set_ylim(0, 1.08 * len(ends))
        other.grid(visible=False)
        other.set_ylabel("hosts off so far", color=MUTED)
        other.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        other.yaxis.set_major_formatter(whole_ticks)
        entries.append((f"hosts off so far (right; {number(len(ends))} at the end)", BEFORE, True))
    _words(ax, entries)


def _under_way(actions: Sequence[Action]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return corners of the count of actions under way over time."""
    return _changes([a.start_s for a in actions], [a.end_s for a in actions])


def _changes(ups: list[int], downs: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return corners of a count that rises at some times and falls at others."""
    times = np.array([*ups, *downs], dtype=np.int64)
    change = np.repeat([1, -1], [len(ups), len(downs)])
    instants, where = np.unique(times, return_inverse=True)
    net = np.zeros(instants.size, dtype=np.int64)
    np.add.at(net, where, change)
    count = np.cumsum(net)
    corners = np.repeat(count, 2)
    return np.repeat(instants, 2).astype(np.float64), np.concatenate([[0], corners[:-1]])


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Keep the corners that are seen: of each part of the time its first, least, greatest and last."""
    if x.size <= 4 * MAX_PARTS:
        return x, y
    part = np.minimum((x - x[0]) / (x[-1] - x[0]) * MAX_PARTS, MAX_PARTS - 1).astype(np.int64)
    first = np.flatnonzero(np.diff(part, prepend=-1))
    last = np.append(first[1:], x.size) - 1
    by_size = np.lexsort((y, part))
    kept = np.unique(np.concatenate([first, last, by_size[first], by_size[last]]))
    return x[kept], y[kept]
