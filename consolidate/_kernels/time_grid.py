"""What every host has free in every span of time, and what a schedule asks for beyond that.

Times are whole spans. A move holds its VM's need on its target from its start on, on its source up to its end,
and a slot on either while it is made. More may be asked for than there is: that is the crowding, which a
search makes less.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inlined, inner, kernel

__all__ = [
    "ONCE",
    "Grid",
    "Heat",
    "Path",
    "Paths",
    "Ways",
    "change",
    "lasts",
    "lay_out",
    "most_left",
    "path_of",
]

#: Columns behind the resources: moves in, moves out, and both together where a limit says so.
INTO, OUT, BOTH = 0, 1, 2
#: What is done when a time changes: the rise is looked up in the spans that come to it, or the fall in those
#: that leave it, or the spans are taken and given back.
GROWS, SHRINKS, TAKE = 0, 1, 2
#: Spans that are looked at before it is asked whether the rise is too much already.
_BLOCK = 64
_ANY = np.int64(2**62)
#: What the crowding of a host counts for at first.
ONCE = 16


class Grid(NamedTuple):
    """What is free, with what VMs take of it."""

    room: NDArray[np.int32]  # (hosts, columns, spans), free; below zero = crowded
    need: NDArray[np.int32]  # (vms, resources)
    overhead: NDArray[np.int32]  # (hosts, resources)
    weight: NDArray[np.int64]  # (columns,), price of one unit too much for one span


class Ways(NamedTuple):
    """How long moves take."""

    kind_of: NDArray[np.int64]  # (hosts,)
    pair: NDArray[np.int64]  # (kinds, kinds), class of the two ends, -1 = no way
    spans: NDArray[np.int64]  # (vms, classes), 0 = no way


class Paths(NamedTuple):
    """Where each VM goes; what changes does so in place."""

    home: NDArray[np.int64]  # (vms,)
    goal: NDArray[np.int64]  # (vms,)
    stop: NDArray[np.int64]  # (vms,), host on the way, or -1
    start: NDArray[np.int64]  # (vms,), start of the first move
    then: NDArray[np.int64]  # (vms,), start of the last move, the same where there is but one


class Path(NamedTuple):
    """One VM's way: by which host or -1, the start of its first move and of its last, and their lengths."""

    stop: int
    start: int
    lasts: int
    then: int
    then_lasts: int


class Heat(NamedTuple):
    """The crowding of each host, and the list of the hosts that have some."""

    cost: NDArray[np.int64]  # (hosts,)
    hot: NDArray[np.int64]  # (hosts,), the first ``number[0]`` are crowded
    place: NDArray[np.int64]  # (hosts,), place in the list, or -1
    number: NDArray[np.int64]  # (1,)
    heed: NDArray[np.int64]  # (hosts,), how much the crowding of a host counts, in parts of ``ONCE``


#: No way at all.
_NOT = Path(-1, 0, 0, 0, 0)


@inner
def lasts(ways: Ways, v: Any, s: Any, t: Any) -> Any:
    """Return the spans that a move takes, 0 where there is no way."""
    k = ways.pair[ways.kind_of[s], ways.kind_of[t]]
    return ways.spans[v, k] if k >= 0 else np.int64(0)


@inner
def _rise(room: NDArray[np.int32], h: Any, column: Any, a: Any, b: Any, amount: Any) -> Any:
    """Return how much more is missing when an amount is taken in some spans."""
    # 32 bits throughout, so that the loop runs on vectors.
    zero, total = np.int32(0), np.int32(0)
    part = room[h, column, a:b]
    for i in range(len(part)):
        after, before = np.int32(amount - part[i]), np.int32(-part[i])
        after = after if after > zero else zero
        before = before if before > zero else zero
        total = np.int32(total + np.int32(after - before))
    return np.int64(total)


@inner
def _take(room: NDArray[np.int32], h: Any, column: Any, a: Any, b: Any, amount: Any) -> None:
    part = room[h, column, a:b]
    for i in range(len(part)):
        part[i] = np.int32(part[i] - amount)


@inner
def _more(
    room: NDArray[np.int32], h: Any, column: Any, a: Any, b: Any, amount: Any, weight: Any, most: Any
) -> Any:
    """Return the rise when an amount is taken in some spans, or some of it that is more than ``most``."""
    total = np.int64(0)
    while a < b and total <= most:
        stop = min(b, a + _BLOCK)
        total += _rise(room, h, column, a, stop, amount) * weight
        a = stop
    return total


