"""Minimum times on and off, and caps on cycles, by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from consolidate.checks.power_limits import limit_violations
from consolidate.engine import replay
from consolidate.errors import InstanceError
from consolidate.model import Placement


@dataclass
class Watching:
    """Hands out one plan and keeps what it is shown."""

    plan: object
    seen: list = field(default_factory=list)

    def decide(self, observation):
        self.seen.append((observation.boot_from_s.tolist(), observation.shutdown_from_s.tolist()))
        return self.plan if observation.step == 0 else None


def test_a_host_stays_off_and_on_for_its_minimum_times(scenes):
    """Off at 5 s: a boot at 20 s is refused, one at 30 s not; on at 39 s: off at 50 s refused, at 64 s not."""
    fleet = scenes.make_fleet([scenes.host_type(min_off_s=25, min_on_s=25), scenes.host_type()])
    trace = scenes.make_trace([[100] * 8])
    plan = scenes.make_plan(
        [1],
        scenes.shutdown(0, 0, 5, number=1),
        scenes.boot(0, 20, 29, number=2),
        scenes.boot(0, 30, 39, number=3),
        scenes.shutdown(0, 50, 55, number=4),
        scenes.shutdown(0, 64, 69, number=5),
    )
    watching = Watching(plan)
    arm = replay(trace, fleet, watching, current=Placement(host_of=[1]))
    assert (arm.service.refused_boots, arm.service.refused_shutdowns) == (1, 1)
    assert arm.service.power_cycles == 3
    mine = [row[1:] for row in arm.host_states.tolist() if row[0] == 0]
    assert mine == [[2, 0, 5], [3, 5, 30], [1, 30, 39], [0, 39, 64], [2, 64, 69], [3, 69, 80]]
    assert watching.seen[1][0][0] == 30
    assert watching.seen[4][1][0] == 64
    assert "refused by minimum times and caps: 1 boots, 1 shutdowns" in arm.summary()


def test_an_arrival_waits_for_the_minimum_time_off(scenes):
    """The only free host has just been switched off: it is booted as soon as it may be, within a step."""
    fleet = scenes.make_fleet([scenes.host_type(min_off_s=12, boot_s=2, boot_j=100.0)])
    trace = scenes.make_trace([[-1, 100, 100, 100]])
    plan = scenes.make_plan([-1], scenes.shutdown(0, 0, 5))
    arm = replay(trace, fleet, plan)
    assert arm.residency.tolist() == [[0, -1, 10, 19], [0, 0, 19, 40]]


def test_the_cap_counts_the_last_24_hours(scenes):
    """Two switch-offs a day: the third is refused, and allowed a day after the first."""
    fleet = scenes.make_fleet([scenes.host_type(max_cycles_per_day=2), scenes.host_type()])
    trace = scenes.make_trace([[1] * 26], step_s=3_600)
    actions = []
    for k, at in enumerate((0, 100, 200, 86_399, 86_400)):
        actions += [
            scenes.shutdown(0, at, at + 5, number=2 * k),
            scenes.boot(0, at + 10, at + 19, number=2 * k + 1),
        ]
    arm = replay(trace, fleet, scenes.make_plan([1], *actions))
    assert arm.service.refused_shutdowns == 2
    starts = [row[2] for row in arm.host_states.tolist() if row[1] == 2]
    assert starts == [0, 100, 86_400]


@pytest.mark.parametrize("key", ["min_on_s", "min_off_s", "max_cycles_per_day"])
def test_negative_limits_are_refused(scenes, key):
    """A type states them in whole units from 0."""
    with pytest.raises(InstanceError, match=key):
        scenes.host_type(**{key: -1})


def test_the_independent_check_agrees(scenes):
    """No random scene breaks a limit, and of limits twice as strict some are broken."""
    strict = 0
    for seed in range(120):
        trace, fleet, current, plans, rules, parking, failures = scenes.stopping_scene(seed)
        told = {"current": current, "rules": rules, "parking": parking, "failures": failures}
        arm = replay(trace, fleet, Watching(plans[0]), **told)
        rows = arm.host_states
        states = SimpleNamespace(host=rows[:, 0], state=rows[:, 1], start_s=rows[:, 2], end_s=rows[:, 3])
        for factor in (1, 2):
            kinds = [
                replace(t, min_on_s=factor * t.min_on_s, min_off_s=factor * t.min_off_s)
                for t in fleet.types
            ]
            hosts = SimpleNamespace(
                kinds=kinds,
                kind_of=fleet.host_type,
                powered_on=fleet.powered_on,
                name=str,
                kind=lambda h, kinds=kinds, fleet=fleet: kinds[fleet.host_type[h]],
            )
            case = SimpleNamespace(
                arm=SimpleNamespace(label="arm", states=states),
                placement=SimpleNamespace(hosts=hosts),
            )
            found = limit_violations(case)
            assert factor == 2 or not found, f"seed {seed}: {found[0]}"
            strict += factor == 2 and bool(found)
    assert strict >= 2
