"""Ends of a search by integer programs over few, well-chosen patterns."""

from __future__ import annotations

import numpy as np

from consolidate.solvers.patterns.cover import exact_cover
from consolidate.solvers.patterns.generation import Dual
from consolidate.solvers.patterns.limit import Limit
from consolidate.solvers.patterns.listing import Listing
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem
from consolidate.solvers.patterns.whole import whole_patterns

__all__ = ["near_patterns", "tight_patterns"]

#: Patterns of a program that ends in seconds.
_MOST_TIGHT, _MOST_NEAR = 20_000, 3_000
_LONGEST_TIGHT = 4


def tight_patterns(problem: PackingProblem, n_bins: int, *, limit: Limit) -> Packed | None:
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
    return exact_cover(problem, listing.counts(np.arange(len(listing.rows))), limit=limit)


def near_patterns(
    problem: PackingProblem,
    listing: Listing,
    n_bins: int,
    *,
    dual: Dual,
    limit: Limit,
) -> Packed | None:
    """Return a packing into so many bins by listed patterns that cost little more than they are worth.

    A pattern whose reduced cost exceeds what ``n_bins`` leaves above the value of all items cannot be part of
    such a packing. Where that leaves too many, none are tried.

    Parameters
    ----------
    problem
        As few bins of one kind as possible.
    listing
        Patterns of that bin.
    n_bins
        Bins wanted.
    dual
        Prices of the items.
    limit
        What ends the solver.
    """
    total = sum(p * d for p, d in zip(dual.price.tolist(), problem.demand.tolist(), strict=True))
    at_least = dual.upper - max(0, n_bins * dual.upper - total)
    chosen = listing.near(dual.price, problem.demand, at_least, _MOST_NEAR + 1)
    if len(chosen) > _MOST_NEAR:
        return None
    rows = listing.counts(chosen)
    return whole_patterns(
        problem,
        [0] * len(rows),
        list(rows),
        problem.demand,
        limit=limit,
        target=n_bins,
        at_most=n_bins,
    )
