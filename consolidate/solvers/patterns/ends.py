"""Ends of a search by integer programs over few, well-chosen patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.patterns.cover import exact_cover
from consolidate.solvers.patterns.generation import Generation
from consolidate.solvers.patterns.listing import Listing
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem
from consolidate.solvers.patterns.whole import whole_patterns

__all__ = ["mended", "near_patterns", "tight_patterns"]

#: Patterns of a program that ends in seconds.
_MOST_TIGHT, _MOST_NEAR = 20_000, 6_000
_LONGEST_TIGHT = 4
_MOST_MENDED = 15_000


def tight_patterns(problem: PackingProblem, n_bins: int, *, time_limit_s: float) -> Packed | None:
    """Return a packing into so many bins where some resource leaves no room at all, ``None`` without one.

    Then every bin is full to the last unit, and few patterns do that. They may be no longer than the average
    has to be, so that without a packing nothing is proven.
    """
    only = problem.bins[0]
    slack = n_bins * only.capacity - problem.demand @ only.size
    if n_bins == 0 or (slack < 0).any() or (slack > 0).all():
        return None
    longest = -(-int(problem.demand.sum()) // n_bins)
    if longest > _LONGEST_TIGHT:
        return None
    listing = Listing.of(only, problem.demand, most=_MOST_TIGHT, waste=slack, longest=longest)
    if listing is None or len(listing.rows) == 0:
        return None
    return exact_cover(problem, listing.counts(np.arange(len(listing.rows))), time_limit_s=time_limit_s)


def near_patterns(generation: Generation, n_bins: int, *, time_limit_s: float) -> Packed | None:
    """Return a packing into so many bins by listed patterns that cost little more than they are worth.

    A pattern whose reduced cost exceeds what ``n_bins`` leaves above the master's bound cannot be part of
    such a packing.
    """
    problem, listing, dual = generation.problem, generation.pricers[0].listing, generation.dual
    if listing is None or dual is None:
        return None
    total = sum(p * d for p, d in zip(dual.price.tolist(), problem.demand.tolist(), strict=True))
    at_least = dual.upper - max(0, n_bins * dual.upper - total)
    chosen = listing.near(dual.price, problem.demand, at_least, _MOST_NEAR + 1)
    if len(chosen) > _MOST_NEAR:
        return None
    return _whole(problem, listing, chosen, n_bins, time_limit_s)


def mended(
    problem: PackingProblem, packed: Packed, goal: int, *, n_items: int, time_limit_s: float
) -> Packed | None:
    """Pack the last items of a dive again, as well as can be; return a packing into ``goal`` bins.

    Parameters
    ----------
    problem
        As few bins of one kind as possible.
    packed
        A packing whose first patterns are the better ones.
    goal
        Bins wanted.
    n_items
        Items that are taken out again, about.
    time_limit_s : s
        Wall time.
    """
    single = packed.one_by_one()
    number = np.array([int(counts.sum()) for counts in single.patterns])
    kept = len(number) - int(np.searchsorted(np.cumsum(number[::-1]), n_items)) - 1
    if kept < 0 or kept >= goal:
        return None
    residual = np.sum(single.patterns[kept:], axis=0)
    rest = PackingProblem(demand=residual, bins=problem.bins)
    listing = Listing.of(problem.bins[0], residual, most=_MOST_MENDED)
    if listing is None:
        return None
    ending = _whole(rest, listing, np.arange(len(listing.rows)), goal - kept, time_limit_s)
    if ending is None:
        return None
    again = Packed.empty(problem)
    for counts in single.patterns[:kept]:
        again.add(0, counts, 1)
    for counts, times in zip(ending.patterns, ending.times, strict=True):
        again.add(0, counts, times)
    return again


def _whole(
    problem: PackingProblem,
    listing: Listing,
    chosen: NDArray[np.int64],
    n_bins: int,
    time_limit_s: float,
) -> Packed | None:
    rows = listing.counts(chosen)
    return whole_patterns(
        problem,
        [0] * len(rows),
        list(rows),
        problem.demand,
        time_limit_s=time_limit_s,
        target=n_bins,
        at_most=n_bins,
    )
