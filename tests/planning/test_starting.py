"""VMs that are on no host yet: started as soon as there is room that stays, and judged."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consolidate.errors import InternalError, PlanError
from consolidate.migration import MoveSettings
from consolidate.model import MigrationPlan, Placement, PowerControl, Spread
from consolidate.planning import resume, state_after, undo
from consolidate.solvers import Budget
from consolidate.study.judge import judge_plan
from consolidate.study.verbs import plan, solve

SLOW = MoveSettings(restart_s=5)


def waiting(scenes, hosts, vms, current, **more):
    return scenes.scene(hosts, vms, current, moves=SLOW, **more)


def test_where_there_is_room_it_starts_at_once(scenes):
    """No move is in its way; it takes the 5 s of the settings."""
    instance = waiting(scenes, [scenes.host()], [scenes.vm(), scenes.vm()], [0, -1])
    made = plan(instance, scenes.to(0, 0))
    (start,) = made.starts
    assert (start.vm, start.host, start.start_s, start.end_s) == (1, 0, 0, 5)
    assert made.at(4).host_of.tolist() == [0, -1]
    assert made.at(5).host_of.tolist() == [0, 0]
    assert "1 starts" in made.summary()


def test_it_waits_for_who_leaves(scenes):
    """A full host: the start waits for the move, and says so."""
    big = scenes.vm(memory=8_000)
    instance = waiting(scenes, [scenes.host()] * 2, [big, big], [0, -1])
    made = plan(instance, scenes.to(1, 0))
    (move,), (start,) = made.migrations, made.starts
    assert start.start_s == move.end_s
    assert start.after == (move.id,)


def test_it_leaves_room_for_who_comes(scenes):
    """The host has room now, but a VM passes through later: what comes must still fit."""
    vms = [scenes.vm(memory=6_000), scenes.vm(memory=3_000), scenes.vm(memory=4_000)]
    instance = waiting(scenes, [scenes.host()] * 3, vms, [0, 1, -1])
    made = plan(instance, scenes.to(1, 2, 1))
    assert made.starts[0].start_s >= next(m.end_s for m in made.migrations if m.vm == 1)


def test_a_host_that_is_off_is_booted_for_it(scenes):
    """20 s of boot come first."""
    instance = waiting(
        scenes, [scenes.host(), scenes.host(on=False)], [scenes.vm(), scenes.vm()], [0, -1]
    )
    made = plan(instance, scenes.to(0, 1))
    (boot,), (start,) = made.boots, made.starts
    assert (start.start_s, start.after) == (boot.end_s, (boot.id,))


def test_a_rule_about_company_lets_it_wait_for_all(scenes):
    """Its mate leaves the host in the first move, but nobody looks: it waits for the last one."""
    rule = Spread(vms=(0, 1))
    instance = waiting(
        scenes, [scenes.host()] * 2, [scenes.vm(), scenes.vm(), scenes.vm()], [0, -1, 0], rules=(rule,)
    )
    made = plan(instance, scenes.to(1, 0, 1))
    assert made.starts[0].start_s == max(m.end_s for m in made.migrations)


def test_who_cannot_start_is_refused(scenes):
    """The host takes nobody; the VM does not exist."""
    closed = scenes.host(control=PowerControl.NO_WAKE, on=False)
    instance = waiting(scenes, [scenes.host(), closed], [scenes.vm()], [-1])
    with pytest.raises(PlanError, match="V1 cannot be started on N2: the host is off"):
        plan(instance, scenes.to(1))
    gone = waiting(scenes, [scenes.host()], [scenes.vm(active=False)], [-1])
    with pytest.raises(PlanError, match="does not exist"):
        plan(gone, scenes.to(0))


def test_going_on_and_going_back(scenes):
    """After the start alone the move is left; on the way back the VM that was started stays."""
    vms = [scenes.vm(), scenes.vm()]
    instance = waiting(scenes, [scenes.host()] * 2, vms, [0, -1])
    made = plan(instance, scenes.to(1, 1))
    (start,) = made.starts
    rest = resume(instance, made, {start.id})
    assert [m.vm for m in rest.migrations] == [0]
    assert not rest.starts
    back = undo(instance, made)
    assert back.target.host_of.tolist() == [0, 1]
    judge_plan(state_after(instance, made), back)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"start_s": 0, "after": ()}, "V2.moment"),
        ({"end_s": 18, "start_s": 18}, "V6.duration"),
        ({"host": 1}, "V6.final"),
        ({"vm": 0}, "V6.chain"),
    ],
)
def test_broken_starts_are_refused(scenes, change, code):
    """Too early, too short, on the wrong host, of a VM that runs: the judge says which."""
    big = scenes.vm(memory=8_000)
    instance = waiting(scenes, [scenes.host()] * 2, [big, big], [0, -1])
    made = plan(instance, scenes.to(1, 0))
    actions = tuple(replace(a, **change) if a.kind == "start" else a for a in made.actions)
    broken = MigrationPlan(actions=actions, current=made.current, target=made.target)
    with pytest.raises(InternalError, match=code):
        judge_plan(instance, broken)


def test_starts_on_a_dark_host_are_refused(scenes):
    """The start begins while the host boots."""
    instance = waiting(
        scenes, [scenes.host(), scenes.host(on=False)], [scenes.vm(), scenes.vm()], [0, -1]
    )
    made = plan(instance, scenes.to(0, 1))
    actions = tuple(
        replace(a, start_s=3, end_s=9, after=()) if a.kind == "start" else a for a in made.actions
    )
    broken = MigrationPlan(actions=actions, current=made.current, target=made.target)
    with pytest.raises(InternalError, match=r"V7.host-off: action \d+ starts VM V2"):
        judge_plan(instance, broken)


def test_random_instances_with_new_vms(builders):
    """Whatever is solved is planned or refused, and the judge agrees with every plan."""
    planned = 0
    for seed in range(150):
        rnd = Random(seed)
        instance = builders.random_instance(rnd, rules=("spread", "fence", "lonely", "among"))
        new = [v for v in range(len(instance.vms)) if rnd.random() < 0.4]
        host_of = np.array(instance.current.host_of)
        host_of[new] = -1
        active = np.array(instance.active)
        active[new] = True
        try:
            instance = replace(instance, current=Placement(host_of=host_of), active=active)
        except ValueError:
            continue
        result = solve(instance, "bfd", budget=Budget(bounds="quick"), min_saving_fraction=0.0)
        if result.status not in ("optimal", "feasible") or not result.worthwhile:
            continue
        try:
            made = plan(instance, result.placement)
        except PlanError:
            continue
        planned += bool(made.starts)
    assert planned > 30
