"""Bins of few items: every pattern is listed, and pricing is a look through the list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack_list import best_listed, list_patterns, listed_values
from consolidate.solvers.patterns.problem import BinType

__all__ = ["Listing"]

#: More items, or more of them to a bin, are not tried.
_MOST_ITEMS, _MOST_IN_A_BIN = 2_000, 8.0
_MOST_NODES = 10_000_000
#: Entries of a list at most: patterns times the longest of them.
_MOST_ENTRIES = 64_000_000
_LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listing:
    """The patterns of one bin type to which nothing can be added.

    Parameters
    ----------
    rows
        Classes of the items of each pattern, filled up with -1, shape ``(patterns, longest)``.
    n_classes
        Number of classes.
    """

    rows: NDArray[np.int16]
    n_classes: int

    @classmethod
    def of(
        cls,
        bin_type: BinType,
        demand: NDArray[np.int64],
        *,
        most: int,
        waste: NDArray[np.int64] | None = None,
        longest: int = _LONGEST,
    ) -> Listing | None:
        """List the patterns, or return ``None`` where there are too many.

        Parameters
        ----------
        bin_type, demand
            The bin, and how many items of each class there are.
        most
            Patterns at most.
        waste
            Only patterns that leave no more room than this, shape ``(resources,)``; such a list, and one of
            patterns no longer than ``longest``, may be cut off.
        longest
            Items in a pattern at most.
        """
        limit = np.where(bin_type.allowed, demand, 0)
        size, capacity = bin_type.size, bin_type.capacity
        if int(limit.sum()) > _MOST_ITEMS:
            return None
        if waste is None:
            if (size < 0).any() or not _holds_few(bin_type, limit):
                return None
            longest = min(longest, _most_items(size, limit, capacity))
        # Large items first: the tree is then narrow where it is wide open.
        share = (size / np.maximum(capacity, 1)).max(axis=1)
        order = np.argsort(-share, kind="stable")
        rows, number, complete = list_patterns(
            size[order],
            limit[order],
            capacity,
            capacity if waste is None else waste,
            max(longest, 1),
            min(most, _MOST_ENTRIES // max(longest, 1)),
            _MOST_NODES,
        )
        if not complete and waste is None:
            return None
        class_of = np.append(order, -1).astype(np.int16)  # the place before the first is the last
        return cls(rows=class_of[rows[: int(number)]], n_classes=len(demand))

    def best(
        self, value: NDArray[np.int64], limit: NDArray[np.int64], at_least: int
    ) -> tuple[NDArray[np.int64], int]:
        """Return the best pattern of each class, and the largest value; both as :meth:`Pricer.best` does."""
        worth = listed_values(self.rows, value, limit)
        best, top = best_listed(self.rows, worth, self.n_classes, at_least)
        chosen = np.unique(best[best >= 0])
        return np.minimum(self.counts(chosen), limit), int(top)

    def counts(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of items of each class in the chosen patterns."""
        counts = np.zeros((len(chosen), self.n_classes + 1), dtype=np.int64)
        rows = self.rows[chosen]
        for k in range(rows.shape[1]):
            np.add.at(counts, (np.arange(len(chosen)), rows[:, k]), 1)
        return counts[:, :-1]

    def part(self, chosen: NDArray[np.int64]) -> Listing:
        """Return a shorter list."""
        return Listing(rows=self.rows[chosen], n_classes=self.n_classes)

    def near(
        self, price: NDArray[np.int64], demand: NDArray[np.int64], at_least: int, most: int
    ) -> NDArray[np.int64]:
        """Return the patterns that are worth ``at_least``, the best first, at most so many."""
        worth = listed_values(self.rows, price, demand)
        good = np.flatnonzero(worth >= at_least)
        if len(good) > most:
            # Which of equal ones a partition leaves in front depends on the processor; the value does not.
            good = good[worth[good] >= np.partition(worth[good], -most)[-most]]
        return good[np.argsort(-worth[good], kind="stable")[:most]]

    def scarcity(self) -> NDArray[np.float64]:
        """Return how few patterns hold an item of each class: 1 where there is none, 0 for the commonest."""
        number = np.bincount(self.rows[self.rows >= 0], minlength=self.n_classes)
        scarce: NDArray[np.float64] = 1.0 - np.log1p(number) / np.log1p(max(1, number.max(initial=0)))
        return scarce


def _holds_few(bin_type: BinType, limit: NDArray[np.int64]) -> bool:
    total, capacity = limit @ bin_type.size, np.maximum(bin_type.capacity, 1)
    fewest_bins = max(1.0, float((total / capacity).max(initial=0.0)))
    return int(limit.sum()) / fewest_bins <= _MOST_IN_A_BIN


def _most_items(size: NDArray[np.int64], limit: NDArray[np.int64], capacity: NDArray[np.int64]) -> int:
    """Return a number of items that no pattern exceeds."""
    items = np.repeat(size, limit, axis=0)
    filled = np.cumsum(np.sort(items, axis=0), axis=0) <= capacity
    return int(filled.sum(axis=0).min(initial=len(items)))
