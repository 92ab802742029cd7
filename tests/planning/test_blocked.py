"""Moves that wait for each other: chains of them, parking, and proof that there is no way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consolidate.errors import DeadlockError, PlanError
from consolidate.migration import MoveSettings
from consolidate.model import Ban, PowerControl, Spread
from consolidate.planning import plan
from consolidate.study.verbs import plan as judged_plan


def moves_of(made):
    return [(m.vm, m.source, m.target) for m in made.migrations]


def swap(scenes, *spare, **more):
    """Two VMs that each fill their host and want the other's."""
    hosts = [scenes.host(memory=10_000), scenes.host(memory=10_000), *spare]
    vms = [scenes.vm(memory=9_000), scenes.vm(memory=8_000)]
    return scenes.scene(hosts, vms, [0, 1], **more)


def test_a_swap_parks_the_smaller_vm_on_the_spare_host(scenes):
    """One parking move is enough, and the VM with less memory makes it."""
    instance = swap(scenes, scenes.host(memory=8_000))
    made = judged_plan(instance, scenes.to(1, 0))
    assert moves_of(made) == [(1, 1, 2), (0, 0, 1), (1, 2, 0)]
    assert [m.parking for m in made.migrations] == [True, False, False]
    assert made.boots == ()
    assert [s.host for s in made.shutdowns] == [2]


def test_a_spare_host_that_is_off_is_booted_for_parking_and_switched_off_again(scenes):
    """Boot, park, move on, shut down: in that order, and without a second's overlap."""
    instance = swap(scenes, scenes.host(memory=8_000, on=False, boot_s=25, shutdown_s=7))
    made = judged_plan(instance, scenes.to(1, 0))
    (boot,), (off,) = made.boots, made.shutdowns
    park, last = made.migrations[0], made.migrations[-1]
    assert (boot.host, boot.end_s - boot.start_s) == (2, 25)
    assert park.start_s == boot.end_s
    assert boot.id in park.after
    assert (off.host, off.start_s, off.end_s) == (2, last.end_s, last.end_s + 7)
    assert {boot.id, last.id} <= set(off.after)
    assert scenes.carry_out(instance, made) == [1, 0]


def test_a_spare_host_that_is_on_is_preferred_to_one_that_is_off(scenes):
    """A boot costs minutes and energy; the roomier host is no reason for one."""
    spare = scenes.host(memory=50_000, on=False), scenes.host(memory=8_000)
    made = judged_plan(swap(scenes, *spare), scenes.to(1, 0))
    assert made.boots == ()
    assert made.migrations[0].target == 3


@pytest.mark.parametrize(
    "spare",
    [
        {"memory": 7_999},
        {"cpu": 999},
        {"on": False, "control": PowerControl.NO_WAKE},
        {"on": False, "control": PowerControl.KEEP_ON},
        {"maintenance": True},
        {"kind": "container_engine"},
        {"modes": {"saved_state"}},
    ],
    ids=str,
)
def test_a_spare_host_of_no_use_is_no_way_out(scenes, spare):
    """Too small, not to be woken, not to be switched off again, closed, or out of reach."""
    with pytest.raises(DeadlockError) as caught:
        plan(swap(scenes, scenes.host(**spare)), scenes.to(1, 0))
    assert sorted(caught.value.vms) == ["V1", "V2"]
    assert caught.value.helper_space == {"cpu_demand_mcores": 1_000, "memory_demand_mib": 8_000}
    assert "8000 memory_demand_mib" in str(caught.value)


def test_parking_goes_only_where_the_vm_gets_away_again(scenes):
    """The only spare with room for a VM is of use if the VM can go on from there to its target."""
    both = {"live", "saved_state"}
    hosts = [
        scenes.host(modes=both),
        scenes.host(modes=both),
        scenes.host(modes={"live"}, memory=7_999),
        scenes.host(modes={"saved_state"}, memory=90_000),
    ]
    # Whoever is parked on the fourth host would have to write its state, and can.
    vms = [scenes.vm(memory=9_000), scenes.vm(memory=8_000)]
    made = judged_plan(scenes.scene(hosts, vms, [0, 1]), scenes.to(1, 0))
    assert (made.migrations[0].target, made.migrations[0].mode) == (3, "saved_state")
    hosts[0], hosts[2] = scenes.host(modes={"live"}), scenes.host(modes={"live"}, memory=8_000)
    made = judged_plan(scenes.scene(hosts, vms, [0, 1]), scenes.to(1, 0))
    assert made.migrations[0].target == 2


