"""Filling hosts with VMs of few classes: one table of best patterns answers for every room that is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.knapsack_table import pattern_of
from consolidate._kernels.problem import Problem, State, fits
from consolidate._kernels.residents import Residents, evict, settle

__all__ = ["Classes", "fill"]

#: So many members of a class are tried on a host before the class counts as not allowed there.
_TRIES = 16


class Classes(NamedTuple):
    """Classes of VMs, and who waits for a host: of class ``f`` it is ``head[f]``, then ``after[v]``."""

    class_of: NDArray[np.int64]  # (vms,)
    value: NDArray[np.int64]  # (classes,), worth of a member, mJ
    cells: NDArray[np.int64]  # (classes, 2), what a member takes, in units
    unit: NDArray[np.int64]  # (2,), size of a cell
    axes: NDArray[np.int64]  # (2,), the two resources that the table knows
    waiting: NDArray[np.int64]  # (classes,), how many wait
    head: NDArray[np.int64]  # (classes,)
    after: NDArray[np.int64]  # (vms,)


@inner
def _wait(c: Classes, v: Any) -> None:
    f = c.class_of[v]
    c.after[v] = c.head[f]
    c.head[f] = v
    c.waiting[f] += 1


@inner
def _table(c: Classes, shape: Any) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return the worth of a good pattern for each room, and its members, class after class.

    Where a class is short, the pattern need not be the best: a cell builds on one pattern only, which may
    have used the class up. That keeps the work per cell the same for any number of VMs.
    """
    n, width, height = len(c.value), shape[0], shape[1]
    best = np.zeros((width, height), dtype=np.int64)
    taken = np.zeros((n, width, height), dtype=np.uint16)
    for f in range(n):
        a, b, value = c.cells[f, 0], c.cells[f, 1], c.value[f]
        if value <= 0 or c.waiting[f] == 0 or (a == 0 and b == 0):
            continue
        most = np.uint16(min(c.waiting[f], 65_535))
        mine = taken[f]
        for i in range(a, width):
            # Rows as slices, written whether they change or not: so the loop runs on vectors.
            from_best, from_mine = best[i - a, : height - b], mine[i - a, : height - b]
            to_best, to_mine = best[i, b:], mine[i, b:]
            for j in range(height - b):
                with_one = from_best[j] + value
                better = (with_one > to_best[j]) & (from_mine[j] < most)
                to_best[j] = with_one if better else to_best[j]
                to_mine[j] = from_mine[j] + np.uint16(1) if better else to_mine[j]
    return best, taken


@inner
def _room(c: Classes, s: State, h: Any, axis: int) -> Any:
    return max(s.room[h, c.axes[axis]], 0) // c.unit[axis]


@kernel
def fill(
    p: Problem,
    s: State,
    lists: Residents,
    c: Classes,
    vms: NDArray[np.int64],
    hosts: NDArray[np.int64],
    shapes: NDArray[np.int64],
    send_away: int,
    least_gain: int,
) -> int:
    """Fill the hosts in turn, each with the pattern of the greatest worth; return how many VMs wait still.

    A VM that is there leaves if others, in the room that it gives up, are worth more than it and its
    move together, by more than a least gain.

    Parameters
    ----------
    lists
        The VMs of each host; kept up to date.
    c
        The classes; nobody waits yet.
    vms
        VMs on no host.
    hosts
        Hosts to fill, in this order. They take the same classes of VMs and have the same overhead.
    shapes
        Cells that a table needs in each of the two resources for a host and all after it, shape
        ``(hosts, 2)``; they never rise.
    send_away
        So many VMs are sent away from a host at most, for others that fit better.
    least_gain : mJ
        What others must be worth more.
    """
    for v in vms[::-1]:
        _wait(c, v)
    built = 0
    best, taken = _table(c, (shapes[0, 0], shapes[0, 1]))
    # A table costs as much as many hosts: a new one only when another class has run out.
    tables_left = 2 * len(c.value)
    for i in range(len(hosts)):
        h = hosts[i]
        if shapes[i].prod() < shapes[built].prod() // 2:
            built = i
            best, taken = _table(c, (shapes[i, 0], shapes[i, 1]))
        _send_away(p, s, lists, c, best, h, send_away, least_gain)
        counts = pattern_of(taken, c.cells, _room(c, s, h, 0), _room(c, s, h, 1))
        short = _place(p, s, lists, c, counts, h)
        if not short:
            continue
        if _ran_out(c, counts) and tables_left > 0:
            tables_left -= 1
            built = i
            best, taken = _table(c, (shapes[i, 0], shapes[i, 1]))
        small = (_room(c, s, h, 0) + 1, _room(c, s, h, 1) + 1)
        rest = _table(c, small)[1]
        _place(p, s, lists, c, pattern_of(rest, c.cells, small[0] - 1, small[1] - 1), h)
    return int(c.waiting.sum())


@inner
def _send_away(p, s, lists, c, best, h, most_leavers, least_gain):
    """Make room where the table says that others are worth more than who is there."""
    for _ in range(most_leavers):
        i, j = _room(c, s, h, 0), _room(c, s, h, 1)
        leaver = -1
        most = least_gain
        v = lists.head[h]
        while v >= 0:
            f = c.class_of[v]
            a, b = i + c.cells[f, 0], j + c.cells[f, 1]
            # Who has nowhere else to go is not sent away: a mask row of one host.
            if a < best.shape[0] and b < best.shape[1] and c.value[f] > 0:
                gain = best[a, b] - best[i, j] - c.value[f] - p.move_mj[v]
                if gain > most:
                    most = gain
                    leaver = v
            v = lists.after[v]
        if leaver < 0:
            return
        evict(p, s, lists, leaver)
        _wait(c, leaver)


@inner
def _place(p, s, lists, c, counts, h):
    """Put a pattern on a host as far as there are VMs for it; say whether there were too few."""
    short = False
    for f in range(len(counts)):
        for _ in range(counts[f]):
            if c.waiting[f] == 0:
                short = True
                break
            if not _place_one(p, s, lists, c, f, h):
                break
    return short


@inner
def _place_one(p, s, lists, c, f, h):
    """Put the first waiting member of a class that fits on the host, if any of the first few does."""
    before = -1
    v = c.head[f]
    for _ in range(_TRIES):
        if v < 0:
            return False
        if fits(p, s, v, h):
            if before < 0:
                c.head[f] = c.after[v]
            else:
                c.after[before] = c.after[v]
            c.waiting[f] -= 1
            settle(p, s, lists, v, h)
            return True
        before = v
        v = c.after[v]
    return False


@inner
def _ran_out(c: Classes, counts: NDArray[np.int64]) -> bool:
    for f in range(len(counts)):  # noqa: SIM110 - loops compile to less than generators
        if counts[f] > 0 and c.waiting[f] == 0:
            return True
    return False
