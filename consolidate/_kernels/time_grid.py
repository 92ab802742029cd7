"""What every host has free in every span of time, and what a schedule asks for beyond that.

Times are whole spans. A move holds its VM's need on its target from its start on, on its source up to its end,
and a slot on either while it is made. More may be asked for than there is: that is the crowding, which a
search makes less.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

__all__ = ["Grid", "Heat", "Path", "Paths", "Ways", "change", "lasts", "lay_out", "path_of"]

#: Columns behind the resources: moves in, moves out, and both together where a limit says so.
INTO, OUT, BOTH = 0, 1, 2
#: What is done with spans: the rise is looked up, or they are taken.
LOOK, TAKE = 1, 2


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
def _use(room: NDArray[np.int32], h: Any, column: Any, a: Any, b: Any, amount: Any, what: Any) -> Any:
    """Take an amount in some spans, or return how much more would be missing then, or both."""
    rise = _rise(room, h, column, a, b, amount) if what & LOOK else np.int64(0)
    if what & TAKE:
        _take(room, h, column, a, b, amount)
    return rise


@inner
def _stay(g: Grid, v: Any, h: Any, a: Any, b: Any, sign: Any, what: Any) -> Any:
    """Put a VM on a host for some spans (sign 1) or take it off (-1); return the rise of the crowding."""
    total = np.int64(0)
    if a < b:
        for r in range(g.need.shape[1]):
            amount = np.int32(sign * (g.need[v, r] + g.overhead[h, r]))
            total += _use(g.room, h, r, a, b, amount, what) * g.weight[r]
    return total


@inner
def _until(g: Grid, v: Any, h: Any, was: Any, end: Any, what: Any) -> Any:
    """Have a VM stay on a host up to another end."""
    return _stay(g, v, h, min(was, end), max(was, end), 1 if end > was else -1, what)


@inner
def _slot(g: Grid, h: Any, role: Any, a: Any, b: Any, sign: Any, what: Any) -> Any:
    """Take a slot of a host for some spans (sign 1) or give it back (-1); return the rise of the crowding."""
    n, one = g.need.shape[1], np.int32(sign)
    total = _use(g.room, h, n + role, a, b, one, what) * g.weight[n + role]
    if g.room.shape[1] > n + BOTH:
        total += _use(g.room, h, n + BOTH, a, b, one, what) * g.weight[n + BOTH]
    return total


@inner
def _pass(g: Grid, v: Any, p: Path, sign: Any, what: Any) -> Any:
    """Put a VM on the host of its stop, with both moves there, or take it off."""
    end = p.then + p.then_lasts
    total = _stay(g, v, p.stop, p.start, end, sign, what)
    total += _slot(g, p.stop, INTO, p.start, p.start + p.lasts, sign, what)
    return total + _slot(g, p.stop, OUT, p.then, end, sign, what)


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
def _at_source(g: Grid, v: Any, s: Any, was: Path, new: Path, what: Any) -> Any:
    """Have a VM leave its host at another time, when the slot of the old way has been given back."""
    end = new.start + new.lasts
    slot = _slot(g, s, OUT, new.start, end, 1, what)
    return slot + _until(g, v, s, was.start + was.lasts, end, what)


@inner
def _at_goal(g: Grid, v: Any, t: Any, was: Path, new: Path, what: Any) -> Any:
    """Have a VM come to its target at another time, when the slot of the old way has been given back."""
    slot = _slot(g, t, INTO, new.then, new.then + new.then_lasts, 1, what)
    # Who comes later is there for less time.
    return slot + _until(g, v, t, new.then, was.then, what)


@inner
def change(g: Grid, q: Heat, v: Any, s: Any, t: Any, was: Path, new: Path, most: Any) -> bool:
    """Change the way of a VM if the crowding rises by no more than ``most``; say whether it was changed."""
    left, come = was.start + was.lasts, was.then + was.then_lasts
    at_s = _slot(g, s, OUT, was.start, left, -1, LOOK | TAKE)
    at_t = _slot(g, t, INTO, was.then, come, -1, LOOK | TAKE)
    back = _pass(g, v, was, -1, LOOK | TAKE) if was.stop >= 0 else np.int64(0)
    at_s += _at_source(g, v, s, was, new, LOOK)
    at_t += _at_goal(g, v, t, was, new, LOOK)
    rise, at_stop = at_s + at_t + back, np.int64(0)
    if new.stop >= 0 and rise <= most:
        at_stop = _pass(g, v, new, 1, LOOK)
    if rise + at_stop > most:
        _slot(g, s, OUT, was.start, left, 1, TAKE)
        _slot(g, t, INTO, was.then, come, 1, TAKE)
        if was.stop >= 0:
            _pass(g, v, was, 1, TAKE)
        return False
    _at_source(g, v, s, was, new, TAKE)
    _at_goal(g, v, t, was, new, TAKE)
    _heat(q, s, at_s)
    _heat(q, t, at_t)
    if was.stop >= 0:
        _heat(q, was.stop, back)
    if new.stop >= 0:
        _pass(g, v, new, 1, TAKE)
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
    spans = g.room.shape[2]
    for v in live:
        s, t, p = paths.home[v], paths.goal[v], path_of(paths, ways, v)
        _stay(g, v, s, 0, p.start + p.lasts, 1, TAKE)
        _stay(g, v, t, p.then, spans, 1, TAKE)
        _slot(g, s, OUT, p.start, p.start + p.lasts, 1, TAKE)
        _slot(g, t, INTO, p.then, p.then + p.then_lasts, 1, TAKE)
        if p.stop >= 0:
            _pass(g, v, p, 1, TAKE)
    for h in range(g.room.shape[0]):
        total = np.int64(0)
        for column in range(g.room.shape[1]):
            missing = np.int64(0)
            for i in range(spans):
                missing += max(np.int32(0), np.int32(-g.room[h, column, i]))
            total += missing * g.weight[column]
        _heat(q, h, total)
