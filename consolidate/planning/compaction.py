"""A schedule made shorter: moves justified to its end and back to its start, needless detours left out.

Forward and backward justification shortens schedules under limited resources (Valls, Ballestín and Quintanilla,
EJOR 165, 2005, doi:10.1016/j.ejor.2004.04.008). It works here because a schedule read backwards is one, too: a
move holds both its ends in either direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.compaction import Legs, merge, pull
from consolidate.planning.problem import Problem, Step
from consolidate.planning.sequence import in_sequence
from consolidate.planning.trials import Listing

__all__ = ["compacted"]

#: Passes to and fro at most.
_PASSES = 80
#: Part of the moves that is no gain when so many become one with another.
_FEW = 0.01


def compacted(problem: Problem, listing: Listing, *, patience: int) -> Listing:
    """Return the schedule, shortened if that was possible.

    Parameters
    ----------
    problem
        What is scheduled.
    listing
        A schedule that brings every VM to its target; another one is returned as it is.
    patience
        Passes without gain after which it is over.
    """
    steps = listing.steps
    hosts = problem.instance.fleet.n_hosts
    if listing.left or any(max(s.source, s.target) >= hosts for s in steps):
        return listing
    legs = _legs(problem, listing)
    ready = legs.ready.copy()
    # Behind the hosts are the storages, which this schedule does not use.
    lag = problem.off_lag_s[:hosts]
    direct = np.zeros(len(steps), dtype=np.int64)
    least_s, since = _end(legs, lag), 0
    for turn in range(_PASSES):
        before = _end(legs, lag)
        for i in np.flatnonzero((legs.vm >= 0) & (legs.then >= 0)).tolist():
            direct[i] = _direct(problem, legs, i)
        merged = merge(legs, np.argsort(legs.start, kind="stable"), direct)
        _flip(legs, before)
        legs.ready[:] = lag
        pull(legs, np.argsort(legs.start, kind="stable"))
        _flip(legs, before)
        legs.ready[:] = ready
        pull(legs, np.argsort(legs.start, kind="stable"))
        end_s = _end(legs, lag)
        if merged > _FEW * len(steps) or end_s < least_s:
            since = turn
        least_s = min(least_s, end_s)
        if turn - since >= patience:
            break
    order = [i for i in np.lexsort((legs.start + legs.lasts, legs.start)).tolist() if legs.vm[i] >= 0]
    found = in_sequence(
        problem, [(int(legs.vm[i]), int(legs.target[i])) for i in order], boots=listing.boots
    )
    return listing if found.left or found.end_s >= listing.end_s else found


def _end(legs: Legs, lag: NDArray[np.int64]) -> int:
    there = legs.vm >= 0
    return int((legs.start + legs.lasts + lag[legs.source])[there].max(initial=0))


def _direct(problem: Problem, legs: Legs, i: int) -> int:
    """Return how long the way of two legs takes in one, in seconds; 0 if it is none."""
    moves = problem.moves
    k = int(moves.pair[moves.kind_of[legs.source[i]], moves.kind_of[legs.target[legs.then[i]]]])
    return int(moves.seconds[legs.vm[i], k, 0]) if k >= 0 else 0


def _flip(legs: Legs, end_s: int) -> None:
    """Turn time round, in place: who came leaves, and what was free in the end is free at first."""
    legs.start[:] = end_s - legs.start - legs.lasts
    there = legs.vm >= 0
    for r in range(legs.room.shape[1]):
        for sign, at in ((1, legs.source), (-1, legs.target)):
            takes = sign * (legs.need[legs.vm[there], r] + legs.overhead[at[there], r])
            np.add.at(legs.room[:, r], at[there], takes)
    last = there & (legs.then < 0)
    legs.home[legs.vm[last]] = legs.target[last]
    _swap(legs.source, legs.target)
    _swap(legs.before, legs.then)
    _swap(legs.slots[:1], legs.slots[1:2])
    if legs.into.size:
        _swap(legs.into, legs.out)
        _swap(legs.into_at, legs.out_at)


def _swap(one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
    kept = one.copy()
    one[:] = other
    other[:] = kept


def _legs(problem: Problem, listing: Listing) -> Legs:
    instance, moves, now = problem.instance, problem.moves, problem.first_moment()
    steps: tuple[Step, ...] = listing.steps
    n, hosts = len(steps), instance.fleet.n_hosts
    rows = np.array([(s.vm, s.source, s.target, s.start_s, s.end_s - s.start_s) for s in steps]).T
    vm, source, target, start, lasts = (np.ascontiguousarray(row, dtype=np.int64) for row in rows)
    before, then = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    order = np.lexsort((start, vm))
    follows = vm[order[1:]] == vm[order[:-1]]
    then[order[:-1][follows]] = order[1:][follows]
    before[order[1:][follows]] = order[:-1][follows]
    ready = np.zeros(hosts, dtype=np.int64)
    for host, begin in listing.boots.items():
        ready[host] = begin + int(moves.boot_s[host])
    network = moves.network
    both = min(network.moves_per_host, network.moves_in + network.moves_out)
    return Legs(
        vm=vm,
        source=source,
        target=target,
        start=start,
        lasts=lasts,
        before=before,
        then=then,
        into_at=_pointer(target, hosts),
        into=np.argsort(target, kind="stable"),
        out_at=_pointer(source, hosts),
        out=np.argsort(source, kind="stable"),
        need=moves.need,
        overhead=moves.overhead,
        room=now.room.copy(),
        home=now.position.copy(),
        ready=ready,
        slots=np.array([network.moves_in, network.moves_out, both], dtype=np.int64),
    )


def _pointer(at: NDArray[np.int64], hosts: int) -> NDArray[np.int64]:
    pointer = np.zeros(hosts + 1, dtype=np.int64)
    pointer[1:] = np.cumsum(np.bincount(at, minlength=hosts))
    return pointer
