"""Schedules made shorter after the fact: valid again, never longer, without needless detours."""

from __future__ import annotations

import numpy as np

from consolidate._kernels.compaction import pull
from consolidate.migration import MoveSettings
from consolidate.planning.assemble import assemble
from consolidate.planning.compaction import _flip, _legs, compacted
from consolidate.planning.problem import Problem, Step
from consolidate.planning.trials import Trials, listing_of
from consolidate.study.judge import judge_plan


def small(scenes, seed):
    """Return a tight problem of a few short moves, or nothing."""
    rng = np.random.default_rng(seed)
    memory = rng.integers(1, 5, 6) * 400
    hosts = [scenes.host(memory=int(memory.sum() * rng.uniform(0.45, 0.7))) for _ in range(3)]
    vms = [scenes.vm(memory=int(m)) for m in memory]
    current, target = (scenes._draw(rng, hosts, vms, [], [[0, 1, 2]] * 6) for _ in range(2))
    moves = MoveSettings(moves_in=int(rng.integers(1, 3)), moves_out=int(rng.integers(1, 3)))
    if current is None or target is None:
        return None
    return scenes.scene(hosts, vms, current, moves=moves), scenes.to(*target)


def schedules(scenes, seeds, draw=None):
    """Yield problems with a schedule that makes detours in a random order."""
    for seed in seeds:
        drawn = draw(scenes, seed) if draw else scenes.random_problem(seed)
        if drawn is None:
            continue
        problem = Problem(instance=drawn[0], target=drawn[1])
        rng = np.random.default_rng(seed)
        trials = Trials(problem, 0)
        made = trials.run(rng.permutation(problem.moved), share=float(rng.choice([0.3, 1.0])))
        if not made.n_left and len(problem.moved):
            yield seed, problem, trials.listing(made)


def test_a_shortened_schedule_is_a_schedule(scenes):
    """Carried out second by second, judged, no longer than before and with no more moves."""
    shorter = fewer = 0
    for seed, problem, listing in schedules(scenes, range(70)):
        found = compacted(problem, listing, patience=2)
        assert found.end_s <= listing.end_s, f"seed {seed}"
        assert len(found.steps) <= len(listing.steps), f"seed {seed}"
        made = assemble(problem, found, None)
        assert scenes.carry_out(problem.instance, made) == problem.target.host_of.tolist(), (
            f"seed {seed}"
        )
        judge_plan(problem.instance, made)
        shorter += found.end_s < listing.end_s
        fewer += len(found.steps) < len(listing.steps)
    assert shorter > 3
    assert fewer > 0


def test_needless_detours_are_left_out(scenes):
    """One VM goes by way of a third host for nothing, another goes away and comes back."""
    hosts = [scenes.host(), scenes.host(), scenes.host()]
    problem = Problem(
        instance=scenes.scene(hosts, [scenes.vm(), scenes.vm()], [0, 1]), target=scenes.to(1, 1)
    )
    second = problem.estimates.between(0, 0, 1).duration_s
    rows = [(0, 0, 2), (1, 1, 0), (0, 2, 1), (1, 0, 1)]
    steps = [
        Step(vm=v, source=s, target=t, start_s=k * second, end_s=(k + 1) * second)
        for k, (v, s, t) in enumerate(rows)
    ]
    found = compacted(problem, listing_of(problem, steps, {}, ()), patience=2)
    assert [(s.vm, s.source, s.target, s.start_s) for s in found.steps] == [(0, 0, 1, 0)]


# -- the plain twin ----------------------------------------------------------------------------------


def fits(problem, legs, ready):
    """Say of a schedule, second by second, whether every arrival has room and every host enough slots."""
    instance, settings = problem.instance, problem.instance.moves
    rows = [
        (int(legs.vm[i]), int(legs.source[i]), int(legs.target[i]), int(legs.start[i]),
         int(legs.start[i] + legs.lasts[i]))
        for i in range(len(legs.vm))
    ]  # fmt: skip
    for now in sorted({row[3] for row in rows}):
        for h in range(instance.fleet.n_hosts):
            held = {v for v in range(len(legs.home)) if legs.home[v] == h}
            for v, s, t, start, end in sorted(rows, key=lambda r: r[3]):
                if t == h and start <= now:
                    held.add(v)
                if s == h and end <= now:
                    held.discard(v)
            coming = [r for r in rows if r[2] == h and r[3] <= now < r[4]]
            going = [r for r in rows if r[1] == h and r[3] <= now < r[4]]
            if len(coming) > legs.slots[0] or len(going) > legs.slots[1]:
                return False
            if settings.moves_per_host and len(coming) + len(going) > settings.moves_per_host:
                return False
            arrives = any(r[2] == h and r[3] == now for r in rows)
            total = sum(instance.need[v] + instance.vm_overhead[h] for v in held)
            if arrives and (total > instance.capacity[h]).any():
                return False
    for i in range(len(rows)):
        if rows[i][3] < max(ready[rows[i][1]], ready[rows[i][2]]):
            return False
        j = int(legs.before[i])
        if j >= 0 and rows[i][3] < rows[j][4]:
            return False
    return True


def test_every_move_starts_at_the_first_second_that_is_allowed(scenes):
    """Tried second by second downwards for room, upwards for slots, in both directions of time."""
    pulled = 0
    for seed, problem, listing in schedules(scenes, range(45), small):
        legs = _legs(problem, listing)
        if seed % 2:
            _flip(legs, int((legs.start + legs.lasts).max()))
            legs.ready[:] = 0
        order, begun = np.argsort(legs.start, kind="stable"), legs.start.copy()
        expected = _copy(legs)
        assert fits(problem, expected, legs.ready), f"seed {seed}"
        for i in order.tolist():
            _earliest(problem, expected, i)
        pull(legs, order)
        assert legs.start.tolist() == expected.start.tolist(), f"seed {seed}"
        pulled += (legs.start != begun).any()
    assert pulled > 8


def _copy(legs):
    return legs._make(np.array(values) for values in legs)


def _earliest(problem, legs, i):
    """Start a leg at the earliest second from which on it could start at any later one, slots aside."""
    was = int(legs.start[i])
    slots, best = legs.slots.copy(), was
    for at in range(was - 1, -1, -1):
        legs.start[i] = at
        legs.slots[:2] = len(legs.vm)
        if not fits(problem, legs, legs.ready):
            break
        legs.slots[:] = slots
        if fits(problem, legs, legs.ready):
            best = at
    legs.slots[:] = slots
    legs.start[i] = best
