"""Schedules with all times free: what is counted is what is there, and what comes out can be carried out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate._kernels.annealing import random_state
from consolidate._kernels.time_search import Scene
from consolidate.migration import MoveSettings
from consolidate.planning import listing as lists
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.problem import Problem
from consolidate.planning.timing import _Timing, annealed, can_anneal
from consolidate.planning.trials import Trial, Trials, listing_of
from consolidate.study.judge import judge_plan


def limits(rng):
    """Draw how many moves a host makes at a time."""
    return MoveSettings(
        moves_in=int(rng.integers(1, 3)),
        moves_out=int(rng.integers(1, 3)),
        moves_per_host=int(rng.integers(0, 2)) * 2,
    )


def problems(scenes, seeds):
    """Yield tight problems of ten VMs on four hosts, with a schedule in a random order."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        case = scenes.tight(rng, moves=limits(rng))
        if case is None:
            continue
        instance, target = case
        problem = Problem(instance=instance, target=target)
        trials = Trials(problem, 0)
        made = trials.run(rng.permutation(problem.moved), share=0.3)
        if len(problem.moved) and not made.n_left:
            yield seed, problem, trials.listing(made)


def counted(timing):
    """Return what is free by adding up every path, span by span, the slow way."""
    g, paths = timing.grid, timing.paths
    free = timing._grid(g.room.shape[2]).room.astype(np.int64)
    resources = g.need.shape[1]
    both = g.room.shape[1] > resources + 2

    def move(v, s, t, start, end):
        for host, role in ((s, 1), (t, 0)):
            free[host, resources + role, start:end] -= 1
            if both:
                free[host, resources + 2, start:end] -= 1

    for v in timing.live.tolist():
        s, t, p = int(paths.home[v]), int(paths.goal[v]), plain_path(timing, v)
        ways = [(s, t, p[1], p[1] + p[2])] if p[0] < 0 else [
            (s, p[0], p[1], p[1] + p[2]), (p[0], t, p[3], p[3] + p[4])
        ]  # fmt: skip
        stays = [(s, 0, ways[0][3]), (t, ways[-1][2], free.shape[2])]
        if p[0] >= 0:
            stays.append((p[0], p[1], p[3] + p[4]))
        for way in ways:
            move(v, *way)
        for host, begin, end in stays:
            free[host, :resources, begin:end] -= (g.need[v] + g.overhead[host])[:, None]
    return free


def lasts(timing, v, s, t):
    kinds = timing.ways.kind_of
    return int(timing.ways.spans[v, timing.ways.pair[kinds[s], kinds[t]]])


def plain_path(timing, v):
    """Return a VM's stop, and start and length of its first and of its last move."""
    s, t, h = (int(a[v]) for a in (timing.paths.home, timing.paths.goal, timing.paths.stop))
    start, then = int(timing.paths.start[v]), int(timing.paths.then[v])
    if h < 0:
        return h, start, lasts(timing, v, s, t), start, lasts(timing, v, s, t)
    return h, start, lasts(timing, v, s, h), then, lasts(timing, v, h, t)


