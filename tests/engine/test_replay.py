"""Replays whose right answer is known by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from consolidate.engine import Controller, DoNothing, Execute, replay
from consolidate.errors import InputError
from consolidate.model import Fence, Hypervisor, Placement, PowerControl, Site, Spread


def at(*hosts):
    return Placement(host_of=np.array(hosts))


def mj(arm, cause):
    return arm.by_cause_mj()[cause]


def stays(arm, vm):
    return [tuple(r[1:]) for r in arm.residency.tolist() if r[0] == vm]


def states(arm, host):
    return [tuple(r[1:]) for r in arm.host_states.tolist() if r[0] == host]


def test_doing_nothing_with_an_idle_fleet_is_idle_power_times_time(naive):
    """Two empty hosts at 50 W and one with an idle VM at 52 W for 60 s: 9,120 J."""
    fleet = naive.make_fleet([naive.host_type(str(k), hosting_idle_mw=52_000) for k in range(3)])
    trace = naive.make_trace([[0] * 6])
    arm = replay(trace, fleet, at(1), label="idle")
    assert arm.total_mj == mj(arm, "idle") == 60 * (50_000 + 52_000 + 50_000)
    assert arm.energy_kwh == pytest.approx(9_120 / 3_600_000)
    assert arm.power_w.tolist() == [152.0] * 6
    assert arm.hosts_on.tolist() == [3] * 6


def test_load_is_charged_between_the_points_of_the_curve(naive):
    """1,000 of 4,000 mcores are 25 %: half-way between 60 and 65 W, so 12.5 W above idle."""
    fleet = naive.make_fleet([naive.host_type()])
    arm = replay(naive.make_trace([[1_000]]), fleet, at(0))
    assert mj(arm, "load") == 10 * 12_500
    assert arm.utilization.tolist() == [[0.25]]


def test_a_host_that_is_off_draws_its_off_power(naive):
    """A management controller draws even then."""
    fleet = naive.make_fleet([naive.host_type()] * 2, powered_on=[True, False])
    arm = replay(naive.make_trace([[0]]), fleet, at(0))
    assert mj(arm, "off") == 10 * 5_000
    assert arm.hosts_on.tolist() == [1]
    assert np.isnan(arm.utilization[1, 0])


def test_overload_is_counted_once_and_power_stops_at_full_load(naive):
    """6,000 mcores on a host of 4,000: 100 W, not 125, and 2,000 unmet however many VMs ask."""
    fleet = naive.make_fleet([naive.host_type()])
    for demands in ([[6_000]], [[3_000], [3_000]], [[2_000]] * 3):
        arm = replay(naive.make_trace(demands, vcpus=8), fleet, at(*[0] * len(demands)))
        assert arm.total_mj == 10 * 100_000
        assert arm.service.unmet_mcore_s == 10 * 2_000
        assert arm.service.overload_host_s == arm.service.on_host_s == 10
        assert arm.service.overload_fraction == 1.0
        assert arm.service.unmet_fraction == pytest.approx(1 / 3)
        assert arm.utilization.tolist() == [[1.0]]


def test_a_vcpu_gets_no_more_than_a_core(naive):
    """One vCPU that asks for two cores gets one; the host is not overloaded for it."""
    fleet = naive.make_fleet([naive.host_type()])
    arm = replay(naive.make_trace([[2_000]], vcpus=1), fleet, at(0))
    assert arm.service.unmet_mcore_s == 10 * 1_000
    assert arm.service.overload_host_s == 0
    assert arm.utilization.tolist() == [[0.25]]


def test_memory_in_use_beyond_the_host_is_reported(naive):
    """Two VMs of 5,000 MiB on 8,000: a fact of the replay, not an error."""
    fleet = naive.make_fleet([naive.host_type()])
    trace = naive.make_trace([[0, 0], [0, 0]], memory=[[5_000, 5_000], [3_000, 3_001]])
    assert replay(trace, fleet, at(0, 0)).service.memory_overcommit_host_s == 10


def test_a_live_move_costs_cpu_at_both_ends(naive):
    """400 mcores are a tenth of a host, so 5 W on each for the 6 s of the move."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 2, 8, overhead=400))
    arm = replay(naive.make_trace([[0]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 6 * 5_000
    assert stays(arm, 0) == [(0, 0, 8), (1, 8, 10)]
    assert arm.service.migrations == 1


@pytest.mark.parametrize(("end", "step"), [(9, 0), (10, 0), (11, 1), (20, 1)])
def test_the_stop_of_a_live_move_belongs_to_the_step_in_which_it_ends(naive, end, step):
    """A move that ends exactly with a step stands still in that step, at its demand."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 2, end, downtime_ms=250))
    arm = replay(naive.make_trace([[1_000, 2_000]]), fleet, plan)
    unmet = [0, 0]
    unmet[step] = (250, 500)[step]
    assert arm.step_unmet_mcore_s.tolist() == unmet
    assert arm.service.downtime_ms == 250
    assert arm.service.unmet_mcore_s == sum(unmet)


@pytest.mark.parametrize("mode", ["saved_state", "restart"])
def test_a_vm_that_is_stopped_runs_nowhere_and_its_memory_counts_twice(naive, mode):
    """Neither host has its load; both hold its memory; all of its demand is unmet."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0, 1], naive.move(0, 0, 1, 3, 8, mode=mode, downtime_ms=5_000, overhead=0))
    trace = naive.make_trace([[1_000], [0]], memory=[[5_000], [4_000]])
    arm = replay(trace, fleet, plan)
    assert mj(arm, "load") == 5 * 12_500
    assert arm.service.unmet_mcore_s == 5 * 1_000
    assert arm.service.downtime_ms == 5_000
    # The move puts 9,000 MiB on the target for its 5 s, and for the 2 s after it.
    assert arm.service.memory_overcommit_host_s == 7


def test_a_plan_boots_moves_and_shuts_down(naive):
    """The four states follow each other, and each second of each is paid for once."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")], powered_on=[True, False])
    plan = naive.make_plan(
        [0], naive.boot(1, 0, 9), naive.move(0, 0, 1, 9, 12, overhead=0), naive.shutdown(0, 12, 17)
    )
    arm = replay(naive.make_trace([[0] * 3]), fleet, plan)
    assert states(arm, 0) == [(naive.ON, 0, 12), (naive.SHUTTING_DOWN, 12, 17), (naive.OFF, 17, 30)]
    assert states(arm, 1) == [(naive.BOOTING, 0, 9), (naive.ON, 9, 30)]
    assert mj(arm, "booting") == 900_000
    assert mj(arm, "shutting_down") == 300_000
    assert mj(arm, "off") == 13 * 5_000
    assert mj(arm, "idle") == (12 + 21) * 50_000
    assert arm.service.power_cycles == 2
    assert arm.hosts_on.tolist() == [2, 1, 1]


def test_a_vm_that_leaves_while_it_moves(naive):
    """The move ends with it and is not made; what it cost until then is paid."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 5, 15, downtime_ms=300, overhead=400))
    arm = replay(naive.make_trace([[0, -1]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 5 * 5_000
    assert arm.moves == ()
    assert [(m.vm, m.start_s, m.end_s) for m in arm.broken_off] == [(0, 5, 10)]
    assert (arm.service.migrations, arm.service.skipped_migrations) == (0, 1)
    assert arm.service.downtime_ms == 0
    assert stays(arm, 0) == [(0, 0, 10)]


def test_a_move_that_the_end_of_the_replay_cuts_off(naive):
    """Neither made nor skipped, but started, and paid for until the end."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 5, 15, overhead=400))
    arm = replay(naive.make_trace([[0]]), fleet, plan)
    assert mj(arm, "migration") == 2 * 5 * 5_000
    assert arm.moves == ()
    assert [m.end_s for m in arm.broken_off] == [15]
    assert arm.service.skipped_migrations == 0


def test_a_move_of_a_vm_that_has_left_is_skipped_and_its_host_goes_off(naive):
    """The plan goes on without it."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 12, 15), naive.shutdown(0, 15, 20))
    arm = replay(naive.make_trace([[0, -1]]), fleet, plan)
    assert arm.service.skipped_migrations == 1
    assert arm.service.cancelled_shutdowns == 0
    assert states(arm, 0)[-1] == (naive.SHUTTING_DOWN, 15, 20)


def test_an_arrival_goes_to_the_emptiest_host(naive):
    """By allocation, which is all that is known of it: 2,000 of 16,000 against 1,000."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(3)])
    trace = naive.make_trace(
        [[0, 0], [0, 0], [0, 0], [-1, 0]], allocated=([3_000, 2_000, 1_000, 500], [10] * 4)
    )
    arm = replay(trace, fleet, at(0, 1, 2, -1))
    assert stays(arm, 3) == [(2, 10, 20)]
    assert arm.service.waiting_vm_s == 0


def test_an_arrival_waits_for_a_boot_when_no_host_is_on(naive):
    """9 s of boot, during which all of its demand is unmet; nothing else would have room."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    trace = naive.make_trace([[0, 0, 0], [-1, 700, 700]], allocated=(10, 5_000))
    arm = replay(trace, fleet, at(0, -1))
    assert stays(arm, 1) == [(-1, 10, 19), (1, 19, 30)]
    assert states(arm, 1) == [(naive.OFF, 0, 10), (naive.BOOTING, 10, 19), (naive.ON, 19, 30)]
    assert arm.service.waiting_vm_s == 9
    assert arm.service.unmet_mcore_s == 9 * 700
    assert arm.service.power_cycles == 1


def test_two_arrivals_that_fit_one_host_wake_one(naive):
    """The host that boots for the first will do for the second."""
    fleet = naive.make_fleet(
        [naive.host_type(str(k)) for k in range(3)], powered_on=[True] + [False] * 2
    )
    trace = naive.make_trace([[0, 0], [-1, 0], [-1, 0]], allocated=(10, [7_000, 3_000, 3_000]))
    arm = replay(trace, fleet, at(0, -1, -1))
    assert arm.service.power_cycles == 1
    assert [stays(arm, v)[-1][0] for v in (1, 2)] == [1, 1]


def test_an_arrival_waits_for_ever_where_nothing_can_be_woken(naive):
    """No-wake and maintenance hosts are no help, and the replay says how long it waited."""
    fleet = naive.make_fleet(
        [naive.host_type(str(k)) for k in range(3)],
        powered_on=[True, False, True],
        power_control=[PowerControl.MANAGED, PowerControl.NO_WAKE, PowerControl.MANAGED],
        maintenance=[False, False, True],
    )
    trace = naive.make_trace([[0, 0], [-1, 5]], allocated=(10, 5_000))
    arm = replay(trace, fleet, at(0, -1))
    assert stays(arm, 1) == [(-1, 10, 20)]
    assert arm.service.waiting_vm_s == 10


def test_no_arrival_goes_to_a_host_about_to_be_switched_off(naive):
    """Nor to one in maintenance; the fullest host takes it instead."""
    fleet = naive.make_fleet(
        [naive.host_type(str(k)) for k in range(3)], maintenance=[False, True, False]
    )
    plan = naive.make_plan([0, -1], naive.shutdown(2, 25, 30))
    trace = naive.make_trace([[0] * 4, [-1, 0, 0, 0]])
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(0, 10, 40)]
    assert states(arm, 2)[-1] == (naive.OFF, 30, 40)
    assert arm.service.cancelled_shutdowns == 0


def test_a_shutdown_is_not_made_while_a_vm_is_there(naive):
    """The host stays on, is counted, and takes arrivals again."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    plan = naive.make_plan([0, 1, -1], naive.shutdown(1, 5, 10))
    trace = naive.make_trace([[0, 0], [0, 0], [-1, 0]], allocated=([4_000, 10, 10], 10))
    arm = replay(trace, fleet, plan)
    assert arm.service.cancelled_shutdowns == 1
    assert arm.service.power_cycles == 0
    assert states(arm, 1) == [(naive.ON, 0, 20)]
    assert stays(arm, 2) == [(1, 10, 20)]


def test_a_shutdown_is_not_made_while_a_vm_comes(naive):
    """An inbound VM is as good as a resident one."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    plan = naive.make_plan([0], naive.move(0, 0, 1, 2, 12), naive.shutdown(1, 5, 10))
    arm = replay(naive.make_trace([[0, 0]]), fleet, plan)
    assert arm.service.cancelled_shutdowns == 1
    assert arm.service.migrations == 1


def test_a_move_to_a_host_that_is_not_on_is_not_made(naive):
    """A VM on a host without power would cost nothing and get nothing."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    plan = naive.make_plan([0], naive.boot(1, 0, 9), naive.move(0, 0, 1, 4, 8))
    arm = replay(naive.make_trace([[0, 0]]), fleet, plan)
    assert (arm.service.migrations, arm.service.skipped_migrations) == (0, 1)


def test_arrivals_honour_rules_and_the_kind_of_guest(naive):
    """A container goes to a container engine, a replica not to its mate, a fenced VM inside."""
    engine = naive.host_type("c", hypervisor=Hypervisor(kind="container_engine"))
    kinds = [naive.host_type("a"), naive.host_type("b"), engine]
    fleet = naive.make_fleet(kinds)
    demand = [[0, 0], [-1, 0], [-1, 0], [-1, 0]]
    trace = naive.make_trace(demand, container=[False, False, True, False])
    rules = (Spread(vms=(0, 1)), Fence(vms=(3,), hosts=(0,)))
    arm = replay(trace, fleet, at(1, -1, -1, -1), rules=rules)
    assert [stays(arm, v)[0][0] for v in (1, 2, 3)] == [0, 2, 0]


def test_an_arrival_does_not_join_its_mate_on_a_host_that_is_too_many_already(naive):
    """A rule that is broken already is no licence to break it further."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    trace = naive.make_trace([[0, 0], [0, 0], [0, 0], [-1, 0]], allocated=([10, 10, 4_000, 10], 10))
    arm = replay(trace, fleet, at(0, 0, 1, -1), rules=(Spread(vms=(0, 1, 3)),))
    assert stays(arm, 3) == [(1, 10, 20)]


def test_an_arrival_does_not_take_the_host_that_its_mate_is_on_the_way_to(naive):
    """When the move ends they would share it."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(3)])
    trace = naive.make_trace([[0, 0, 0], [-1, 0, 0], [0, 0, 0]], allocated=([10, 10, 4_000], 10))
    plan = naive.make_plan([0, -1, 2], naive.move(0, 0, 1, 5, 25))
    arm = replay(trace, fleet, plan, rules=(Spread(vms=(0, 1)),))
    assert stays(arm, 1) == [(2, 10, 30)]


def test_planned_moves_keep_their_room_from_arrivals(naive):
    """An arrival must not take the room that a move of the accepted plan needs."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    trace = naive.make_trace([[0] * 4, [-1, 0, 0, 0]], allocated=(10, [7_000, 900]))
    plan = naive.make_plan([0, -1], naive.move(0, 0, 1, 25, 30))
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(0, 10, 40)]


def test_a_waiting_vm_comes_as_soon_as_there_is_room(naive):
    """Room that a move frees in the middle of a step is used then, not at the next step."""
    fleet = naive.make_fleet([naive.host_type("a"), naive.host_type("b")])
    trace = naive.make_trace([[0] * 3, [-1, 5, 5], [0] * 3], allocated=(10, [7_000, 7_500, 500]))
    plan = naive.make_plan([0, -1, 1], naive.move(0, 0, 1, 5, 14))
    arm = replay(trace, fleet, plan)
    assert stays(arm, 1) == [(-1, 10, 14), (0, 14, 30)]


# -- controllers -----------------------------------------------------------------------------------


@dataclass
class Recorder:
    """Notes what it is shown."""

    seen: list = field(default_factory=list)

    def decide(self, observation):
        self.seen.append(observation)


def test_controllers_see_only_the_past(naive):
    """At step k exactly k steps of demand, so that no policy can peek at what it decides on."""
    fleet = naive.make_fleet([naive.host_type()])
    recorder = Recorder()
    assert isinstance(recorder, Controller)
    replay(naive.make_trace([[1, 2, 3]]), fleet, recorder, current=at(0))
    assert [o.cpu_mcores.tolist() for o in recorder.seen] == [[[]], [[1]], [[1, 2]]]
    assert [o.memory_mib.shape for o in recorder.seen] == [(1, 0), (1, 1), (1, 2)]
    assert [o.now_s for o in recorder.seen] == [0, 10, 20]


def test_controllers_cannot_change_what_they_are_shown(naive):
    """Observations are copies or read-only: a policy acts by its plan alone."""
    fleet = naive.make_fleet([naive.host_type()] * 2)

    class Vandal:
        def decide(self, observation):
            observation.host_state[:] = 3
            with pytest.raises(ValueError, match="read-only"):
                observation.placement.host_of[:] = 1
            with pytest.raises(ValueError, match="read-only"):
                observation.cpu_mcores[:] = 0

    trace = naive.make_trace([[9, 9]])
    honest = replay(trace, fleet, at(0), label="x")
    arm = replay(trace, fleet, Vandal(), current=at(0), label="x")
    assert arm.energy_mj.tolist() == honest.energy_mj.tolist()


def test_a_placement_a_plan_and_a_controller_are_the_same_thing(naive):
    """Three ways to say it, one replay."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    trace = naive.make_trace([[500, 900, 100]])
    nothing = [replay(trace, fleet, at(0)), replay(trace, fleet, DoNothing(), current=at(0))]
    assert nothing[0].energy_mj.tolist() == nothing[1].energy_mj.tolist()
    plan = naive.make_plan([0], naive.move(0, 0, 1, 3, 7))
    executed = [replay(trace, fleet, plan), replay(trace, fleet, Execute(plan=plan), current=at(0))]
    assert executed[0].residency.tolist() == executed[1].residency.tolist()
    assert executed[0].energy_mj.tolist() == executed[1].energy_mj.tolist()


def test_a_controller_may_plan_again(naive):
    """Times of a plan count from the step that accepts it; a host may go off and come back."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])

    class Night:
        def decide(self, observation):
            if observation.step == 0:
                return naive.make_plan([0, -1], naive.shutdown(1, 1, 6))
            if observation.step == 2:
                return naive.make_plan([0, -1], naive.boot(1, 2, 11))
            return None

    trace = naive.make_trace([[0] * 5, [-1] * 4 + [0]])
    arm = replay(trace, fleet, Night(), current=at(0, -1))
    on, off = naive.ON, naive.OFF
    assert states(arm, 1) == [
        (on, 0, 1),
        (naive.SHUTTING_DOWN, 1, 6),
        (off, 6, 22),
        (naive.BOOTING, 22, 31),
        (on, 31, 50),
    ]
    # A host that was booted by a plan takes arrivals again.
    assert stays(arm, 1) == [(1, 40, 50)]


def test_progress_is_told_for_every_step(naive):
    """Long replays have to show that they go on."""
    told = []
    fleet = naive.make_fleet([naive.host_type()])
    replay(naive.make_trace([[0] * 3]), fleet, at(0), label="x", progress=lambda *a: told.append(a))
    assert told == [("replay x", k, 3) for k in (1, 2, 3)]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (DoNothing(), "starting placement of the 1 VMs"),
        (at(0, 0), "starting placement of the 1 VMs"),
        (at(2), "v0 starts on host 2; the fleet has 2 hosts"),
        (at(1), "v0 starts on host h1, which is off"),
    ],
)
def test_a_start_that_cannot_be_is_refused(naive, what, message):
    """A VM on a host that is off would run without power: never silently."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    with pytest.raises(InputError, match=message):
        replay(naive.make_trace([[0]]), fleet, what)


# -- metamorphic -----------------------------------------------------------------------------------


def halved(trace):
    """Return the same demand in steps of half the length."""
    grid = replace(trace.grid, step_s=trace.grid.step_s // 2, n_steps=2 * trace.grid.n_steps)
    parts = {k: np.repeat(getattr(trace, k), 2, axis=1) for k in ("cpu_mcores", "memory_mib", "alive")}
    return replace(trace, grid=grid, **parts)


def even_scenes(naive, n):
    for seed in range(n):
        trace, fleet, current, plans, rules = naive.random_scene(seed)
        trace = replace(trace, grid=replace(trace.grid, step_s=2 * (trace.grid.step_s // 2 + 1)))
        yield trace, fleet, current, plans[0], rules


def test_halving_the_steps_changes_no_energy(naive):
    """MR11: how time is cut is a matter of reporting, not of what happens."""
    for trace, fleet, current, plan, rules in even_scenes(naive, 60):
        one = replay(trace, fleet, plan, current=current, rules=rules)
        two = replay(halved(trace), fleet, plan, current=current, rules=rules)
        assert one.energy_mj.tolist() == two.energy_mj.tolist()
        pairs = two.step_energy_mj.reshape(trace.grid.n_steps, 2, -1).sum(axis=1)
        assert one.step_energy_mj.tolist() == pairs.tolist()
        assert one.residency.tolist() == two.residency.tolist()
        assert one.service == two.service


def test_twice_the_fleet_takes_twice_the_energy(naive):
    """MR8: a copy of everything beside it, apart from where arrivals go."""
    for trace, fleet, current, plan, _ in even_scenes(naive, 40):
        n = trace.n_vms
        here = current.host_of >= 0
        alive = trace.alive & here[:, None] & (np.cumsum(~trace.alive, axis=1) == 0)
        parts = {k: np.where(alive, getattr(trace, k), 0) for k in ("cpu_mcores", "memory_mib")}
        trace = replace(trace, alive=alive, **parts)
        twice = {k: np.vstack([getattr(trace, k)] * 2) for k in ("cpu_mcores", "memory_mib", "alive")}
        fields = ("vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "is_container")
        vms = replace(
            trace.vms,
            ids=tuple(f"{i}{k}" for k in "ab" for i in trace.vms.ids),
            groups=trace.vms.groups * 2,
            **{k: np.tile(getattr(trace.vms, k), 2) for k in fields},
        )
        hosts = ("host_type", "host_site", "power_control", "maintenance", "powered_on")
        big = replace(
            fleet,
            host_ids=tuple(f"{i}{k}" for k in "ab" for i in fleet.host_ids),
            **{k: np.tile(getattr(fleet, k), 2) for k in hosts},
        )
        shift = fleet.n_hosts
        where = np.concatenate([current.host_of, np.where(here, current.host_of + shift, -1)])
        actions = list(plan.actions)
        for a in plan.actions:
            if a.kind == "migration":
                more = {"vm": a.vm + n, "source": a.source + shift, "target": a.target + shift}
            else:
                more = {"host": a.host + shift}
            actions.append(replace(a, id=a.id + 10_000, **more))
        one = replay(trace, fleet, plan, current=current)
        both = replay(
            replace(trace, vms=vms, **twice), big, naive.make_plan(where, *actions), current=at(*where)
        )
        assert both.total_mj == 2 * one.total_mj
        assert both.service.unmet_mcore_s == 2 * one.service.unmet_mcore_s


def test_another_first_instant_changes_nothing(naive):
    """MR12: the clock labels the steps, and that is all."""
    for trace, fleet, current, plan, rules in even_scenes(naive, 20):
        later = replace(trace, grid=trace.grid.starting(np.datetime64("2031-07-05T13:00:00")))
        one = replay(trace, fleet, plan, current=current, rules=rules)
        other = replay(later, fleet, plan, current=current, rules=rules)
        assert one.step_energy_mj.tolist() == other.step_energy_mj.tolist()


def test_two_halves_add_up_when_the_state_carries_over(naive):
    """MR13: cut between two events, with the placement of the cut as the next start."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    rng = np.random.default_rng(3)
    trace = naive.make_trace(rng.integers(0, 2_000, (3, 8)))
    plan = naive.make_plan([0, 0, 1], naive.move(1, 0, 1, 4, 21, downtime_ms=90))
    whole = replay(trace, fleet, plan)
    first = replay(trace.window(0, 3), fleet, plan)
    last = {r[0]: r[1] for r in first.residency.tolist()}
    second = replay(trace.window(3, 8), fleet, at(*(last[v] for v in range(3))))
    assert whole.energy_mj.tolist() == (first.energy_mj + second.energy_mj).tolist()
    total = first.service.unmet_mcore_s + second.service.unmet_mcore_s
    assert whole.service.unmet_mcore_s == total


def test_swapping_the_arms_flips_the_sign_of_the_saving(naive):
    """MR18: a saving is a difference of two totals, nothing else."""
    fleet = naive.make_fleet([naive.host_type(str(k)) for k in range(2)])
    trace = naive.make_trace([[100] * 30])
    plan = naive.make_plan([0], naive.shutdown(1, 0, 5))
    nothing, done = replay(trace, fleet, at(0)), replay(trace, fleet, plan)
    saved = nothing.total_mj - done.total_mj
    assert saved == 300 * 50_000 - 300_000 - 295 * 5_000
    assert done.total_mj - nothing.total_mj == -saved


def test_sites_share_the_total(naive):
    """What a site uses is what its hosts use, step by step."""
    fleet = naive.make_fleet(
        [naive.host_type(str(k)) for k in range(3)],
        sites=(Site(name="a"), Site(name="b")),
        host_site=[0, 1, 1],
    )
    arm = replay(naive.make_trace([[4_000, 0]]), fleet, at(1))
    assert arm.site_energy_mj.tolist() == [[500_000, 500_000], [1_500_000, 1_000_000]]
