"""The best patterns of every size of host at once: a bounded knapsack in two resources, as a table.

Where sizes are multiples of a common unit, or are rounded down to one, the capacity is a grid of cells. The
table holds the best value for each cell, so one run answers for all hosts that offer no more (Bellman 1957).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

__all__ = ["pattern_of", "value_table"]


@kernel
def value_table(
    value: NDArray[np.int64],
    cells: NDArray[np.int64],
    limit: NDArray[np.int64],
    shape: Any,
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Return the best value for each room, and how many of each class it takes.

    Parameters
    ----------
    value
        Worth of one member of each class, shape ``(classes,)``; at most 0 means: never take it.
    cells
        What a member takes of the two resources, shape ``(classes, 2)``.
    limit
        How many members there are, shape ``(classes,)``.
    shape
        Number of cells of each resource, one more than the largest room.

    Returns
    -------
    best
        Shape ``shape``: never falls with the room.
    taken
        Shape ``(classes, *shape)``: members of the class in the best pattern of the classes up to it; of
        a class that takes no cell, 65,535 at most are counted here.
    """
    n, width, height = len(value), shape[0], shape[1]
    best = np.zeros((width, height), dtype=np.int64)
    taken = np.zeros((n, width, height), dtype=np.uint16)
    for f in range(n):
        a, b, v = cells[f, 0], cells[f, 1], value[f]
        if v <= 0 or limit[f] <= 0 or a >= width or b >= height:
            continue
        if a == 0 and b == 0:
            best += v * limit[f]
            taken[f] = min(limit[f], 65_535)
            continue
        fit = (width - 1) // a if a > 0 else (height - 1) // b
        if b > 0:
            fit = min(fit, (height - 1) // b)
        if limit[f] >= fit:
            _unlimited(best, taken[f], a, b, v)
        else:
            _limited(best, taken[f], a, b, v, limit[f])
    return best, taken


@inner
def _unlimited(best: NDArray[np.int64], taken: NDArray[np.uint16], a: Any, b: Any, v: Any) -> None:
    """Allow any number: a cell builds on one that may hold the class already."""
    width, height = best.shape
    for i in range(a, width):
        for j in range(b, height):
            with_one = best[i - a, j - b] + v
            if with_one > best[i, j]:
                best[i, j] = with_one
                taken[i, j] = taken[i - a, j - b] + 1


@inner
def _limited(
    best: NDArray[np.int64], taken: NDArray[np.uint16], a: Any, b: Any, v: Any, most: Any
) -> None:
    """Allow ``most``: from the largest cell down, so that smaller ones still are without the class."""
    width, height = best.shape
    for i in range(width - 1, a - 1, -1):
        for j in range(height - 1, b - 1, -1):
            top, number = best[i, j], 0
            for c in range(1, most + 1):
                if c * a > i or c * b > j:
                    break
                with_some = best[i - c * a, j - c * b] + c * v
                if with_some > top:
                    top, number = with_some, c
            best[i, j] = top
            taken[i, j] = number


@kernel
def pattern_of(taken: NDArray[np.uint16], cells: NDArray[np.int64], i: Any, j: Any) -> NDArray[np.int64]:
    """Return the members of each class in the best pattern for the room ``(i, j)``."""
    n = taken.shape[0]
    counts = np.zeros(n, dtype=np.int64)
    for f in range(n - 1, -1, -1):
        c = np.int64(taken[f, i, j])
        if c > 0:
            counts[f] = c
            i -= c * cells[f, 0]
            j -= c * cells[f, 1]
    return counts
