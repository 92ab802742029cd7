"""Solve and plan as the user calls them: no result leaves without the verdict of the checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consolidate.model import Instance, MigrationPlan, Placement, Result
from consolidate.model.progress import Progress, silent
from consolidate.solvers.solving import DEFAULT_MIN_SAVING_FRACTION

if TYPE_CHECKING:
    from consolidate.solvers import Budget, Policy

__all__ = ["plan", "solve"]


def solve(
    instance: Instance,
    policy: str | Policy = "auto",
    *,
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
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
        progress=progress,
    )
    judge_result(instance, result, min_saving_fraction=min_saving_fraction)
    return result


def plan(instance: Instance, target: Placement, *, progress: Progress = silent) -> MigrationPlan:
    """Schedule the way to a target placement and let the independent checks judge it.

    Parameters and errors are those of :func:`consolidate.planning.plan`; besides:

    Raises
    ------
    InternalError
        When the checks refuse the plan.
    """
    from consolidate import planning
    from consolidate.study.judge import judge_plan

    made = planning.plan(instance, target, progress=progress)
    judge_plan(instance, made)
    return made
