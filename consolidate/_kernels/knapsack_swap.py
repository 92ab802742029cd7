"""Fewer bins by exchanges with a pool of items that have no bin.

Consistent-neighbourhood search: Buljubasic, Vasquez 2016 (doi:10.1016/j.cor.2016.06.009). Every bin is within
its capacity at any time; what has no bin is in a pool, whose worth the exchanges shrink.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.residents import roll

__all__ = ["place_pool"]

_PAIRED_POOL = 12


@kernel
def place_pool(
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    worth: NDArray[np.float64],
    bin_of: NDArray[np.int64],
    n_bins: int,
    steps: int,
    dice: NDArray[np.uint64],
) -> Any:
    """Find bins for the items that have none; return how many are left without.

    Parameters
    ----------
    size
        What each item takes, shape ``(items, resources)``; may be below 0.
    capacity
        Of every bin, shape ``(resources,)``.
    worth
        How hard each item is to place, more than 0, shape ``(items,)``.
    bin_of
        Bin of each item, -1 in the pool; changed, and the best of all states at the end.
    n_bins
        Number of bins.
    steps
        Exchanges at most.
    dice
        State of the random numbers, shape ``(1,)``; changed.
    """
    n, r = size.shape
    members = np.full((n_bins, n), -1, dtype=np.int64)
    number = np.zeros(n_bins, dtype=np.int64)
    room = np.empty((n_bins, r), dtype=np.int64)
    room[:] = capacity
    pool, n_pool, left = np.empty(n, dtype=np.int64), 0, 0.0
    for v in range(n):
        if bin_of[v] < 0:
            pool[n_pool] = v
            n_pool += 1
            left += worth[v]
        else:
            _put(size, members, number, room, bin_of, v, bin_of[v])
    until = np.zeros(n, dtype=np.int64)
    best_left, best_of, since = left, bin_of.copy(), 0
    out = np.full(2, -1, dtype=np.int64)
    best_out = np.full(2, -1, dtype=np.int64)
    for step in range(steps):
        if n_pool == 0:
            break
        first = roll(dice, n_pool)
        v, u, target, change = pool[first], -1, -1, np.inf
        ties = 0
        for other in range(-1, n_pool if n_pool <= _PAIRED_POOL else 0):
            if other == first:
                continue
            w = pool[other] if other >= 0 else -1
            if change <= -worth[v] and w >= 0 and target >= 0 and best_out[0] < 0:
                break
            gain = worth[v] + (worth[w] if w >= 0 else 0.0)
            for b in range(n_bins):
                least = _leave(
                    size, members, number, room, worth, until, step, v, w, b, out, change + gain
                )
                if least == np.inf:
                    continue
                if least - gain < change - 1e-12:
                    ties = 1
                elif least - gain <= change + 1e-12:
                    ties += 1
                    if roll(dice, ties) > 0:
                        continue
                else:
                    continue
                u, target, change = w, b, least - gain
                best_out[0], best_out[1] = out[0], out[1]
        if target < 0:
            until[:] = 0
            continue
        for x in best_out:
            if x >= 0:
                _take_out(size, members, number, room, bin_of, x, target)
        _put(size, members, number, room, bin_of, v, target)
        until[v] = step + 2 + roll(dice, 5 + n_pool)
        if u >= 0:
            _put(size, members, number, room, bin_of, u, target)
            until[u] = step + 2 + roll(dice, 5 + n_pool)
        n_pool = _without(pool, n_pool, v)
        if u >= 0:
            n_pool = _without(pool, n_pool, u)
        for x in best_out:
            if x >= 0:
                pool[n_pool] = x
                n_pool += 1
        left = 0.0
        for k in range(n_pool):
            left += worth[pool[k]]
        since += 1
        if left < best_left - 1e-12:
            best_left, since = left, 0
            best_of[:] = bin_of
        elif since % 100 == 0:
            _shuffle(size, members, number, room, bin_of, n_bins, n, dice)
    bin_of[:] = best_of
    missing = 0
    for v in range(n):
        missing += bin_of[v] < 0
    return missing


@kernel
def _without(pool: NDArray[np.int64], n_pool: int, v: Any) -> Any:
    for k in range(n_pool):
        if pool[k] == v:
            pool[k] = pool[n_pool - 1]
            break
    return n_pool - 1


@kernel
def _put(size, members, number, room, bin_of, v, b):
    members[b, number[b]] = v
    number[b] += 1
    bin_of[v] = b
    for i in range(size.shape[1]):
        room[b, i] -= size[v, i]


@kernel
def _take_out(size, members, number, room, bin_of, v, b):
    number[b] = _without(members[b], number[b], v)
    bin_of[v] = -1
    for i in range(size.shape[1]):
        room[b, i] += size[v, i]


@kernel
def _has_room(size, room, b, v, u, x, y):
    """Say whether ``v`` and ``u`` have room in the bin once ``x`` and ``y`` have left; -1 is nobody."""
    for i in range(size.shape[1]):
        left = room[b, i] - size[v, i]
        if u >= 0:
            left -= size[u, i]
        if x >= 0:
            left += size[x, i]
        if y >= 0:
            left += size[y, i]
        if left < 0:
            return False
    return True


@kernel
def _leave(size, members, number, room, worth, until, step, v, u, b, out, limit):
    """Return the least worth that has to leave the bin for ``v`` and ``u``, up to ``limit``.

    Nobody, one item, or, for a single item, two; infinite where that is not enough.
    """
    out[0], out[1] = -1, -1
    if _has_room(size, room, b, v, u, -1, -1):
        return 0.0
    least = np.inf
    for i in range(number[b]):
        x = members[b, i]
        if until[x] > step or worth[x] > limit + 1e-12:
            continue
        if worth[x] < least and _has_room(size, room, b, v, u, x, -1):
            least = worth[x]
            out[0], out[1] = x, -1
        if u >= 0:
            continue
        for j in range(i + 1, number[b]):
            y = members[b, j]
            both = worth[x] + worth[y]
            if until[y] > step or both >= least or both > limit + 1e-12:
                continue
            if _has_room(size, room, b, v, u, x, y):
                least = both
                out[0], out[1] = x, y
    return least


@kernel
def _shuffle(size, members, number, room, bin_of, n_bins, n, dice):
    """Let items of different bins change places where both have room."""
    for _ in range(4 * n):
        v, w = roll(dice, n), roll(dice, n)
        a, b = bin_of[v], bin_of[w]
        if a < 0 or b < 0 or a == b:
            continue
        if _has_room(size, room, a, w, -1, v, -1) and _has_room(size, room, b, v, -1, w, -1):
            _take_out(size, members, number, room, bin_of, v, a)
            _take_out(size, members, number, room, bin_of, w, b)
            _put(size, members, number, room, bin_of, w, a)
            _put(size, members, number, room, bin_of, v, b)
