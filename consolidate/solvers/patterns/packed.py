"""A packing as patterns and how often each is used."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.knapsack_greedy import fill_bins
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["Packed", "filled"]


@dataclass(slots=True)
class Packed:
    """Patterns in use; grows."""

    problem: PackingProblem
    kinds: list[int] = field(default_factory=list)
    patterns: list[NDArray[np.int64]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    cost: int = 0

    @classmethod
    def empty(cls, problem: PackingProblem) -> Packed:
        """Return the packing of nothing."""
        return cls(problem)

    def add(self, kind: int, counts: NDArray[np.int64], times: int) -> None:
        """Use a pattern ``times`` more."""
        self.kinds.append(kind)
        self.patterns.append(counts.copy())
        self.times.append(times)
        self.cost += times * self.problem.pattern_cost(kind, counts)

    def cut(self, patterns: int) -> None:
        """Keep only so many of the patterns, those added first."""
        for kind, counts, times in zip(
            self.kinds[patterns:], self.patterns[patterns:], self.times[patterns:], strict=True
        ):
            self.cost -= times * self.problem.pattern_cost(kind, counts)
        del self.kinds[patterns:], self.patterns[patterns:], self.times[patterns:]

    def one_by_one(self) -> Packed:
        """Return the same packing with each pattern used once at a time."""
        single = Packed(self.problem)
        for kind, counts, times in zip(self.kinds, self.patterns, self.times, strict=True):
            for _ in range(times):
                single.add(kind, counts, 1)
        return single


def filled(problem: PackingProblem, kind: int, demand: NDArray[np.int64]) -> Packed:
    """Fill bins of one type greedily, one after the other, regardless of how many there are."""
    bin_type = problem.bins[kind]
    total = (demand @ bin_type.size).astype(np.float64)
    weight = total / np.maximum(bin_type.capacity, 1).astype(np.float64) ** 2
    wanted = np.where(bin_type.allowed, demand, 0)
    counts, times, number = fill_bins(bin_type.size, wanted, bin_type.capacity, weight)
    packed = Packed(problem)
    for k in range(int(number)):
        packed.add(kind, counts[k], int(times[k]))
    return packed
