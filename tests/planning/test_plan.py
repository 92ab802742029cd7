"""Plans whose right answer is known by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from consolidate.errors import DeadlockError, PlanError
from consolidate.migration import MoveSettings
from consolidate.model import Ban, Gather, PowerControl, Root, Spread
from consolidate.planning import plan
from consolidate.study.verbs import plan as judged_plan


def moves_of(made):
    return [(m.vm, m.source, m.target) for m in made.migrations]


def test_nothing_to_do_is_an_empty_plan(scenes):
    """A target that is the present placement needs no move, no boot and no shutdown."""
    instance = scenes.scene([scenes.host()], [scenes.vm()], [0])
    made = judged_plan(instance, scenes.to(0))
    assert made.actions == ()
    assert made.makespan_s == 0


def test_durations_are_those_of_the_move_model(scenes):
    """8,000 MiB over 40 % of 10 Gbit/s take 476.8 MiB/s, so 17 s, and 1 s of setup."""
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm(memory=8_000)], [0])
    (move,) = judged_plan(instance, scenes.to(1)).migrations
    assert (move.start_s, move.end_s, move.mode) == (0, 18, "live")
    assert move.moved_mib == 8_000
    assert move.overhead_mcores == 400


def test_a_chain_moves_from_its_free_end(scenes):
    """A->B->C on full hosts only works when C's visitor leaves B before A's comes."""
    vms = [scenes.vm(memory=8_000), scenes.vm(memory=8_000)]
    instance = scenes.scene([scenes.host()] * 3, vms, [0, 1])
    made = judged_plan(instance, scenes.to(1, 2))
    first, second = made.migrations
    assert moves_of(made) == [(1, 1, 2), (0, 0, 1)]
    assert second.start_s == first.end_s
    assert first.id in second.after
    (off,) = made.shutdowns
    assert (off.host, off.start_s) == (0, second.end_s)
    assert off.after == (second.id,)


def test_moves_between_different_hosts_run_at_once(scenes):
    """Independent moves must not wait for each other."""
    instance = scenes.scene([scenes.host()] * 4, [scenes.vm()] * 2, [0, 1])
    made = judged_plan(instance, scenes.to(2, 3))
    assert [m.start_s for m in made.migrations] == [0, 0]


@pytest.mark.parametrize(("limit", "starts"), [(1, [0, 4, 8]), (2, [0, 0, 4]), (3, [0, 0, 0])])
def test_slots_for_moves_are_kept(scenes, limit, starts):
    """With one slot the moves into a host follow each other; with more they overlap."""
    moves = MoveSettings(moves_in=limit, moves_out=limit)
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm()] * 3, [0] * 3, moves=moves)
    made = judged_plan(instance, scenes.to(1, 1, 1))
    assert [m.start_s for m in made.migrations] == starts


def test_a_free_slot_is_used_by_whoever_waits_for_it(scenes):
    """Two hosts send to one that takes one at a time: the second goes when the first has come."""
    instance = scenes.scene([scenes.host()] * 3, [scenes.vm()] * 2, [0, 1])
    made = judged_plan(instance, scenes.to(2, 2))
    assert [(m.vm, m.start_s) for m in made.migrations] == [(0, 0), (1, 4)]
    instance = scenes.scene([scenes.host()] * 3, [scenes.vm()] * 2, [0, 0])
    made = judged_plan(instance, scenes.to(1, 2))
    assert [(m.vm, m.start_s) for m in made.migrations] == [(0, 0), (1, 4)]


def test_the_later_of_two_arrivals_also_depends_on_who_made_room(scenes):
    """Both arrivals need the room of the one departure, so both have to name it."""
    vms = [scenes.vm(memory=m) for m in (8_000, 4_000, 4_000)]
    hosts = [scenes.host(), scenes.host(), scenes.host()]
    instance = scenes.scene(hosts, vms, [0, 1, 2])
    made = judged_plan(instance, scenes.to(1, 0, 0))
    by_vm = {m.vm: m for m in made.migrations}
    leaving = by_vm[0].id
    assert leaving in by_vm[1].after
    assert leaving in by_vm[2].after


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


def test_vms_of_a_spread_rule_never_meet_on_the_way(scenes):
    """The second replica may come only when the first has left, though there is room for both."""
    vms = [scenes.vm(memory=8_000), scenes.vm(memory=8_000)]
    hosts = [scenes.host(memory=90_000)] * 3
    chain = scenes.scene(hosts, vms, [0, 1], rules=[Spread(vms=(0, 1))])
    made = judged_plan(chain, scenes.to(1, 2))
    assert made.migrations[1].start_s == made.migrations[0].end_s
    free = scenes.scene(hosts, vms, [0, 1])
    assert [m.start_s for m in judged_plan(free, scenes.to(1, 2)).migrations] == [0, 0]


def test_a_rule_that_binds_only_at_the_end_blocks_no_move(scenes):
    """Replicas that swap hosts meet on the way, which a rule that is not continuous allows."""
    hosts = [scenes.host(memory=90_000)] * 2
    vms = [scenes.vm(), scenes.vm()]
    loose = scenes.scene(hosts, vms, [0, 1], rules=[Spread(vms=(0, 1), continuous=False)])
    assert len(judged_plan(loose, scenes.to(1, 0)).migrations) == 2
    strict = scenes.scene(hosts, vms, [0, 1], rules=[Spread(vms=(0, 1))])
    with pytest.raises(DeadlockError):
        plan(strict, scenes.to(1, 0))


def test_a_vm_that_cannot_converge_is_saved_and_resumed(scenes):
    """It writes faster than the network copies; where state can be saved, that is the way."""
    both = {"live", "saved_state"}
    hosts = [scenes.host(modes=both, nic=1_000.0) for _ in range(2)]
    instance = scenes.scene(hosts, [scenes.vm(memory=4_000, dirty=500.0)], [0])
    (move,) = judged_plan(instance, scenes.to(1)).migrations
    assert move.mode == "saved_state"
    assert move.downtime_ms == 1_000 * (move.end_s - move.start_s)
    assert move.moved_mib == 8_000


def test_a_vm_that_cannot_converge_and_has_no_other_mode_is_refused(scenes):
    """Never "one second": btrplace's network view lets such a move take no time."""
    hosts = [scenes.host(nic=1_000.0) for _ in range(2)]
    instance = scenes.scene(hosts, [scenes.vm(memory=4_000, dirty=500.0)], [0], ids=["db"])
    with pytest.raises(PlanError, match=r"db cannot be moved from N1 to N2: live migration does not"):
        plan(instance, scenes.to(1))


