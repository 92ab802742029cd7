"""Schedules with all times free: annealed on a grid of time, in which hosts may be crowded at first.

Where hosts are nearly full, moves that start as soon as they fit block each other for long. Here a
schedule ends in time from the beginning, but asks for more room and slots than there are; the annealing makes
it possible. Who waits for others in a circle, or in a long chain, stops at a third host from the beginning. If
annealing does not come so far, the schedule is annealed again, at last stretched, which opens gaps between its
moves. What comes out is scheduled once more by the code that keeps all rules.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.annealing import random_state
from consolidate._kernels.moves import ON
from consolidate._kernels.time_grid import ONCE, Grid, Heat, Paths, Ways, lay_out
from consolidate._kernels.time_search import Scene, anneal
from consolidate.planning.compaction import compacted
from consolidate.planning.problem import Problem, Step
from consolidate.planning.sequence import at_times, in_sequence
from consolidate.planning.stopovers import stopovers
from consolidate.planning.trials import Listing

__all__ = ["annealed", "can_anneal"]

_SEED = 0
#: Spans of time of a schedule at most, and the number up to which needs are exact.
_SPANS = 700
_EXACT = 20
#: Steps per move, and in all; rounds that follow.
_STEPS, _MOST_STEPS = 8_000, 80_000_000
_ROUNDS = 5
#: More moves would have too few steps each, more hosts too large a grid.
_MOST_MOVES, _MOST_HOSTS = 30_000, 30_000
#: The end that is tried first for a thousand moves, as a multiple of the bound, and how much later it is for
#: ten times as many: among more hosts, more are unlucky.
_FIRST, _TENFOLD = 1.55, 0.2
#: Part of that which moves that wait for each other take at most, one after the other.
_CHAIN = 0.85
#: What the end is stretched by, or squeezed to.
_STRETCH, _SQUEEZE = 1.03, 0.95
#: Crowding of a host, on average, that another anneal with the same end does not clear, and what the end is
#: stretched by then.
_FAR, _STRETCH_FAR = 0.1, 1.06
#: Part of the best end known that is tried at most.
_GAIN = 0.98
#: Anneals with one end before it is stretched.
_TRIES = 2
#: Passes of the justification without gain.
_PATIENCE = 4
#: What a slot too much for one span counts for, in parts of the largest host, and what a stop does.
_SLOT, _STOP = 1 / 8, 0.4
#: Temperature at first and in the end, part of the steps, and how much more crowded hosts count from time to
#: time, in parts of what they did at first: while everything flows, while it sets, and when little moves.
_FLOWING = (3.0, 0.1, 0.25, 0.0)
_SETTING = (0.1, 0.02, 0.4, 1 / 16)
_COLD = (0.02, 0.004, 0.1, 1.0)
#: Of eight steps, those for VMs of crowded hosts.
_CROWDED = 4
_NEVER = 2**40


def annealed(problem: Problem, listing: Listing, bound_s: int) -> Listing:
    """Return a shorter schedule than one that is known, or that one.

    Parameters
    ----------
    problem
        What is scheduled.
    listing
        A schedule, or how far one came: one that leaves nobody behind is better then, however long. Hosts
        boot as it says; if a target is neither on nor booted, it is returned as it is.
    bound_s : s
        What no schedule is shorter than; times are tried upwards from there.
    """
    if not can_anneal(problem) or not _all_on(problem, listing):
        return listing
    best, most = listing, min(_MOST_STEPS, _STEPS * len(problem.moved))
    first = _FIRST + _TENFOLD * max(0.0, math.log10(len(problem.moved) / 1_000))
    end_s = int(min(bound_s * first, _known_s(best) * _GAIN))
    if end_s < max(1, bound_s):
        return listing
    timing = _Timing(problem, listing.boots, end_s)
    timing.anneal(most, *_FLOWING)
    timing.anneal(most, *_SETTING)
    timing.anneal(most, *_COLD)
    tries = 0
    for turn in range(_ROUNDS + 1):
        # A little crowding often goes away where moves wait for each other.
        found = compacted(problem, timing.carried_out(), patience=_PATIENCE)
        far = timing.crowding > _FAR
        best = min(best, found, key=lambda one: one.worth)
        tries += 1
        if not found.left and found.end_s * _SQUEEZE < end_s:
            end_s, tries = int(found.end_s * _SQUEEZE), 0
            timing.adopt(found)
            timing.stretch(end_s)
        elif far or tries == _TRIES:
            by = _STRETCH_FAR if far else _STRETCH
            end_s, tries = int(min(end_s * by + 1, _known_s(best) * _GAIN)), 0
            timing.stretch(end_s)
        if turn == _ROUNDS or end_s < bound_s:
            break
        timing.anneal(most, *_COLD)
    return best


def _known_s(listing: Listing) -> float:
    """Return when a schedule has brought every VM to its target."""
    return math.inf if listing.left else listing.end_s


def _all_on(problem: Problem, listing: Listing) -> bool:
    """Say whether all targets are on, or booted by a schedule."""
    return bool(_on(problem, listing.boots)[problem.moves.target[_live(problem)]].all())


def _on(problem: Problem, boots: dict[int, int]) -> NDArray[np.bool_]:
    """Say which hosts are on, or booted."""
    on: NDArray[np.bool_] = problem.first_moment().power[: problem.instance.fleet.n_hosts] == ON
    on[list(boots)] = True
    return on


class _Timing:
    """A schedule on a grid of time that ends in time, and may be crowded."""

    def __init__(self, problem: Problem, boots: dict[int, int], end_s: int) -> None:
        self.problem, self.boots, self.moves = problem, boots, problem.moves
        self.hosts = problem.instance.fleet.n_hosts
        self.live = _live(problem)
        self.state = random_state(_SEED)
        self.on = _on(problem, boots)
        self.usable = self.moves.helper[: self.hosts] & self.on
        n = len(self.moves.need)
        self.paths = Paths(
            home=problem.places,
            goal=self.moves.target,
            stop=np.full(n, -1, dtype=np.int64),
            start=np.zeros(n, dtype=np.int64),
            then=np.zeros(n, dtype=np.int64),
        )
        # Those that have to stop leave in the first half of the time, and go on as much later as that is long.
        start, then = np.random.default_rng(_SEED).random(n), np.zeros(n)
        self.must_stop = np.zeros(n, dtype=np.bool_)
        for vm, host in stopovers(problem, self.live, self.usable, _CHAIN * end_s):
            self.must_stop[vm], self.paths.stop[vm] = True, host
            start[vm] /= 2
            then[vm] = start[vm] + 1 / 2
        self._lay_out(end_s, start, then)

    @property
    def crowding(self) -> float:
        """What is too much on a host, on average, in largest hosts that are full for a span too many."""
        return int(self.heat.cost.sum()) / (self.hosts << _EXACT)

    def anneal(self, most: int, hottest: float, coldest: float, part: float, lesson: float) -> None:
        """Make the schedule less crowded, in a part of so many steps."""
        unit = float(2**_EXACT)
        anneal(
            self.grid, self.heat, self.paths, self.ways, self.scene, self.state, int(most * part),
            hottest * unit, coldest * unit, int(_STOP * unit), _CROWDED, int(ONCE * lesson),
        )  # fmt: skip

    def stretch(self, end_s: int) -> None:
        """Have the schedule end later, and all its moves start later in proportion."""
        spans = self.grid.room.shape[2]
        self._lay_out(end_s, self.paths.start / spans, self.paths.then / spans)

    def adopt(self, listing: Listing) -> None:
        """Take over the times of a schedule in which each VM stops at most once on its way."""
        spans = self.grid.room.shape[2]
        self.paths.stop[:] = -1
        first: dict[int, Step] = {}
        for step in listing.steps:
            one, at = first.setdefault(step.vm, step), int(step.start_s * spans / listing.end_s)
            if one is step:
                self.paths.start[step.vm] = at
            else:
                self.paths.stop[step.vm] = one.target
            self.paths.then[step.vm] = at

    def carried_out(self) -> Listing:
        """Return the schedule with its moves as early as there is room and slots for them in this order."""
        paths, span_s, rows = self.paths, self.span_s, []
        for v in self.live.tolist():
            h, t = int(paths.stop[v]), int(paths.goal[v])
            if h >= 0:
                rows.append((int(paths.start[v]) * span_s, v, h))
            rows.append((int(paths.then[v]) * span_s, v, t))
        # Hosts that were booted for other detours stay off.
        used = {host for _, _, host in rows}
        boots = {host: start for host, start in self.boots.items() if host in used}
        found = at_times(self.problem, sorted(rows, key=lambda row: row[0]), boots=boots)
        if found.left:
            return found
        return in_sequence(self.problem, [(step.vm, step.target) for step in found.steps], boots=boots)

    def _lay_out(self, end_s: int, start: NDArray[np.float64], then: NDArray[np.float64]) -> None:
        """Make the grid up to an end, with moves that start at parts of it."""
        self.span_s = span_s = -(-end_s // _SPANS)
        spans = int(end_s // span_s)
        problem, moves = self.problem, self.moves
        lag = -(-problem.off_lag_s[: self.hosts] // span_s)
        ready = np.zeros(self.hosts, dtype=np.int64)
        ready[~self.on] = _NEVER
        for host, boot_s in self.boots.items():
            ready[host] = -(-(boot_s + int(moves.boot_s[host])) // span_s)
        self.ways = Ways(
            kind_of=moves.kind_of, pair=moves.pair, spans=-(-moves.seconds[:, :, 0] // span_s)
        )
        self.grid = self._grid(spans)
        self.heat = Heat(
            cost=np.zeros(self.hosts, dtype=np.int64),
            hot=np.zeros(self.hosts, dtype=np.int64),
            place=np.full(self.hosts, -1, dtype=np.int64),
            number=np.zeros(1, dtype=np.int64),
            heed=np.full(self.hosts, ONCE, dtype=np.int64),
        )
        self.scene = self._scene(ready, lag)
        self._start(start, then)
        lay_out(self.grid, self.heat, self.paths, self.ways, self.live)

    def _start(self, start: NDArray[np.float64], then: NDArray[np.float64]) -> None:
        """Start first and last moves at parts of the time, as far as that leaves them time to end."""
        paths, live, spans = self.paths, self.live, self.grid.room.shape[2]
        ready, lag = self.scene.ready, self.scene.lag
        home, goal, stop = paths.home[live], paths.goal[live], paths.stop[live]
        by_way = stop >= 0
        on = np.where(by_way, stop, goal)
        one = self._spans(live, home, on)
        two = np.where(by_way, self._spans(live, np.where(by_way, stop, home), goal), 0)
        low = np.maximum(ready[home], ready[on])
        high = np.maximum(low, spans - np.maximum(lag[home], two + lag[on] * by_way) - one)
        begin = np.clip((start[live] * spans).astype(np.int64), low, high)
        last = np.maximum(begin + one, spans - lag[on] - two)
        paths.start[live] = begin
        paths.then[live] = np.where(
            by_way, np.clip((then[live] * spans).astype(np.int64), begin + one, last), begin
        )

    def _spans(
        self, vms: NDArray[np.int64], source: NDArray[np.int64], target: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        kinds = self.ways.kind_of
        found: NDArray[np.int64] = self.ways.spans[vms, self.ways.pair[kinds[source], kinds[target]]]
        return found

    def _grid(self, spans: int) -> Grid:
        """Return what is free without the VMs that move."""
        moves, now, live = self.moves, self.problem.first_moment(), self.live
        room, home = now.room[: self.hosts].copy(), self.paths.home[live]
        np.add.at(room, home, moves.need[live] + moves.overhead[home])
        # Needs up to some size are exact, larger ones are rounded up.
        most = self.problem.instance.capacity.max(axis=0, initial=1)
        coarse = np.array([1 << max(0, int(m).bit_length() - _EXACT) for m in most], dtype=np.int64)
        network = moves.network
        slots = [network.moves_in, network.moves_out]
        if network.moves_per_host < sum(slots):
            slots.append(network.moves_per_host)
        resources = len(most)
        grid = np.zeros((self.hosts, resources + len(slots), spans), dtype=np.int32)
        grid[:, :resources] = (room // coarse)[:, :, None]
        grid[:, resources:] = np.array(slots)[:, None]
        weight = np.full(resources + len(slots), int(2**_EXACT * _SLOT), dtype=np.int64)
        weight[:resources] = np.maximum(1, 2**_EXACT // np.maximum(1, most // coarse))
        return Grid(
            room=grid,
            need=(-(-moves.need // coarse)).astype(np.int32),
            overhead=(-(-moves.overhead[: self.hosts] // coarse)).astype(np.int32),
            weight=weight,
        )

    def _scene(self, ready: NDArray[np.int64], lag: NDArray[np.int64]) -> Scene:
        moves, live, paths = self.moves, self.live, self.paths
        ends = np.concatenate([paths.home[live], paths.goal[live]])
        at = np.zeros(self.hosts + 1, dtype=np.int64)
        at[1:] = np.cumsum(np.bincount(ends, minlength=self.hosts))
        amount = (self.grid.need * self.grid.weight[: self.grid.need.shape[1]]).max(axis=1)
        return Scene(
            live=live,
            size=amount * self.ways.spans.max(axis=1),
            at=at,
            vms=np.concatenate([live, live])[np.argsort(ends, kind="stable")],
            mask_of=moves.mask_of,
            masks=moves.masks[:, : self.hosts] & self.usable,
            must_stop=self.must_stop,
            ready=ready,
            lag=lag,
        )


def _live(problem: Problem) -> NDArray[np.int64]:
    """Return the VMs that go from one host to another."""
    moved = problem.moved
    found: NDArray[np.int64] = moved[(problem.places[moved] >= 0) & (problem.moves.target[moved] >= 0)]
    return found


def can_anneal(problem: Problem) -> bool:
    """Say whether the grid knows all that binds here, and every VM can go straight to its target."""
    moves, live = problem.moves, _live(problem)
    if problem.storage or not live.size:
        return False
    if len(live) > _MOST_MOVES or problem.instance.fleet.n_hosts > _MOST_HOSTS:
        return False
    if moves.network.moves_at_once < len(live) or moves.network.uplink_kbit > 0:
        return False
    kinds = moves.kind_of
    pair = moves.pair[kinds[problem.places[live]], kinds[moves.target[live]]]
    return bool(((pair >= 0) & (moves.seconds[live, np.maximum(pair, 0), 0] > 0)).all())
