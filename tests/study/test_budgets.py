"""Budgets of moves: hard limits, against brute force."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest

from consolidate.checks import BudgetClaim, check_budget
from consolidate.errors import ConfigError, InstanceError, UnsupportedError
from consolidate.model import Gather, MoveBudget, Placement
from consolidate.study.budgets import solve_within
from consolidate.study.judge import placement_case
from consolidate.study.verbs import plan


@pytest.fixture
def five(builders):
    """Five hosts with one, two, two, two and three VMs; without a budget two hosts are enough."""
    hosts = builders.fleet(kinds=(0,) * 5)
    current = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    return builders.instance([(700, 1_024)] * 10, current, fleet=hosts, move_mj=1_000)


@pytest.mark.parametrize(("limit", "hosts"), [(0, 5), (1, 4), (2, 4), (3, 3), (5, 2), (99, 2)])
def test_so_many_moves_release_so_many_hosts(five, limit, hosts):
    """One move empties the first host, two more the next, and so on; proven by the exact search."""
    result = solve_within(five, MoveBudget(moves=limit))
    assert result.placement.moved_from(five.current).size <= limit
    assert result.placement.used_hosts().size == hosts
    assert result.status == "optimal"


def test_memory_is_a_budget(five):
    """3 GiB are three VMs of 1 GiB."""
    result = solve_within(five, MoveBudget(memory_gib=3.5))
    assert result.placement.moved_from(five.current).size == 3


def test_each_host_has_a_budget(five):
    """At most one VM leaves a host or comes to it: only the first host is emptied."""
    result = solve_within(five, MoveBudget(per_host=1))
    moved = result.placement.moved_from(five.current)
    touched = np.concatenate([five.current.host_of[moved], result.placement.host_of[moved]])
    assert np.bincount(touched).max() == 1
    assert result.placement.used_hosts().size == 4


def test_who_is_to_stay_stays(five):
    """VM 0 is the cheapest to move; without it, two moves release another host."""
    result = solve_within(five, MoveBudget(moves=2, stay=(0,)))
    assert result.placement.host_of[0] == 0
    assert result.placement.used_hosts().size == 4


def test_the_time_of_the_plan_is_a_budget(five):
    """What is left fits; a budget of less than a shutdown leaves nothing to do."""
    whole = plan(five, solve_within(five, MoveBudget()).placement).makespan_s
    short = solve_within(five, MoveBudget(makespan_s=whole // 2))
    assert plan(five, short.placement).makespan_s <= whole // 2
    assert short.placement.moved_from(five.current).size > 0
    none = solve_within(five, MoveBudget(makespan_s=1))
    assert none.placement.moved_from(five.current).size == 0


def test_large_instances_keep_it_too(builders):
    """Too large for the exact search: 200 hosts, 600 VMs, 40 moves."""
    hosts = builders.fleet(kinds=(0,) * 200)
    rnd = Random(1)
    current = [v % 200 for v in range(600)]
    needs = [(rnd.randint(200, 700), rnd.randint(200, 1_500)) for _ in current]
    instance = builders.instance(needs, current, fleet=hosts)
    result = solve_within(instance, MoveBudget(moves=40))
    assert result.placement.moved_from(instance.current).size <= 40
    assert result.placement.used_hosts().size <= 187


def best_within(instance, limit):
    """Return the least energy of any placement within a number of moves."""
    mask_of, masks = instance.host_masks()
    active = np.flatnonzero(instance.active)
    choices = [np.flatnonzero(masks[mask_of[v]]).tolist() for v in active.tolist()]
    best = None
    for choice in product(*choices):
        host_of = np.full(len(instance.vms), -1, dtype=np.int32)
        host_of[active] = choice
        placement = Placement(host_of=host_of)
        if placement.moved_from(instance.current).size > limit:
            continue
        if (instance.usage(placement) > instance.capacity).any():
            continue
        if any(r.violations(placement, instance=instance) for r in instance.rules):
            continue
        energy = instance.energy(placement).total_mj
        best = energy if best is None else min(best, energy)
    return best


def test_random_instances_by_brute_force(builders):
    """Least energy within 0, 1 or 2 moves, or the proof that there is no placement."""
    seen = set()
    for seed in range(60):
        rnd = Random(seed)
        instance = builders.random_instance(rnd, max_vms=5, max_hosts=3, rules=("spread", "fence"))
        limit = rnd.randrange(3)
        best = best_within(instance, limit)
        result = solve_within(instance, MoveBudget(moves=limit), min_saving_fraction=0.0)
        seen.add(result.status)
        if best is None:
            assert result.status == "infeasible", seed
        elif result.worthwhile:
            assert result.objective_mj == best, seed
        else:
            assert best >= result.current_mj, seed
    assert {"optimal", "infeasible"} <= seen


def test_what_is_refused(five, builders):
    """A limit below 0, a VM that is not there, VMs that are placed as one."""
    with pytest.raises(ConfigError, match=r"move_budget\.moves: needs 0 or more, got -1"):
        MoveBudget(moves=-1)
    with pytest.raises(InstanceError, match="there is no VM 77"):
        solve_within(five, MoveBudget(stay=(77,)))
    hosts = builders.fleet(kinds=(0, 0))
    gathered = builders.instance([(1, 1)] * 2, [0, 1], fleet=hosts, rules=(Gather(vms=(0, 1)),))
    with pytest.raises(UnsupportedError, match="gather"):
        solve_within(gathered, MoveBudget(moves=1))


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        ({"moves": 1}, "V17.moves"),
        ({"memory_mib": 2_047}, "V17.memory"),
        ({"per_host": 1}, "V17.per-host"),
        ({"stay": (0, 5)}, "V17.stay"),
    ],
)
def test_the_judge_counts_for_itself(five, claim, code):
    """Two VMs move to one host: each limit that is one too small is found, and no other."""
    host_of = np.array(five.current.host_of)
    host_of[[0, 1]] = 4
    case = placement_case(five, Placement(host_of=host_of))
    assert [v.code for v in check_budget(case, BudgetClaim(**claim))] == [code]
    right = BudgetClaim(moves=2, memory_mib=2_048, per_host=2, stay=(5,))
    assert check_budget(case, right) == ()
