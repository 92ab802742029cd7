"""Pricing: which patterns of a bin type are worth more than they cost, and how much at most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack import best_patterns
from consolidate._kernels.knapsack_bounds import resource_prices
from consolidate._kernels.knapsack_greedy import greedy_patterns
from consolidate._kernels.knapsack_table import pattern_of, value_table
from consolidate.errors import UnsupportedError
from consolidate.solvers.patterns.listing import Listing
from consolidate.solvers.patterns.problem import BinType

__all__ = ["Pricer"]

#: Cells times classes of a table that is filled rather than a tree searched.
_TABLE_WORK = 40_000_000
#: Choices of items with a size below 0 that are looked at; problems with more are refused.
_MOST_CHOICES = 20_000
#: Patterns that are listed before the list is given up.
_MOST_LISTED = 4_000_000
#: Patterns looked through while diving.
_NEAR = 100_000
#: Patterns that one search returns.
_MOST_PATTERNS = 64


class Pricer:
    """Patterns of one bin type at given prices of the classes.

    Where two resources, counted in their greatest common divisors, make a small grid, a table gives the best
    pattern; where few items fit into a bin, all patterns are listed. Elsewhere a tree is searched, with a limit
    on its nodes; its bound is proven all the same.
    """

    def __init__(self, bin_type: BinType, demand: NDArray[np.int64]) -> None:
        self.bin = bin_type
        # What items of a size below 0 can add to the room at most.
        self._relief = demand @ np.maximum(-bin_type.size, 0)
        self._cells, self._shape = _grid(bin_type)
        work = (self._shape[0] * self._shape[1]) * len(demand) if self._shape else _TABLE_WORK + 1
        has_table = work <= _TABLE_WORK
        self.listing = None if has_table else Listing.of(bin_type, demand, most=_MOST_LISTED)
        self.near: Listing | None = None
        self.is_quick = has_table or self.listing is not None

    def values(self, price: NDArray[np.int64], scale: int) -> NDArray[np.int64]:
        """Return what an item of each class is worth in such a bin, cost deducted, 0 where not allowed."""
        worth = price - self.bin.item_cost * scale
        return np.where(self.bin.allowed, worth, 0)

    def focus(self, price: NDArray[np.int64], demand: NDArray[np.int64]) -> None:
        """From now on, look through the patterns worth most at these prices only, where no bound is wanted."""
        if self.listing is not None and len(self.listing.rows) > _NEAR:
            self.near = self.listing.part(self.listing.near(price, demand, 0, _NEAR))

    def scarcity(self) -> NDArray[np.float64]:
        """Return how few of the patterns worth most hold an item of each class, as far as they are listed."""
        listing = self.near or self.listing
        return np.zeros(len(self.bin.allowed)) if listing is None else listing.scarcity()

    def best(
        self,
        value: NDArray[np.int64],
        limit: NDArray[np.int64],
        at_least: int,
        nodes: int,
        *,
        whole: bool = True,
    ) -> tuple[NDArray[np.int64], int]:
        """Return good patterns, the best among them, and an upper bound; see :func:`best_patterns`.

        The bound holds for all patterns if ``whole``.
        """
        if self.listing is not None:
            listing = self.listing if whole or self.near is None else self.near
            return listing.best(value, limit, at_least)
        if self._shape is None or not self.is_quick:
            return self._searched(value, limit, at_least, nodes)
        table, taken = value_table(value, self._cells, limit, self._shape)
        i, j = self._shape[0] - 1, self._shape[1] - 1
        top = int(table[i, j])
        if top <= at_least:
            return np.zeros((0, len(value)), dtype=np.int64), at_least
        return pattern_of(taken, self._cells, i, j)[np.newaxis], top

    def _searched(
        self, value: NDArray[np.int64], limit: NDArray[np.int64], at_least: int, nodes: int
    ) -> tuple[NDArray[np.int64], int]:
        """Search the rest for each choice of items that make room instead of taking it."""
        size = self.bin.size
        plain = np.where((size < 0).any(axis=1), 0, limit)
        upper, found = at_least, []
        for chosen in self._relieving(limit):
            room = self.bin.capacity - chosen @ size
            worth = int(chosen @ value)
            asked = max(at_least - worth, 0)
            rows, number, _, above = best_patterns(
                value, np.maximum(size, 0), plain, room, asked, nodes, _MOST_PATTERNS
            )
            upper = max(upper, worth + int(above))
            found.append(rows[: int(number)] + chosen)
            if worth > at_least:
                found.append(chosen[np.newaxis])
        return np.concatenate(found), upper

    def _relieving(self, limit: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return every choice of items with a size below 0 that leaves room of 0 or more."""
        size, capacity = self.bin.size, self.bin.capacity
        choices = [np.zeros(len(limit), dtype=np.int64)]
        for f in np.flatnonzero((size < 0).any(axis=1) & (limit > 0)).tolist():
            for chosen in list(choices):
                more = chosen.copy()
                # Later ones may make room again, but what is short now and not relieved stays short.
                while more[f] < limit[f]:
                    if len(choices) > _MOST_CHOICES:
                        msg = "so many items with a size below 0"
                        raise UnsupportedError(msg, who="patterns", supported_by=())
                    more = more.copy()
                    more[f] += 1
                    if (more @ np.maximum(size, 0) > capacity + self._relief).any():
                        break
                    choices.append(more)
        return [c for c in choices if (c @ size <= capacity).all()]

    def several(
        self, value: NDArray[np.int64], limit: NDArray[np.int64], at_least: int
    ) -> list[NDArray[np.int64]]:
        """Return patterns worth more than ``at_least``, found greedily, at most two per class."""
        size, capacity = self.bin.size, self.bin.capacity
        fitting = np.where((size <= capacity).all(axis=1) & (value > 0), limit, 0)
        seeds = np.flatnonzero(fitting > 0)
        if seeds.size == 0:
            return []
        price = resource_prices(value[seeds], size[seeds], fitting[seeds], capacity, 60)
        by_worth = np.argsort(-value / np.maximum(size @ price, 1e-9), kind="stable")
        found = []
        for order in (by_worth, np.argsort(-value, kind="stable")):
            counts, number = greedy_patterns(value, size, fitting, capacity, order, seeds, at_least)
            found += list(counts[: int(number)])
        return found


def _grid(bin_type: BinType) -> tuple[NDArray[np.int64], tuple[int, int] | None]:
    """Return what each class takes in units of the common divisor, and the number of cells."""
    size, capacity = bin_type.size, bin_type.capacity
    if size.shape[1] > 2 or (size < 0).any():
        return size, None
    cells = np.zeros((len(size), 2), dtype=np.int64)
    shape = [1, 1]
    for i in range(size.shape[1]):
        unit = max(1, int(np.gcd.reduce(size[:, i])))
        cells[:, i] = size[:, i] // unit
        shape[i] = int(capacity[i]) // unit + 1
    bulky = (cells > 0).any(axis=1).all()
    return cells, (shape[0], shape[1]) if bulky else None
