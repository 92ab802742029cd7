"""VMs left in storage to break a cycle: only at a stated price, and where no other way is cheaper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.checks import check_plan
from consolidate.engine.execution import Faults
from consolidate.errors import DeadlockError, PlanError
from consolidate.migration import MoveSettings
from consolidate.model import Running
from consolidate.planning import nearest_target, plan_in_windows, resume, state_after, undo
from consolidate.planning.cost import plan_j
from consolidate.study.executing import execute
from consolidate.study.judge import _plan_case, judge_plan
from consolidate.study.verbs import plan

BOTH = {"live", "saved_state"}


#: A price at which nobody is stopped where moves alone will do.
DEAR = MoveSettings(downtime_j_per_s=1e6)


def swap(scenes, *spare, modes=BOTH, moves=DEAR, **more):
    """Two VMs that each fill their host and want the other's."""
    hosts = [scenes.host(memory=10_000, modes=modes) for _ in range(2)]
    vms = [scenes.vm(memory=9_000), scenes.vm(memory=8_000)]
    return scenes.scene([*hosts, *spare], vms, [0, 1], moves=moves, **more)


def words(made):
    return [(a.kind, a.vm) for a in made.actions if a.kind not in ("boot", "shutdown")]


def test_a_swap_without_a_spare_saves_the_smaller_vm(scenes):
    """It stands still from the start of its saving to the end of its restoring: half a move each."""
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    assert words(made) == [("save", 1), ("migration", 0), ("restore", 1)]
    (save,), (restore,) = made.saves, made.restores
    rate = 10_000 * 0.4 / 8 * 1e6 / 2**20
    assert save.end_s - save.start_s == restore.end_s - restore.start_s == int(8_000 / rate + 1) + 1
    assert made.stored_s == restore.end_s - save.start_s
    assert made.bound is None
    assert scenes.carry_out(instance, made) == [1, 0]
    assert scenes.in_order_of_dependencies(instance, made, 0) == [1, 0]
    assert "1 VMs wait in storage" in made.summary()


def test_nobody_is_stopped_without_a_price(scenes):
    """The swap is proven impossible by moves alone; the error says that storage would help, and only then."""
    with pytest.raises(DeadlockError, match="so would leaving VMs in storage") as caught:
        plan(swap(scenes, moves=MoveSettings()), scenes.to(1, 0))
    assert caught.value.helper_space == {"cpu_demand_mcores": 1_000, "memory_demand_mib": 8_000}
    with pytest.raises(DeadlockError) as caught:
        plan(swap(scenes, modes={"live"}, moves=MoveSettings()), scenes.to(1, 0))
    assert not caught.value.storage_helps


def test_a_vm_that_has_to_run_all_the_time_is_not_saved(scenes):
    """Who may not be stopped is named by a rule: then the other is saved; with both named there is no way."""
    instance = swap(scenes, rules=[Running(vms=(1,), continuous=True)])
    assert {vm for kind, vm in words(plan(instance, scenes.to(1, 0))) if kind == "save"} == {0}
    with pytest.raises(DeadlockError):
        plan(swap(scenes, rules=[Running(vms=(0, 1), continuous=True)]), scenes.to(1, 0))
    with pytest.raises(DeadlockError):
        plan(swap(scenes, modes={"live"}), scenes.to(1, 0))


def test_a_spare_host_is_preferred_unless_downtime_is_cheap(scenes):
    """Without a price nobody is stopped; with one the joules decide."""
    spare = scenes.host(memory=8_000, modes=BOTH, on=False, boot_s=60, shutdown_s=30)
    free = swap(scenes, spare, moves=MoveSettings())
    assert plan(free, scenes.to(1, 0)).boots
    cheap, dear = (replace(free, moves=MoveSettings(downtime_j_per_s=price)) for price in (0.1, 1_000.0))
    made = plan(cheap, scenes.to(1, 0))
    assert not made.boots
    assert len(made.saves) == 1
    assert plan(dear, scenes.to(1, 0)).boots
    assert plan_j(cheap, made) < plan_j(cheap, plan(dear, scenes.to(1, 0)))


def test_the_price_adds_up(scenes):
    """The second parts: copying on both hosts, and the downtime at its price."""
    instance = replace(swap(scenes), moves=MoveSettings(downtime_j_per_s=2.0))
    made = plan(instance, scenes.to(1, 0))
    move, save, restore = made.migrations[0], made.saves[0], made.restores[0]
    per_mcore = 100 / 64_000
    copying = 2 * move.overhead_mcores * (move.end_s - move.start_s)
    copying += sum(a.overhead_mcores * (a.end_s - a.start_s) for a in (save, restore))
    assert plan_j(instance, made) == pytest.approx(copying * per_mcore + 2.0 * made.stored_s)


