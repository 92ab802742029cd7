"""One bin fewer by packing the bins again that waste most, at the prices of column generation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.patterns.dive import dive
from consolidate.solvers.patterns.generation import Generation
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["reopened"]

_ROUNDS = 100


def reopened(
    problem: PackingProblem,
    packed: Packed,
    goal: int,
    *,
    price: NDArray[np.float64],
    spare: float,
    noise: NDArray[np.float64],
    stop: Callable[[], bool],
) -> Packed | None:
    """Return a packing into ``goal`` bins that keeps the bins worth most, ``None`` where none is found.

    What the bins waste, one less the worth of the items, adds up to what the packing is above the bound of the
    linear program. To save a bin, at least one has to be wasted by those that are packed again.

    Parameters
    ----------
    problem
        As few bins of one kind as possible.
    packed
        A packing into more than ``goal``.
    goal
        Bins wanted.
    price
        What an item of each class is worth, in bins, shape ``(classes,)``.
    spare
        What the bins that are opened waste more than has to be saved, in bins.
    noise
        Factors of the waste in the choice of bins, shape ``(packed.cost,)``.
    stop
        Asked often; then the search is given up.
    """
    patterns = np.repeat(np.array(packed.patterns), packed.times, axis=0)
    waste = 1.0 - patterns @ price
    order = np.argsort(-waste * noise, kind="stable")
    n_open = 1 + int(np.searchsorted(np.cumsum(waste[order]), packed.cost - goal + spare))
    opened, kept = patterns[order[:n_open]], patterns[order[n_open:]]
    if len(kept) == 0 or len(kept) >= goal:
        return None
    rest = PackingProblem(demand=opened.sum(axis=0), bins=problem.bins)
    generation = Generation.of(rest)
    for counts in opened:
        generation.master.add(0, counts)
    n_bins = goal - len(kept)
    generation.run(rest.demand, stop=stop, max_rounds=_ROUNDS, good_enough=n_bins + 1, to_the_end=True)
    if generation.bound > n_bins or stop():
        return None
    found = dive(generation, stop=stop, goal=n_bins, relax=False)
    if found is None or found.cost > n_bins:
        return None
    for counts, times in zip(*np.unique(kept, axis=0, return_counts=True), strict=True):
        found.add(0, counts, int(times))
    return found
