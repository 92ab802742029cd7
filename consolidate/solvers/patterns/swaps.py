"""One bin fewer by exchanges: the items of a packing one by one, without regard to patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack_swap import place_pool
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["swapped"]

_MOST_ITEMS = 2_000
_STEPS = 2_000
#: Part of its size that an item counts beside its price, as prices may be 0.
_LITTLE = 1e-3


def swapped(
    problem: PackingProblem,
    packed: Packed,
    *,
    target: int,
    tries: int,
    stop: Callable[[], bool],
    seed: int,
    price: NDArray[np.float64] | None = None,
) -> Packed | None:
    """Return a packing in fewer bins of a single unlimited type, down to ``target``, ``None`` without one.

    Parameters
    ----------
    problem
        As few bins of one kind as possible.
    packed
        A packing of all items.
    target
        Fewer bins than this are of no use.
    tries
        Searches for each number of bins, of 2,000 exchanges.
    stop
        Asked before each search.
    seed
        Of the random numbers.
    price
        What an item of each class is worth, in bins, shape ``(classes,)``; without it, sizes tell.
    """
    if int(problem.demand.sum()) > _MOST_ITEMS:
        return None
    only = problem.bins[0]
    item_class = np.repeat(np.arange(problem.n_classes), problem.demand)
    size = only.size[item_class]
    worth = _worth(size, only.capacity)
    if price is not None:
        worth = price[item_class] + _LITTLE * worth
    bin_of, n_bins = _bins(problem, packed), packed.cost
    dice = np.array([88_172_645_463_325_252 + seed], dtype=np.uint64)
    whole: NDArray[np.int64] | None = None
    while n_bins > target:
        _empty_one(bin_of, worth, n_bins)
        left = 1
        for _ in range(tries):
            if stop():
                break
            left = int(place_pool(size, only.capacity, worth, bin_of, n_bins - 1, _STEPS, dice))
            if left == 0:
                break
        if left > 0:
            break
        n_bins -= 1
        whole = bin_of.copy()
    return None if whole is None else _packed(problem, item_class, whole, n_bins)


def _worth(size: NDArray[np.int64], capacity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how hard items are to place: shares of the capacity, scarce resources count for more."""
    share = np.maximum(size, 0) / np.maximum(capacity, 1)
    total = share.sum(axis=0)
    worth: NDArray[np.float64] = share @ (total / max(total.sum(), 1e-9)) + 1e-3
    return worth


def _bins(problem: PackingProblem, packed: Packed) -> NDArray[np.int64]:
    """Return the bin of each item, items in the order of their classes."""
    bins: list[list[int]] = [[] for _ in range(problem.n_classes)]
    for number, counts in enumerate(packed.one_by_one().patterns):
        for f in np.flatnonzero(counts).tolist():
            bins[f] += [number] * int(counts[f])
    return np.array([b for of_class in bins for b in of_class], dtype=np.int64)


def _empty_one(bin_of: NDArray[np.int64], worth: NDArray[np.float64], n_bins: int) -> None:
    """Put the bin that is worth least into the pool; the last bin takes its number."""
    emptied = int(np.argmin(np.bincount(bin_of, weights=worth, minlength=n_bins)))
    bin_of[bin_of == emptied] = -1
    bin_of[bin_of == n_bins - 1] = emptied


def _packed(
    problem: PackingProblem, item_class: NDArray[np.int64], bin_of: NDArray[np.int64], n_bins: int
) -> Packed:
    counts = np.zeros((n_bins, problem.n_classes), dtype=np.int64)
    np.add.at(counts, (bin_of, item_class), 1)
    packed = Packed.empty(problem)
    for row in counts[counts.any(axis=1)]:
        packed.add(0, row, 1)
    return packed
