"""Who decides in a replay, what it sees, and starts that are refused."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from consolidate.engine import Controller, DoNothing, Execute, replay
from consolidate.errors import InputError
from consolidate.model import Placement


def at(*hosts):
    return Placement(host_of=np.array(hosts))


def stays(arm, vm):
    return [tuple(r[1:]) for r in arm.residency.tolist() if r[0] == vm]


def states(arm, host):
    return [tuple(r[1:]) for r in arm.host_states.tolist() if r[0] == host]


@dataclass
class Recorder:
    """Notes what it is shown."""

    seen: list = field(default_factory=list)

    def decide(self, observation):
        self.seen.append(observation)


def test_controllers_see_only_the_past(scenes):
    """At step k exactly k steps of demand, so that no policy can peek at what it decides on."""
    fleet = scenes.make_fleet([scenes.host_type()])
    recorder = Recorder()
    assert isinstance(recorder, Controller)
    replay(scenes.make_trace([[1, 2, 3]]), fleet, recorder, current=at(0))
    assert [o.cpu_mcores.tolist() for o in recorder.seen] == [[[]], [[1]], [[1, 2]]]
    assert [o.memory_mib.shape for o in recorder.seen] == [(1, 0), (1, 1), (1, 2)]
    assert [o.now_s for o in recorder.seen] == [0, 10, 20]


def test_controllers_cannot_change_what_they_are_shown(scenes):
    """Observations are copies or read-only: a policy acts by its plan alone."""
    fleet = scenes.make_fleet([scenes.host_type()] * 2)

    class Vandal:
        def decide(self, observation):
            observation.host_state[:] = 3
            with pytest.raises(ValueError, match="read-only"):
                observation.placement.host_of[:] = 1
            with pytest.raises(ValueError, match="read-only"):
                observation.cpu_mcores[:] = 0

    trace = scenes.make_trace([[9, 9]])
    honest = replay(trace, fleet, at(0), label="x")
    arm = replay(trace, fleet, Vandal(), current=at(0), label="x")
    assert arm.energy_mj.tolist() == honest.energy_mj.tolist()


def test_a_placement_a_plan_and_a_controller_are_the_same_thing(scenes):
    """Three ways to say it, one replay."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])
    trace = scenes.make_trace([[500, 900, 100]])
    nothing = [replay(trace, fleet, at(0)), replay(trace, fleet, DoNothing(), current=at(0))]
    assert nothing[0].energy_mj.tolist() == nothing[1].energy_mj.tolist()
    plan = scenes.make_plan([0], scenes.move(0, 0, 1, 3, 7))
    executed = [replay(trace, fleet, plan), replay(trace, fleet, Execute(plan=plan), current=at(0))]
    assert executed[0].residency.tolist() == executed[1].residency.tolist()
    assert executed[0].energy_mj.tolist() == executed[1].energy_mj.tolist()


def test_a_controller_may_plan_again(naive, scenes):
    """Times of a plan count from the step that accepts it; a host may go off and come back."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)])

    class Night:
        def decide(self, observation):
            if observation.step == 0:
                return scenes.make_plan([0, -1], scenes.shutdown(1, 1, 6))
            if observation.step == 2:
                return scenes.make_plan([0, -1], scenes.boot(1, 2, 11))
            return None

    trace = scenes.make_trace([[0] * 5, [-1] * 4 + [0]])
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


def test_progress_is_told_for_every_step(scenes):
    """Long replays have to show that they go on."""
    told = []
    fleet = scenes.make_fleet([scenes.host_type()])
    replay(scenes.make_trace([[0] * 3]), fleet, at(0), label="x", progress=lambda *a: told.append(a))
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
def test_a_start_that_cannot_be_is_refused(scenes, what, message):
    """A VM on a host that is off would run without power: never silently."""
    fleet = scenes.make_fleet([scenes.host_type(str(k)) for k in range(2)], powered_on=[True, False])
    with pytest.raises(InputError, match=message):
        replay(scenes.make_trace([[0]]), fleet, what)


# -- metamorphic -----------------------------------------------------------------------------------
