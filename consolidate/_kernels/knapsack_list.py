"""All patterns of a bin that holds few items, and the most valuable of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["best_listed", "list_patterns", "listed_values"]


@kernel
def list_patterns(
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    waste: NDArray[np.int64],
    longest: int,
    most: int,
    most_nodes: int,
) -> tuple[NDArray[np.int16], Any, Any]:
    """Return the patterns to which nothing can be added, of those that waste little.

    Where some sizes are below 0, patterns that can be added to are returned as well.

    Parameters
    ----------
    size, limit, capacity
        As in :func:`~consolidate._kernels.knapsack.best_pattern`, but sizes may be below 0.
    waste
        Room that a pattern may leave, shape ``(resources,)``.
    longest
        Items of a pattern at most.
    most, most_nodes
        Patterns, and nodes of the search, at most.

    Returns
    -------
    rows, number, complete
        Classes of the items of each pattern in ascending order, filled up with -1, shape
        ``(number or more, longest)``; how many rows are in use; whether nothing was cut off by ``most``,
        ``most_nodes`` or ``longest``.
    """
    n, r = size.shape
    rows = np.full((1024, longest), np.int16(-1), dtype=np.int16)
    number, nodes, complete = 0, 0, True
    relief, largest = _relief(size, limit, longest), np.zeros(r, dtype=np.int64)
    for i in range(r):
        largest[i] = max(size[:, i].max(), 0)
    grows = relief.any()
    # At each depth: what may still be added, where in that list the search stands, and the room.
    options = np.empty((longest + 1, n), dtype=np.int64)
    n_options, at = np.zeros(longest + 1, dtype=np.int64), np.zeros(longest + 1, dtype=np.int64)
    chosen = np.full(longest + 1, -1, dtype=np.int64)
    repeat = np.zeros(longest + 1, dtype=np.int64)
    room = np.empty((longest + 1, r), dtype=np.int64)
    room[0] = capacity
    for f in range(n):
        if limit[f] > 0 and _is_within(size, f, capacity, relief):
            options[0, n_options[0]] = f
            n_options[0] += 1
    depth = 0
    while depth >= 0:
        if at[depth] >= n_options[depth]:
            depth -= 1
            continue
        f = options[depth, at[depth]]
        at[depth] += 1
        if f < chosen[depth]:
            continue
        nodes += 1
        if nodes > most_nodes:
            return rows, number, False
        deep = depth + 1
        chosen[deep] = f
        repeat[deep] = repeat[depth] + 1 if f == chosen[depth] else 1
        short = False
        for i in range(r):
            room[deep, i] = room[depth, i] - size[f, i]
            short |= room[deep, i] - waste[i] > (longest - deep) * largest[i]
        if short:
            continue
        n_options[deep], at[deep] = 0, 0
        for o in range(n_options[depth]):
            g = options[depth, o]
            # A class used up may be listed no more; classes before f count for "nothing can be added" only.
            used_up = (g == f and repeat[deep] >= limit[f]) or (
                g < f and _times(chosen, depth, g) >= limit[g]
            )
            if not used_up and _is_within(size, g, room[deep], relief):
                options[deep, n_options[deep]] = g
                n_options[deep] += 1
        ends, too_much = n_options[deep] == 0 or deep == longest or grows, False
        complete &= deep < longest or n_options[deep] == 0
        for i in range(r):
            too_much |= room[deep, i] < 0 or room[deep, i] > waste[i]
        if ends and not too_much:
            if number >= most:
                return rows, number, False
            if number >= len(rows):
                rows = np.concatenate((rows, np.full_like(rows, -1)))
            for k in range(deep):
                rows[number, k] = chosen[k + 1]
            number += 1
        if deep < longest:
            depth = deep
    return rows, number, complete


@kernel
def _relief(size: NDArray[np.int64], limit: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Return how much room items of a size below 0 can make in one pattern, at most."""
    n, r = size.shape
    relief = np.zeros(r, dtype=np.int64)
    for i in range(r):
        least: Any = np.int64(0)
        makers: Any = np.int64(0)
        for f in range(n):
            if size[f, i] < 0:
                least = min(least, size[f, i])
                makers += limit[f]
        relief[i] = -least * min(makers, longest)
    return relief


@kernel
def _is_within(
    size: NDArray[np.int64], f: Any, room: NDArray[np.int64], relief: NDArray[np.int64]
) -> bool:
    fits = True
    for i in range(len(room)):
        fits &= size[f, i] <= room[i] + relief[i]
    return fits


@kernel
def _times(chosen: NDArray[np.int64], depth: int, g: Any) -> int:
    number = 0
    for k in range(1, depth + 1):
        number += chosen[k] == g
    return number


@kernel
def listed_values(
    rows: NDArray[np.int16], value: NDArray[np.int64], limit: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return what each listed pattern is worth; of a class, no more than ``limit`` members count."""
    worth = np.zeros(len(rows), dtype=np.int64)
    for p in range(len(rows)):
        run, before = np.int64(0), -1
        for k in range(rows.shape[1]):
            f = rows[p, k]
            if f < 0:
                break
            run = run + 1 if f == before else np.int64(1)
            before = f
            if run <= limit[f] and value[f] > 0:
                worth[p] += value[f]
    return worth


@kernel
def best_listed(
    rows: NDArray[np.int16], worth: NDArray[np.int64], n_classes: int, at_least: Any
) -> tuple[NDArray[np.int64], Any]:
    """Return the most valuable pattern with each class, -1 where none is worth more than ``at_least``.

    The second result is the largest worth of all, ``at_least`` or more.
    """
    best = np.full(n_classes, -1, dtype=np.int64)
    top = np.int64(at_least)
    for p in range(len(rows)):
        if worth[p] <= at_least:
            continue
        top = max(top, worth[p])
        for k in range(rows.shape[1]):
            f = rows[p, k]
            if f < 0:
                break
            if best[f] < 0 or worth[p] > worth[best[f]]:
                best[f] = p
    return best, top
