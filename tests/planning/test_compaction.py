"""Schedules made shorter after the fact: valid again, never longer, without needless detours."""

from __future__ import annotations

from functools import partial

import numpy as np

from consolidate._kernels.compaction import merge, pull
from consolidate.migration import MoveSettings
from consolidate.planning.assemble import assemble
from consolidate.planning.compaction import _direct, _flip, _legs, compacted
from consolidate.planning.problem import Problem, Step
from consolidate.planning.trials import Trials, listing_of
from consolidate.study.judge import judge_plan


def small(scenes, seed, *, uneven=False):
    """Return a tight problem of a few short moves, or nothing; uneven hosts are slow, or off at first."""
    rng = np.random.default_rng(seed)
    memory = rng.integers(1, 5, 6) * 400
    hosts = [scenes.host(memory=int(memory.sum() * rng.uniform(0.45, 0.7))) for _ in range(3)]
    if uneven:
        for host in hosts:
            host["nic"] = float(rng.choice([2_000, 10_000]))
        hosts[2]["on"], hosts[2]["boot_s"] = bool(rng.random() < 0.7), int(rng.integers(1, 12))
    lit = [h for h, host in enumerate(hosts) if host["on"]]
    vms = [scenes.vm(memory=int(m)) for m in memory]
    current, target = (scenes._draw(rng, hosts, vms, [], [on] * 6) for on in (lit, [0, 1, 2]))
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


# -- the plain twin of leaving detours out ---------------------------------------------------------------


class Plain:
    """The legs of a schedule as a list for each VM, and room and slots looked at second by second."""

    def __init__(self, problem, legs):
        self.problem, self.legs = problem, legs
        self.rows = {
            i: [int(column[i]) for column in (legs.vm, legs.source, legs.target, legs.start, legs.lasts)]
            for i in range(len(legs.vm))
        }
        self.ways: dict[int, list[int]] = {}
        for i in sorted(self.rows, key=lambda i: self.rows[i][3]):
            self.ways.setdefault(self.rows[i][0], []).append(i)

    def room_beside_others(self, v, h, second):
        """Say whether a host has room for a VM in a second, whatever that VM itself does."""
        instance = self.problem.instance
        held = {u for u in range(len(self.legs.home)) if self.legs.home[u] == h}
        for u, source, target, start, lasts in sorted(self.rows.values(), key=lambda row: row[3]):
            if target == h and start <= second:
                held.add(u)
            if source == h and start + lasts <= second:
                held.discard(u)
        total = sum(instance.need[u] + instance.vm_overhead[h] for u in held | {v})
        return bool((total <= instance.capacity[h]).all())

    def slots(self, i, s, t, begin, end):
        """Say whether a way from ``s`` to ``t`` has slots beside all legs but ``i``."""
        others = [row for j, row in self.rows.items() if j != i]
        for now in range(begin, end):
            busy = [row for row in others if row[3] <= now < row[3] + row[4]]
            if sum(row[2] == t for row in busy) >= self.legs.slots[0]:
                return False
            if sum(row[1] == s for row in busy) >= self.legs.slots[1]:
                return False
        return True

    def merge(self, order, direct):
        merged = 0
        for i in order:
            way = self.ways[int(self.legs.vm[i])]
            if i not in self.rows or way[-1] == i:
                continue
            at = way.index(i)
            j = way[at + 1]
            (v, s, _, start, lasts), (_, _, t, second, _) = self.rows[i], self.rows[j]
            if s == t:
                if all(self.room_beside_others(v, s, x) for x in range(start + lasts, second)):
                    way[at : at + 2] = []
                    del self.rows[i], self.rows[j]
                    merged += 1
                continue
            begin = self.begin(way, at, s, t, int(direct[i]))
            if begin is None:
                continue
            self.rows[i] = [v, s, t, begin, int(direct[i])]
            del self.rows[j], way[at + 1]
            merged += 1
        return merged

    def begin(self, way, at, s, t, lasts):
        """Return the first second from which one leg does for two: there by when the second one started."""
        i, j = way[at : at + 2]
        v, _, _, start, _ = self.rows[i]
        latest = self.rows[j][3]
        ready = max(int(self.legs.ready[s]), int(self.legs.ready[t]))
        if at:
            ready = max(ready, sum(self.rows[way[at - 1]][3:]))
        for begin in range(ready, latest + 1) if lasts else ():
            end = begin + lasts
            if at + 2 < len(way) and end > self.rows[way[at + 2]][3]:
                break
            stays = all(self.room_beside_others(v, s, x) for x in range(start, end))
            arrives = all(self.room_beside_others(v, t, x) for x in range(begin, latest))
            if stays and arrives and self.slots(i, s, t, begin, end):
                return begin
        return None


def test_detours_are_left_out_as_the_plain_twin_does(scenes):
    """Which legs become one, when that starts, and which VM stays at home, in both directions of time."""
    joined = home = kept = 0
    for seed, problem, listing in schedules(scenes, range(1_500), partial(small, uneven=True)):
        legs = _legs(problem, listing)
        if seed % 2:
            _flip(legs, int((legs.start + legs.lasts).max()))
            legs.ready[:] = 0
        order = np.argsort(legs.start, kind="stable")
        firsts = np.flatnonzero(legs.then >= 0).tolist()
        direct = np.zeros(len(legs.vm), dtype=np.int64)
        for i in firsts:
            direct[i] = _direct(problem, legs, i)
        twin = Plain(problem, _copy(legs))
        expected = twin.merge(order.tolist(), direct)
        assert merge(legs, order, direct) == expected, f"seed {seed}"
        there = np.flatnonzero(legs.vm >= 0).tolist()
        columns = (legs.vm, legs.source, legs.target, legs.start, legs.lasts)
        assert {i: [int(c[i]) for c in columns] for i in there} == twin.rows, f"seed {seed}"
        for way in twin.ways.values():
            assert [int(legs.then[i]) for i in way] == [*way[1:], -1][: len(way)], f"seed {seed}"
            assert [int(legs.before[i]) for i in way] == [-1, *way][: len(way)], f"seed {seed}"
        for at, listed, ends in (
            (legs.into_at, legs.into, legs.target),
            (legs.out_at, legs.out, legs.source),
        ):
            for h in range(len(legs.ready)):
                mine = [i for i in listed[at[h] : at[h + 1]].tolist() if i >= 0]
                assert sorted(mine) == [i for i in there if ends[i] == h], f"seed {seed}"
        joined += expected - (gone := len(twin.legs.vm) - len(there) - expected)
        home += gone
        kept += len(firsts) - expected
    assert min(joined, home, kept) > 10
