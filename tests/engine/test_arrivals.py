"""Arrivals, and what a plan does not do when a host is not as it was planned."""

from __future__ import annotations

import numpy as np

from consolidate.engine import replay
from consolidate.model import Fence, Hypervisor, Placement, PowerControl, Spread


def at(*hosts):
    return Placement(host_of=np.array(hosts))


def stays(arm, vm):
    return [tuple(r[1:]) for r in arm.residency.tolist() if r[0] == vm]


def states(arm, host):
    return [tuple(r[1:]) for r in arm.host_states.tolist() if r[0] == host]


def test_an_arrival_goes_to_the_emptiest_host(scenes):
    """By allocation, which is all that is known of it: 2,000 of 16,000 against 1,000."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(3)])
    trace = scenes.make_trace(
        [[0, 0], [0, 0], [0, 0], [-1, 0]], allocated=([3_000, 2_000, 1_000, 500], [10] * 4)
    )
    arm = replay(trace, fleet, at(0, 1, 2, -1))
    assert stays(arm, 3) == [(2, 10, 20)]
    assert arm.service.waiting_vm_s == 0


def test_an_arrival_waits_for_a_boot_when_no_host_is_on(naive, scenes):
    """9 s of boot, during which all of its demand is unmet; nothing else would have room."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    trace = scenes.make_trace([[0, 0, 0], [-1, 700, 700]], allocated=(10, 5_000))
    arm = replay(trace, fleet, at(0, -1))
    assert stays(arm, 1) == [(-1, 10, 19), (1, 19, 30)]
    assert states(arm, 1) == [(naive.OFF, 0, 10), (naive.BOOTING, 10, 19), (naive.ON, 19, 30)]
    assert arm.service.waiting_vm_s == 9
    assert arm.service.unmet_mcore_s == 9 * 700
    assert arm.service.power_cycles == 1


def test_two_arrivals_that_fit_one_host_wake_one(scenes):
    """The host that boots for the first will do for the second."""
    fleet = scenes.make_fleet(
        [scenes.host_type(str(k)) for k in range(3)], powered_on=[True] + [False] * 2
    )
    trace = scenes.make_trace([[0, 0], [-1, 0], [-1, 0]], allocated=(10, [7_000, 3_000, 3_000]))
    arm = replay(trace, fleet, at(0, -1, -1))
    assert arm.service.power_cycles == 1
    assert [stays(arm, v)[-1][0] for v in (1, 2)] == [1, 1]


def test_an_arrival_waits_for_ever_where_nothing_can_be_woken(scenes):
    """No-wake and maintenance hosts are no help, and the replay says how long it waited."""
    fleet = scenes.make_fleet(
        [scenes.host_type(str(k)) for k in range(3)],
        powered_on=[True, False, True],
        power_control=[PowerControl.MANAGED, PowerControl.NO_WAKE, PowerControl.MANAGED],
        maintenance=[False, False, True],
    )
    trace = scenes.make_trace([[0, 0], [-1, 5]], allocated=(10, 5_000))
    arm = replay(trace, fleet, at(0, -1))
    assert stays(arm, 1) == [(-1, 10, 20)]
    assert arm.service.waiting_vm_s == 10


def test_no_arrival_goes_to_a_host_about_to_be_switched_off(naive, scenes):
    """Nor to one in maintenance; the fullest host takes it instead."""
    fleet = scenes.make_fleet(
        [scenes.host_type(str(k)) for k in range(3)], maintenance=[False, True, False]
    )
    plan = scenes.make_plan([0, -1], scenes.shutdown(2, 25, 30))
    trace = scenes.make_trace([[0] * 4, [-1, 0, 0, 0]])
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(0, 10, 40)]
    assert states(arm, 2)[-1] == (naive.OFF, 30, 40)
    assert arm.service.cancelled_shutdowns == 0