@inner
def _taken(
    room: NDArray[np.int32], h: Any, column: Any, a: Any, b: Any, c: Any, d: Any, amount: Any
) -> None:
    less = np.int32(-amount)
    _take(room, h, column, c, min(d, a), amount)
    _take(room, h, column, max(c, b), d, amount)
    _take(room, h, column, a, min(b, c), less)
    _take(room, h, column, max(a, d), b, less)


@inlined
def _column(
    g: Grid, h: Any, column: Any, a: Any, b: Any, c: Any, d: Any, amount: Any, most: Any, what: Any
) -> Any:
    """Have an amount be taken from ``c`` to ``d`` instead of from ``a`` to ``b``, or look what that does."""
    total, weight = np.int64(0), g.weight[column]
    if what == GROWS:
        total = _more(g.room, h, column, c, min(d, a), amount, weight, most)
        total += _more(g.room, h, column, max(c, b), d, amount, weight, most - total)
    elif what == SHRINKS:
        less = np.int32(-amount)
        total = _more(g.room, h, column, a, min(b, c), less, weight, most)
        total += _more(g.room, h, column, max(a, d), b, less, weight, most)
    else:
        _taken(g.room, h, column, a, b, c, d, amount)
    return total


@inlined
def _stay(g: Grid, v: Any, h: Any, a: Any, b: Any, c: Any, d: Any, most: Any, what: Any) -> Any:
    """Have a VM be on a host from ``c`` to ``d`` instead of from ``a`` to ``b``."""
    total = np.int64(0)
    for r in range(g.need.shape[1]):
        amount = np.int32(g.need[v, r] + g.overhead[h, r])
        total += _column(g, h, r, a, b, c, d, amount, most - total, what)
    return total


@inlined
def _slot(g: Grid, h: Any, role: Any, a: Any, b: Any, c: Any, d: Any, most: Any, what: Any) -> Any:
    """Have a slot of a host be taken from ``c`` to ``d`` instead of from ``a`` to ``b``."""
    n, one = g.need.shape[1], np.int32(1)
    total = _column(g, h, n + role, a, b, c, d, one, most, what)
    if g.room.shape[1] > n + BOTH:
        total += _column(g, h, n + BOTH, a, b, c, d, one, most - total, what)
    return total


@inlined
def _home(g: Grid, v: Any, h: Any, was: Path, new: Path, most: Any, what: Any) -> Any:
    """Have a VM leave its host at another time."""
    none, left, leaves = np.int64(0), was.start + was.lasts, new.start + new.lasts
    total = _slot(g, h, OUT, was.start, left, new.start, leaves, most, what)
    return total + _stay(g, v, h, none, left, none, leaves, most - total, what)


@inlined
def _goal(g: Grid, v: Any, h: Any, was: Path, new: Path, most: Any, what: Any) -> Any:
    """Have a VM come to its target at another time."""
    spans, came, comes = np.int64(g.room.shape[2]), was.then + was.then_lasts, new.then + new.then_lasts
    total = _slot(g, h, INTO, was.then, came, new.then, comes, most, what)
    return total + _stay(g, v, h, was.then, spans, new.then, spans, most - total, what)


@inlined
def _stop(g: Grid, v: Any, h: Any, was: Path, new: Path, most: Any, what: Any) -> Any:
    """Have a VM stop on a host at another time; ``_NOT`` where it does not."""
    left, end = was.start + was.lasts, was.then + was.then_lasts
    leaves, ends = new.start + new.lasts, new.then + new.then_lasts
    total = _stay(g, v, h, was.start, end, new.start, ends, most, what)
    total += _slot(g, h, INTO, was.start, left, new.start, leaves, most - total, what)
    return total + _slot(g, h, OUT, was.then, end, new.then, ends, most - total, what)


@inner
def _heat(q: Heat, h: Any, rise: Any) -> None:
    q.cost[h] += rise
    if q.cost[h] > 0 and q.place[h] < 0:
        q.place[h] = q.number[0]
        q.hot[q.number[0]] = h
        q.number[0] += 1
    elif q.cost[h] == 0 and q.place[h] >= 0:
        q.number[0] -= 1
        last = q.hot[q.number[0]]
        q.hot[q.place[h]] = last
        q.place[last] = q.place[h]
        q.place[h] = -1


