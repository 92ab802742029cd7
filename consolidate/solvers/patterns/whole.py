"""Whole numbers of the patterns at hand: the restricted master as an integer program."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from ortools.math_opt.python import mathopt

from consolidate.solvers.patterns.limit import Limit
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["whole_patterns"]

#: Nodes of HiGHS where the result has to repeat.
_NODES = 500


def whole_patterns(
    problem: PackingProblem,
    kinds: list[int],
    patterns: list[NDArray[np.int64]],
    demand: NDArray[np.int64],
    *,
    limit: Limit,
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
    limit
        What ends the solver.
    target
        A packing of this cost is good enough.
    at_most
        A packing that costs more is of no use.
    """
    model = mathopt.Model()
    unit = float(max(1, max(abs(b.cost) for b in problem.bins)))
    most = float(demand.max(initial=0))
    times = [model.add_integer_variable(lb=0, ub=most) for _ in patterns]
    if not _cover(model, problem, patterns, demand, times):
        return None
    for k, b in enumerate(problem.bins):
        of_type = [x for kind, x in zip(kinds, times, strict=True) if kind == k]
        if b.quantity >= 0 and of_type:
            model.add_linear_constraint(mathopt.fast_sum(of_type) <= float(b.quantity))
    costs = [problem.pattern_cost(k, p) / unit for k, p in zip(kinds, patterns, strict=True)]
    total = mathopt.fast_sum([c * x for c, x in zip(costs, times, strict=True)])
    if at_most is not None:
        model.add_linear_constraint(total <= at_most / unit + 1e-6)
    model.minimize(total)
    parameters = mathopt.SolveParameters(random_seed=0, relative_gap_tolerance=1e-9)
    if limit.repeats:
        parameters.node_limit = _NODES
    if limit.seconds is not None:
        parameters.time_limit = timedelta(seconds=limit.seconds)
    if target is not None:
        parameters.absolute_gap_tolerance = 0.999 / unit if problem.counts_bins() else 1e-9
    result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters)
    if not result.has_primal_feasible_solution():
        return None
    return _packed(problem, kinds, patterns, demand, result.variable_values(times))


def _cover(
    model: mathopt.Model,
    problem: PackingProblem,
    patterns: list[NDArray[np.int64]],
    demand: NDArray[np.int64],
    times: list[mathopt.Variable],
) -> bool:
    """Ask that every item be covered, those that make room by no more than there are; say if it can be."""
    rows: list[list[mathopt.LinearTerm]] = [[] for _ in demand]
    for counts, x in zip(patterns, times, strict=True):
        for f in np.flatnonzero(counts).tolist():
            rows[f].append(int(counts[f]) * x)
    exact = problem.relieves()
    for f in np.flatnonzero((demand > 0) | exact).tolist():
        if not rows[f]:
            return False
        top = float(demand[f]) if exact[f] else float("inf")
        model.add_linear_constraint(expr=mathopt.fast_sum(rows[f]), lb=float(demand[f]), ub=top)
    return True


def _packed(
    problem: PackingProblem,
    kinds: list[int],
    patterns: list[NDArray[np.int64]],
    demand: NDArray[np.int64],
    times: list[float],
) -> Packed | None:
    """Use each pattern so often, every item once; ``None`` where items are left."""
    left, packed = demand.copy(), Packed.empty(problem)
    for kind, counts, x in zip(kinds, patterns, times, strict=True):
        for _ in range(round(x)):
            fitting = np.minimum(counts, left)  # what makes room is there exactly
            if fitting.any():
                packed.add(kind, fitting, 1)
                left -= fitting
    return packed if not left.any() else None