def test_a_shutdown_is_not_made_while_a_vm_is_there(naive, scenes):
    """The host stays on, is counted, and takes arrivals again."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    plan = scenes.make_plan([0, 1, -1], scenes.shutdown(1, 5, 10))
    trace = scenes.make_trace([[0, 0], [0, 0], [-1, 0]], allocated=([4_000, 10, 10], 10))
    arm = replay(trace, fleet, plan)
    assert arm.service.cancelled_shutdowns == 1
    assert arm.service.power_cycles == 0
    assert states(arm, 1) == [(naive.ON, 0, 20)]
    assert stays(arm, 2) == [(1, 10, 20)]


def test_a_shutdown_is_not_made_while_a_vm_comes(scenes):
    """An inbound VM is as good as a resident one."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 2, 12), scenes.shutdown(1, 5, 10))
    arm = replay(scenes.make_trace([[0, 0]]), fleet, plan)
    assert arm.service.cancelled_shutdowns == 1
    assert arm.service.migrations == 1


def test_a_move_to_a_host_that_is_not_on_is_not_made(scenes):
    """A VM on a host without power would cost nothing and get nothing."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    plan = scenes.make_plan([0], scenes.boot(1, 0, 9), scenes.move(0, 0, 1, 4, 8))
    arm = replay(scenes.make_trace([[0, 0]]), fleet, plan)
    assert (arm.service.migrations, arm.service.skipped_migrations) == (0, 1)


def test_arrivals_honour_rules_and_the_kind_of_guest(scenes):
    """A container goes to a container engine, a replica not to its mate, a fenced VM inside."""
    engine = scenes.host_type("c", hypervisor=Hypervisor(kind="container_engine"))
    kinds = [scenes.host_type("a"), scenes.host_type("b"), engine]
    fleet = scenes.make_fleet(kinds)
    demand = [[0, 0], [-1, 0], [-1, 0], [-1, 0]]
    trace = scenes.make_trace(demand, container=[False, False, True, False])
    rules = (Spread(vms=(0, 1)), Fence(vms=(3,), hosts=(0,)))
    arm = replay(trace, fleet, at(1, -1, -1, -1), rules=rules)
    assert [stays(arm, v)[0][0] for v in (1, 2, 3)] == [0, 2, 0]


def test_an_arrival_does_not_join_its_mate_on_a_host_that_is_too_many_already(scenes):
    """A rule that is broken already is no licence to break it further."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    trace = scenes.make_trace([[0, 0], [0, 0], [0, 0], [-1, 0]], allocated=([10, 10, 4_000, 10], 10))
    arm = replay(trace, fleet, at(0, 0, 1, -1), rules=(Spread(vms=(0, 1, 3)),))
    assert stays(arm, 3) == [(1, 10, 20)]


def test_an_arrival_does_not_take_the_host_that_its_mate_is_on_the_way_to(scenes):
    """When the move ends they would share it."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(3)])
    trace = scenes.make_trace([[0, 0, 0], [-1, 0, 0], [0, 0, 0]], allocated=([10, 10, 4_000], 10))
    plan = scenes.make_plan([0, -1, 2], scenes.move(0, 0, 1, 5, 25))
    arm = replay(trace, fleet, plan, rules=(Spread(vms=(0, 1)),))
    assert stays(arm, 1) == [(2, 10, 30)]


def test_planned_moves_keep_their_room_from_arrivals(scenes):
    """An arrival must not take the room that a move of the accepted plan needs."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    trace = scenes.make_trace([[0] * 4, [-1, 0, 0, 0]], allocated=(10, [7_000, 900]))
    plan = scenes.make_plan([0, -1], scenes.move(0, 0, 1, 25, 30))
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(0, 10, 40)]


def test_a_waiting_vm_comes_as_soon_as_there_is_room(scenes):
    """Room that a move frees in the middle of a step is used then, not at the next step."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    trace = scenes.make_trace([[0] * 3, [-1, 5, 5], [0] * 3], allocated=(10, [7_000, 7_500, 500]))
    plan = scenes.make_plan([0, -1, 1], scenes.move(0, 0, 1, 5, 14))
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(-1, 10, 14), (0, 14, 30)]


# -- controllers -----------------------------------------------------------------------------------
