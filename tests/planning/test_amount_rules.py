"""Licence groups and shared capacity: solved exactly, kept on the way, refused by name elsewhere."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from consolidate.checks import check_plan
from consolidate.errors import PlanError, UnsupportedError
from consolidate.model import Fence, Gather, LicenceGroup, SharedCapacity
from consolidate.planning import plan
from consolidate.solvers import solve
from consolidate.study.judge import _plan_case, judge_plan

MEMORY = "memory_demand_mib"


def swap(scenes, *rules):
    """Two VMs that fill their hosts want each other's; a third host is free."""
    vms = [scenes.vm(memory=8_000), scenes.vm(memory=7_000)]
    return scenes.scene([scenes.host()] * 3, vms, [0, 1], rules=rules)


def test_a_parking_move_outside_the_licences_is_no_way(scenes):
    """The end states comply, the stop on the third host would not; with three hosts covered it does."""
    covered = swap(scenes, LicenceGroup(vms=(0, 1), most=3, hosts=(2,)))
    made = plan(covered, scenes.to(1, 0))
    assert any(m.parking for m in made.migrations)
    judge_plan(covered, made)
    tight = swap(scenes, LicenceGroup(vms=(0, 1), most=2))
    with pytest.raises(PlanError, match="block each other"):
        plan(tight, scenes.to(1, 0))
    assert {v.code for v in check_plan(_plan_case(tight, made))} == {"V3.rule-moment"}


def test_a_target_beyond_the_licences_is_refused_by_name(scenes):
    """Host 1 counts for good once the software ran there, although the VM leaves it."""
    instance = swap(scenes, LicenceGroup(vms=(0,), most=1))
    with pytest.raises(PlanError, match="licence_group: its VMs touch 2 hosts, at most 1 are covered"):
        plan(instance, scenes.to(2, 1))
    at_the_end = swap(scenes, LicenceGroup(vms=(0,), most=1, continuous=False))
    judge_plan(at_the_end, plan(at_the_end, scenes.to(2, 1)))


def best_by_hand(instance):
    """Return the least energy of all placements that keep capacity and rules."""
    best = None
    for hosts in itertools.product(range(instance.fleet.n_hosts), repeat=len(instance.vms)):
        placement = dataclasses.replace(instance.current, host_of=np.array(hosts, dtype=np.int32))
        if (instance.usage(placement) > instance.capacity).any():
            continue
        if any(rule.violations(placement, instance=instance) for rule in instance.rules):
            continue
        energy = instance.energy(placement).total_mj
        best = energy if best is None else min(best, energy)
    return best


@pytest.mark.parametrize(
    "rules",
    [
        (LicenceGroup(vms=(0, 1, 2), most=3),),
        (LicenceGroup(vms=(0, 1, 2), most=2, continuous=False),),
        (LicenceGroup(vms=(1, 3), most=128, unit="cores"),),
        (SharedCapacity(hosts=(0, 1), resource=MEMORY, most=4_000),),
        (LicenceGroup(vms=(0, 1), most=3), Gather(vms=(0, 2), continuous=False)),
    ],
    ids=["touched", "end", "cores", "shared", "gathered"],
)
def test_the_exact_solver_finds_the_best_of_all(scenes, rules):
    """Against every placement there is."""
    hosts = [scenes.host(memory=m) for m in (6_000, 5_000, 9_000)]
    vms = [scenes.vm(memory=m) for m in (2_000, 2_500, 1_500, 2_000)]
    instance = scenes.scene(hosts, vms, [0, 1, 2, 2], rules=rules)
    found = solve(instance, "cp-sat", min_saving_fraction=0.0)
    assert found.objective_mj == best_by_hand(instance)


@pytest.mark.parametrize(
    "rule", [LicenceGroup(vms=(0, 1), most=2), SharedCapacity(hosts=(0, 1), resource=MEMORY, most=4_000)]
)
def test_others_refuse_by_name(scenes, rule):
    """Up front, and they say who keeps it."""
    with pytest.raises(UnsupportedError, match=rf"{rule.name}.*cp-sat"):
        solve(swap(scenes, rule), "ffd")


def test_a_continuous_shared_limit_is_refused_by_the_planner(scenes):
    """No plan is known to keep it at every moment."""
    rule = SharedCapacity(hosts=(0, 1), resource=MEMORY, most=16_000, continuous=True)
    with pytest.raises(PlanError, match="continuous shared_capacity"):
        plan(swap(scenes, rule), scenes.to(2, 1))


def test_the_hosts_of_the_past_bind_like_a_fence(scenes):
    """When the licences are used up, the group stays on what it has touched."""
    free = plan(swap(scenes, Fence(vms=(0,), hosts=(0, 2))), scenes.to(2, 1))
    rule = LicenceGroup(vms=(0,), most=2, hosts=(2,))
    assert plan(swap(scenes, rule), scenes.to(2, 1)).actions == free.actions
