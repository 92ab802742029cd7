"""Good patterns quickly: one around each class, filled up greedily."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["fill_bins", "greedy_patterns"]


@kernel
def greedy_patterns(
    value: NDArray[np.int64],
    size: NDArray[np.int64],
    limit: NDArray[np.int64],
    capacity: NDArray[np.int64],
    order: NDArray[np.int64],
    seeds: NDArray[np.int64],
    at_least: Any,
) -> tuple[NDArray[np.int64], Any]:
    """Return patterns worth more than ``at_least``, each with a member of its seed class.

    Parameters
    ----------
    value, size, limit, capacity
        As in :func:`consolidate._kernels.knapsack.best_pattern`.
    order
        Classes in the order in which they are filled in.
    seeds
        Classes to build a pattern around.

    Returns
    -------
    counts, number
        One row per pattern, shape ``(seeds, classes)``; the first ``number`` rows are in use.
    """
    n, r = size.shape
    counts = np.zeros((len(seeds), n), dtype=np.int64)
    room = np.empty(r, dtype=np.int64)
    number = 0
    for seed in seeds:
        fits = limit[seed] > 0
        for i in range(r):
            room[i] = capacity[i] - size[seed, i]
            fits = fits and room[i] >= 0
        if not fits:
            continue
        row = counts[number]
        row[:] = 0
        row[seed] = 1
        worth = value[seed]
        for f in order:
            if value[f] <= 0:
                continue
            c = limit[f] - row[f]
            for i in range(r):
                if size[f, i] > 0:
                    c = min(c, room[i] // size[f, i])
            if c > 0:
                row[f] += c
                worth += c * value[f]
                for i in range(r):
                    room[i] -= c * size[f, i]
        if worth > at_least:
            number += 1
    if number < len(seeds):
        counts[number:] = 0
    return counts, number


@kernel
def fill_bins(
    size: NDArray[np.int64],
    demand: NDArray[np.int64],
    capacity: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], Any]:
    """Fill bins one by one, each time with the item whose sizes match best what is left in the bin.

    The match is the weighted inner product (Panigrahy et al. 2011); a bin opens with the largest item. A
    pattern is used again as long as there are items for it.

    Parameters
    ----------
    size, demand, capacity
        As in :func:`greedy_patterns`, with ``demand`` as limit.
    weight
        Importance of a unit of each resource, shape ``(resources,)``.

    Returns
    -------
    counts, times, number
        One row per pattern; how often it is used; the first ``number`` rows are in use. Items that fit into
        no empty bin are left out.
    """
    n, r = size.shape
    left = demand.copy()
    counts = np.zeros((2 * n + 1, n), dtype=np.int64)
    times = np.zeros(2 * n + 1, dtype=np.int64)
    room = np.empty(r, dtype=np.int64)
    number = 0
    while number < len(times):
        row = counts[number]
        room[:] = capacity
        is_empty = True
        while True:
            best, chosen = -1.0, -1
            for f in range(n):
                if left[f] <= row[f]:
                    continue
                match, fits = 0.0, True
                for i in range(r):
                    if size[f, i] > room[i]:
                        fits = False
                        break
                    against = 1.0 if is_empty else room[i] * weight[i]
                    match += size[f, i] * weight[i] * against
                if fits and match > best:
                    best, chosen = match, f
            if chosen < 0:
                break
            row[chosen] += 1
            is_empty = False
            for i in range(r):
                room[i] -= size[chosen, i]
        if is_empty:
            break
        repeat = np.int64(2**62)
        for f in range(n):
            if row[f] > 0:
                repeat = min(repeat, left[f] // row[f])
        for f in range(n):
            left[f] -= repeat * row[f]
        times[number] = repeat
        number += 1
    return counts, times, number
