"""The steps of a search for few bins, on instances whose optimum is planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from consolidate.solvers.patterns import PackingProblem, pack, single_type
from consolidate.solvers.patterns.cover import exact_cover
from consolidate.solvers.patterns.dive import dive
from consolidate.solvers.patterns.ends import near_patterns, tight_patterns
from consolidate.solvers.patterns.generation import Generation
from consolidate.solvers.patterns.limit import Limit
from consolidate.solvers.patterns.listing import Listing
from consolidate.solvers.patterns.packed import Packed, filled
from consolidate.solvers.patterns.reopening import reopened
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
        packed = tight_patterns(problem, 20, limit=Limit(seconds=10, repeats=False))
        assert packed is not None
        assert_packed(problem, packed)
        assert packed.cost == 20


def test_no_cover_without_a_pattern_for_an_item():
    """An item in none of the patterns cannot be covered; nor can an item too many be left out."""
    problem = single_type(np.array([[3], [4]]), np.array([1, 2]), np.array([10]))
    assert exact_cover(problem, np.array([[1, 0]]), limit=Limit()) is None
    assert exact_cover(problem, np.array([[1, 1], [0, 2]]), limit=Limit()) is None
    packed = exact_cover(problem, np.array([[1, 1], [0, 1]]), limit=Limit())
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


@pytest.fixture(name="wasteful")
def wasteful_packing():
    """Return a problem, a packing whose first bins are full and whose last hold one item each, and prices."""
    size = np.array([[30, 50], [40, 20], [29, 28], [31, 21]])
    problem = single_type(size, np.array([4, 4, 4, 4]), np.array([100, 100]))
    packed = Packed.empty(problem)
    packed.add(0, np.array([1, 1, 1, 0]), 2)
    for f, times in enumerate((2, 2, 2, 4)):
        packed.add(0, np.eye(4, dtype=np.int64)[f], times)
    return problem, packed, np.array([0.4, 0.35, 0.25, 0.3])


def reopen(problem, packed, goal, price, *, stop=False):
    return reopened(
        problem,
        packed,
        goal,
        price=price,
        spare=0.1,
        noise=np.ones(packed.cost),
        stop=lambda: stop,
    )


def test_bins_that_waste_are_packed_again(wasteful):
    """One bin is saved, and the full bins stay as they are."""
    problem, packed, price = wasteful
    better = reopen(problem, packed, packed.cost - 1, price)
    assert better is not None
    assert_packed(problem, better)
    assert better.cost == packed.cost - 1
    assert [1, 1, 1, 0] in [p.tolist() for p in better.patterns]


def test_nothing_is_packed_again_where_it_cannot_help(wasteful):
    """Fewer bins than the items that are opened need, nothing left to keep, and no time: each gives up."""
    problem, packed, price = wasteful
    assert reopen(problem, packed, 2, price) is None
    assert reopen(problem, packed, packed.cost - 1, np.zeros(4), stop=True) is None
    tight = Packed.empty(problem)
    tight.add(0, np.array([1, 1, 1, 0]), 4)
    tight.add(0, np.array([0, 0, 0, 3]), 1)
    tight.add(0, np.array([0, 0, 0, 1]), 1)
    assert reopen(problem, tight, 5, price) is None


def test_prices_guide_exchanges():
    """With prices as worth, exchanges reach the planted number from which sizes alone stay away."""
    reached = {True: 0, False: 0}
    for seed in range(6):
        problem = planted(np.random.default_rng(seed), 14, slack=4)
        generation = Generation.of(problem)
        start = filled(problem, 0, problem.demand)
        for counts in start.patterns:
            generation.master.add(0, counts)
        generation.run(problem.demand, stop=lambda: False, to_the_end=True)
        for priced in (True, False):
            price = generation.master.prices() if priced else None
            found = swapped(problem, start, target=14, tries=6, stop=lambda: False, seed=0, price=price)
            if found is not None:
                assert_packed(problem, found)
                reached[priced] += start.cost - found.cost
    assert reached[True] >= reached[False]
    assert reached[True] > 0


def test_patterns_near_their_price_suffice():
    """The integer program over them finds the planted number, and nothing below the bound."""
    problem = planted(np.random.default_rng(2), 12, slack=1)
    generation = Generation.of(problem)
    for f in range(problem.n_classes):
        generation.master.add(0, np.eye(problem.n_classes, dtype=np.int64)[f])
    generation.run(problem.demand, stop=lambda: False, to_the_end=True)
    listing = Listing.of(problem.bins[0], problem.demand, most=10_000)
    found = near_patterns(
        problem, listing, 12, dual=generation.dual, limit=Limit(seconds=10, repeats=False)
    )
    assert found is not None
    assert_packed(problem, found)
    assert found.cost == 12
    fewer = generation.bound - 1
    assert (
        near_patterns(
            problem, listing, fewer, dual=generation.dual, limit=Limit(seconds=10, repeats=False)
        )
        is None
    )


def test_a_dive_that_may_not_relax_gives_up_in_time():
    """Out of time, only a dive that has to give a packing gives one."""
    problem = planted(np.random.default_rng(5), 10, slack=5)
    generation = Generation.of(problem)
    for f in range(problem.n_classes):
        generation.master.add(0, np.eye(problem.n_classes, dtype=np.int64)[f])
    generation.run(problem.demand, stop=lambda: False)
    assert dive(generation, stop=lambda: True, goal=10, relax=False) is None
    packed = dive(generation, stop=lambda: True, goal=10, relax=True)
    assert packed is not None
    assert_packed(problem, packed)


def test_a_pattern_added_after_the_linear_program_counts():
    """How often patterns are used is asked of a program that knows them all; prices are the last known."""
    problem = single_type(np.array([[3], [4]]), np.array([1, 1]), np.array([10]))
    master = Generation.of(problem).master
    for f in range(2):
        master.add(0, np.eye(2, dtype=np.int64)[f])
    assert master.solve() == pytest.approx(2)
    prices = master.prices()
    assert master.add(0, np.array([1, 1]))
    assert master.prices().tolist() == prices.tolist()
    assert master.used().tolist() == pytest.approx([0, 0, 1])


def test_time_that_is_up_still_leaves_a_packing():
    """A clock that is past the limit at its second look: all is packed, and the reason is given."""
    problem = planted(np.random.default_rng(8), 25, slack=1, resources=3)
    ticks = itertools.count()
    solution = pack(problem, time_limit_s=1.0, clock=lambda: float(next(ticks)))
    assert solution.stopped == "time limit"
    assert (solution.times @ solution.patterns == problem.demand).all()


def test_scarce_classes_are_in_few_patterns():
    """1 for a class without a pattern, 0 for the commonest."""
    listing = Listing(rows=np.array([[0, 1], [0, 2], [0, -1], [2, 2]], dtype=np.int16), n_classes=4)
    scarcity = listing.scarcity()
    assert scarcity[0] == scarcity[2] == 0
    assert scarcity[3] == 1
    assert 0 < scarcity[1] < 1


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
