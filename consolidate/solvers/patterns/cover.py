"""Exact cover: every item in just one of the patterns chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from consolidate.solvers.patterns.limit import Limit
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["exact_cover"]

#: Work of CP-SAT at most, in its own seconds.
_WORK_S = 20.0


def exact_cover(problem: PackingProblem, counts: NDArray[np.int64], *, limit: Limit) -> Packed | None:
    """Return patterns of the one bin type that add up to the demand, ``None`` when none were found in time.

    Parameters
    ----------
    problem
        The problem that the patterns belong to.
    counts
        Items of each pattern, shape ``(patterns, classes)``.
    limit
        What ends the solver.
    """
    demand = problem.demand
    if (counts.sum(axis=0) == 0)[demand > 0].any():
        return None
    model = cp_model.CpModel()
    most = [int((demand[c > 0] // c[c > 0]).min()) for c in counts]
    times = [model.new_int_var(0, m, "") for m in most]
    for f in np.flatnonzero(demand).tolist():
        covers = np.flatnonzero(counts[:, f]).tolist()
        if demand[f] == 1:
            model.add_exactly_one([times[p] for p in covers if most[p] > 0])
        else:
            model.add(sum(int(counts[p, f]) * times[p] for p in covers) == int(demand[f]))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = _WORK_S
    if limit.seconds is not None:
        solver.parameters.max_time_in_seconds = max(0.1, limit.seconds)
    # Clauses alone decide these; the linear relaxation of an exact cover costs more than it tells.
    solver.parameters.linearization_level = 0
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    packed = Packed.empty(problem)
    for row, x in zip(counts, times, strict=True):
        if (number := int(solver.value(x))) > 0:
            packed.add(0, row, number)
    return packed