def test_a_plan_over_storage_is_undone_and_resumed_from_every_prefix(scenes):
    """Whatever has been carried out, also with the VM in storage, leads on and back."""
    instance, target = swap(scenes), scenes.to(1, 0)
    made = plan(instance, target)
    ids = [a.id for a in sorted(made.actions, key=lambda a: a.end_s)]
    for k in range(len(ids) + 1):
        there = state_after(instance, made, ids[:k])
        on = resume(instance, made, ids[:k])
        judge_plan(there, on)
        assert scenes.carry_out(there, on) == [1, 0]
        back = undo(instance, made, ids[:k])
        judge_plan(there, back)
        assert scenes.carry_out(there, back) == [0, 1]
    at = made.at(made.saves[0].end_s)
    assert (at.host_of[1], at.saved_on[1]) == (-1, 1)
    assert made.at(made.makespan_s).saved_on.tolist() == [-1, -1]


def test_a_vm_in_storage_comes_back_near_where_it_was(scenes):
    """The target has no room for it any more: the nearest placement restores it on its old host."""
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    after = state_after(instance, made, [made.saves[0].id])
    full = replace(after, capacity=np.array([[10_000, 9_000], [10_000, 10_000]]))
    near = nearest_target(full, scenes.to(0, 0))
    assert near.target.host_of.tolist() == [0, 1]
    assert words(near.plan) == [("restore", 1)]


def test_no_vm_is_in_storage_between_two_windows(scenes):
    """A window that ends before the restoring is not used for the saving."""
    instance, target = swap(scenes), scenes.to(1, 0)
    whole = plan(instance, target).makespan_s
    parts = plan_in_windows(instance, target, [(0, whole - 1), (1_000, 1_000 + whole)])
    assert [words(part) for part in parts] == [[("save", 1), ("migration", 0), ("restore", 1)]]
    assert parts[0].actions[0].start_s == 1_000
    with pytest.raises(PlanError, match="do not fit"):
        plan_in_windows(instance, target, [(0, whole - 1)])


@pytest.mark.parametrize(
    ("kind", "change", "code"),
    [
        ("save", {"end_s": 5}, "V6.duration"),
        ("restore", {"rate_mib_per_s": 1e6}, "V6.cost"),
        ("save", {"image_mib": 1}, "V6.cost"),
        ("save", {"host": 0}, "V6.chain"),
        ("restore", {"host": 1}, "V6.final"),
        ("restore", {"start_s": 20, "end_s": 38, "after": ()}, "V2.moment"),
        ("restore", {"start_s": 0, "end_s": 18, "after": ()}, "V6.overlap"),
    ],
)
def test_the_checks_refuse_what_storage_cannot_do(scenes, kind, change, code):
    """Too fast, too small, from where the VM is not, to where it is not wanted, too early."""
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    actions = tuple(replace(a, **change) if a.kind == kind else a for a in made.actions)
    found = check_plan(_plan_case(instance, replace(made, actions=actions)))
    assert code in {v.code for v in found}


def test_the_checks_refuse_a_stop_that_nobody_asked_for(scenes):
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    unasked = replace(instance, moves=MoveSettings())
    assert {v.code for v in check_plan(_plan_case(instance, made))} == set()
    assert {v.code for v in check_plan(_plan_case(unasked, made))} == {"V6.unasked"}


def test_the_checks_want_a_vm_back_and_running_where_it_has_to(scenes):
    """A VM that is left in storage, one that comes from nowhere, one whose rule forbids the stop."""
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    rows = {a.kind: a for a in made.actions}
    left = replace(made, actions=(rows["save"], rows["migration"]))
    assert "V6.final" in {v.code for v in check_plan(_plan_case(instance, left))}
    alone = replace(made, actions=(replace(rows["restore"], after=()),))
    assert "V6.chain" in {v.code for v in check_plan(_plan_case(instance, alone))}
    ruled = replace(instance, rules=(Running(vms=(1,), continuous=True),))
    assert "V3.rule-moment" in {v.code for v in check_plan(_plan_case(ruled, made))}


@pytest.mark.parametrize(("fault", "seen"), [("setup", "save_fail"), ("mid_copy", "restore_fail")])
def test_an_executor_survives_savings_and_restorings_that_fail(scenes, fault, seen):
    """Failed savings leave the VM where it runs, failed restorings leave it in storage; then it goes on."""
    instance = swap(scenes)
    made = plan(instance, scenes.to(1, 0))
    assert execute(instance, made).placement.host_of.tolist() == [1, 0]
    stories = [execute(instance, made, faults=Faults(**{fault: 0.4}), seed=s) for s in range(12)]
    assert seen in {e.kind for done in stories for e in done.events}
    for done in stories:
        assert (done.placement.host_of >= 0).all()
    assert any(not done.astray for done in stories)


def test_an_executor_survives_everything_at_once(scenes):
    """Random cycles with all faults: the judge of histories agrees, and nobody is left in storage."""
    stored = 0
    for seed in range(40):
        drawn = scenes.random_problem(seed)
        if drawn is None:
            continue
        instance, target = drawn
        try:
            made = plan(instance, target)
        except PlanError:
            continue
        if made.saves:
            stored += 1
            done = execute(instance, made, faults=Faults.all(0.2), seed=seed)
            assert (done.placement.saved_on < 0).all()
    assert stored > 1