def test_containers_are_restarted(scenes):
    """A container has no memory to copy: it stops here and starts there."""
    hosts = [scenes.host(kind="container_engine", modes={"restart"}) for _ in range(2)]
    instance = scenes.scene(hosts, [scenes.vm(memory=9_000, container=True)], [0])
    (move,) = judged_plan(instance, scenes.to(1)).migrations
    assert (move.mode, move.end_s, move.downtime_ms) == ("restart", 10, 10_000)
    assert (move.moved_mib, move.overhead_mcores) == (0, 0)


REFUSED = {
    "immovable": ({"vm": {"movable": False}}, "web cannot be moved from N1 to N2: the VM is immovable"),
    "no mode": ({"host": {"modes": {"restart"}}}, "web cannot be moved from N1 to N2: no common mode"),
    "maintenance": ({"host": {"maintenance": True}}, "N2: the host is in maintenance"),
    "asleep": (
        {"host": {"on": False, "control": PowerControl.NO_WAKE}},
        "N2: the host is off and cannot be woken",
    ),
    "kind": (
        {"host": {"kind": "container_engine"}},
        "web cannot be moved from N1 to N2: the host runs no vms",
    ),
    "banned": ({"rules": [Ban(vms=(0,), hosts=(1,))]}, "N2: a rule forbids it"),
    "rooted": ({"rules": [Root(vms=(0,), hosts=(0,))]}, "N2: a rule forbids it"),
    "spread": ({"rules": [Spread(vms=(0, 1))]}, "breaks a rule: spread: 2 of its VMs on host 1"),
    "too full": ({"host": {"memory": 1_500}}, "host N2: 2000 of 1500 memory_demand_mib"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_target_that_cannot_be_is_refused_with_names(scenes, case):
    """Before anything is scheduled, and never as a deadlock or a bug of ours."""
    given, message = REFUSED[case]
    hosts = [scenes.host(), scenes.host(**given.get("host", {}))]
    vms = [scenes.vm(**given.get("vm", {})), scenes.vm()]
    current = [0, 0] if "host" in given else [0, 1]
    rules = given.get("rules", ())
    instance = scenes.scene(hosts, vms, current, rules=rules, ids=["web", "db"])
    with pytest.raises(PlanError) as caught:
        plan(instance, scenes.to(1, 1))
    assert message in str(caught.value)
    assert not isinstance(caught.value, DeadlockError)


def test_every_reason_is_listed_at_once(scenes):
    """A user who mends one VM must not run into the next."""
    vms = [scenes.vm(movable=False) for _ in range(12)]
    instance = scenes.scene([scenes.host(90_000, 90_000)] * 2, vms, [0] * 12)
    with pytest.raises(PlanError) as caught:
        plan(instance, scenes.to(*[1] * 12))
    text = str(caught.value)
    assert text.count("immovable") == 10
    assert text.endswith("... and 2 more")


def test_starting_and_stopping_vms_is_not_for_a_plan(scenes):
    """A target that drops a VM or invents one is a mistake, not a move."""
    vms = [scenes.vm(), scenes.vm(active=False)]
    instance = scenes.scene([scenes.host()] * 2, vms, [0, -1], ids=["web", "new"])
    for target, name in ((scenes.to(-1, -1), "web"), (scenes.to(0, 1), "new")):
        with pytest.raises(PlanError, match=f"{name} is .* neither starts nor stops"):
            plan(instance, target)
    with pytest.raises(PlanError, match="1 VMs, the instance 2"):
        plan(instance, scenes.to(0))
    with pytest.raises(PlanError, match="host 2, which is not there"):
        plan(instance, scenes.to(2, -1))


def test_vms_that_must_stay_together_are_not_torn_apart(scenes):
    """One slot moves one VM at a time; a continuous gather rule says never apart."""
    vms = [scenes.vm(), scenes.vm()]
    together = Gather(vms=(0, 1))
    instance = scenes.scene([scenes.host()] * 2, vms, [0, 0], rules=[together])
    with pytest.raises(PlanError, match=r"continuous gather rule \(V1, V2\)"):
        plan(instance, scenes.to(1, 1))
    loose = dataclasses.replace(together, continuous=False)
    instance = scenes.scene([scenes.host()] * 2, vms, [0, 0], rules=[loose])
    assert len(judged_plan(instance, scenes.to(1, 1)).migrations) == 2


@pytest.mark.parametrize(
    "stays",
    [
        {"control": PowerControl.KEEP_ON},
        {"control": PowerControl.NO_WAKE},
        {"maintenance": True},
    ],
    ids=str,
)
def test_a_host_that_may_not_be_switched_off_stays_on(scenes, stays):
    """By order, for want of a way to wake it, or because somebody works on it."""
    instance = scenes.scene([scenes.host(**stays), scenes.host()], [scenes.vm()], [0])
    made = judged_plan(instance, scenes.to(1))
    assert len(made.migrations) == 1
    assert made.shutdowns == ()


def test_an_idle_host_is_switched_off_at_once(scenes):
    """It carries nothing from the start, so there is nothing to wait for."""
    instance = scenes.scene([scenes.host()] * 3, [scenes.vm(), scenes.vm()], [0, 1])
    made = judged_plan(instance, scenes.to(1, 1))
    assert [(s.host, s.start_s) for s in made.shutdowns] == [(2, 0), (0, 4)]


def test_hosts_are_booted_before_anyone_arrives(scenes):
    """A target that is off is booted first, and the whole boot is waited for."""
    instance = scenes.scene([scenes.host(), scenes.host(on=False, boot_s=300)], [scenes.vm()], [0])
    made = judged_plan(instance, scenes.to(1))
    (boot,), (move,) = made.boots, made.migrations
    assert (boot.start_s, boot.end_s, move.start_s) == (0, 300, 300)
    assert boot.id in move.after


def test_progress_is_told(scenes):
    """A plan of thousands of moves must show that it goes on."""
    told = []
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm()] * 3, [0] * 3)
    plan(instance, scenes.to(1, 1, 1), progress=lambda *args: told.append(args))
    assert told[-1] == ("plan", 3, 3)