def test_btrplace_362_says_that_there_is_no_order(scenes):
    """btrplace/scheduler#362: the placement exists, the way to it does not; 2 spare make one."""
    hosts = [scenes.host(memory=10), scenes.host(memory=10)]
    vms = [scenes.vm(memory=m) for m in (2, 2, 2, 5, 5)]
    instance = scenes.scene(hosts, vms, [0, 0, 0, 1, 1])
    target = scenes.to(1, 1, 1, 0, 0)
    with pytest.raises(DeadlockError) as caught:
        plan(instance, target)
    assert set(caught.value.vms) == {"V1", "V2", "V3", "V4", "V5"}
    assert caught.value.helper_space["memory_demand_mib"] == 2
    spare = scenes.with_helper(instance, caught.value.helper_space, like=0)
    assert scenes.carry_out(spare, judged_plan(spare, target)) == [1, 1, 1, 0, 0]


def test_btrplace_362_tells_a_bad_target_from_a_bad_order(scenes):
    """V5 on top of V1 to V3 is no placement at all: another error, which names host and sum."""
    hosts = [scenes.host(memory=10), scenes.host(memory=10)]
    vms = [scenes.vm(memory=m) for m in (2, 2, 2, 5, 5)]
    instance = scenes.scene(hosts, vms, [0, 0, 0, 1, 1])
    with pytest.raises(PlanError, match=r"host N1: 11 of 10 memory_demand_mib") as caught:
        plan(instance, scenes.to(0, 0, 0, 1, 0))
    assert not isinstance(caught.value, DeadlockError)


def test_helper_space_is_the_least_that_works(scenes):
    """Five small VMs have to be out of the way at once, and four are not enough."""
    hosts = [scenes.host(memory=10), scenes.host(memory=12)]
    vms = [scenes.vm(memory=m) for m in (2, 2, 2, 2, 2, 10)]
    with pytest.raises(DeadlockError) as caught:
        plan(scenes.scene(hosts, vms, [0] * 5 + [1]), scenes.to(*[1] * 5, 0))
    assert caught.value.helper_space["memory_demand_mib"] == 8
    hosts[1] = scenes.host(memory=11)
    with pytest.raises(DeadlockError) as caught:
        plan(scenes.scene(hosts, vms, [0] * 5 + [1]), scenes.to(*[1] * 5, 0))
    assert caught.value.helper_space["memory_demand_mib"] == 10


def test_helper_space_is_sought_between_enough_and_too_little(scenes):
    """Of eight small VMs five have to leave for the large one: not four, not six, not eight."""
    hosts = [scenes.host(cpu=20_000, memory=16), scenes.host(cpu=10_000, memory=100)]
    vms = [scenes.vm(cpu=1_000, memory=2)] * 8 + [scenes.vm(cpu=10_000, memory=10)]
    with pytest.raises(DeadlockError) as caught:
        plan(scenes.scene(hosts, vms, [0] * 8 + [1]), scenes.to(*[1] * 8, 0))
    assert caught.value.helper_space == {"cpu_demand_mcores": 5_000, "memory_demand_mib": 10}


