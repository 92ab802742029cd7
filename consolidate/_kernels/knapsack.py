"""The best pattern of one host: a bounded knapsack in several resources, by branch and bound.

Items are classes. Values are whole numbers, so that "none is better than this" is a statement about whole
numbers; bounds are computed in floating point and rounded up by more than their error.

The bound is Lagrangian: at prices ``w`` of the resources, no pattern is worth more than ``w . room`` plus,
for each class, its limit times what a member is worth above the room that it takes (Geoffrion 1974,
doi:10.1007/BFb0120690). It is followed by the fractional bound of the surrogate constraint at the same prices
(Dantzig 1957, doi:10.1287/opre.5.2.266) over the members that still fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.knapsack_bounds import (
    cheap,
    fractional,
    open_bound,
    resource_prices,
    suffixes,
)

__all__ = ["best_pattern", "best_patterns"]


@kernel
def best_pattern(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    at_least: Any,
    node_limit: Any,
) -> tuple[NDArray[np.int64], Any, Any]:
    """Return the most valuable pattern, its value, and a proven upper bound of all patterns.

    Parameters
    ----------
    value
        Worth of one member of each class, shape ``(classes,)``; classes worth nothing are left out.
    size
        What a member takes, 0 or more, shape ``(classes, resources)``.
    limit
        How many members there are, shape ``(classes,)``.
    capacity
        What the host offers, shape ``(resources,)``.
    at_least
        Only patterns worth more than this, 0 or more, are of interest.
    node_limit
        How many nodes may be visited; after that the upper bound may exceed the value.

    Returns
    -------
    counts, best, upper
        Members of each class, shape ``(classes,)``; their value, ``at_least`` when no pattern is worth more
        (``counts`` is then zero); no pattern is worth more than ``upper``.
    """
    rows, _, best, upper = best_patterns(value, size, limit, capacity, at_least, node_limit, 1)
    return rows[0], best, upper


@kernel
def best_patterns(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    at_least: Any,
    node_limit: Any,
    most: int,
) -> tuple[NDArray[np.int64], Any, Any, Any]:
    """Return good patterns, the best for each class that leads one, at most ``most``.

    The tree branches on the class that leads: of classes ordered by value per price, the first in the
    pattern. Each branch has resource prices of its own, over what fits beside the leader.

    Parameters
    ----------
    value, size, limit, capacity, at_least, node_limit
        As in :func:`best_pattern`.
    most
        Patterns at most; with 1, it is the best of all. With more, the search ends early once there is one:
        after a tenth of the nodes.

    Returns
    -------
    counts, number, best, upper
        One row per pattern, shape ``(most, classes)``, the first ``number`` in use; the largest value, and a
        proven upper bound, both ``at_least`` when no pattern is worth more.
    """
    rows = np.zeros((most, len(value)), dtype=np.int64)
    number, nodes, best, upper = 0, np.int64(0), np.int64(at_least), np.int64(at_least)
    fit = _most_alone(value, size, limit, capacity)
    used = np.flatnonzero(fit > 0)
    if used.size == 0:
        return rows, number, best, upper
    order, weight, price = _ordered(value[used], size[used], fit[used], capacity, 150)
    used = used[order]
    v, s, m = value[used], size[used], fit[used]
    above, smallest, largest = suffixes(v, s, m, weight)
    for k in range(len(used)):
        floor = best if most == 1 else np.int64(at_least)
        bound = cheap(price, above, smallest, largest, capacity, k)
        if bound > floor:
            bound = min(bound, fractional(v, s, m, weight, price, capacity, k))
        if bound <= floor:
            break
        patience = node_limit // 10 if most > 1 and number > 0 else node_limit
        if nodes >= patience or number == most > 1:
            upper = max(upper, bound)
            break
        counts, total, above_k, spent = _led(v, s, m, capacity, k, floor, node_limit - nodes)
        nodes += spent
        upper = max(upper, above_k)
        if total > floor:
            row = 0 if most == 1 else number
            rows[row] = 0
            for f in range(len(counts)):
                rows[row, used[k + f]] = counts[f]
            number = row + 1
            best = max(best, total)
    return rows, number, best, max(upper, best)


@inner
def _led(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    k: int,
    floor: Any,
    node_limit: Any,
) -> tuple[NDArray[np.int64], Any, Any, Any]:
    """Return the best pattern that class ``k`` leads, and what it took.

    Counts of the classes from ``k`` on, their value (``floor`` or less where none is worth more), an upper
    bound, nodes visited.
    """
    room = capacity - size[k]
    beside = limit[k:].copy()
    beside[0] -= 1
    asked = max(floor - value[k], 0)
    counts, worth, above, nodes = _beside(value[k:], size[k:], beside, room, asked, node_limit)
    counts[0] += 1
    return counts, value[k] + worth, value[k] + above, nodes + 1


@inner
def _most_alone(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return how many members of each class fit by themselves, 0 where they are worth nothing."""
    n, r = size.shape
    most = np.zeros(n, dtype=np.int64)
    for f in range(n):
        m = limit[f] if value[f] > 0 else np.int64(0)
        for i in range(r):
            if size[f, i] > 0:
                m = min(m, capacity[i] // size[f, i])
        most[f] = max(m, 0)
    return most


@inner
def _ordered(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    most: NDArray[np.int64],
    capacity: NDArray[np.int64],
    rounds: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the classes by decreasing value per price, the price of each, and the prices of resources."""
    price = resource_prices(value, size, most, capacity, rounds)
    n, r = size.shape
    weight = np.zeros(n)
    for f in range(n):
        for i in range(r):
            weight[f] += price[i] * size[f, i]
    order = np.argsort(-value / np.maximum(weight, 1e-12 * value), kind="mergesort")
    return order, weight[order], price


@inner
def _beside(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    room: NDArray[np.int64],
    at_least: Any,
    node_limit: Any,
) -> tuple[NDArray[np.int64], Any, Any, Any]:
    """Return the best pattern of what fits beside a leader: counts, value, upper bound, nodes visited."""
    counts = np.zeros(len(value), dtype=np.int64)
    fit = _most_alone(value, size, limit, room)
    used = np.flatnonzero(fit > 0)
    if used.size == 0:
        return counts, np.int64(at_least), np.int64(at_least), np.int64(0)
    order, weight, price = _ordered(value[used], size[used], fit[used], room, 40)
    used = used[order]
    found, best, upper, nodes = _search(
        value[used], size[used], fit[used], weight, price, room, at_least, node_limit
    )
    for k in range(len(used)):
        counts[used[k]] = found[k]
    return counts, best, upper, nodes


@inner
def _search(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    most: NDArray[np.int64],
    weight: NDArray[np.float64],
    price: NDArray[np.float64],
    capacity: NDArray[np.int64],
    at_least: Any,
    node_limit: Any,
) -> tuple[NDArray[np.int64], Any, Any, Any]:
    """Search depth first; classes come by decreasing value per price of the room they take."""
    n, r = size.shape
    above, smallest, largest = suffixes(value, size, most, weight)
    x = np.zeros(n, dtype=np.int64)
    found = np.zeros(n, dtype=np.int64)
    room = capacity.copy()
    worth, best, nodes, k = np.int64(0), np.int64(at_least), np.int64(0), 0
    while True:
        while k < n:
            nodes += 1
            if nodes > node_limit:
                upper = open_bound(value, size, price, above, x, room, worth, best, k)
                return found, best, upper, nodes
            if cheap(price, above, smallest, largest, room, k) + worth <= best:
                break
            if worth + fractional(value, size, most, weight, price, room, k) <= best:
                break
            c = most[k]
            for i in range(r):
                if size[k, i] > 0:
                    c = min(c, room[i] // size[k, i])
            if c > 0:
                x[k] = c
                worth += c * value[k]
                for i in range(r):
                    room[i] -= c * size[k, i]
                if worth > best:
                    best = worth
                    found[:] = x
            k += 1
        k = min(k, n) - 1
        while k >= 0 and x[k] == 0:
            k -= 1
        if k < 0:
            return found, best, best, nodes
        x[k] -= 1
        worth -= value[k]
        for i in range(r):
            room[i] += size[k, i]
        k += 1
