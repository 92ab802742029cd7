"""What a replay charges, move by move, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.engine import replay
from consolidate.model import Placement


def at(*hosts):
    return Placement(host_of=np.array(hosts))


def mj(arm, cause):
    return arm.by_cause_mj()[cause]


def stays(arm, vm):
    return [tuple(r[1:]) for r in arm.residency.tolist() if r[0] == vm]


def states(arm, host):
    return [tuple(r[1:]) for r in arm.host_states.tolist() if r[0] == host]


def test_doing_nothing_with_an_idle_fleet_is_idle_power_times_time(scenes):
    """Two empty hosts at 50 W and one with an idle VM at 52 W for 60 s: 9,120 J."""
    fleet = scenes.make_fleet([scenes.host_type(str(k), hosting_idle_mw=52_000) for k in range(3)])
    trace = scenes.make_trace([[0] * 6])
    arm = replay(trace, fleet, at(1), label="idle")
    assert arm.total_mj == mj(arm, "idle") == 60 * (50_000 + 52_000 + 50_000)
    assert arm.energy_kwh == pytest.approx(9_120 / 3_600_000)
    assert arm.power_w.tolist() == [152.0] * 6
    assert arm.hosts_on.tolist() == [3] * 6


def test_load_is_charged_between_the_points_of_the_curve(scenes):
    """1,000 of 4,000 mcores are 25 %: half-way between 60 and 65 W, so 12.5 W above idle."""
    fleet = scenes.make_fleet([scenes.host_type()])
    arm = replay(scenes.make_trace([[1_000]]), fleet, at(0))
    assert mj(arm, "load") == 10 * 12_500
    assert arm.utilization.tolist() == [[0.25]]


def test_a_host_that_is_off_draws_its_off_power(scenes):
    """A management controller draws even then."""
    fleet = scenes.make_fleet([scenes.host_type()] * 2, powered_on=[True, False])
    arm = replay(scenes.make_trace([[0]]), fleet, at(0))
    assert mj(arm, "off") == 10 * 5_000
    assert arm.hosts_on.tolist() == [1]
    assert np.isnan(arm.utilization[1, 0])


def test_overload_is_counted_once_and_power_stops_at_full_load(scenes):
    """6,000 mcores on a host of 4,000: 100 W, not 125, and 2,000 unmet however many VMs ask."""
    fleet = scenes.make_fleet([scenes.host_type()])
    for demands in ([[6_000]], [[3_000], [3_000]], [[2_000]] * 3):
        arm = replay(scenes.make_trace(demands, vcpus=8), fleet, at(*[0] * len(demands)))
        assert arm.total_mj == 10 * 100_000
        assert arm.service.unmet_mcore_s == 10 * 2_000
        assert arm.service.overload_host_s == arm.service.on_host_s == 10
        assert arm.service.overload_fraction == 1.0
        assert arm.service.unmet_fraction == pytest.approx(1 / 3)
        assert arm.utilization.tolist() == [[1.0]]


def test_a_vcpu_gets_no_more_than_a_core(scenes):
    """One vCPU that asks for two cores gets one; the host is not overloaded for it."""
    fleet = scenes.make_fleet([scenes.host_type()])
    arm = replay(scenes.make_trace([[2_000]], vcpus=1), fleet, at(0))
    assert arm.service.unmet_mcore_s == 10 * 1_000
    assert arm.service.overload_host_s == 0
    assert arm.utilization.tolist() == [[0.25]]


def test_memory_in_use_beyond_the_host_is_reported(scenes):
    """Two VMs of 5,000 MiB on 8,000: a fact of the replay, not an error."""
    fleet = scenes.make_fleet([scenes.host_type()])
    trace = scenes.make_trace([[0, 0], [0, 0]], memory=[[5_000, 5_000], [3_000, 3_001]])
    assert replay(trace, fleet, at(0, 0)).service.memory_overcommit_host_s == 10


def test_a_live_move_costs_cpu_at_both_ends(scenes):
    """400 mcores are a tenth of a host, so 5 W on each for the 6 s of the move."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 2, 8, overhead=400))
    arm = replay(scenes.make_trace([[0]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 6 * 5_000
    assert stays(arm, 0) == [(0, 0, 8), (1, 8, 10)]
    assert arm.service.migrations == 1


@pytest.mark.parametrize(("end", "step"), [(9, 0), (10, 0), (11, 1), (20, 1)])
def test_the_stop_of_a_live_move_belongs_to_the_step_in_which_it_ends(scenes, end, step):
    """A move that ends exactly with a step stands still in that step, at its demand."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 2, end, downtime_ms=250))
    arm = replay(scenes.make_trace([[1_000, 2_000]]), fleet, plan)
    unmet = [0, 0]
    unmet[step] = (250, 500)[step]
    assert arm.step_unmet_mcore_s.tolist() == unmet
    assert arm.service.downtime_ms == 250
    assert arm.service.unmet_mcore_s == sum(unmet)


@pytest.mark.parametrize("mode", ["saved_state", "restart"])
def test_a_vm_that_is_stopped_runs_nowhere_and_its_memory_counts_twice(scenes, mode):
    """Neither host has its load; both hold its memory; all of its demand is unmet."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0, 1], scenes.move(0, 0, 1, 3, 8, mode=mode, downtime_ms=5_000, overhead=0))
    trace = scenes.make_trace([[1_000], [0]], memory=[[5_000], [4_000]])
    arm = replay(trace, fleet, plan)
    assert mj(arm, "load") == 5 * 12_500
    assert arm.service.unmet_mcore_s == 5 * 1_000
    assert arm.service.downtime_ms == 5_000
    # The move puts 9,000 MiB on the target for its 5 s, and for the 2 s after it.
    assert arm.service.memory_overcommit_host_s == 7


def test_a_plan_boots_moves_and_shuts_down(naive, scenes):
    """The four states follow each other, and each second of each is paid for once."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")], powered_on=[True, False])
    plan = scenes.make_plan(
        [0], scenes.boot(1, 0, 9), scenes.move(0, 0, 1, 9, 12, overhead=0), scenes.shutdown(0, 12, 17)
    )
    arm = replay(scenes.make_trace([[0] * 3]), fleet, plan)
    assert states(arm, 0) == [(naive.ON, 0, 12), (naive.SHUTTING_DOWN, 12, 17), (naive.OFF, 17, 30)]
    assert states(arm, 1) == [(naive.BOOTING, 0, 9), (naive.ON, 9, 30)]
    assert mj(arm, "booting") == 900_000
    assert mj(arm, "shutting_down") == 300_000
    assert mj(arm, "off") == 13 * 5_000
    assert mj(arm, "idle") == (12 + 21) * 50_000
    assert arm.service.power_cycles == 2
    assert arm.hosts_on.tolist() == [2, 1, 1]


def test_a_vm_that_leaves_while_it_moves(scenes):
    """The move ends with it and is not made; what it cost until then is paid."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 5, 15, downtime_ms=300, overhead=400))
    arm = replay(scenes.make_trace([[0, -1]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 5 * 5_000
    assert arm.moves == ()
    assert [(m.vm, m.start_s, m.end_s) for m in arm.broken_off] == [(0, 5, 10)]
    assert (arm.service.migrations, arm.service.skipped_migrations) == (0, 1)
    assert arm.service.downtime_ms == 0
    assert stays(arm, 0) == [(0, 0, 10)]


def test_a_move_that_the_end_of_the_replay_cuts_off(scenes):
    """Neither made nor skipped, but started, and paid for until the end."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 5, 15, overhead=400))
    arm = replay(scenes.make_trace([[0]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 5 * 5_000
    assert arm.moves == ()
    assert [m.end_s for m in arm.broken_off] == [15]
    assert arm.service.skipped_migrations == 0


def test_a_move_of_a_vm_that_has_left_is_skipped_and_its_host_goes_off(naive, scenes):
    """The plan goes on without it."""
    fleet = scenes.make_fleet([scenes.host_type("a"), scenes.host_type("b")])
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 12, 15), scenes.shutdown(0, 15, 20))
    arm = replay(scenes.make_trace([[0, -1]]), fleet, plan)
    assert arm.service.skipped_migrations == 1
    assert arm.service.cancelled_shutdowns == 0
    assert states(arm, 0)[-1] == (naive.SHUTTING_DOWN, 15, 20)
