"""An order and times for the moves: feasible at every moment, hosts booted before and shut down after.

List scheduling by several rules gives a plan; small plans are then shortened by CP-SAT. A makespan bound
goes with each plan. If no list schedule brings every VM to its target, a small problem is searched
through to the end, so that "no order exists" is proven there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import Instance, MigrationPlan, Placement, PowerControl
from consolidate.model.progress import Progress, silent
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.cycles import blocked_vms
from consolidate.planning.helper import helper_space
from consolidate.planning.intervals import shorten
from consolidate.planning.listing import Listing, list_schedule
from consolidate.planning.problem import Problem
from consolidate.planning.refusals import refuse_impossible
from consolidate.planning.search import find_order
from consolidate.planning.sequence import in_sequence

__all__ = ["plan"]

#: A list schedule this close to its bound is not improved further.
_CLOSE = 1.01

#: So many VMs at most are tried to be parked, in so many places together.
_MOST_LEFT, _MOST_PARKINGS = 30, 300


def plan(instance: Instance, target: Placement, *, progress: Progress = silent) -> MigrationPlan:
    """Schedule the way from the instance's present placement to a target.

    Parameters
    ----------
    instance
        The problem; its ``moves`` settings govern durations and concurrency.
    target
        Placement to reach; checked against capacity and rules before anything is scheduled.
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
    listing = _schedule(problem, good_enough_s=int(bound.value_s * _CLOSE))
    if listing.left:
        raise _deadlock(problem, listing)
    made = assemble(problem, listing, bound)
    if made.makespan_s > bound.value_s:
        made = min(made, shorten(problem, made, listing), key=lambda p: p.makespan_s)
    progress("plan", total, total)
    return made


def _schedule(problem: Problem, *, good_enough_s: int) -> Listing:
    listing = list_schedule(problem, good_enough_s=good_enough_s)
    if listing.left:
        order = find_order(problem)
        if order is not None:
            return in_sequence(problem, order)
        return _with_one_parked(problem, listing) or listing
    return listing


def _with_one_parked(problem: Problem, listing: Listing) -> Listing | None:
    """Finish a schedule that got stuck by parking one of the VMs that are left; ``None`` if that fails.

    VMs that a rule keeps apart may have to change places among each other: then each target is taken
    until one of them steps aside to a host that none of them is on.
    """
    instance, target = problem.instance, problem.target.host_of
    if len(listing.left) > _MOST_LEFT:
        return None
    mask_of, masks = instance.host_masks()
    room = instance.capacity - instance.usage(problem.target)
    # A host that is booted for this must go off again.
    usable = instance.fleet.powered_on | (instance.fleet.power_control == PowerControl.MANAGED)
    done = [(step.vm, step.target) for step in listing.steps]
    tries = 0
    for v in listing.left:
        others = _chain(v, listing.left, instance.current.host_of, target)
        fits = (instance.need[v] + instance.vm_overhead <= room).all(axis=1)
        hosts = np.flatnonzero(masks[mask_of[v]] & fits & usable)
        for host in hosts[np.argsort(~instance.fleet.powered_on[hosts], kind="stable")].tolist():
            if tries == _MOST_PARKINGS:
                return None
            tries += 1
            rest = [(w, int(target[w])) for w in others]
            made = in_sequence(problem, [*done, (v, host), *rest, (v, int(target[v]))])
            if not made.left:
                return made
    return None


def _chain(
    first: int, left: tuple[int, ...], home: NDArray[np.int32], target: NDArray[np.int32]
) -> list[int]:
    """Return the other VMs, each after the one whose place it takes, as far as that goes."""
    waiting = [v for v in left if v != first]
    free, order = int(home[first]), []
    while waiting:
        v = next((w for w in waiting if target[w] == free), waiting[0])
        waiting.remove(v)
        order.append(v)
        free = int(home[v])
    return order


def _deadlock(problem: Problem, listing: Listing) -> PlanError:
    instance = problem.instance
    cycle = blocked_vms(listing.left, instance.current.host_of, problem.target.host_of)

    def works(bigger: Instance) -> bool:
        return not _schedule(Problem(instance=bigger, target=problem.target), good_enough_s=2**62).left

    space = helper_space(instance, cycle, works=works)
    names = [instance.vms.ids[v] for v in cycle]
    if space is None:
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        msg = (
            f"{len(names)} moves block each other ({shown}); no single spare host would break the cycle"
        )
        return PlanError(msg)
    return DeadlockError(names, helper_space=space)
