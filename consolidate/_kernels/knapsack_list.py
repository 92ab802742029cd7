"""All patterns of a bin that holds few items, and the most valuable of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

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
    rows = np.full((1024, longest), np.int16(-1), dtype=np.int16)
    number, nodes, complete, depth = 0, 0, True, 0
    relief = _relief(size, limit, longest)
    path = _start(size, limit, capacity, relief, longest)
    while depth >= 0:
        f = _next(path, depth)
        if f < 0:
            depth -= 1
            continue
        nodes += 1
        if nodes > most_nodes:
            return rows, number, False
        deep = depth + 1
        if not _add(path, size, waste, depth, f, longest):
            continue
        _narrow(path, size, limit, relief, depth, f)
        is_full = path.n_options[deep] == 0
        complete &= is_full or deep < longest
        if (is_full or deep == longest or relief.any()) and _is_tight(path.room[deep], waste):
            if number >= most:
                return rows, number, False
            rows = _listed(rows, number, path.chosen, deep)
            number += 1
        if deep < longest:
            depth = deep
    return rows, number, complete


class _Path(NamedTuple):
    """Where the search stands: at each depth, what is in the pattern and what may still be added."""

    options: NDArray[np.int64]  # (depths, classes): may be added
    n_options: NDArray[np.int64]  # (depths,)
    at: NDArray[np.int64]  # (depths,): the next of the options to be tried
    chosen: NDArray[np.int64]  # (depths,): class of the item, none at depth 0
    repeat: NDArray[np.int64]  # (depths,): how many of its class there are up to here
    room: NDArray[np.int64]  # (depths, resources)
    largest: NDArray[np.int64]  # (resources,): of the largest item, 0 or more


@inner
def _start(
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    relief: NDArray[np.int64],
    longest: int,
) -> _Path:
    n, r = size.shape
    path = _Path(
        np.empty((longest + 1, n), dtype=np.int64),
        np.zeros(longest + 1, dtype=np.int64),
        np.zeros(longest + 1, dtype=np.int64),
        np.full(longest + 1, -1, dtype=np.int64),
        np.zeros(longest + 1, dtype=np.int64),
        np.empty((longest + 1, r), dtype=np.int64),
        np.zeros(r, dtype=np.int64),
    )
    path.room[0] = capacity
    for i in range(r):
        path.largest[i] = max(size[:, i].max(), 0)
    for f in range(n):
        if limit[f] > 0 and _is_within(size, f, capacity, relief):
            path.options[0, path.n_options[0]] = f
            path.n_options[0] += 1
    return path


@inner
def _next(path: _Path, depth: int) -> Any:
    """Return the class to try next, none before the one that is there already; -1 at the end."""
    while path.at[depth] < path.n_options[depth]:
        f = path.options[depth, path.at[depth]]
        path.at[depth] += 1
        if f >= path.chosen[depth]:
            return f
    return np.int64(-1)


@inner
def _add(
    path: _Path, size: NDArray[np.int64], waste: NDArray[np.int64], depth: int, f: Any, longest: int
) -> bool:
    """Add an item; say whether what may follow can use up enough of the room."""
    deep, may_do = depth + 1, True
    path.chosen[deep] = f
    path.repeat[deep] = path.repeat[depth] + 1 if f == path.chosen[depth] else 1
    for i in range(size.shape[1]):
        path.room[deep, i] = path.room[depth, i] - size[f, i]
        may_do &= path.room[deep, i] - waste[i] <= (longest - deep) * path.largest[i]
    return may_do


@inner
def _narrow(
    path: _Path,
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    relief: NDArray[np.int64],
    depth: int,
    f: Any,
) -> None:
    """Note what may be added after ``f``; classes before it count for "nothing can be added" only."""
    deep, number = depth + 1, 0
    before, after, room = path.options[depth], path.options[deep], path.room[deep]
    repeat, chosen = path.repeat[deep], path.chosen
    for o in range(path.n_options[depth]):
        g = before[o]
        used_up = (g == f and repeat >= limit[f]) or (g < f and _times(chosen, depth, g) >= limit[g])
        if not used_up and _is_within(size, g, room, relief):
            after[number] = g
            number += 1
    path.n_options[deep], path.at[deep] = number, 0


@inner
def _is_tight(room: NDArray[np.int64], waste: NDArray[np.int64]) -> bool:
    tight = True
    for i in range(len(room)):
        tight &= 0 <= room[i] <= waste[i]
    return tight


@inner
def _listed(
    rows: NDArray[np.int16], number: int, chosen: NDArray[np.int64], deep: int
) -> NDArray[np.int16]:
    """Write a pattern down; return the rows, more of them where these were full."""
    if number >= len(rows):
        rows = np.concatenate((rows, np.full_like(rows, -1)))
    for k in range(deep):
        rows[number, k] = chosen[k + 1]
    return rows


@inner
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


@inner
def _is_within(
    size: NDArray[np.int64], f: Any, room: NDArray[np.int64], relief: NDArray[np.int64]
) -> bool:
    fits = True
    for i in range(len(room)):
        fits &= size[f, i] <= room[i] + relief[i]
    return fits


@inner
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
