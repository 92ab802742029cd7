"""Moves of a finished schedule made earlier one by one, and detours left out that are not needed any more.

Times are whole seconds. A move holds its VM's need on its target from its start on, on its source up to its
end. Hosts have lists of the moves that come to them and leave them; what is left out is -1 there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

__all__ = ["Legs", "merge", "pull"]

_NEVER = np.int64(2**60)


class Legs(NamedTuple):
    """A schedule; what changes does so in place."""

    vm: NDArray[np.int64]  # (legs,)
    source: NDArray[np.int64]  # (legs,)
    target: NDArray[np.int64]  # (legs,)
    start: NDArray[np.int64]  # (legs,)
    lasts: NDArray[np.int64]  # (legs,)
    before: NDArray[np.int64]  # (legs,), leg of the same VM before, or -1
    then: NDArray[np.int64]  # (legs,), leg of the same VM after, or -1
    into_at: NDArray[np.int64]  # (hosts + 1,), where the legs into each host begin
    into: NDArray[np.int64]
    out_at: NDArray[np.int64]  # (hosts + 1,)
    out: NDArray[np.int64]
    need: NDArray[np.int64]  # (vms, resources)
    overhead: NDArray[np.int64]  # (hosts, resources)
    room: NDArray[np.int64]  # (hosts, resources), free before the first move
    home: NDArray[np.int64]  # (vms,), host before the first move
    ready: NDArray[np.int64]  # (hosts,), from when on a host takes part
    slots: NDArray[np.int64]  # (3,): moves in, moves out, both together


@inner
def _events(g: Legs, h: Any, without: Any) -> Any:
    """Return times and legs of what changes the room of a host, by time; a leg that leaves is ~leg."""
    n = g.into_at[h + 1] - g.into_at[h] + g.out_at[h + 1] - g.out_at[h]
    times, legs = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    k = 0
    for i in range(g.into_at[h], g.into_at[h + 1]):
        j = g.into[i]
        if j >= 0 and g.vm[j] != without:
            times[k], legs[k] = g.start[j], j
            k += 1
    for i in range(g.out_at[h], g.out_at[h + 1]):
        j = g.out[i]
        if j >= 0 and g.vm[j] != without:
            times[k], legs[k] = g.start[j] + g.lasts[j], ~j
            k += 1
    order = np.argsort(times[:k], kind="mergesort")
    return times[:k][order], legs[:k][order]


@inner
def _free_around(g: Legs, v: Any, h: Any, at: Any) -> Any:
    """Return from when and up to when around a time, this included, a host has room for a VM beside all others.

    The VM itself is not counted on it. Where there is no room just before the time, the first is the time, and
    where there is none after it, the second.
    """
    times, legs = _events(g, h, v)
    room = g.room[h].copy()
    n_resources = g.need.shape[1]
    if g.home[v] == h:
        for r in range(n_resources):
            room[r] += g.need[v, r] + g.overhead[h, r]
    k = 0
    begin, since = np.int64(0), np.int64(0)
    while True:
        fits = True
        for r in range(n_resources):
            if g.need[v, r] + g.overhead[h, r] > room[r]:
                fits = False
        stop = times[k] if k < len(times) else _NEVER
        if not fits:
            if stop > at:
                return min(since, at), max(begin, at)
            since = stop
        elif k == len(times):
            return min(since, at), _NEVER
        begin = stop
        # What happens at one time counts together.
        while k < len(times) and times[k] == begin:
            j = legs[k] if legs[k] >= 0 else ~legs[k]
            sign = -1 if legs[k] >= 0 else 1
            for r in range(n_resources):
                room[r] += sign * (g.need[g.vm[j], r] + g.overhead[h, r])
            k += 1


@inner
def _most(g: Legs, legs: NDArray[np.int64], first: Any, stop: Any, without: Any, a: Any, b: Any) -> Any:
    """Return how many of some legs are under way at once between two times, at most."""
    most = np.int64(0)
    for i in range(first - 1, stop):
        at = a
        if i >= first:
            if legs[i] < 0 or legs[i] == without:
                continue
            at = g.start[legs[i]]
            if at <= a or at >= b:
                continue
        count = np.int64(0)
        for k in range(first, stop):
            j = legs[k]
            if j >= 0 and j != without and g.start[j] <= at < g.start[j] + g.lasts[j]:
                count += 1
        most = max(most, count)
    return most


@inner
def _slots(g: Legs, i: Any, s: Any, t: Any, a: Any, b: Any) -> Any:
    """Return 0 if both hosts have a slot for a leg between two times."""
    into = _most(g, g.into, g.into_at[t], g.into_at[t + 1], i, a, b)
    out = _most(g, g.out, g.out_at[s], g.out_at[s + 1], i, a, b)
    if into >= g.slots[0] or out >= g.slots[1]:
        return False
    if g.slots[2] >= g.slots[0] + g.slots[1]:
        return True
    other_into = _most(g, g.into, g.into_at[s], g.into_at[s + 1], i, a, b)
    other_out = _most(g, g.out, g.out_at[t], g.out_at[t + 1], i, a, b)
    return max(into + other_out, out + other_into) < g.slots[2]


@inner
def _earliest(g: Legs, i: Any, s: Any, t: Any, low: Any, high: Any, lasts: Any) -> Any:
    """Return the first time from ``low`` to ``high`` at which a leg finds slots, or -1."""
    if low > high:
        return np.int64(-1)
    if _slots(g, i, s, t, low, low + lasts):
        return low
    best = np.int64(-1)
    for which in range(2):
        first = g.into_at[t] if which == 0 else g.out_at[s]
        stop = g.into_at[t + 1] if which == 0 else g.out_at[s + 1]
        for k in range(first, stop):
            j = g.into[k] if which == 0 else g.out[k]
            if j < 0 or j == i:
                continue
            c = g.start[j] + g.lasts[j]
            if low < c <= high and (best < 0 or c < best) and _slots(g, i, s, t, c, c + lasts):
                best = c
    return best


@inner
def _soonest(g: Legs, i: Any) -> Any:
    """Return when the VM of a leg can leave its source."""
    if g.before[i] < 0:
        return g.ready[g.source[i]]
    return max(g.ready[g.source[i]], g.start[g.before[i]] + g.lasts[g.before[i]])


@kernel
def pull(g: Legs, order: NDArray[np.int64]) -> int:
    """Start legs as early as they can, each beside all others as they are; return the seconds gained."""
    gained = 0
    for i in order:
        if g.vm[i] < 0:
            continue
        t = g.target[i]
        low = max(_soonest(g, i), g.ready[t])
        if low >= g.start[i]:
            continue
        since, _ = _free_around(g, g.vm[i], t, g.start[i])
        found = _earliest(g, i, g.source[i], t, max(low, since), g.start[i] - 1, g.lasts[i])
        if found >= 0:
            gained += g.start[i] - found
            g.start[i] = found
    return gained


@inner
def _replace(legs: NDArray[np.int64], first: Any, stop: Any, old: Any, new: Any) -> None:
    for k in range(first, stop):
        if legs[k] == old:
            legs[k] = new


@inner
def _join(g: Legs, i: Any, j: Any) -> None:
    """Take leg ``j`` out of its VM's way, after ``i``."""
    g.then[i] = g.then[j]
    if g.then[j] >= 0:
        g.before[g.then[j]] = i
    g.vm[j] = -1


