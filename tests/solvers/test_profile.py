"""The policy for demand curves, its count of hosts, and the bounds on instances with many columns."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

import consolidate as cs
from consolidate.model import Spread
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers import Budget
from consolidate.solvers.bounds import lower_bounds
from consolidate.solvers.profile import Profile, fewest_hosts, is_wide, slot_bound


def equal_hosts(builders, curves, *, capacity, n_hosts=4, **fields):
    """VMs with these CPU curves, on no host yet, and hosts that draw the same whatever they carry."""
    curves = np.array(curves, dtype=np.int64)
    n, slots = curves.shape
    flat = builders.host_type(idle_w=100.0, max_w=100.0, boot_s=0, boot_j=0.0, shutdown_j=0.0)
    base = builders.instance(
        [(1, 1)] * n, [-1] * n, fleet=builders.fleet(types=(flat,), kinds=(0,) * n_hosts), **fields
    )
    mean = curves.sum(axis=1) // slots
    return replace(
        base,
        resources=("cpu_demand_mcores", *(f"cpu_demand_mcores[{t}]" for t in range(slots))),
        need=np.column_stack([mean, curves]),
        capacity=np.full((n_hosts, slots + 1), capacity),
        vm_overhead=np.zeros((n_hosts, slots + 1), dtype=np.int64),
        load_mcores=mean,
        active=np.ones(n, dtype=bool),
    )


def propose(instance, *, iterations=40, seed=0):
    budget = Budget(iterations=iterations)
    return Profile().propose(instance, budget, seed=seed, clock=budget.start(), progress=lambda *_: None)


def fewest_by_force(oracles, instance):
    return min((len(set(p)) for p in oracles.feasible_placements(instance)), default=None)


@pytest.mark.parametrize("seed", range(25))
def test_profile_uses_as_few_hosts_as_any_placement(builders, oracles, seed):
    """On tiny instances with rules the fewest hosts are found, and the count never exceeds them."""
    rnd = Random(seed)
    n, slots = rnd.randint(2, 5), rnd.choice((2, 9))
    curves = [[rnd.choice((0, 1, 3, 6, 8)) for _ in range(slots)] for _ in range(n)]
    rules = (Spread(vms=tuple(rnd.sample(range(n), 2))),) if rnd.random() < 0.5 else ()
    instance = equal_hosts(builders, curves, capacity=10, n_hosts=3, rules=rules)
    best = fewest_by_force(oracles, instance)
    proposal = propose(instance)
    if best is None:
        assert proposal.host_of is None
        assert proposal.unplaced
    else:
        assert not oracles.problems(instance, proposal.host_of)
        assert len(set(proposal.host_of.tolist())) == best
        assert fewest_hosts(instance) <= best


@pytest.mark.parametrize("seed", range(40))
def test_profile_breaks_nothing_on_any_instance(builders, oracles, seed):
    """Hosts of several types, off, in maintenance; VMs that may not move; residents; rules."""
    rnd = Random(seed)
    rules = ("spread", "fence", "ban", "root", "interference", "max_online")
    instance = builders.random_instance(rnd, rules=rules, max_vms=8, max_hosts=5)
    if any(online_whatever_happens(instance, rule) for rule in instance.rules):
        pytest.skip("more hosts stay on than a rule allows: no placement can help")
    proposal = propose(instance, seed=seed)
    if proposal.host_of is None:
        assert proposal.unplaced
    else:
        assert not oracles.problems(instance, proposal.host_of)


def online_whatever_happens(instance, rule):
    """Whether hosts that may not be switched off break the rule already."""
    return rule.name == "max_online" and instance.stays_on()[list(rule.hosts)].sum() > rule.most


def test_complementary_curves_share_a_host(builders):
    """VMs busy at different times need half the hosts that their peaks would."""
    curves = [[9] * 6 + [1] * 6, [1] * 6 + [9] * 6] * 2
    instance = equal_hosts(builders, curves, capacity=10)
    assert is_wide(instance)
    proposal = propose(instance)
    assert len(set(proposal.host_of.tolist())) == 2
    peaks = equal_hosts(builders, [[9, 9]] * 4, capacity=10)
    assert fewest_hosts(peaks) == 4


def test_same_seed_and_budget_give_the_same_placement(builders):
    """Everything random comes from the seed."""
    rng = np.random.default_rng(3)
    instance = equal_hosts(builders, rng.integers(0, 40, (60, 12)), capacity=200, n_hosts=20)
    first, again = propose(instance, seed=7), propose(instance, seed=7)
    np.testing.assert_array_equal(first.host_of, again.host_of)
    assert first.stopped == again.stopped


def test_residents_stay_where_that_costs_no_host(builders):
    """All VMs on two of four full-enough hosts already: nobody has to move."""
    curves = [[5] * 9] * 4
    instance = replace(
        equal_hosts(builders, curves, capacity=10, move_mj=1_000),
        current=cs.Placement(host_of=np.array([2, 2, 3, 3], dtype=np.int32)),
    )
    np.testing.assert_array_equal(propose(instance).host_of, [2, 2, 3, 3])


def test_large_amounts_are_counted_in_coarser_units(builders, oracles):
    """Bytes of memory do not fit into 32 bits; what is placed still fits in the original units."""
    curves = np.array([[6, 1], [1, 6], [4, 4], [3, 5]]) * 10**9
    instance = equal_hosts(builders, curves, capacity=7_100_000_000)
    need, capacity = instance.need.copy(), instance.capacity.copy()
    need[:, 0], capacity[:, 0] = 0, 4_000
    nothing = np.zeros(4, dtype=np.int64)
    instance = replace(instance, need=need, capacity=capacity, load_mcores=nothing)
    proposal = propose(instance)
    assert not oracles.problems(instance, proposal.host_of)
    assert len(set(proposal.host_of.tolist())) == 3


@pytest.mark.parametrize("seed", range(12))
def test_bounds_hold_on_instances_with_many_columns(builders, oracles, seed):
    """No bound exceeds the best placement when slots are columns."""
    rnd = Random(seed)
    curves = [[rnd.choice((0, 1, 3, 6, 8)) for _ in range(12)] for _ in range(rnd.randint(2, 4))]
    instance = equal_hosts(builders, curves, capacity=10)
    best_mj = oracles.best_mj(instance)
    problem = kernel_problem(instance)
    if best_mj is not None:
        for bound in (*lower_bounds(instance, problem), slot_bound(instance, problem)):
            assert bound.value_mj <= best_mj


@pytest.mark.parametrize("seed", range(30))
def test_slot_bound_holds_on_any_instance(builders, oracles, seed):
    """Odd hosts, curved power, residents and boots: the price of one column is still a bound."""
    instance = builders.random_instance(Random(seed), wild=seed % 2 == 1, max_vms=5, max_hosts=3)
    best_mj = oracles.best_mj(instance)
    bound = slot_bound(instance, kernel_problem(instance))
    if best_mj is not None and bound is not None:
        assert bound.value_mj <= best_mj


def test_slot_bound_is_the_fractional_cover_of_the_fullest_slot(builders):
    """Hosts of 100 W that offer 10: a slot of 26 costs 2.6 hosts, whatever the other slots say."""
    curves = [[8, 1, 0], [9, 1, 0], [9, 1, 3]]
    instance = equal_hosts(builders, curves, capacity=10)
    problem = kernel_problem(instance)
    per_host = 100_000 * instance.objective.horizon_s - int(problem.empty_mj[0])
    least = int(problem.empty_mj.sum()) + 2.6 * per_host
    assert slot_bound(instance, problem).value_mj == pytest.approx(least, rel=1e-6)


def test_solve_says_how_far_from_the_bound_curves_are(builders):
    """The policy works through the public door, bound and verdict included."""
    rng = np.random.default_rng(1)
    instance = equal_hosts(builders, rng.integers(0, 40, (40, 24)), capacity=200, n_hosts=12)
    result = cs.solve(instance, Profile(), budget=Budget(iterations=100))
    assert result.status in ("optimal", "feasible")
    assert 0 <= result.gap < 0.5
    assert result.placement.used_hosts().size <= fewest_hosts(instance) + 1
