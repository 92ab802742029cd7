"""Jobs one by one, each at its cleanest time that is left; then, where it is small, the exact model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InfeasibleError
from consolidate.model import Job
from consolidate.solvers.shift.exact import improved, is_small
from consolidate.solvers.shift.problem import Schedule, ShiftProblem

__all__ = ["shift", "soonest"]

ALONE = "each job alone at the cleanest time at which it has room"


def soonest(problem: ShiftProblem) -> Schedule:
    """Return the schedule of somebody who does not wait: first come, first served, as soon as there is room.

    Raises
    ------
    InfeasibleError
        When a job finds no room before its deadline.
    """
    order = sorted(range(len(problem.jobs)), key=lambda j: (problem.jobs[j].earliest_s, j))
    when = [np.array(problem.starts(job), dtype=np.int64)[None] for job in problem.jobs]
    made = _one_by_one(problem, order, [np.repeat(w, len(problem.mg_per_kwh), axis=0) for w in when])
    if made is None:
        # Whoever may wait gives way to who may not.
        order.sort(key=lambda j: (problem.starts(problem.jobs[j]).stop, j))
        made = _one_by_one(problem, order, [np.repeat(w, len(problem.mg_per_kwh), axis=0) for w in when])
    if made is None:
        raise _no_room(problem)
    return replace(made, stopped="as soon as there is room")


def shift(problem: ShiftProblem, *, deterministic_s: float = 5.0, seed: int = 0) -> Schedule:
    """Return a schedule of little emissions, and what none can emit less than.

    Jobs are taken by what is at stake for them, each at the cleanest start that is left; orders by deadline
    and the schedule without waiting compete. Where the model is small enough, CP-SAT goes on from there.

    Parameters
    ----------
    problem
        Jobs, room, intensities.
    deterministic_s : s
        Work of the exact solver.
    seed
        Its seed.

    Raises
    ------
    InfeasibleError
        When no room was found for a job.
    """
    costs = [problem.costs_ug(job) for job in problem.jobs]
    alone = [problem.fits(job, problem.room_mcores, problem.room_mib) for job in problem.jobs]
    for job, where in zip(problem.jobs, alone, strict=True):
        if not where.any():
            msg = f"job {job.id} has no room on any host that is on, between its earliest start and deadline"
            raise InfeasibleError(msg, vms=[job.id])
    least = [int(c[problem.site][w].min()) for c, w in zip(costs, alone, strict=True)]
    stake = [int(c.max()) - low for c, low in zip(costs, least, strict=True)]
    n = len(problem.jobs)
    orders = (
        sorted(range(n), key=lambda j: (-stake[j], j)),
        sorted(range(n), key=lambda j: (problem.starts(problem.jobs[j]).stop, j)),
    )
    found = [made for order in orders if (made := _one_by_one(problem, order, costs)) is not None]
    try:
        found.append(soonest(problem))
    except InfeasibleError:
        if not found and not is_small(problem, alone):
            raise
    best = min(found, key=lambda made: made.cost_ug, default=None)
    bound_ug = sum(least)
    if best is not None:
        best = replace(best, bound_ug=bound_ug, proof=ALONE, stopped="each at its cleanest time left")
        if best.cost_ug == bound_ug:
            return best
    if is_small(problem, alone):
        best = improved(
            problem, costs, alone, best, bound_ug, deterministic_s=deterministic_s, seed=seed
        )
    if best is None:
        raise _no_room(problem)
    return best


def _one_by_one(
    problem: ShiftProblem, order: Sequence[int], price: Sequence[NDArray[np.int64]]
) -> Schedule | None:
    """Take jobs in order, each at its cheapest start that is left; ``None`` when one finds no room."""
    cpu, mib = problem.room_mcores.copy(), problem.room_mib.copy()
    start = np.zeros(len(problem.jobs), dtype=np.int64)
    host = np.zeros(len(problem.jobs), dtype=np.int64)
    for j in order:
        job = problem.jobs[j]
        where = problem.fits(job, cpu, mib)
        if not where.any():
            return None
        dear = np.iinfo(np.int64).max
        wanted = np.where(where, price[j][problem.site], dear)
        # The earliest of the cheapest, on the first host.
        at, on = np.divmod(int(np.argmin(wanted.T)), wanted.shape[0])
        start[j], host[j] = problem.starts(job)[at], on
        span = slice(int(start[j]), int(start[j]) + problem.steps(job))
        cpu[on, span] -= job.cpu_mcores
        mib[on, span] -= job.memory_mib
    cost = sum(
        int(problem.costs_ug(job)[problem.site[host[j]], start[j] - problem.starts(job).start])
        for j, job in enumerate(problem.jobs)
    )
    return Schedule(start=start, host=host, cost_ug=cost, bound_ug=0, proof="", stopped="")


def _no_room(problem: ShiftProblem) -> InfeasibleError:
    largest: Job = max(problem.jobs, key=lambda job: (job.cpu_mcores * job.duration_s, job.id))
    msg = (
        f"no schedule was found in which all {len(problem.jobs)} jobs end in time on the hosts that are on; "
        f"the largest is {largest.id}"
    )
    return InfeasibleError(msg, vms=[largest.id])
