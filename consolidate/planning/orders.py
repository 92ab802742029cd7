"""Orders in which moves are tried: by the work of hosts, by urgency, by size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.planning.problem import Problem

__all__ = ["busiest", "largest", "soonest_empty", "urgency", "work_of"]


def soonest_empty(problem: Problem) -> NDArray[np.int64]:
    """Return the moves, host after host: first the sources that are soonest empty and then go off.

    Within a host, VMs with more memory come first; a plan that is stopped early has then released as
    many hosts as possible.
    """
    instance, moved = problem.instance, problem.moved
    source = problem.places[moved]
    memory = instance.carried_mib()[moved]
    leaving = np.bincount(source, weights=memory, minlength=problem.n_places)
    stays = np.concatenate([problem.stays_used, np.ones(len(leaving), dtype=np.bool_)])
    keys = (moved, -memory, source, leaving[source], stays[source])
    return moved[np.lexsort(keys)]


def busiest(problem: Problem, *, both: bool) -> NDArray[np.int64]:
    """Return the moves of the hosts with the most work first, by the busier end or both ends together."""
    seconds, out, into = work_of(problem)
    work = out + into if both else np.maximum(out, into)
    return problem.moved[np.lexsort((problem.moved, -seconds, -work))]


def urgency(problem: Problem) -> NDArray[np.float64]:
    """Return the least time from the start of each move to the end of all that its hosts still have to do."""
    seconds, out, into = work_of(problem)
    lag = problem.off_lag_s[problem.places[problem.moved]]
    # Longer moves first where hosts have the same work, by less than a second.
    found: NDArray[np.float64] = np.maximum(np.maximum(out, into), seconds + lag)
    found += seconds / (1 + seconds.max(initial=0))
    return found


def work_of(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds of each move, and the work of its source and of its target, shape ``(moved,)``."""
    instance, moved = problem.instance, problem.moved
    source, goal = problem.places[moved], problem.target.host_of[moved]
    moves = problem.moves
    pair = moves.pair[moves.kind_of[source], moves.kind_of[goal]]
    seconds = np.where(pair >= 0, moves.seconds[moved, pair, 0], 0)
    n = problem.n_places
    # A host that goes off has its shutdown still to come when its last VM has left.
    out = np.bincount(source, seconds, n) / instance.moves.moves_out + problem.off_lag_s
    into = np.bincount(goal, seconds, n) / instance.moves.moves_in
    return seconds, out[source], into[goal]


def largest(problem: Problem, weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the moves that take the most room first."""
    moved = problem.moved
    return moved[np.lexsort((moved, -weight[moved]))]
