"""Packing by patterns as bare arrays: classes of identical items into types of identical bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BinType", "PackingProblem", "PatternSolution", "single_type"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinType:
    """Bins that differ in nothing.

    Parameters
    ----------
    capacity
        Shape ``(resources,)``.
    cost
        Of using one bin.
    quantity
        How many there are; -1 for any number.
    item_cost
        Of an item of each class in such a bin, shape ``(classes,)``.
    allowed
        Whether an item of each class may be in such a bin, shape ``(classes,)``.
    size
        What an item of each class takes here, shape ``(classes, resources)``.
    """

    capacity: NDArray[np.int64]
    cost: int
    quantity: int
    item_cost: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    size: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackingProblem:
    """Items to pack at the least cost.

    Parameters
    ----------
    demand
        Number of items of each class, shape ``(classes,)``.
    bins
        The types of bins.
    """

    demand: NDArray[np.int64]
    bins: tuple[BinType, ...]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.demand)

    def relieves(self) -> NDArray[np.bool_]:
        """Say of each class whether an item makes room somewhere instead of taking it: a size below 0.

        One too many of these in a pattern is not harmless, as others may need the room.
        """
        relieves = np.zeros(self.n_classes, dtype=np.bool_)
        for b in self.bins:
            relieves |= (b.size < 0).any(axis=1)
        return relieves

    def counts_bins(self) -> bool:
        """Say whether the cost is the number of bins."""
        return all(b.cost == 1 and not b.item_cost.any() for b in self.bins)

    def is_classic(self) -> bool:
        """Say whether as few bins as possible of one kind are wanted, any number being at hand."""
        return len(self.bins) == 1 and self.bins[0].quantity < 0 and self.counts_bins()

    def pattern_cost(self, kind: int, counts: NDArray[np.int64]) -> int:
        """Return the cost of one bin of type ``kind`` with these items."""
        return self.bins[kind].cost + int(counts @ self.bins[kind].item_cost)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatternSolution:
    """A packing, and how good a packing can be.

    Parameters
    ----------
    kinds
        Bin type of each pattern, shape ``(patterns,)``.
    patterns
        Items of each class, shape ``(patterns, classes)``.
    times
        How often each pattern is used, shape ``(patterns,)``.
    cost
        Total cost; ``None`` when the items were not all packed.
    bound
        No packing costs less.
    stopped
        Why the search ended.
    """

    kinds: NDArray[np.int64]
    patterns: NDArray[np.int64]
    times: NDArray[np.int64]
    cost: int | None
    bound: int
    stopped: str

    @property
    def is_optimal(self) -> bool:
        """Whether no packing is cheaper."""
        return self.cost is not None and self.cost <= self.bound


def single_type(
    size: NDArray[np.int64], demand: NDArray[np.int64], capacity: NDArray[np.int64]
) -> PackingProblem:
    """Return the classic problem: as few bins of one kind as possible."""
    n = len(demand)
    only = BinType(
        capacity=capacity,
        cost=1,
        quantity=-1,
        item_cost=np.zeros(n, dtype=np.int64),
        allowed=np.ones(n, dtype=np.bool_),
        size=size,
    )
    return PackingProblem(demand=demand, bins=(only,))
