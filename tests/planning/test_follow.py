"""After a plan, or half of it: prefixes, going on, going back, windows, and what can be reached at all."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import PowerControl
from consolidate.planning import (
    nearest_target,
    plan,
    plan_in_windows,
    plan_status,
    resume,
    state_after,
    undo,
)
from consolidate.study.judge import judge_plan


@pytest.fixture(scope="module")
def problems(scenes):
    """Random problems that have a plan."""
    found = []
    for seed in range(100):
        drawn = scenes.random_problem(seed)
        if drawn is None:
            continue
        try:
            found.append((seed, *drawn, plan(*drawn)))
        except PlanError:
            continue
    assert len(found) > 40
    return found


def test_a_broken_off_plan_is_gone_on_with(scenes, problems):
    """From any closed set of executed actions the rest leads to the target, or says what is in the way."""
    rng = np.random.default_rng(0)
    went_on = 0
    for seed, instance, target, made in problems:
        when = int(rng.integers(0, made.makespan_s + 1))
        done = [a.id for a in made.actions if a.end_s <= when]
        rest = resume(instance, made, done)
        now = state_after(instance, made, done)
        assert scenes.carry_out(now, rest) == target.host_of.tolist(), f"seed {seed}"
        judge_plan(now, rest)
        went_on += bool(rest.actions) and bool(done)
    assert went_on > 5


def test_a_plan_is_undone_by_a_plan(scenes, problems):
    """The way back is a plan of its own: timed, feasible at every second, judged."""
    undone = 0
    for seed, instance, _, made in problems:
        after = state_after(instance, made)
        try:
            back = undo(instance, made)
        except DeadlockError:
            pytest.fail(f"seed {seed}: what was done cannot be undone")
        except PlanError:
            # Homes in maintenance, and hosts that nothing can wake, take nobody back.
            continue
        assert scenes.carry_out(after, back) == instance.current.host_of.tolist(), f"seed {seed}"
        judge_plan(after, back)
        undone += bool(back.migrations)
    assert undone > 20


def test_the_undo_of_a_consolidation_boots_what_was_switched_off(scenes):
    """Host 1 was emptied and switched off; on the way back it boots before its VM comes."""
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm(), scenes.vm()], [0, 1])
    made = plan(instance, scenes.to(0, 0))
    back = undo(instance, made)
    assert [(b.host, b.start_s, b.end_s) for b in back.boots] == [(1, 0, 20)]
    assert [(m.vm, m.target, m.start_s) for m in back.migrations] == [(1, 1, 20)]


def test_a_stale_plan_is_superseded(scenes):
    """Whatever decides about feasibility changes the state; the plan says for which it was made."""
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm(), scenes.vm()], [0, 1])
    made = plan(instance, scenes.to(0, 0))
    assert plan_status(instance, made) == "CURRENT"
    assert plan_status(state_after(instance, made), made) == "SUPERSEDED"
    grown = scenes.scene([scenes.host()] * 2, [scenes.vm(), scenes.vm(memory=1_001)], [0, 1])
    assert plan_status(grown, made) == "SUPERSEDED"


def test_actions_out_of_order_are_no_state(scenes):
    """An action cannot have ended before one for which it waits; unknown ids are refused."""
    vms = [scenes.vm(memory=8_000), scenes.vm(memory=8_000)]
    instance = scenes.scene([scenes.host()] * 3, vms, [0, 1])
    made = plan(instance, scenes.to(1, 2))
    with pytest.raises(PlanError, match="for which it waits, has not"):
        state_after(instance, made, [made.migrations[1].id])
    with pytest.raises(PlanError, match="no action 99"):
        state_after(instance, made, [99])


def test_nothing_happens_outside_the_windows(scenes, problems):
    """Every part stays inside its window, and the parts together lead to the target."""
    split = 0
    for seed, instance, target, made in problems:
        longest = max((a.end_s - a.start_s for a in made.actions), default=0)
        window = max(longest, made.makespan_s // 2) + 1
        windows = [(k * (window + 9) + 7, k * (window + 9) + 7 + window) for k in range(12)]
        try:
            parts = plan_in_windows(instance, target, windows)
        except PlanError:
            # A boot and the move after it may not fit into one window after the other.
            continue
        now = instance
        for part in parts:
            begin, end = next(w for w in windows if w[0] <= part.actions[0].start_s < w[1])
            assert all(begin <= a.start_s and a.end_s <= end for a in part.actions), f"seed {seed}"
            scenes.carry_out(now, part)
            now = state_after(now, part)
        assert now.current.host_of.tolist() == target.host_of.tolist(), f"seed {seed}"
        split += len(parts) > 1
    assert split > 5


@pytest.mark.parametrize("windows", [[(5, 5)], [(0, 10), (5, 20)], [(-1, 10)]])
def test_windows_are_stretches_of_time_in_order(scenes, windows):
    """Others are refused, not repaired."""
    instance = scenes.scene([scenes.host()] * 2, [scenes.vm()], [0])
    with pytest.raises(PlanError, match="window"):
        plan_in_windows(instance, scenes.to(1), windows)


def test_too_little_time_is_said(scenes):
    """A move of 4 s fits into no window of 3 s."""
    instance = scenes.scene([scenes.host(control=PowerControl.KEEP_ON)] * 2, [scenes.vm()], [0])
    with pytest.raises(PlanError, match="do not fit into the 2 windows"):
        plan_in_windows(instance, scenes.to(1), [(0, 3), (10, 13)])


def test_cloudstack_13098_one_bad_vm_does_not_fail_the_rest(scenes):
    """apache/cloudstack#13098: a VM with a passed-through device cannot move; the others can."""
    vms = [scenes.vm(), scenes.vm(movable=False), scenes.vm()]
    instance = scenes.scene([scenes.host()] * 2, vms, [0, 0, 0])
    with pytest.raises(PlanError, match="V2 cannot be moved"):
        plan(instance, scenes.to(1, 1, 1))
    nearest = nearest_target(instance, scenes.to(1, 1, 1))
    assert nearest.target.host_of.tolist() == [1, 0, 1]
    assert nearest.stays == (1,)
    assert scenes.carry_out(instance, nearest.plan) == [1, 0, 1]


def test_the_nearest_target_of_a_swap_without_a_spare(scenes):
    """Nobody can pass: both stay, a third VM that does not block goes."""
    hosts = [scenes.host(memory=10_000), scenes.host(memory=10_000), scenes.host(memory=1_000)]
    vms = [scenes.vm(memory=9_000), scenes.vm(memory=8_500), scenes.vm(memory=900)]
    instance = scenes.scene(hosts, vms, [0, 1, 0])
    with pytest.raises(DeadlockError):
        plan(instance, scenes.to(1, 0, 2))
    nearest = nearest_target(instance, scenes.to(1, 0, 2))
    assert nearest.target.host_of.tolist() == [0, 1, 2]
    assert nearest.stays == (0, 1)


def test_the_nearest_target_is_always_reached(scenes):
    """Random problems without a plan: what is offered instead can be carried out."""
    offered = 0
    for seed in range(80):
        drawn = scenes.random_problem(seed)
        if drawn is None:
            continue
        instance, target = drawn
        try:
            plan(instance, target)
        except PlanError:
            nearest = nearest_target(instance, target)
            where = scenes.carry_out(instance, nearest.plan)
            assert where == nearest.target.host_of.tolist(), f"seed {seed}"
            judge_plan(instance, nearest.plan)
            offered += 1
    assert offered > 3
