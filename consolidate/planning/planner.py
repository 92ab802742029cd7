"""An order and times for the moves: feasible at every moment, hosts booted before and shut down after.

List scheduling by several rules gives a plan; small plans are then shortened by CP-SAT. A makespan bound
goes with each plan. If no list schedule brings every VM to its target, a small problem is searched
through to the end, so that "no order exists" is proven there.
"""

from __future__ import annotations

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.model.progress import Progress, silent
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.cycles import blocked_vms
from consolidate.planning.helper import helper_space
from consolidate.planning.intervals import shorten
from consolidate.planning.listing import Listing, list_schedule
from consolidate.planning.problem import Problem
from consolidate.planning.refusals import refuse_impossible
from consolidate.planning.search import Search
from consolidate.planning.sequence import in_sequence

__all__ = ["plan"]

#: A list schedule this close to its bound is not improved further.
_CLOSE = 1.01


def plan(
    instance: Instance,
    target: Placement,
    *,
    fast: bool = False,
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
        Take the best list schedule as it is; the exact solver does not shorten it. For who waits for the plan.
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
    bound = makespan_bound(instance, target, problem.estimates)
    goals = int(bound.direct_s * _CLOSE), int(bound.value_s * _CLOSE)
    listing = _schedule(problem, direct_s=goals[0], good_enough_s=goals[1])
    if listing.left:
        raise _deadlock(problem, listing)
    made = assemble(problem, listing, bound)
    detours = len(made.migrations) > total
    if made.makespan_s > (bound.value_s if detours else bound.direct_s) and not fast:
        made = min(made, shorten(problem, made, listing), key=lambda p: p.makespan_s)
    progress("plan", total, total)
    return made


def _schedule(problem: Problem, *, direct_s: int, good_enough_s: int) -> Listing:
    search = Search(problem)
    listing = list_schedule(
        problem, direct_s=direct_s, good_enough_s=good_enough_s, hopeless=lambda: search.hopeless
    )
    if listing.left and search.order is not None:
        return in_sequence(problem, search.order)
    return listing


def _deadlock(problem: Problem, listing: Listing) -> PlanError:
    instance = problem.instance
    cycle = blocked_vms(listing.left, instance.current.host_of, problem.target.host_of)

    def works(bigger: Instance) -> bool:
        return not _schedule(
            Problem(instance=bigger, target=problem.target), direct_s=2**62, good_enough_s=2**62
        ).left

    space = helper_space(instance, cycle, works=works)
    names = [instance.vms.ids[v] for v in cycle]
    if space is None:
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        msg = (
            f"{len(names)} moves block each other ({shown}); no single spare host would break the cycle"
        )
        return PlanError(msg)
    return DeadlockError(names, helper_space=space)
