"""The makespan bound: by hand, and never above any plan."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.checks.cases import NO_ACTIONS, MoveLimits, PlanCase
from consolidate.checks.plan_bound import derived_bound_s, derived_direct_s
from consolidate.errors import PlanError
from consolidate.migration import MoveSettings
from consolidate.planning import plan
from consolidate.planning.bound import makespan_bound
from consolidate.planning.estimates import Estimates
from consolidate.study.judge import placement_case


def bound(instance, target):
    return makespan_bound(instance, target, Estimates(instance))


def test_the_load_of_the_busiest_host(scenes):
    """Four moves of 4 s out of one host with two slots take 8 s, and its shutdown 10 s more."""
    moves = MoveSettings(moves_in=2, moves_out=2)
    instance = scenes.scene([scenes.host()] * 3, [scenes.vm()] * 4, [0] * 4, moves=moves)
    found = bound(instance, scenes.to(1, 1, 2, 2))
    assert (found.load_s, found.rests_on) == (18, "host N1")
    made = plan(instance, scenes.to(1, 1, 2, 2))
    assert made.makespan_s == made.makespan_bound_s == 18
    assert made.makespan_gap == 0


def test_boots_come_before_the_first_arrival(scenes):
    """A target that is off adds its boot to its work."""
    instance = scenes.scene([scenes.host(), scenes.host(on=False, boot_s=300)], [scenes.vm()], [0])
    assert bound(instance, scenes.to(1)).load_s == 304


def test_the_space_time_bound(scenes):
    """Four full hosts pass their VM on around a ring; 9,000 MiB of free space take one at a time."""
    hosts = [scenes.host(memory=9_000)] * 5
    vms = [scenes.vm(memory=9_000)] * 4
    instance = scenes.scene(hosts, vms, [0, 1, 2, 3])
    found = bound(instance, scenes.to(1, 2, 3, 4))
    one = plan(instance, scenes.to(0, 1, 2, 4)).migrations[0]
    seconds = one.end_s - one.start_s
    # Free are 9,000 MiB, less those of the host that is shut down for 10 s in the end.
    assert found.space_time_s >= 4 * seconds
    assert found.rests_on == "free memory_demand_mib"
    assert plan(instance, scenes.to(1, 2, 3, 4)).makespan_s >= found.value_s


def test_the_direct_bound_adds_the_shutdown_of_the_last_source(scenes):
    """Two hosts send two VMs of 4 s each through one slot; whichever comes last still shuts down for 10 s."""
    instance = scenes.scene([scenes.host()] * 3, [scenes.vm()] * 4, [0, 0, 1, 1])
    found = bound(instance, scenes.to(2, 2, 2, 2))
    assert (found.value_s, found.direct_s) == (18, 26)
    made = plan(instance, scenes.to(2, 2, 2, 2))
    assert made.makespan_s == 26
    assert len(made.migrations) == 4


def test_the_bound_by_room(scenes):
    """A large VM comes to a full host only when the large one there has left, and that needs a third host."""
    hosts = [scenes.host(memory=m, shutdown_s=0) for m in (10_000, 10_000, 40_000)]
    instance = scenes.scene(hosts, [scenes.vm(memory=9_000)] * 2, [0, 1])
    found = bound(instance, scenes.to(1, 2))
    made = plan(instance, scenes.to(1, 2))
    seconds = made.migrations[0].end_s - made.migrations[0].start_s
    assert found.room_s == 2 * seconds
    assert found.rests_on == "room for VM V1"
    assert made.makespan_s == found.room_s


def test_the_concurrency_of_the_fleet(scenes):
    """One move at a time in all: the times add up."""
    instance = scenes.scene(
        [scenes.host()] * 4, [scenes.vm()] * 2, [0, 1], moves=MoveSettings(moves_at_once=1)
    )
    assert bound(instance, scenes.to(2, 3)).rests_on in {"moves at once in the fleet", "host N1"}
    made = plan(instance, scenes.to(2, 3))
    assert sorted(m.start_s for m in made.migrations) == [0, 4]


def test_shared_bandwidth_makes_moves_longer(scenes):
    """Three moves of 40 % do not fit into an interface: the third gets a quarter or a half of its share."""
    moves = MoveSettings(moves_in=3, moves_out=3)
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm(memory=3_000)] * 3, [0] * 3, moves=moves)
    made = plan(instance, scenes.to(1, 1, 1))
    rates = sorted(m.rate_mib_per_s for m in made.migrations)
    nic = 10_000 * 1e6 / 8 / 2**20
    for second in range(made.makespan_s):
        under_way = [m for m in made.migrations if m.start_s <= second < m.end_s]
        assert sum(m.rate_mib_per_s for m in under_way) <= nic * (1 + 1e-9)
    assert rates[0] < rates[-1] or len({m.start_s for m in made.migrations}) > 1
    by_rate = sorted(made.migrations, key=lambda m: m.rate_mib_per_s)
    assert by_rate[0].end_s - by_rate[0].start_s >= by_rate[-1].end_s - by_rate[-1].start_s


def test_the_bound_is_derived_again_and_never_above_a_plan(scenes):
    """Two derivations that share no code agree on random problems, and no plan is shorter."""
    compared = 0
    for seed in range(150):
        drawn = scenes.random_problem(seed)
        if drawn is None:
            continue
        instance, target = drawn
        limits = MoveLimits(**{f: getattr(instance.moves, f) for f in MoveLimits.__dataclass_fields__})
        case = PlanCase(placement=placement_case(instance, target), limits=limits, actions=NO_ACTIONS)
        claim = bound(instance, target)
        found = claim.value_s
        assert found == derived_bound_s(case), f"seed {seed}"
        assert claim.direct_s in (0, max(found, derived_direct_s(case))), f"seed {seed}"
        try:
            made = plan(instance, target)
        except PlanError:
            continue
        if made.saves:
            # A VM in storage takes no room, so such plans may be shorter; no bound is claimed for them.
            assert made.bound is None
            continue
        compared += 1
        assert made.makespan_s >= found, f"seed {seed}"
    assert compared > 30


@pytest.mark.parametrize("per_host", [1, 3])
def test_a_limit_for_both_roles_together(scenes, per_host):
    """A host in the middle of a chain sends and receives; its limit counts both."""
    moves = MoveSettings(moves_in=2, moves_out=2, moves_per_host=per_host)
    hosts = [scenes.host(memory=90_000)] * 3
    instance = scenes.scene(hosts, [scenes.vm()] * 4, [0, 0, 1, 1], moves=moves)
    made = plan(instance, scenes.to(1, 1, 2, 2))
    for second in range(made.makespan_s):
        under_way = [m for m in made.migrations if m.start_s <= second < m.end_s]
        busy = np.bincount([h for m in under_way for h in (m.source, m.target)], minlength=3)
        assert busy.max(initial=0) <= per_host
