"""Solve and plan as the user calls them: no result leaves without the verdict of the checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consolidate.errors import PlanError
from consolidate.model import Instance, MigrationPlan, Placement, Result
from consolidate.model.progress import Progress, silent
from consolidate.solvers.solving import DEFAULT_MIN_SAVING_FRACTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from consolidate.model.action import Action
    from consolidate.solvers import Budget, Policy

__all__ = ["improvements", "plan", "resume_plan", "solve", "undo_plan", "window_plans"]


def solve(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    move_price_j: float = 0.0,
    progress: Progress = silent,
) -> Result:
    """Choose a placement, let the independent checks judge it, and return it with its bound.

    Parameters and errors are those of :func:`consolidate.solvers.solve`; besides:

    Raises
    ------
    InternalError
        When the checks refuse the result.
    """
    from consolidate import solvers
    from consolidate.study.judge import judge_result

    result = solvers.solve(
        instance,
        policy,
        budget=budget,
        seed=seed,
        min_saving_fraction=min_saving_fraction,
        move_price_j=move_price_j,
        progress=progress,
    )
    judge_result(instance, result, min_saving_fraction=min_saving_fraction)
    return result


def improvements(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    move_price_j: float = 0.0,
    progress: Progress = silent,
) -> Iterator[Result]:
    """Yield better and better results, each judged by the independent checks.

    Parameters and errors are those of :func:`solve`; whoever stops asking has the best so far.
    """
    from consolidate import solvers
    from consolidate.study.judge import judge_result

    for result in solvers.improvements(
        instance,
        policy,
        budget=budget,
        seed=seed,
        min_saving_fraction=min_saving_fraction,
        move_price_j=move_price_j,
        progress=progress,
    ):
        judge_result(instance, result, min_saving_fraction=min_saving_fraction)
        yield result


def plan(
    instance: Instance,
    target: Placement,
    *,
    fast: bool = False,
    within_s: int | None = None,
    progress: Progress = silent,
) -> MigrationPlan:
    """Schedule the way to a target placement and let the independent checks judge it.

    Parameters and errors are those of :func:`consolidate.planning.plan`; besides:

    Raises
    ------
    InternalError
        When the checks refuse the plan.
    """
    from consolidate import planning
    from consolidate.study.judge import judge_plan

    made = planning.plan(instance, target, fast=fast, within_s=within_s, progress=progress)
    judge_plan(instance, made)
    return made


def resume_plan(folder: Path, done: Iterable[int]) -> MigrationPlan:
    """Plan the rest of the way of a planned run folder, and let the checks judge it.

    Parameters
    ----------
    folder
        Run folder with a plan.
    done
        Ids of the actions that have ended.

    Raises
    ------
    PlanError
        When an id is unknown, an action has ended before one that it waits for, or the plan is superseded.
    """
    from consolidate import planning
    from consolidate.study import load
    from consolidate.study.judge import judge_plan

    instance, made, ended = load.load_instance(folder), load.load_plan(folder), set(done)
    _refuse_stale(instance, made)
    rest = planning.resume(instance, made, ended)
    judge_plan(planning.state_after(instance, made, ended), rest)
    return rest


def window_plans(folder: Path, windows: Sequence[tuple[int, int]]) -> tuple[MigrationPlan, ...]:
    """Split the way to the target of a solved run folder over change windows, and let the checks judge it.

    Parameters
    ----------
    folder
        Run folder with a placement.
    windows : s
        Start and end of each window, counted from now, in order and apart.

    Raises
    ------
    PlanError
        When the windows are no stretches of time, or too short.
    """
    from consolidate import planning
    from consolidate.study import load
    from consolidate.study.judge import judge_plan

    instance, target = load.load_instance(folder), load.load_result(folder).placement
    parts = planning.plan_in_windows(instance, target, windows)
    # A part may end before its emptied hosts are off, so the parts are judged as the one plan that they are.
    actions: list[Action] = []
    for part in parts:
        first = max((a.id for a in actions), default=0)
        actions += [
            replace(a, id=a.id + first, after=tuple(k + first for k in a.after)) for a in part.actions
        ]
    judge_plan(instance, MigrationPlan(actions=tuple(actions), current=instance.current, target=target))
    return parts


def _refuse_stale(instance: Instance, made: MigrationPlan) -> None:
    from consolidate.planning import plan_status

    if plan_status(instance, made) == "SUPERSEDED":
        msg = (
            "the plan is SUPERSEDED: it was made for another state than that of the run folder; "
            "make it again with consolidate plan"
        )
        raise PlanError(msg)


def undo_plan(folder: Path, done: Iterable[int] | None = None) -> MigrationPlan:
    """Plan the way back to where the plan of a run folder started, and let the checks judge it.

    Parameters and errors are those of :func:`resume_plan`; ``None`` = the whole plan was carried out.
    """
    from consolidate import planning
    from consolidate.study import load
    from consolidate.study.judge import judge_plan

    instance, made = load.load_instance(folder), load.load_plan(folder)
    _refuse_stale(instance, made)
    ended = None if done is None else set(done)
    back = planning.undo(instance, made, ended)
    judge_plan(planning.state_after(instance, made, ended), back)
    return back