@pytest.mark.parametrize(("hottest", "lesson"), [(5.0, 0.0), (0.05, 0.0), (0.05, 1.0)])
def test_the_crowding_is_what_the_paths_make(scenes, hottest, lesson):
    """Thousands of steps and a stretch later, room and cost of every host equal a count from nothing."""
    stops = crowds = 0
    for seed, problem, listing in problems(scenes, range(25)):
        timing = _Timing(problem, listing.boots, max(2, listing.end_s // 2))
        for _ in range(2):
            timing.anneal(3_000, hottest, 0.002, 1.0, lesson)
            free = counted(timing)
            assert np.array_equal(timing.grid.room, free), f"seed {seed}"
            missing = (np.maximum(0, -free).sum(axis=2) * timing.grid.weight).sum(axis=1)
            assert np.array_equal(timing.heat.cost, missing), f"seed {seed}"
            hot = timing.heat.hot[: timing.heat.number[0]]
            assert sorted(hot.tolist()) == np.flatnonzero(missing).tolist(), f"seed {seed}"
            stops += int((timing.paths.stop >= 0).sum())
            crowds += len(hot)
            timing.stretch(listing.end_s)
    assert stops > 0
    assert crowds > 0


def test_paths_stay_within_the_time(scenes):
    """No move starts before its hosts take part or the VM has arrived, none ends after the schedule."""
    for seed, problem, listing in problems(scenes, range(25)):
        timing = _Timing(problem, listing.boots, max(2, listing.end_s))
        timing.anneal(2_000, 5.0, 0.002, 1.0, 0.0)
        spans, scene = timing.grid.room.shape[2], timing.scene
        assert isinstance(scene, Scene)
        for v in timing.live.tolist():
            stop, start, lasts, then, then_lasts = plain_path(timing, v)
            source = int(timing.paths.home[v])
            assert start >= max(0, int(scene.ready[source])), f"seed {seed}"
            assert start + lasts + int(scene.lag[source]) <= spans, f"seed {seed}"
            assert then + then_lasts <= spans, f"seed {seed}"
            if stop >= 0:
                assert int(scene.ready[stop]) <= start <= then - lasts, f"seed {seed}"
                assert then + then_lasts + int(scene.lag[stop]) <= spans, f"seed {seed}"
                assert scene.masks[scene.mask_of[v], stop], f"seed {seed}"
                assert min(lasts, then_lasts) > 0, f"seed {seed}"
                assert stop not in (source, int(timing.paths.goal[v])), f"seed {seed}"


def test_who_has_to_stop_stops(scenes):
    """One of two large VMs that change places never goes straight, however hot it is."""
    gib, current, goal = [7, 6, 1, 1, 1, 1], [0, 1, 2, 2, 2, 2], [1, 0, 0, 1, 0, 2]
    vms = [scenes.vm(cpu=0, memory=1_000 * m) for m in gib]
    instance = scenes.scene([scenes.host()] * 3, vms, current)
    problem = Problem(instance=instance, target=scenes.to(*goal))
    bound = makespan_bound(instance, problem.target, problem.estimates).value_s
    # Too short for all, so that there is always something to improve.
    timing = _Timing(problem, {}, bound)
    assert timing.must_stop[1]
    for seed in range(20):
        timing.state = random_state(seed)
        timing.anneal(1_000, 50.0, 20.0, 1.0, 0.0)
        assert (timing.paths.stop[timing.must_stop] >= 0).all(), f"seed {seed}"
    found = annealed(problem, listing_of(problem, [], {}, problem.moved.tolist()), bound)
    assert (1, 2) in [(step.vm, step.target) for step in found.steps]
    assert scenes.carry_out(instance, assemble(problem, found, None)) == goal


def test_an_annealed_schedule_is_a_schedule(scenes):
    """Carried out second by second, judged, never longer than the one before, and mostly shorter."""
    shorter = tried = 0
    for seed, problem, listing in problems(scenes, range(40)):
        bound = makespan_bound(problem.instance, problem.target, problem.estimates).value_s
        found = annealed(problem, listing, bound)
        assert not found.left
        assert bound <= found.end_s <= listing.end_s, f"seed {seed}"
        made = assemble(problem, found, None)
        assert scenes.carry_out(problem.instance, made) == problem.target.host_of.tolist(), (
            f"seed {seed}"
        )
        judge_plan(problem.instance, made)
        tried += listing.end_s > bound
        shorter += found.end_s < listing.end_s
    assert shorter > tried / 2


def test_the_same_problem_gives_the_same_times(scenes):
    """All chance comes from a fixed seed."""
    for _, problem, listing in problems(scenes, range(10)):
        one, other = annealed(problem, listing, 1), annealed(problem, listing, 1)
        assert one.steps == other.steps


def test_what_the_grid_does_not_know_is_left_to_others(scenes):
    """Moves at once in the fleet and VMs without a straight way are not on the grid."""
    hosts = [scenes.host()] * 3
    free = scenes.scene(hosts, [scenes.vm()] * 2, [0, 1])
    limited = scenes.scene(hosts, [scenes.vm()] * 2, [0, 1], moves=MoveSettings(moves_at_once=1))
    target = scenes.to(1, 2)
    assert can_anneal(Problem(instance=free, target=target))
    assert not can_anneal(Problem(instance=limited, target=target))
    assert not can_anneal(Problem(instance=free, target=scenes.to(0, 1)))


def without_steps(problem, listing):
    """Return a schedule that boots the same hosts and leaves everybody behind."""
    return replace(listing, steps=(), left=tuple(problem.moved.tolist()), end_s=0)


def test_a_schedule_is_annealed_from_nothing(scenes):
    """No schedule has to be known: all come to their targets, by plans that can be carried out."""
    found_one = tried = 0
    for seed, problem, listing in problems(scenes, range(25)):
        bound = makespan_bound(problem.instance, problem.target, problem.estimates).value_s
        found = annealed(problem, without_steps(problem, listing), bound)
        tried += 1
        if found.left:
            continue
        found_one += 1
        assert found.end_s >= bound, f"seed {seed}"
        made = assemble(problem, found, None)
        assert scenes.carry_out(problem.instance, made) == problem.target.host_of.tolist(), (
            f"seed {seed}"
        )
        judge_plan(problem.instance, made)
    assert found_one > 0.8 * tried > 0


def test_lists_that_leave_vms_behind_are_followed_by_annealing(scenes, monkeypatch):
    """A plan comes of annealing where no list schedule is one, but not for those who take any end."""
    monkeypatch.setattr(lists, "_plain", lambda trials, _: iter([stuck(trials)]))
    monkeypatch.setattr(lists, "_roomy", lambda _: iter(()))
    monkeypatch.setattr(lists, "_by_chance", lambda _: iter(()))
    whole = tried = 0
    for seed, problem, _ in problems(scenes, range(25)):
        bound = makespan_bound(problem.instance, problem.target, problem.estimates).value_s
        assert lists.list_schedule(problem, good_enough_s=lists.ANY_END_S).left, f"seed {seed}"
        assert lists.list_schedule(problem, good_enough_s=bound, hopeless=lambda: True).left
        found = lists.list_schedule(problem, good_enough_s=bound)
        tried += 1
        if not found.left:
            whole += 1
            judge_plan(problem.instance, assemble(problem, found, None))
    assert whole > 0.8 * tried > 0


def stuck(trials):
    """Return a schedule in which nothing moves."""
    return Trial(
        rows=np.zeros((0, 7), dtype=np.int64),
        position=trials.problem.places.copy(),
        n_left=len(trials.problem.moved),
        end_s=0,
    )


def test_what_no_schedule_boots_is_not_annealed(scenes):
    """A target that stays off takes nobody in, whenever a move would start."""
    hosts = [scenes.host(), scenes.host(), scenes.host(on=False)]
    instance = scenes.scene(hosts, [scenes.vm()] * 2, [0, 0])
    problem = Problem(instance=instance, target=scenes.to(1, 2))
    nothing = listing_of(problem, [], {}, problem.moved.tolist())
    assert can_anneal(problem)
    assert annealed(problem, nothing, 1) is nothing
