"""Solve within a budget of moves, the time of the plan included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consolidate import planning
from consolidate.errors import InstanceError, Issue, PlanError
from consolidate.model import OPTIMAL_GAP, Bound, Instance, MoveBudget, Result
from consolidate.model.progress import Progress, silent
from consolidate.solvers.solving import DEFAULT_MIN_SAVING_FRACTION
from consolidate.solvers.within import WithinBudget, refuse_bundles
from consolidate.study.judge import judge_budget
from consolidate.study.verbs import solve

if TYPE_CHECKING:
    from consolidate.solvers import Budget

__all__ = ["solve_within"]

#: With too long a plan, so many of its moves are allowed in the next attempt.
_FEWER = 0.7


def solve_within(
    instance: Instance,
    moves: MoveBudget,
    *,
    policy: str = "keep",
    budget: Budget | None = None,
    seed: int = 0,
    min_saving_fraction: float = DEFAULT_MIN_SAVING_FRACTION,
    progress: Progress = silent,
) -> Result:
    """Choose a placement that moves no more than a budget allows, and say how far from the best it can be.

    Where the plan takes longer than the budget allows, fewer moves are allowed, until it does not. The
    bound of a small instance, which is searched exactly, holds for the budget without its time; other bounds
    hold for any placement.

    Parameters
    ----------
    instance
        The problem.
    moves
        The budget, a hard limit.
    policy
        Who proposes placements.
    budget, seed, min_saving_fraction, progress
        As for :func:`consolidate.study.verbs.solve`.

    Returns
    -------
    Result
        Its status is ``unknown`` when no placement within the budget was found, and ``infeasible`` when
        there is none.

    Raises
    ------
    InstanceError
        When a VM that is to stay is not there.
    UnsupportedError
        When a rule gathers VMs: they are placed as one, so a policy cannot count them.
    """
    refuse_bundles(instance)
    if unknown := [v for v in moves.stay if not 0 <= v < len(instance.vms)]:
        raise InstanceError([Issue(path="move_budget.stay", message=f"there is no VM {unknown[0]}")])
    limited = moves
    while True:
        result = solve(
            instance,
            WithinBudget(moves=limited, inner=policy),
            budget=budget,
            seed=seed,
            min_saving_fraction=min_saving_fraction,
            progress=progress,
        )
        if result.status in ("infeasible", "unknown"):
            # What fewer moves than allowed cannot do is no proof for the budget.
            return result if limited == moves else replace(result, status="unknown")
        moved = int(result.placement.moved_from(instance.current).size)
        if moves.makespan_s is None or not result.worthwhile:
            break
        if _makespan_s(instance, result) <= moves.makespan_s:
            break
        if not moved:
            # A shutdown alone takes too long: nothing may be done.
            msg = f"no plan ends within {moves.makespan_s} s"
            return replace(
                result, status="unknown", worthwhile=False, message=msg, placement=instance.current
            )
        limited = replace(limited, moves=int(moved * _FEWER))
    if limited != moves:
        # The search with fewer moves proves nothing of the budget as it is.
        plain = tuple(b for b in result.bounds if b.name != "CP-SAT")
        result = _with_bounds(result, plain)
    judge_budget(instance, result.placement, moves)
    return result


def _makespan_s(instance: Instance, result: Result) -> float:
    try:
        return planning.plan(instance, result.placement, fast=True).makespan_s
    except PlanError:
        return float("inf")


def _with_bounds(result: Result, bounds: tuple[Bound, ...]) -> Result:
    judged = replace(result, bounds=bounds)
    return replace(judged, status="optimal" if bounds and judged.gap <= OPTIMAL_GAP else "feasible")
