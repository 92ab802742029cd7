"""The restricted master: the linear program over the patterns found so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp

from consolidate.solvers.patterns.problem import PackingProblem

__all__ = ["Master"]


class Master:
    """Cover the demand with patterns; grows by patterns, demand may shrink.

    Covering, not exact packing: an item too many does no harm, and prices are then never negative. Only of
    items that make room there must be no more than there are.
    """

    def __init__(self, problem: PackingProblem) -> None:
        self.problem = problem
        self.kinds: list[int] = []
        self.patterns: list[NDArray[np.int64]] = []
        self.costs: list[int] = []
        self._known: set[tuple[int, bytes]] = set()
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        infinity = self._solver.infinity()
        self._exact = problem.relieves()
        self._rows = [self._solver.Constraint(float(d), infinity) for d in problem.demand.tolist()]
        for f in np.flatnonzero(self._exact).tolist():
            self._rows[f].SetUb(float(problem.demand[f]))
        self._limits = [
            self._solver.Constraint(-infinity, float(b.quantity)) if b.quantity >= 0 else None
            for b in problem.bins
        ]
        self._columns: list[pywraplp.Variable] = []
        self._duals = np.zeros(len(self._rows))
        self._is_solved = False
        self._left_out = 0.0
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self.unit = float(max(1, max((abs(b.cost) for b in problem.bins), default=1)))
        # An item left out costs more than any bin with it does.
        dearest = max((b.cost + int(b.item_cost.max(initial=0)) for b in problem.bins), default=1)
        self._missing = []
        for row, exact in zip(self._rows, self._exact.tolist(), strict=True):
            for sign in (1.0, -1.0) if exact else (1.0,):
                variable = self._solver.NumVar(0.0, infinity, "")
                row.SetCoefficient(variable, sign)
                self._objective.SetCoefficient(variable, 10.0 * max(1, dearest) / self.unit)
                self._missing.append(variable)

    def add(self, kind: int, counts: NDArray[np.int64]) -> bool:
        """Add a pattern; say whether it is new."""
        key = (kind, counts.tobytes())
        if key in self._known:
            return False
        self._known.add(key)
        self._is_solved = False
        cost = self.problem.pattern_cost(kind, counts)
        variable = self._solver.NumVar(0.0, self._solver.infinity(), "")
        self._objective.SetCoefficient(variable, cost / self.unit)
        for f in np.flatnonzero(counts).tolist():
            self._rows[f].SetCoefficient(variable, float(counts[f]))
        limit = self._limits[kind]
        if limit is not None:
            limit.SetCoefficient(variable, 1.0)
        self.kinds.append(kind)
        self.patterns.append(counts.copy())
        self.costs.append(cost)
        self._columns.append(variable)
        return True

    def set_demand(self, demand: NDArray[np.int64], left: NDArray[np.int64]) -> None:
        """Change the demand, and the number of bins left of each type (-1 for any number)."""
        self._is_solved = False
        for row, d, exact in zip(self._rows, demand.tolist(), self._exact.tolist(), strict=True):
            row.SetLb(float(d))
            if exact:
                row.SetUb(float(d))
        for limit, q in zip(self._limits, left.tolist(), strict=True):
            if limit is not None:
                limit.SetUb(float(q))

    def limit(self, each_s: float) -> None:
        """Let no linear program take more than so many seconds."""
        self._solver.SetTimeLimit(max(1, int(1_000 * each_s)))

    def solve(self) -> float | None:
        """Solve; return the value in units of cost, or ``None`` when the time ran out."""
        if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        self._is_solved = True
        self._duals = np.array([row.dual_value() for row in self._rows])
        self._left_out = float(sum(v.solution_value() for v in self._missing))
        return float(self._objective.Value()) * self.unit

    def prices(self) -> NDArray[np.float64]:
        """Return the dual value of each class in units of cost, at least 0 but for those that make room.

        Those of the last solution, even if patterns were added since.
        """
        duals = self._duals
        priced: NDArray[np.float64] = np.where(self._exact, duals, np.maximum(duals, 0.0)) * self.unit
        return priced

    def rents(self) -> NDArray[np.float64]:
        """Return what one bin more of each type would save, in units of cost, at least 0."""
        duals = [0.0 if limit is None else -limit.dual_value() for limit in self._limits]
        rents: NDArray[np.float64] = np.maximum(np.array(duals), 0.0) * self.unit
        return rents

    def used(self) -> NDArray[np.float64]:
        """Return how often each pattern is used; solves again if patterns were added since."""
        if not self._is_solved and self.solve() is None:
            return np.zeros(len(self._columns))
        return np.array([v.solution_value() for v in self._columns])

    def missing(self) -> float:
        """Return how many items the last solution leaves out."""
        return self._left_out
