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
    on = np.array(instance.fleet.powered_on)
    for action in made.actions:
        if action.id not in ended:
            continue
        if missing := [k for k in action.after if k not in ended]:
            msg = (
                f"action {action.id} has ended although action {missing[0]}, for which it waits, has not"
            )
            raise PlanError(msg)
        if action.kind in ("boot", "shutdown"):
            on[action.host] = action.kind == "boot"
    return replace(
        instance,
        current=instance.current.after(a for a in made.actions if a.id in ended),
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
    places = Problem(instance=instance, target=made.target, storage=True)
    rest = [(v, goal) for k, v, _, goal in _ways(places, made) if k not in ended]
    return _plan_or_follow(after, made.target, rest, allowed_by=instance)


def undo(instance: Instance, made: MigrationPlan, done: Iterable[int] | None = None) -> MigrationPlan:
    """Plan the way back to where a plan started.

    Hosts that the plan switched off are booted again where VMs return to them; VMs that it started, or that
    waited in storage before it, go on where they are. If no rule of priority
    finds a way, the moves are made backwards: what could be done can be undone, unless a host was too
    full before.

    Parameters and errors are those of :func:`state_after` and :func:`consolidate.planning.plan`; the plan
    starts from the state that :func:`state_after` returns.
    """
    ended = None if done is None else set(done)
    after = state_after(instance, made, ended)
    places = Problem(instance=instance, target=made.target, storage=True)
    back = [(v, source) for k, v, source, _ in _ways(places, made) if ended is None or k in ended][::-1]
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
        mask_of, masks = Problem(instance=allowed_by, target=target, storage=True).masks
        if not all(instance.movable[v] and masks[mask_of[v], h] for v, h in order):
            raise
        problem = Problem(instance=instance, target=target, storage=True)
        listing = in_sequence(problem, order)
        if listing.left:
            raise
        stored = problem.some_wait or any(host >= instance.fleet.n_hosts for _, host in order)
        estimates = Problem(instance=instance, target=target).estimates
        bound = None if stored else makespan_bound(instance, target, estimates)
        return assemble(problem, listing, bound)


def _ways(problem: Problem, made: MigrationPlan) -> list[tuple[int, int, int, int]]:
    """Return id, VM, source and goal of what moves VMs in a plan, storages included, by end."""
    host_site, n_hosts = problem.instance.fleet.host_site, problem.instance.fleet.n_hosts
    stored = np.array(made.current.saved_on)
    found = []
    for a in made.actions:
        if a.kind == "migration":
            found.append((a.end_s, a.id, a.vm, a.source, a.target))
        elif a.kind == "save":
            stored[a.vm] = a.host
            found.append((a.end_s, a.id, a.vm, a.host, n_hosts + int(host_site[a.host])))
        elif a.kind == "restore":
            site = int(host_site[stored[a.vm]])
            found.append((a.end_s, a.id, a.vm, n_hosts + site, a.host))
    return [row[1:] for row in sorted(found)]
