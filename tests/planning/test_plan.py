"""Plans whose right answer is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import DeadlockError
from consolidate.migration import MoveSettings
from consolidate.model import PowerControl, Spread
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


def test_containers_are_restarted(scenes):
    """A container has no memory to copy: it stops here and starts there."""
    hosts = [scenes.host(kind="container_engine", modes={"restart"}) for _ in range(2)]
    instance = scenes.scene(hosts, [scenes.vm(memory=9_000, container=True)], [0])
    (move,) = judged_plan(instance, scenes.to(1)).migrations
    assert (move.mode, move.end_s, move.downtime_ms) == ("restart", 10, 10_000)
    assert (move.moved_mib, move.overhead_mcores) == (0, 0)


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