def large(scenes, n_hosts, per_host):
    """Half of the hosts are emptied into the other half, all moves between full-grown hosts."""
    rng = np.random.default_rng(1)
    hosts = [scenes.host(cpu=10**6, memory=per_host * 2_000) for _ in range(n_hosts)]
    vms = [scenes.vm(memory=int(m)) for m in rng.integers(200, 1_000, n_hosts * per_host)]
    current = np.repeat(np.arange(n_hosts), per_host)
    target = np.where(current % 2 == 0, current, (current - 1) % n_hosts)
    return scenes.scene(hosts, vms, current), scenes.to(*target)


def test_a_thousand_moves_end_at_their_bound(scenes):
    """A consolidation in which nobody waits for room takes as long as its busiest host."""
    instance, target = large(scenes, 100, 20)
    made = plan(instance, target)
    assert len(made.migrations) == 1_000
    assert made.makespan_s <= 1.01 * made.makespan_bound_s


@pytest.mark.slow
def test_ten_thousand_moves_end_at_their_bound(scenes):
    """A large fleet consolidated at once, the independent checks included."""
    instance, target = large(scenes, 500, 40)
    made = judged_plan(instance, target)
    assert len(made.migrations) == 10_000
    assert made.makespan_s <= 1.01 * made.makespan_bound_s
