"""What a rule costs: the energy of the best placement found with it and without it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from consolidate.model import Instance, Result
from consolidate.model.progress import Progress, silent
from consolidate.study.verbs import solve

if TYPE_CHECKING:
    from consolidate.solvers import Budget, Policy

__all__ = ["RulePrice", "price_rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePrice:
    """One rule.

    Parameters
    ----------
    rule
        Its number.
    price_w : W
        How much less the fleet would draw without it, by the placements that were found; below 0 when the
        search without it found a worse one.
    at_least_w, at_most_w : W
        What the bounds prove of the price.
    """

    rule: int
    price_w: float
    at_least_w: float
    at_most_w: float


def price_rules(
    instance: Instance,
    result: Result,
    *,
    rules: Iterable[int] | None = None,
    policy: str | Policy = "auto",
    budget: Budget | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[RulePrice, ...]:
    """Solve again without each rule, one at a time.

    Needs and capacities that a rule has changed (``preserve``, ``resource_capacity``) stay as they are.

    Parameters
    ----------
    instance, result
        The problem, and its result with all rules.
    rules
        Numbers of the rules; default all.
    policy, budget, seed, progress
        As for :func:`consolidate.study.verbs.solve`, for each solve.
    """
    numbers = list(range(len(instance.rules)) if rules is None else rules)
    bound_mj = max((b.value_mj for b in result.bounds), default=0)
    watts = 1_000 * instance.objective.horizon_s
    found = []
    for done, k in enumerate(numbers):
        progress("rules", done, len(numbers))
        others = instance.rules[:k] + instance.rules[k + 1 :]
        free = solve(
            replace(instance, rules=others),
            policy,
            budget=budget,
            seed=seed,
            min_saving_fraction=0.0,
        )
        free_bound_mj = max((b.value_mj for b in free.bounds), default=0)
        found.append(
            RulePrice(
                rule=k,
                price_w=(result.objective_mj - free.objective_mj) / watts,
                # A rule never saves energy: what is allowed without it includes what is allowed with it.
                at_least_w=max(0, bound_mj - free.objective_mj) / watts,
                at_most_w=max(0, result.objective_mj - free_bound_mj) / watts,
            )
        )
    return tuple(found)