def test_xen_orchestra_10260_brings_every_vm_home(scenes):
    """xen-orchestra#10260: host by host, pushing in only, fails after an update; this must not."""
    home = [0, 0, 1, 1, 2, 2, 3, 3]
    scrambled = [1, 2, 0, 2, 0, 1, 0, 1]  # A, B and C host strangers, D was emptied last
    hosts = [scenes.host(memory=60) for _ in "ABCD"]
    vms = [scenes.vm(memory=20) for _ in home]

    where, failed = list(scrambled), []
    for host in (3, 1, 2, 0):
        for v in [v for v, h in enumerate(home) if h == host and where[v] != host]:
            if sum(20 for h in where if h == host) + 20 <= 60:
                where[v] = host
            else:
                failed.append(v)
    assert failed, "the order of the issue would have worked: the scene shows nothing"

    instance = scenes.scene(hosts, vms, scrambled)
    made = judged_plan(instance, scenes.to(*home))
    assert scenes.carry_out(instance, made) == home


def test_a_host_that_starts_too_full_only_loses_load(scenes):
    """Its newcomer has to wait until those who leave have made the room; nobody is refused for it."""
    hosts = [scenes.host(memory=5_000), scenes.host(memory=20_000)]
    vms = [scenes.vm(memory=m) for m in (4_000, 4_000, 1_000)]
    instance = scenes.scene(hosts, vms, [0, 0, 1], moves=MoveSettings(moves_in=2, moves_out=2))
    made = judged_plan(instance, scenes.to(0, 1, 0))
    assert moves_of(made) == [(1, 0, 1), (2, 1, 0)]
    assert made.migrations[1].start_s == made.migrations[0].end_s
    assert scenes.carry_out(instance, made) == [0, 1, 0]


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_spread_vms_that_change_places_in_a_large_plan_step_aside(scenes, replicas):
    """Each replica waits for the next one's host although there is room for both; one spare host helps.

    The VMs beside them are too many for the search for an order, so that the schedule has to see it.
    """
    others = 70
    hosts = [scenes.host(cpu=100_000, memory=90_000)] * (replicas + 3)
    vms = [scenes.vm(memory=4_000)] * replicas + [scenes.vm(memory=500)] * others
    current = [*range(replicas), *[replicas + 1] * others]
    rules = [Spread(vms=tuple(range(replicas)))]
    instance = scenes.scene(hosts, vms, current, rules=rules)
    target = [*range(1, replicas), 0, *[replicas + 2] * others]
    made = judged_plan(instance, scenes.to(*target))
    assert len(made.migrations) == replicas + 1 + others
    assert sum(m.parking for m in made.migrations) == 1
    assert scenes.carry_out(instance, made) == target


@pytest.mark.parametrize("others", [3, 70])
def test_vms_without_a_common_mode_go_over_a_third_host(scenes, others):
    """One end knows live migration only, the other saved states only; the third host knows both.

    With seventy others the VMs are too many for the search for an order, so that the schedule has to see it.
    """
    hosts = [
        scenes.host(cpu=200_000, memory=200_000, modes=modes.split())
        for modes in ("live", "saved_state", "live saved_state")
    ]
    vms = [scenes.vm(memory=2_000)] * 2 + [scenes.vm(memory=500)] * others
    instance = scenes.scene(hosts, vms, [0, 1, *[0] * others])
    target = [1, 0, *[0] * (others - 1), 2]
    made = judged_plan(instance, scenes.to(*target))
    ways = [[(m.target, m.mode) for m in made.migrations if m.vm == v] for v in (0, 1)]
    assert ways == [[(2, "live"), (1, "saved_state")], [(2, "saved_state"), (0, "live")]]
    assert len(made.migrations) == 5
    assert scenes.carry_out(instance, made) == target


def test_a_rule_of_the_end_closes_no_way(scenes):
    """The only host on the way is banned for the end, and only for that: the VM passes through it."""
    modes = ("live", "saved_state", "live saved_state")
    hosts = [scenes.host(modes=m.split()) for m in modes]
    passing = Ban(vms=(0,), hosts=(2,), continuous=False)
    instance = scenes.scene(hosts, [scenes.vm()], [0], rules=[passing])
    made = judged_plan(instance, scenes.to(1))
    assert [m.target for m in made.migrations] == [2, 1]
    closed = scenes.scene(hosts, [scenes.vm()], [0], rules=[replace(passing, continuous=True)])
    with pytest.raises(PlanError, match="no common mode"):
        plan(closed, scenes.to(1))
