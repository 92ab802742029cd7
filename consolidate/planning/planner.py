"""An order and times for the moves: feasible at every moment, hosts booted before and shut down after.

List scheduling by several rules gives a plan; small plans are then shortened by CP-SAT. A makespan bound
goes with each plan. If no list schedule brings every VM to its target, a small problem is searched
through to the end, so that "no order exists" is proven there; others are annealed. Only if that fails, too, or
where their price is said, are VMs left in storage on their way.
"""

from __future__ import annotations

from dataclasses import replace

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.model.progress import Progress, silent
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.cycles import blocked_vms
from consolidate.planning.helper import helper_space
from consolidate.planning.intervals import shorten
from consolidate.planning.problem import Problem
from consolidate.planning.refusals import refuse_impossible
from consolidate.planning.schedule import schedule
from consolidate.planning.suspending import over_storage

__all__ = ["plan"]

#: A list schedule this close to its bound is not improved further.
_CLOSE = 1.01


def plan(
    instance: Instance,
    target: Placement,
    *,
    fast: bool = False,
    within_s: int | None = None,
    progress: Progress = silent,
) -> MigrationPlan:
    """Schedule the way from the instance's present placement to a target.

    Parameters
    ----------
    instance
        The problem; its ``moves`` settings govern durations and concurrency.
    target
        Placement to reach; checked against capacity and rules before anything is scheduled.
    fast
        Take a list schedule as it is; where hosts have to be kept free, the first that brings every VM to its
        target. Nothing is annealed unless none does, and the exact solver does not shorten it. For who waits
        for the plan.
    within_s : s
        When the plan shall have ended. Where moves without detours take longer, detours are made that do no
        more than save time; without a limit, no VM is moved twice for that.
    progress
        Told from time to time where the work stands.

    Returns
    -------
    The plan with its makespan bound.

    Raises
    ------
    PlanError
        When the target itself exceeds capacity or breaks a rule, or a VM cannot be moved to its target.
    DeadlockError
        When moves block each other and no order was found; it names the VMs, and the space on one
        further host with which there is a plan.
    """
    refuse_impossible(instance, target)
    problem = Problem(instance=instance, target=target)
    total = len(problem.moved)
    progress("plan", 0, total)
    made = over_storage(problem, None if problem.some_wait else _plain(problem, fast, within_s))
    if made is None:
        raise _deadlock(problem)
    progress("plan", total, total)
    return made


def _plain(problem: Problem, fast: bool, within_s: int | None) -> MigrationPlan | None:
    """Return the shortest plan without storage that was found; ``None`` when VMs would be left behind."""
    bound = makespan_bound(problem.instance, problem.target, problem.estimates)
    goals = int(bound.direct_s * _CLOSE), int(bound.value_s * _CLOSE)
    listing = schedule(problem, direct_s=goals[0], good_enough_s=goals[1], within_s=within_s, hurry=fast)
    if listing.left:
        return None
    made = assemble(problem, listing, bound)
    detours = len(made.migrations) > len(problem.moved)
    if made.makespan_s > (bound.value_s if detours else bound.direct_s) and not fast:
        made = min(made, shorten(problem, made, listing), key=lambda p: p.makespan_s)
    return made


def _deadlock(problem: Problem) -> PlanError:
    instance = problem.instance
    listing = schedule(problem)
    cycle = blocked_vms(listing.left, instance.current.host_of, problem.target.host_of)

    def works(bigger: Instance) -> bool:
        wider = Problem(instance=bigger, target=problem.target)
        return not schedule(wider).left or over_storage(wider, None) is not None

    space = helper_space(instance, cycle, works=works)
    names = [instance.vms.ids[v] for v in cycle]
    if space is None:
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        msg = (
            f"{len(names)} moves block each other ({shown}); no single spare host would break the cycle"
        )
        return PlanError(msg)
    return DeadlockError(names, helper_space=space, storage_helps=_storage_helps(problem))


def _storage_helps(problem: Problem) -> bool:
    """Say whether there is a plan once VMs may be left in storage."""
    instance = problem.instance
    if instance.moves.downtime_j_per_s is not None:
        return False
    allowed = replace(instance, moves=replace(instance.moves, downtime_j_per_s=0.0))
    return over_storage(Problem(instance=allowed, target=problem.target), None) is not None
