"""Fewer bins by exchanges with a pool of items that have no bin.

Consistent-neighbourhood search: Buljubasic, Vasquez 2016 (doi:10.1016/j.cor.2016.06.009). Every bin is within
its capacity at any time; what has no bin is in a pool, whose worth the exchanges shrink.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.residents import roll

__all__ = ["place_pool"]

_PAIRED_POOL = 12
#: Worths that differ by less are the same.
_SAME = 1e-12


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
    bins = _bins(size, capacity, worth, bin_of, n_bins)
    pool, n_pool = _without_bin(bin_of)
    best_left, best_of, since = _total(worth, pool, n_pool), bin_of.copy(), 0
    out = np.full(2, -1, dtype=np.int64)
    for step in range(steps):
        if n_pool == 0:
            break
        v = pool[roll(dice, n_pool)]
        u, target = _cheapest(bins, pool, n_pool, v, step, out, dice)
        if target < 0:
            bins.until[:] = 0
            continue
        n_pool = _exchange(bins, pool, n_pool, v, u, target, step, out, dice)
        left = _total(worth, pool, n_pool)
        since += 1
        if left < best_left - _SAME:
            best_left, since = left, 0
            best_of[:] = bin_of
        elif since % 100 == 0:
            _shuffle(bins, dice)
    bin_of[:] = best_of
    return (bin_of < 0).sum()


class _Bins(NamedTuple):
    """The items, and what is in each bin."""

    size: NDArray[np.int64]  # (items, resources)
    worth: NDArray[np.float64]  # (items,)
    bin_of: NDArray[np.int64]  # (items,), -1 in the pool
    until: NDArray[np.int64]  # (items,): the step after which the item may leave its bin again
    members: NDArray[np.int64]  # (bins, items), the first ``number`` of each row in use
    number: NDArray[np.int64]  # (bins,)
    room: NDArray[np.int64]  # (bins, resources)


@inner
def _bins(
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    worth: NDArray[np.float64],
    bin_of: NDArray[np.int64],
    n_bins: int,
) -> _Bins:
    n, r = size.shape
    members = np.full((n_bins, n), -1, dtype=np.int64)
    room = np.empty((n_bins, r), dtype=np.int64)
    room[:] = capacity
    number, until = np.zeros(n_bins, dtype=np.int64), np.zeros(n, dtype=np.int64)
    bins = _Bins(size, worth, bin_of, until, members, number, room)
    for v in range(n):
        if bin_of[v] >= 0:
            _put(bins, v, bin_of[v])
    return bins


@inner
def _without_bin(bin_of: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the pool, with room for all items, and how many are in it."""
    pool, n_pool = np.empty(len(bin_of), dtype=np.int64), 0
    for v in range(len(bin_of)):
        if bin_of[v] < 0:
            pool[n_pool] = v
            n_pool += 1
    return pool, n_pool


@inner
def _total(worth: NDArray[np.float64], pool: NDArray[np.int64], n_pool: int) -> float:
    total = 0.0
    for k in range(n_pool):
        total += worth[pool[k]]
    return total


@inner
def _cheapest(
    bins: _Bins,
    pool: NDArray[np.int64],
    n_pool: int,
    v: Any,
    step: int,
    out: NDArray[np.int64],
    dice: NDArray[np.uint64],
) -> tuple[Any, Any]:
    """Return who joins ``v``, -1 for nobody, and the bin, -1 without one; who has to leave is in ``out``."""
    n_bins, worth = len(bins.number), bins.worth
    leaving = np.full(2, -1, dtype=np.int64)
    partner, target, change, ties = np.int64(-1), -1, np.inf, 0
    for other in range(-1, n_pool if n_pool <= _PAIRED_POOL else 0):
        w = pool[other] if other >= 0 else np.int64(-1)
        if w == v:
            continue
        if change <= -worth[v] and w >= 0 and target >= 0 and out[0] < 0:
            break  # there is a bin that has room for v as it is
        gain = worth[v] + (worth[w] if w >= 0 else 0.0)
        for b in range(n_bins):
            least = _leave(bins, step, v, w, b, leaving, change + gain)
            if least == np.inf or least - gain > change + _SAME:
                continue
            if least - gain < change - _SAME:
                ties = 1
            else:
                ties += 1
                if roll(dice, ties) > 0:
                    continue
            partner, target, change = w, b, least - gain
            out[:] = leaving
    return partner, target