@inner
def most_left(q: Heat, s: Any, t: Any, stop: Any) -> Any:
    """Return by how much the crowding of a VM's hosts can fall, at most."""
    total = q.cost[s] * q.heed[s] + q.cost[t] * q.heed[t]
    return total + q.cost[stop] * q.heed[stop] if stop >= 0 else total


@inner
def change(g: Grid, q: Heat, v: Any, s: Any, t: Any, was: Path, new: Path, most: Any) -> bool:
    """Change the way of a VM if the crowding rises by no more than ``most``; say whether it was changed.

    ``most`` is in parts of ``ONCE``, like what the crowding of each host counts for.
    """
    same = was.stop == new.stop
    # What grows nearly always decides, as no host can lose more crowding than it has.
    left = most + most_left(q, s, t, was.stop)
    if left < 0:
        return False
    at_s = _home(g, v, s, was, new, left // q.heed[s], GROWS)
    left -= at_s * q.heed[s]
    if left < 0:
        return False
    at_t = _goal(g, v, t, was, new, left // q.heed[t], GROWS)
    left -= at_t * q.heed[t]
    if left < 0:
        return False
    at_stop = np.int64(0)
    if new.stop >= 0:
        at_stop = _stop(g, v, new.stop, was if same else _NOT, new, left // q.heed[new.stop], GROWS)
        left -= at_stop * q.heed[new.stop]
        if left < 0:
            return False
    back = np.int64(0)
    left -= most_left(q, s, t, was.stop)
    if q.cost[s] > 0:
        less = _home(g, v, s, was, new, _ANY, SHRINKS)
        at_s += less
        left -= less * q.heed[s]
    if q.cost[t] > 0:
        less = _goal(g, v, t, was, new, _ANY, SHRINKS)
        at_t += less
        left -= less * q.heed[t]
    if was.stop >= 0 and q.cost[was.stop] > 0:
        back = _stop(g, v, was.stop, was, new if same else _NOT, _ANY, SHRINKS)
        left -= back * q.heed[was.stop]
    if left < 0:
        return False
    _home(g, v, s, was, new, _ANY, TAKE)
    _goal(g, v, t, was, new, _ANY, TAKE)
    _heat(q, s, at_s)
    _heat(q, t, at_t)
    if was.stop >= 0:
        _stop(g, v, was.stop, was, new if same else _NOT, _ANY, TAKE)
        _heat(q, was.stop, back)
    if new.stop >= 0:
        if not same:
            _stop(g, v, new.stop, _NOT, new, _ANY, TAKE)
        _heat(q, new.stop, at_stop)
    return True


@inner
def path_of(paths: Paths, ways: Ways, v: Any) -> Path:
    """Return the way of a VM."""
    s, t, h = paths.home[v], paths.goal[v], paths.stop[v]
    if h < 0:
        only = lasts(ways, v, s, t)
        return Path(h, paths.start[v], only, paths.start[v], only)
    return Path(h, paths.start[v], lasts(ways, v, s, h), paths.then[v], lasts(ways, v, h, t))


@kernel
def lay_out(g: Grid, q: Heat, paths: Paths, ways: Ways, live: NDArray[np.int64]) -> None:
    """Take the room and the slots that VMs need on their ways, and add up the crowding of every host."""
    spans = np.int64(g.room.shape[2])
    for v in live:
        s, t, p = paths.home[v], paths.goal[v], path_of(paths, ways, v)
        # Nobody is anywhere at first.
        _home(g, v, s, _NOT, p, _ANY, TAKE)
        _stay(g, v, t, spans, spans, p.then, spans, _ANY, TAKE)
        _slot(g, t, INTO, spans, spans, p.then, p.then + p.then_lasts, _ANY, TAKE)
        if p.stop >= 0:
            _stop(g, v, p.stop, _NOT, p, _ANY, TAKE)
    for h in range(g.room.shape[0]):
        total = np.int64(0)
        for column in range(g.room.shape[1]):
            missing = np.int64(0)
            for i in range(spans):
                missing += max(np.int32(0), np.int32(-g.room[h, column, i]))
            total += missing * g.weight[column]
        _heat(q, h, total)
