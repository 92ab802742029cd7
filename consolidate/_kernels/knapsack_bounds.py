"""Upper bounds of a bounded knapsack in several resources, from prices of the resources."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

__all__ = ["cheap", "fractional", "open_bound", "resource_prices", "suffixes"]

#: Floating-point bounds are raised by this part of themselves, and by one.
_SAFETY = 1e-10


@kernel
def resource_prices(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    rounds: int,
) -> NDArray[np.float64]:
    """Return prices per unit of each resource at which the Lagrangian bound is low.

    Subgradient steps from equal prices per share of capacity; any prices of 0 or more give a bound.
    """
    n, r = size.shape
    # Shares of the capacity: one step length then suits all resources.
    share = np.zeros((n, r))
    top = 0.0
    for f in range(n):
        for i in range(r):
            share[f, i] = size[f, i] / capacity[i] if capacity[i] > 0 else 0.0
        largest = max(share[f].max(), 1e-9)
        top = max(top, value[f] / largest)
    price = np.full(r, top / r)
    best, best_price = np.inf, price.copy()
    slope = np.empty(r)
    for step in range(rounds):
        bound = 0.0
        for i in range(r):
            slope[i] = 1.0
            bound += price[i]
        for f in range(n):
            gain = float(value[f])
            for i in range(r):
                gain -= price[i] * share[f, i]
            if gain > 0:
                bound += gain * limit[f]
                for i in range(r):
                    slope[i] -= share[f, i] * limit[f]
        if bound < best:
            best = bound
            best_price[:] = price
        norm = 0.0
        for i in range(r):
            norm += slope[i] * slope[i]
        if norm < 1e-18:
            break
        length = top * 0.5 * (1.0 - step / rounds) / (1.0 + 0.1 * step) / np.sqrt(norm)
        for i in range(r):
            price[i] = max(0.0, price[i] - length * slope[i])
    for i in range(r):
        best_price[i] = best_price[i] / capacity[i] if capacity[i] > 0 else 0.0
    return best_price


@inner
def suffixes(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    most: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each start, the worth above price, the least sizes and the largest value from there on."""
    n, r = size.shape
    above = np.zeros(n + 1)
    smallest = np.full((n + 1, r), np.int64(2**62))
    largest = np.zeros(n + 1, dtype=np.int64)
    for f in range(n - 1, -1, -1):
        above[f] = above[f + 1] + most[f] * max(0.0, value[f] - weight[f])
        largest[f] = max(largest[f + 1], value[f])
        for i in range(r):
            smallest[f, i] = min(smallest[f + 1, i], size[f, i])
    return above, smallest, largest


@inner
def cheap(
    price: NDArray[np.float64],
    above: NDArray[np.float64],
    smallest: NDArray[np.int64],
    largest: NDArray[np.int64],
    room: NDArray[np.int64],
    k: int,
) -> Any:
    """Return the lesser of the Lagrangian bound and the number that fits times the largest value."""
    bound = above[k]
    number = np.int64(2**31)
    for i in range(len(room)):
        bound += price[i] * room[i]
        if smallest[k, i] > 0:
            number = min(number, room[i] // smallest[k, i])
    bound = min(bound, float(number) * float(largest[k]))
    return np.int64(bound + bound * _SAFETY) + 1 if number > 0 else np.int64(0)


@inner
def fractional(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    most: NDArray[np.int64],
    weight: NDArray[np.float64],
    price: NDArray[np.float64],
    room: NDArray[np.int64],
    k: int,
) -> Any:
    """Return the surrogate bound over the members, from class ``k`` on, that fit into the room."""
    n, r = size.shape
    left = 0.0
    for i in range(r):
        left += price[i] * room[i]
    bound = 0.0
    for f in range(k, n):
        c = most[f]
        for i in range(r):
            if size[f, i] > 0:
                c = min(c, room[i] // size[f, i])
        if c <= 0:
            continue
        takes = c * weight[f]
        if takes > left:
            bound += value[f] * left / weight[f]
            break
        bound += float(c * value[f])
        left -= takes
    return np.int64(bound + bound * _SAFETY) + 1


@inner
def open_bound(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    price: NDArray[np.float64],
    above: NDArray[np.float64],
    x: NDArray[np.int64],
    room: NDArray[np.int64],
    worth: Any,
    best: Any,
    k: int,
) -> Any:
    """Return an upper bound of what was not visited: the node itself, and fewer of each class above it."""
    r = size.shape[1]
    room = room.copy()
    bound = above[k] + worth
    for i in range(r):
        bound += price[i] * room[i]
    for f in range(k - 1, -1, -1):
        while x[f] > 0:
            x[f] -= 1
            worth -= value[f]
            branch = above[f + 1] + worth
            for i in range(r):
                room[i] += size[f, i]
                branch += price[i] * room[i]
            bound = max(bound, branch)
    return max(best, np.int64(bound + bound * _SAFETY) + 1)
