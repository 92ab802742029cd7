"""What comes after a plan, or a part of it: going on from what was executed, and going back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from consolidate.errors import PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.planning.assemble import assemble
from consolidate.planning.bound import makespan_bound
from consolidate.planning.planner import plan
from consolidate.planning.problem import Problem
from consolidate.planning.sequence import in_sequence

__all__ = ["resume", "state_after", "undo"]


def state_after(instance: Instance, made: MigrationPlan, done: Iterable[int] | None = None) -> Instance:
    """Return the problem as it is once actions of a plan have been carried out.

    Parameters
    ----------
    instance
        The problem for which the plan was made.
    made
        The plan.
    done
        Ids of the actions that have ended; ``None`` = all of them. One that was broken off has not.

    Raises
    ------
    PlanError
        When an id is not in the plan, or an action has ended before one that it waits for.
    """
    ids = {a.id for a in made.actions}
    ended = ids if done is None else set(done)
    if unknown := sorted(ended - ids):
        msg = f"the plan has no action {unknown[0]}"
        raise PlanError(msg)
    host_of, on = np.array(instance.current.host_of), np.array(instance.fleet.powered_on)
    for action in made.actions:
        if action.id not in ended:
            continue
        if missing := [k for k in action.after if k not in ended]:
            msg = (
                f"action {action.id} has ended although action {missing[0]}, for which it waits, has not"
            )
            raise PlanError(msg)
        if action.kind == "migration":
            host_of[action.vm] = action.target
        elif action.kind == "start":
            host_of[action.vm] = action.host
        else:
            on[action.host] = action.kind == "boot"
    return replace(
        instance,
        current=Placement(host_of=host_of),
        fleet=replace(instance.fleet, powered_on=on),
    )


def resume(instance: Instance, made: MigrationPlan, done: Iterable[int]) -> MigrationPlan:
    """Plan the rest of the way to a plan's target from what was executed of it.

    Parameters and errors are those of :func:`state_after` and :func:`consolidate.planning.plan`; the plan
    starts from the state that :func:`state_after` returns. If no way is found anew, what is left of the
    plan is made in its order.
    """
    ended = set(done)
    after = state_after(instance, made, ended)
    rest = [(move.vm, move.target) for move in made.migrations if move.id not in ended]
    return _plan_or_follow(after, made.target, rest, allowed_by=instance)


def undo(instance: Instance, made: MigrationPlan, done: Iterable[int] | None = None) -> MigrationPlan:
    """Plan the way back to where a plan started.

    Hosts that the plan switched off are booted again where VMs return to them; VMs that it started go on
    where they are. If no rule of priority
    finds a way, the moves are made backwards: what could be done can be undone, unless a host was too
    full before.

    Parameters and errors are those of :func:`state_after` and :func:`consolidate.planning.plan`; the plan
    starts from the state that :func:`state_after` returns.
    """
    ended = None if done is None else set(done)
    after = state_after(instance, made, ended)
    back = [
        (move.vm, move.source)
        for move in sorted(made.migrations, key=lambda m: (-m.end_s, -m.id))
        if ended is None or move.id in ended
    ]
    before = made.current.host_of
    home = Placement(host_of=np.where(before >= 0, before, after.current.host_of))
    return _plan_or_follow(after, home, back, allowed_by=after)


def _plan_or_follow(
    instance: Instance,
    target: Placement,
    order: list[tuple[int, int]],
    *,
    allowed_by: Instance,
) -> MigrationPlan:
    """Plan anew; if that fails, make the given moves in their order."""
    try:
        return plan(instance, target)
    except PlanError:
        mask_of, masks = Problem(instance=allowed_by, target=target).masks
        if not all(instance.movable[v] and masks[mask_of[v], h] for v, h in order):
            raise
        problem = Problem(instance=instance, target=target)
        listing = in_sequence(problem, order)
        if listing.left:
            raise
        return assemble(problem, listing, makespan_bound(instance, target, problem.estimates))