@inner
def _exchange(
    bins: _Bins,
    pool: NDArray[np.int64],
    n_pool: Any,
    v: Any,
    u: Any,
    target: Any,
    step: int,
    out: NDArray[np.int64],
    dice: NDArray[np.uint64],
) -> Any:
    """Put ``v`` and ``u`` into the bin and those in ``out`` into the pool; return how many it holds then."""
    for x in out:
        if x >= 0:
            _take_out(bins, x, target)
    longest = 5 + n_pool
    for x in (v, u):
        if x >= 0:
            _put(bins, x, target)
            bins.until[x] = step + 2 + roll(dice, longest)
            n_pool = _without(pool, n_pool, x)
    for x in out:
        if x >= 0:
            pool[n_pool] = x
            n_pool += 1
    return n_pool


@inner
def _without(pool: NDArray[np.int64], n_pool: Any, v: Any) -> Any:
    for k in range(n_pool):
        if pool[k] == v:
            pool[k] = pool[n_pool - 1]
            break
    return n_pool - 1


@inner
def _put(bins: _Bins, v: Any, b: Any) -> None:
    bins.members[b, bins.number[b]] = v
    bins.number[b] += 1
    bins.bin_of[v] = b
    for i in range(bins.size.shape[1]):
        bins.room[b, i] -= bins.size[v, i]


@inner
def _take_out(bins: _Bins, v: Any, b: Any) -> None:
    bins.number[b] = _without(bins.members[b], bins.number[b], v)
    bins.bin_of[v] = -1
    for i in range(bins.size.shape[1]):
        bins.room[b, i] += bins.size[v, i]


@inner
def _has_room(
    size: NDArray[np.int64], room: NDArray[np.int64], b: Any, v: Any, u: Any, x: Any, y: Any
) -> bool:
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


@inner
def _leave(
    bins: _Bins, step: int, v: Any, u: Any, b: Any, out: NDArray[np.int64], limit: float
) -> float:
    """Return the least worth that has to leave the bin for ``v`` and ``u``, up to ``limit``.

    Nobody, one item, or, for a single item, two; infinite where that is not enough.
    """
    size, room, worth, until = bins.size, bins.room, bins.worth, bins.until
    members, number = bins.members, bins.number[b]
    out[0], out[1] = -1, -1
    if _has_room(size, room, b, v, u, -1, -1):
        return 0.0
    least = np.inf
    for i in range(number):
        x = members[b, i]
        if until[x] > step or worth[x] > limit + _SAME:
            continue
        if worth[x] < least and _has_room(size, room, b, v, u, x, -1):
            least = worth[x]
            out[0], out[1] = x, -1
        if u >= 0:
            continue
        for j in range(i + 1, number):
            y = members[b, j]
            both = worth[x] + worth[y]
            if until[y] > step or both >= least or both > limit + _SAME:
                continue
            if _has_room(size, room, b, v, u, x, y):
                least = both
                out[0], out[1] = x, y
    return least


@inner
def _shuffle(bins: _Bins, dice: NDArray[np.uint64]) -> None:
    """Let items of different bins change places where both have room."""
    size, room, n = bins.size, bins.room, len(bins.bin_of)
    for _ in range(4 * n):
        v, w = roll(dice, n), roll(dice, n)
        a, b = bins.bin_of[v], bins.bin_of[w]
        if a < 0 or b < 0 or a == b:
            continue
        if _has_room(size, room, a, w, -1, v, -1) and _has_room(size, room, b, v, -1, w, -1):
            _take_out(bins, v, a)
            _take_out(bins, w, b)
            _put(bins, w, a)
            _put(bins, v, b)