@inner
def _leave_out(g: Legs, i: Any, j: Any) -> None:
    """Have a VM stay where two legs bring it away and back."""
    s, h = g.source[i], g.target[i]
    _replace(g.out, g.out_at[s], g.out_at[s + 1], i, np.int64(-1))
    _replace(g.into, g.into_at[s], g.into_at[s + 1], j, np.int64(-1))
    _replace(g.into, g.into_at[h], g.into_at[h + 1], i, np.int64(-1))
    _replace(g.out, g.out_at[h], g.out_at[h + 1], j, np.int64(-1))
    if g.before[i] >= 0:
        g.then[g.before[i]] = g.then[j]
    if g.then[j] >= 0:
        g.before[g.then[j]] = g.before[i]
    g.vm[i] = g.vm[j] = -1


@kernel
def merge(g: Legs, order: NDArray[np.int64], direct: NDArray[np.int64]) -> int:
    """Make one leg of two of the same VM where that is possible by the start of the second; return how many.

    ``direct`` says how long that takes, 0 = it is not possible; it needs room on its source until then. A VM
    that comes back to where it was stays there if there is room.
    """
    merged = 0
    for i in order:
        j = g.then[i] if g.vm[i] >= 0 else np.int64(-1)
        if j < 0:
            continue
        v, s, h, t = g.vm[i], g.source[i], g.target[i], g.target[j]
        if s == t:
            _, until = _free_around(g, v, s, g.start[i] + g.lasts[i])
            if until >= g.start[j]:
                _leave_out(g, i, j)
                merged += 1
            continue
        if direct[i] == 0:
            continue
        _, until = _free_around(g, v, s, g.start[i])
        since, _ = _free_around(g, v, t, g.start[j])
        low = max(_soonest(g, i), max(g.ready[t], since))
        high = min(g.start[j], until - direct[i])
        if g.then[j] >= 0:
            high = min(high, g.start[g.then[j]] - direct[i])
        found = _earliest(g, i, s, t, low, high, direct[i])
        if found < 0:
            continue
        _replace(g.into, g.into_at[h], g.into_at[h + 1], i, np.int64(-1))
        _replace(g.out, g.out_at[h], g.out_at[h + 1], j, np.int64(-1))
        _replace(g.into, g.into_at[t], g.into_at[t + 1], j, i)
        _join(g, i, j)
        g.target[i], g.start[i], g.lasts[i] = t, found, direct[i]
        merged += 1
    return merged
