"""Random problems: every plan is carried out second by second, judged, and done again."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from consolidate.errors import DeadlockError, PlanError
from consolidate.planning import plan
from consolidate.study.judge import judge_plan

#: The last two boot a host for parking only, which few do.
SEEDS = (*range(240), 303, 371)


@pytest.fixture(scope="module")
def outcomes(scenes):
    """Problems by seed with their plan or error."""
    found = []
    for seed in SEEDS:
        drawn = scenes.random_problem(seed)
        if drawn is None:
            continue
        instance, target = drawn
        try:
            made = plan(instance, target)
        except PlanError as error:
            made = error
        found.append((seed, instance, target, made))
    return found


def planned(outcomes):
    return [o for o in outcomes if not isinstance(o[3], PlanError)]


def test_the_problems_are_worth_their_seeds(outcomes):
    """The other tests of this file say little unless every hard case occurs among the seeds."""
    kinds = Counter()
    for _, _, _, made in outcomes:
        kinds[type(made).__name__] += 1
        if isinstance(made, PlanError):
            continue
        kinds["parking"] += any(m.parking for m in made.migrations)
        kinds["boot"] += bool(made.boots)
        kinds["boot for parking"] += any(b.host == s.host for b in made.boots for s in made.shutdowns)
        kinds["shutdown"] += bool(made.shutdowns)
        kinds["in storage"] += bool(made.saves)
        kinds.update({m.mode for m in made.migrations})
    assert kinds["MigrationPlan"] > 100, kinds
    assert kinds["parking"] > 10, kinds
    assert kinds["DeadlockError"] > 0, kinds
    for kind in ("boot", "boot for parking", "shutdown", "live", "saved_state", "in storage"):
        assert kinds[kind] > 0, kinds


def test_every_plan_is_feasible_at_every_second_and_ends_at_its_target(scenes, outcomes):
    """The plan replayed by the slow way: room at both ends, slots, power, rules, all the time."""
    for seed, instance, target, made in planned(outcomes):
        assert scenes.carry_out(instance, made) == target.host_of.tolist(), f"seed {seed}"


def test_a_plan_that_is_stopped_at_any_moment_leaves_a_feasible_placement(scenes, outcomes):
    """Every prefix is feasible: what has arrived by then fits, and breaks no continuous rule."""
    rng = np.random.default_rng(0)
    for _, instance, _, made in planned(outcomes):
        when = int(rng.integers(0, made.makespan_s + 1))
        where = scenes.carry_out(instance, made, end_s=when)
        placement = scenes.to(*(max(h, -1) for h in where))
        assert (instance.usage(placement) <= instance.capacity).all()
        for rule in instance.rules:
            if rule.continuous and not rule.violations(instance.current):
                assert not rule.violations(placement)


def test_the_independent_checks_accept_every_plan(outcomes):
    """What users call runs the checks, and a refusal there is a bug of ours."""
    for _, instance, _, made in planned(outcomes):
        judge_plan(instance, made)


def test_dependencies_alone_keep_the_plan_feasible(scenes, outcomes):
    """An executor that knows no times, only what has ended, must not run out of room either."""
    for seed, instance, target, made in planned(outcomes):
        for again in range(3):
            where = scenes.in_order_of_dependencies(instance, made, seed + again)
            assert where == target.host_of.tolist(), f"seed {seed}"


def test_the_helper_space_of_a_deadlock_breaks_it(scenes, outcomes):
    """The error says what would help; with exactly that on one more host there is a plan."""
    stuck = [o for o in outcomes if isinstance(o[3], DeadlockError)]
    for seed, instance, target, error in stuck:
        vms = [instance.vms.ids.index(name) for name in error.vms]
        smallest = min(vms, key=lambda v: (int(instance.need[v, 1]), v))
        home = int(instance.current.host_of[smallest])
        bigger = scenes.with_helper(instance, error.helper_space, like=home)
        made = plan(bigger, target)
        assert scenes.carry_out(bigger, made) == target.host_of.tolist(), f"seed {seed}"
        assert set(error.vms) <= set(instance.vms.ids)


def test_hosts_that_must_stay_on_are_never_switched_off(outcomes):
    """Keep-on, no-wake and maintenance hosts keep their power whatever leaves them."""
    for _, instance, _, made in planned(outcomes):
        untouchable = ~instance.fleet.may_switch_off() & instance.fleet.powered_on
        assert not [s for s in made.shutdowns if untouchable[s.host]]


def test_the_same_problem_gives_the_same_plan(scenes, outcomes):
    """No clock, no set order and no hash may leak into the plan."""
    for seed, _, _, made in planned(outcomes)[::6]:
        instance, target = scenes.random_problem(seed)
        assert plan(instance, target).to_frame().equals(made.to_frame())
