"""Whole numbers of the patterns at hand: the restricted master as an integer program."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt.python import mathopt

from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["whole_patterns"]


def whole_patterns(
    problem: PackingProblem,
    kinds: list[int],
    patterns: list[NDArray[np.int64]],
    demand: NDArray[np.int64],
    *,
    time_limit_s: float,
    target: int | None = None,
    at_most: int | None = None,
) -> Packed | None:
    """Return the cheapest cover of the demand by the patterns, or ``None`` when none was found in time.

    Parameters
    ----------
    problem
        The problem that the patterns belong to.
    kinds, patterns
        Bin type and items of each pattern.
    demand
        Items to pack, shape ``(classes,)``.
    time_limit_s : s
        Wall time of HiGHS.
    target
        A packing of this cost is good enough.
    at_most
        A packing that costs more is of no use.
    """
    model = mathopt.Model()
    unit = float(max(1, max(abs(b.cost) for b in problem.bins)))
    rows: list[list[mathopt.LinearTerm]] = [[] for _ in demand]
    of_kind: list[list[mathopt.Variable]] = [[] for _ in problem.bins]
    variables, costs = [], []
    for kind, counts in zip(kinds, patterns, strict=True):
        x = model.add_integer_variable(lb=0, ub=float(demand.max(initial=0)))
        for f in np.flatnonzero(counts).tolist():
            rows[f].append(int(counts[f]) * x)
        of_kind[kind].append(x)
        variables.append(x)
        costs.append(problem.pattern_cost(kind, counts) / unit)
    exact = problem.relieves()
    for f in np.flatnonzero((demand > 0) | exact).tolist():
        if not rows[f]:
            return None
        top = float(demand[f]) if exact[f] else float("inf")
        model.add_linear_constraint(expr=mathopt.fast_sum(rows[f]), lb=float(demand[f]), ub=top)
    for k, b in enumerate(problem.bins):
        if b.quantity >= 0 and of_kind[k]:
            model.add_linear_constraint(mathopt.fast_sum(of_kind[k]) <= float(b.quantity))
    if at_most is not None:
        model.add_linear_constraint(
            mathopt.fast_sum([c * x for c, x in zip(costs, variables, strict=True)])
            <= at_most / unit + 1e-6
        )
    model.minimize(mathopt.fast_sum([c * x for c, x in zip(costs, variables, strict=True)]))
    parameters = mathopt.SolveParameters(
        time_limit=timedelta(seconds=time_limit_s),
        random_seed=0,
        relative_gap_tolerance=1e-9,
    )
    if target is not None:
        parameters.absolute_gap_tolerance = 0.999 / unit if problem.counts_bins() else 1e-9
    result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters)
    if not result.has_primal_feasible_solution():
        return None
    values = result.variable_values(variables)
    left, packed = demand.copy(), Packed.empty(problem)
    for kind, counts, x in zip(kinds, patterns, values, strict=True):
        for _ in range(round(x)):
            fitting = np.minimum(counts, left)  # what makes room is there exactly
            if fitting.any():
                packed.add(kind, fitting, 1)
                left -= fitting
    return packed if not left.any() else None
