"""Detours that let a schedule end earlier: the last arrivals come from hosts that stay on.

A host that goes off has its shutdown still to come when its last VM has left. Where many such VMs go to one
host, the last of them have the host shut down late. Sent to a host with idle slots first, they leave early, and
their last moves end the schedule without a shutdown after them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consolidate.planning.orders import work_of
from consolidate.planning.problem import Problem
from consolidate.planning.trials import Trial, Trials

__all__ = ["relieved"]

#: Schedules, schedules without gain, and detours at most: a part of the moves, and some in any case.
_TURNS = 40
_PATIENCE = 10
_MOST_PART = 0.02
_SOME = 8


def relieved(trials: Trials, best: Trial, goal_s: int) -> Iterator[Trial]:
    """Yield schedules in which moves that end too late are made by way of other hosts.

    Parameters
    ----------
    trials
        What schedules are made of.
    best
        A schedule without detours.
    goal_s : s
        When the last action shall have ended.
    """
    problem = trials.problem
    most = _SOME + int(_MOST_PART * len(problem.moved))
    helpers = _Helpers(problem, goal_s)
    via = np.full(len(trials.weight), -1, dtype=np.int64)
    made = best.rows[best.rows[:, 0] >= 0]
    due = np.zeros(len(via), dtype=np.int64)
    due[made[:, 0]] = made[:, 3]
    least_s, since = best.end_s, 0
    for turn in range(_TURNS):
        over_s = made[:, 4] + trials.lag_s[made[:, 1]] - goal_s
        late = over_s > 0
        np.subtract.at(due, made[late, 0], over_s[late])
        if turn % 2:
            for row, host in _latest(made, np.where(trials.lag_s[made[:, 1]] > 0, over_s, 0)):
                for v in _sent(problem, helpers, via, host, least_s=int(over_s[row])):
                    # The earlier a detour begins, the less its hosts wait for it.
                    due[v] = min(due[v], 0)
        if (via >= 0).sum() > most:
            return
        order = problem.moved[np.lexsort((problem.moved, due[problem.moved]))]
        last = trials.run(order, share=0.0, via=via)
        yield last
        if last.end_s < least_s:
            least_s, since = last.end_s, turn
        if last.n_left or turn - since > _PATIENCE:
            return
        made = last.rows[last.rows[:, 0] >= 0]


def _latest(made: NDArray[np.int64], over_s: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return, for each host to which VMs come too late, the row that is latest, and the host."""
    order = np.argsort(over_s, kind="stable")
    latest = {int(made[row, 2]): int(row) for row in order[over_s[order] > 0].tolist()}
    return [(row, host) for host, row in latest.items()]


def _sent(
    problem: Problem, helpers: _Helpers, via: NDArray[np.int64], host: int, *, least_s: int
) -> Iterator[int]:
    """Let VMs that come to a host from hosts that go off come by way of helpers, until that will do.

    The shortest move comes first that is as long as what is too late, then longer ones, then shorter ones.
    """
    moved = problem.moved
    mine = (problem.target.host_of[moved] == host) & (via[moved] < 0)
    mine &= problem.off_lag_s[problem.places[moved]] > 0
    seconds, _, _ = work_of(problem)
    vms, takes = moved[mine], seconds[mine]
    wanted_s = least_s * problem.instance.moves.moves_in
    for k in np.lexsort((np.where(takes >= least_s, takes, -takes), takes < least_s)).tolist():
        via[vms[k]] = helpers.take(int(vms[k]))
        if via[vms[k]] >= 0:
            wanted_s -= int(takes[k])
            yield int(vms[k])
        if wanted_s <= 0:
            return


class _Helpers:
    """Hosts that stay on and have room and idle slots for VMs that stop there, until the goal."""

    def __init__(self, problem: Problem, goal_s: int) -> None:
        self.problem = problem
        instance, moves = problem.instance, problem.moves
        n = instance.fleet.n_hosts
        before, after = instance.usage(instance.current), instance.usage(problem.target)
        self.room = instance.capacity - np.maximum(before, after)
        self.usable = moves.helper[:n] & instance.fleet.powered_on & (problem.off_lag_s[:n] == 0)
        moved = problem.moved
        seconds, _, _ = work_of(problem)
        settings = instance.moves
        out = np.bincount(problem.places[moved], seconds, problem.n_places)[:n]
        into = np.bincount(problem.target.host_of[moved], seconds, n)
        # Who comes has come when the last shutdowns have to begin.
        self.into_s = settings.moves_in * (goal_s - int(problem.off_lag_s.max())) - into
        self.out_s = settings.moves_out * goal_s - out

    def take(self, v: int) -> int:
        """Return the idlest host with room for a VM and a way to and fro, and book it; -1 without one."""
        problem, moves = self.problem, self.problem.moves
        n, source, goal = len(self.into_s), int(problem.places[v]), int(moves.target[v])
        need = moves.need[v] + moves.overhead[:n]
        kinds = moves.kind_of
        there, on = moves.pair[kinds[source], kinds[:n]], moves.pair[kinds[:n], kinds[goal]]
        ways = (
            (there >= 0) & (on >= 0) & (moves.seconds[v, there, 0] > 0) & (moves.seconds[v, on, 0] > 0)
        )
        fit = self.usable & ways & moves.masks[moves.mask_of[v], :n] & (need <= self.room).all(axis=1)
        comes_s, goes_s = moves.seconds[v, there, 0], moves.seconds[v, on, 0]
        fit &= (comes_s <= self.into_s) & (goes_s <= self.out_s)
        fit[[source, goal]] = False
        if not fit.any():
            return -1
        host = int(np.where(fit, np.minimum(self.into_s, self.out_s), -np.inf).argmax())
        self.room[host] -= need[host]
        self.into_s[host] -= comes_s[host]
        self.out_s[host] -= goes_s[host]
        return host
