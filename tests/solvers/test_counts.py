"""The counts policy and the bounds on whole hosts and whole VMs, against brute force."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.errors import UnsupportedError
from consolidate.model import Fence, Placement
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import silent
from consolidate.solvers import Budget
from consolidate.solvers.base import Proposal
from consolidate.solvers.bounds import fewest_moves_bound, relax
from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.integers import like_rows, plus, times, total
from consolidate.solvers.bounds.type_counts import attested, type_counts
from consolidate.solvers.bounds.whole_hosts import whole_hosts_bound
from consolidate.solvers.counts import Counts

BUDGET = Budget(deterministic_s=20.0)


def few_kinds(builders, seed, **fields):
    """Up to six VMs of two sizes on four hosts of two types, some off, some kept on."""
    rnd = Random(seed)
    types = (
        builders.random_type(rnd, "a"),
        builders.random_type(rnd, "b"),
    )
    kinds = [rnd.randrange(2) for _ in range(rnd.randint(2, 4))]
    small = [min(t.usable_mcores for t in types), min(t.usable_memory_mib for t in types)]
    sizes = [[max(1, x * rnd.randint(10, 70) // 100) for x in small] for _ in range(2)]
    needs = [tuple(sizes[rnd.randrange(2)]) for _ in range(rnd.randint(2, 6))]
    on = np.array([h == 0 or rnd.random() < 0.8 for h in range(len(kinds))])
    homes = [rnd.choice(np.flatnonzero(on).tolist()) for _ in needs]
    control = np.array([rnd.choice((0, 0, 0, 1)) for _ in kinds])
    fleet = builders.fleet(types=types, kinds=kinds, powered_on=on, power_control=control)
    rules = (Fence(vms=(0,), hosts=(homes[0],)),) if rnd.random() < 0.3 else ()
    move_mj = rnd.choice((0, 1_000, 10_000_000))
    return builders.instance(needs, homes, fleet=fleet, move_mj=move_mj, rules=rules, **fields)


def test_counts_equal_brute_force(builders, oracles):
    """40 instances: the value of the best of all placements, and a bound that meets it."""
    solved = infeasible = 0
    for seed in range(40):
        instance = few_kinds(builders, seed)
        best = oracles.best_mj(instance)
        found = Counts().propose(instance, BUDGET, seed=0, clock=BUDGET.start(), progress=silent)
        if best is None:
            assert found.host_of is None, seed
            infeasible += 1
            continue
        assert not oracles.problems(instance, found.host_of.tolist()), seed
        value = oracles.energy_mj(instance, found.host_of.tolist())
        # Curves are convex lines from below in the model: the best by it may be a hair worse.
        assert best <= value <= best * 1.05, seed
        assert found.bounds[0].value_mj <= best, seed
        solved += value == best
    assert solved >= 25
    assert infeasible >= 1


@pytest.mark.parametrize("wild", [False, True])
def test_whole_hosts_and_type_counts_are_below_the_optimum(builders, oracles, wild):
    """Of 40 random instances with everything odd; counts are at least as strong as the certified bound."""
    stronger = 0
    for seed in range(1_000, 1_040):
        instance = builders.random_instance(Random(seed), max_vms=5, wild=wild, crowded=0.3)
        best = oracles.best_mj(instance)
        if best is None:
            continue
        problem = kernel_problem(instance)
        relaxation = relax(instance, problem)
        whole = whole_hosts_bound(instance, problem, relaxation)
        counted = type_counts(Aggregate.of(instance, problem, most_classes=60))
        assert whole.value_mj <= best, seed
        assert attested("", counted.bound_mj).value_mj <= best, seed
        stronger += counted.bound_mj > relaxation.bound.value_mj
    assert stronger >= 3


def test_whole_hosts_hold_for_lumped_vms(builders, oracles, monkeypatch):
    """Where all VMs are one lump, cuts are evaluated VM by VM all the same."""
    from consolidate.solvers.bounds import on_off

    monkeypatch.setattr(on_off, "LUMPS", 1)
    for seed in range(1_100, 1_115):
        instance = builders.random_instance(Random(seed), max_vms=5, crowded=0.3)
        best = oracles.best_mj(instance)
        if best is not None:
            problem = kernel_problem(instance)
            bound = whole_hosts_bound(instance, problem, relax(instance, problem))
            assert bound.value_mj <= best, seed


@pytest.mark.parametrize("by_energy", [False, True])
def test_fewest_moves_against_brute_force(builders, oracles, by_energy):
    """For every number of hosts: no placement with as few hosts moves fewer VMs than the bound says."""
    tight = compared = 0
    for seed in range(40):
        instance = builders.random_instance(Random(seed), max_vms=5, max_hosts=3)
        problem = kernel_problem(instance)
        least = {}
        for host_of in oracles.feasible_placements(instance):
            moved = [
                v
                for v, at in enumerate(host_of)
                if at >= 0 and instance.current.host_of[v] not in (-1, at)
            ]
            cost = sum(int(instance.move_mj[v]) for v in moved) if by_energy else len(moved)
            used = len({at for at in host_of if at >= 0})
            least[used] = min(cost, least.get(used, cost))
        for n in range(1, instance.fleet.n_hosts + 1):
            bound = fewest_moves_bound(instance, problem, n, by_energy=by_energy)
            costs = [cost for used, cost in least.items() if used <= n]
            if costs:
                assert bound.feasible
                assert bound.value <= min(costs), (seed, n)
                tight += bound.value == min(costs) > 0
                compared += 1
    assert compared >= 20
    assert tight >= 3


def test_a_known_placement_is_never_made_worse(builders):
    """Without nodes to search, the counts policy returns what it was given."""
    instance = builders.spread_out()
    problem = kernel_problem(instance)
    known = Proposal(host_of=np.zeros(4, dtype=np.int32), stopped="given")
    budget = Budget(deterministic_s=0.0)
    found = Counts().improve(instance, problem, known, budget=budget, seed=0, clock=budget.start())
    value = instance.objective.breakdown(instance, found.host_of).total_mj
    assert value <= instance.objective.breakdown(instance, known.host_of).total_mj


def test_too_many_kinds_are_refused(builders):
    """Four VMs, all different, are more than three kinds."""
    instance = builders.instance(
        [(100 * k, 100) for k in range(1, 5)], [0] * 4, fleet=builders.fleet(kinds=(0, 0))
    )
    with pytest.raises(UnsupportedError, match="kinds of VMs"):
        Counts(most_classes=3).propose(instance, BUDGET, seed=0, clock=BUDGET.start(), progress=silent)


def test_counts_repeat(builders):
    """Node limits and one thread: the same bytes each time."""
    for seed in range(5):
        instance = few_kinds(builders, seed)
        first, second = (
            Counts().propose(instance, BUDGET, seed=1, clock=BUDGET.start(), progress=silent)
            for _ in range(2)
        )
        assert first.bounds == second.bounds
        assert np.array_equal(first.host_of, second.host_of)


def test_shards_place_everybody(builders, monkeypatch):
    """Forty VMs of two sizes on hosts that are packed two at a time: feasible, and close to the bound."""
    from consolidate.solvers.counts import search, shards

    monkeypatch.setattr(search, "_AT_ONCE", 1)
    monkeypatch.setattr(shards, "_HOSTS", 2)
    instance = builders.instance(
        [((900, 1_100), (1_300, 2_500))[v % 2] for v in range(40)],
        [v % 20 for v in range(40)],
        fleet=builders.fleet(kinds=(0,) * 20),
    )
    found = Counts().propose(instance, BUDGET, seed=0, clock=BUDGET.start(), progress=silent)
    assert (instance.usage(Placement(host_of=found.host_of)) <= instance.capacity).all()
    value = instance.objective.breakdown(instance, found.host_of).total_mj
    bound = found.bounds[0].value_mj
    assert bound <= value <= 1.1 * bound


def test_whole_numbers_never_wrap_around():
    """Products and sums beyond 64 bits are those of Python."""
    values = np.array([2**40, -(2**39), 7, 0])
    for factor in (3, 2**20, 2**30, -(2**45)):
        product = times(values, factor)
        assert [int(x) for x in product] == [int(x) * factor for x in values.tolist()]
        assert total(product) == sum(int(x) * factor for x in values.tolist())
        added = plus(product, product)
        assert [int(x) for x in added] == [2 * int(x) * factor for x in values.tolist()]
    large = np.full(8, 2**61)
    assert total(large) == 8 * 2**61


def test_like_rows_number_rows_as_sorting_does():
    """Classes found by hashes are those of the rows themselves."""
    rng = np.random.default_rng(0)
    table = rng.integers(0, 3, (200, 4))
    first, class_of, count = like_rows(list(table.T))
    assert (table[first][class_of] == table).all()
    assert len(first) == len(np.unique(table, axis=0))
    assert (np.bincount(class_of) == count).all()
