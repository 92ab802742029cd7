"""The steps of a search for few bins, on instances whose optimum is planted."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.solvers.patterns import PackingProblem, pack, single_type
from consolidate.solvers.patterns.cover import exact_cover
from consolidate.solvers.patterns.ends import mended, tight_patterns
from consolidate.solvers.patterns.listing import Listing
from consolidate.solvers.patterns.packed import Packed, filled
from consolidate.solvers.patterns.swaps import swapped


def planted(rng, n_bins, *, slack, resources=2):
    """Return a problem of triples that fill each bin but for the slack."""
    capacity = np.full(resources, 100)
    first = rng.integers(20, 45, (n_bins, resources))
    second = rng.integers(20, 45, (n_bins, resources))
    third = capacity - slack - first - second
    size, demand = np.unique(np.concatenate((first, second, third)), axis=0, return_counts=True)
    return single_type(size, demand, capacity)


def assert_packed(problem, packed):
    only = problem.bins[0]
    total = np.zeros(problem.n_classes, dtype=np.int64)
    for counts, times in zip(packed.patterns, packed.times, strict=True):
        assert (counts >= 0).all()
        assert (counts @ only.size <= only.capacity).all()
        total += times * counts
    assert (total == problem.demand).all()
    assert packed.cost == sum(packed.times)


def test_triples_that_leave_no_room_are_covered_exactly():
    """Full bins only: greedy filling fails by bins, the exact cover finds the planted number."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        problem = planted(rng, 20, slack=0)
        assert filled(problem, 0, problem.demand).cost > 20
        packed = tight_patterns(problem, 20, time_limit_s=10)
        assert packed is not None
        assert_packed(problem, packed)
        assert packed.cost == 20


def test_no_cover_without_a_pattern_for_an_item():
    """An item in none of the patterns cannot be covered; nor can an item too many be left out."""
    problem = single_type(np.array([[3], [4]]), np.array([1, 2]), np.array([10]))
    assert exact_cover(problem, np.array([[1, 0]]), time_limit_s=1) is None
    assert exact_cover(problem, np.array([[1, 1], [0, 2]]), time_limit_s=1) is None
    packed = exact_cover(problem, np.array([[1, 1], [0, 1]]), time_limit_s=1)
    assert packed is not None
    assert_packed(problem, packed)


@pytest.mark.parametrize("slack", [0, 3, 9])
def test_planted_packings_are_found_and_proven(slack):
    """With much and little room to spare, and bounds that meet the number of bins."""
    rng = np.random.default_rng(slack)
    for _ in range(3):
        problem = planted(rng, 15, slack=slack, resources=3)
        solution = pack(problem, dives=8)
        assert solution.bound <= 15
        assert solution.cost == solution.bound


def test_the_same_arguments_give_the_same_packing():
    """Without a time limit, all bytes repeat."""
    problem = planted(np.random.default_rng(4), 15, slack=5)
    one, two = (pack(problem, dives=4, seed=3) for _ in range(2))
    assert one.patterns.tobytes() == two.patterns.tobytes()
    assert one.times.tobytes() == two.times.tobytes()


def test_exchanges_save_bins_and_lose_nothing():
    """From one item per bin down towards the planted number; never below the target."""
    problem = planted(np.random.default_rng(6), 10, slack=12)
    single = Packed.empty(problem)
    for f, times in enumerate(problem.demand.tolist()):
        single.add(0, np.eye(problem.n_classes, dtype=np.int64)[f], times)
    found = swapped(problem, single, target=11, tries=3, stop=lambda: False, seed=0)
    assert found is not None
    assert_packed(problem, found)
    assert found.cost == 11


def test_a_bad_ending_is_mended():
    """The first bins are as planted, the last hold one item each: packing those again saves them."""
    size = np.array([[30, 50], [40, 20], [29, 28], [31, 21]])
    problem = single_type(size, np.array([4, 4, 4, 4]), np.array([100, 100]))
    packed = Packed.empty(problem)
    packed.add(0, np.array([1, 1, 1, 0]), 2)
    for f, times in enumerate((2, 2, 2, 4)):
        packed.add(0, np.eye(4, dtype=np.int64)[f], times)
    better = mended(problem, packed, 6, n_items=10, time_limit_s=5)
    assert better is not None
    assert_packed(problem, better)
    assert better.cost <= 6
    assert mended(problem, packed, 3, n_items=10, time_limit_s=5) is None


def test_long_lists_are_not_begun():
    """Bins of many items, and items that make room, are left to the other ways of pricing."""
    many = single_type(np.array([[1], [2]]), np.array([500, 500]), np.array([100]))
    assert Listing.of(many.bins[0], many.demand, most=1_000) is None
    relieving = single_type(np.array([[-1], [2]]), np.array([1, 2]), np.array([3]))
    assert Listing.of(relieving.bins[0], relieving.demand, most=1_000) is None
    few = PackingProblem(
        demand=np.array([2, 2]),
        bins=single_type(np.array([[4], [5]]), np.array([2, 2]), np.array([10])).bins,
    )
    assert Listing.of(few.bins[0], few.demand, most=2) is None
    listed = Listing.of(few.bins[0], few.demand, most=10)
    assert listed is not None
    assert sorted(listed.counts(np.arange(len(listed.rows))).tolist()) == [[0, 2], [1, 1], [2, 0]]
