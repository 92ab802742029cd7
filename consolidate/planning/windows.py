"""Change windows: a plan in parts, none of which acts outside its window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from consolidate.errors import PlanError
from consolidate.model import Instance, MigrationPlan, Placement
from consolidate.model.action import Action
from consolidate.planning.follow import state_after
from consolidate.planning.planner import plan

__all__ = ["plan_in_windows"]


def plan_in_windows(
    instance: Instance, target: Placement, windows: Sequence[tuple[int, int]]
) -> tuple[MigrationPlan, ...]:
    """Schedule the way to a target inside change windows; what is too long for one goes on in the next.

    Every part ends at a feasible placement, with no action under way and nobody in storage. The next part
    is planned anew from there. A blackout is the time between two windows.

    Parameters
    ----------
    instance, target
        As for :func:`consolidate.planning.plan`.
    windows : s
        Start and end of each window, counted from the start of the plan, in order and apart.

    Returns
    -------
    One plan per window that is used; times count from the start of the first plan, not of the window. A
    plan that ends short of the target holds the placement that it reaches as its own target.

    Raises
    ------
    PlanError
        When a window is no stretch of time, when the windows are too few, or when the next action is
        longer than each of those that are left; and as for :func:`consolidate.planning.plan`.
    """
    _refuse_bad(windows)
    parts: list[MigrationPlan] = []
    longest = max((end - begin for begin, end in windows), default=None)
    now, whole = instance, plan(instance, target, within_s=longest)
    for begin, end in windows:
        if not whole.actions:
            break
        kept = _without_stored(a for a in whole.actions if a.end_s <= end - begin)
        if not kept:
            continue
        ids = {a.id for a in kept}
        reached = state_after(now, whole, ids)
        shifted = tuple(replace(a, start_s=a.start_s + begin, end_s=a.end_s + begin) for a in kept)
        finished = len(kept) == len(whole.actions)
        goal = target if finished else reached.current
        bound = whole.bound if finished and not parts and begin == 0 else None
        parts.append(replace(whole, actions=shifted, target=goal, bound=bound))
        if finished:
            return tuple(parts)
        now, whole = reached, plan(reached, target, within_s=longest)
    if not whole.actions:
        return tuple(parts)
    shortest = min(whole.actions, key=lambda a: (a.end_s - a.start_s, a.id))
    msg = (
        f"{len(whole.actions)} actions of {whole.makespan_s} s in total do not fit into the "
        f"{len(windows)} windows; the shortest takes {shortest.end_s - shortest.start_s} s, the longest "
        f"window {max((e - b for b, e in windows), default=0)} s"
    )
    raise PlanError(msg)


def _without_stored(kept: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions without those that would leave a VM in storage, and without what waits for them."""
    actions = list(kept)
    back = {a.vm for a in actions if a.kind == "restore"}
    gone = {a.id for a in actions if a.kind == "save" and a.vm not in back}
    for action in actions:
        if not gone.isdisjoint(action.after):
            gone.add(action.id)
    if gone:
        return _without_stored(a for a in actions if a.id not in gone)
    return tuple(actions)


def _refuse_bad(windows: Sequence[tuple[int, int]]) -> None:
    free_from = 0
    for begin, end in windows:
        if not free_from <= begin < end:
            msg = f"the window {begin}-{end} s has to begin at {free_from} s or later and to end later"
            raise PlanError(msg)
        free_from = end
