"""Packing by patterns against trying everything, and the policy that uses it."""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
import pytest

from consolidate.model import Placement
from consolidate.model.progress import silent
from consolidate.solvers import Budget
from consolidate.solvers.patterns import BinType, PackingProblem, pack, single_type
from consolidate.solvers.patterns.policy import Patterns


def random_problem(rng, *, n_types, negative=False):
    n, r = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    size = rng.integers(1, 8, (n, r))
    if negative:
        size[0, 0] = -2
    bins = tuple(
        BinType(
            capacity=rng.integers(8, 15, r),
            cost=int(rng.integers(1, 9)),
            quantity=int(rng.integers(-1, 4)),
            item_cost=rng.integers(0, 3, n),
            allowed=rng.random(n) < 0.9,
            size=size,
        )
        for _ in range(n_types)
    )
    return PackingProblem(demand=rng.integers(1, 4, n), bins=bins)


def least_cost(problem):
    """Return the least cost of packing everything, ``None`` when it cannot be done."""
    n = problem.n_classes

    def patterns(kind, left):
        b = problem.bins[kind]
        shape = [int(x) + 1 if ok else 1 for x, ok in zip(left, b.allowed, strict=True)]
        return [x for x in np.ndindex(*shape) if any(x) and (np.array(x) @ b.size <= b.capacity).all()]

    @cache
    def rest(left, bins_left):
        if not any(left):
            return 0
        best = None
        first = next(f for f in range(n) if left[f])
        for k in range(len(problem.bins)):
            if bins_left[k] == 0:
                continue
            fewer = tuple(q - (i == k and q > 0) for i, q in enumerate(bins_left))
            for x in patterns(k, left):
                if not x[first]:
                    continue
                after = rest(tuple(a - b for a, b in zip(left, x, strict=True)), fewer)
                if after is not None:
                    cost = after + problem.pattern_cost(k, np.array(x))
                    best = cost if best is None else min(best, cost)
        return best

    return rest(tuple(problem.demand.tolist()), tuple(b.quantity for b in problem.bins))


def assert_packing(problem, solution):
    done = solution.times @ solution.patterns
    assert (done == problem.demand).all()
    used = np.zeros(len(problem.bins), dtype=int)
    cost = 0
    for kind, counts, times in zip(solution.kinds, solution.patterns, solution.times, strict=True):
        b = problem.bins[kind]
        assert (counts @ b.size <= b.capacity).all()
        assert not counts[~b.allowed].any()
        used[kind] += times
        cost += int(times) * problem.pattern_cost(int(kind), counts)
    assert all(b.quantity < 0 or u <= b.quantity for b, u in zip(problem.bins, used, strict=True))
    assert cost == solution.cost


@pytest.mark.parametrize("n_types", [1, 2])
def test_costs_and_bounds_against_brute_force(n_types):
    """The bound is never above the least cost, the packing is one, and mostly it is the cheapest."""
    rng = np.random.default_rng(n_types)
    optimal = solved = 0
    for _ in range(30):
        problem = random_problem(rng, n_types=n_types)
        best, solution = least_cost(problem), pack(problem, dives=3)
        if best is None:
            assert solution.cost is None
            continue
        assert solution.bound <= best
        solved += 1
        if solution.cost is not None:
            assert_packing(problem, solution)
            assert solution.cost >= best
            optimal += solution.cost == best
    assert solved >= 12
    assert optimal >= 0.9 * solved


def test_fewest_bins_with_items_that_make_room():
    """Sizes below 0 enlarge the bin for what is beside them: bound and packing stay right."""
    rng = np.random.default_rng(9)
    for _ in range(30):
        size = rng.integers(2, 8, (4, 2))
        size[0, 0] = -int(rng.integers(1, 4))
        problem = single_type(size, rng.integers(1, 4, 4), np.array([11, 11]))
        best, solution = least_cost(problem), pack(problem, dives=3)
        assert_packing(problem, solution)
        assert solution.bound <= best <= solution.cost
        assert solution.cost <= best + 1


def test_a_known_gap_is_proven():
    """Three items of 0.4 in bins of 1: sizes say 1.2 bins, patterns prove two; a million take no longer."""
    size, capacity = np.array([[4, 1]]), np.array([10, 10])
    for demand in (3, 1_000_001):
        solution = pack(single_type(size, np.array([demand]), capacity))
        assert solution.cost == solution.bound == -(-demand // 2)
        assert solution.is_optimal


def test_the_policy_places_every_vm(builders, oracles):
    """Random instances with fences and bans: feasible, and never below brute force."""
    seen = 0
    for seed in range(820, 840):
        instance = builders.random_instance(Random(seed), max_vms=5, rules=("fence", "ban", "root"))
        best = oracles.best_mj(instance)
        proposal = Patterns().propose(
            instance, Budget(), seed=0, clock=Budget().start(), progress=silent
        )
        if best is None or proposal.host_of is None:
            assert best is None or proposal.unplaced
            continue
        seen += 1
        placement = Placement(host_of=proposal.host_of)
        assert (instance.usage(placement) <= instance.capacity).all()
        assert not any(rule.violations(placement) for rule in instance.rules)
        assert instance.energy(placement).total_mj >= best
    assert seen >= 10
