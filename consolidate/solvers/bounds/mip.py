"""Mixed-integer programs for HiGHS, with the limits that a proof needs.

HiGHS stops at a relative gap of 1e-4 unless told otherwise, which is no proof of optimality here. Tolerances
are as tight as it takes them, and what they may still hide is given away by the caller.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mip", "Solution", "highs_source"]

_GAP = 1e-9
_TIGHT, _LOOSE = 1e-8, 1e-6


def highs_source() -> str:
    """Return who attests what HiGHS claims."""
    import ortools

    return f"HiGHS in OR-Tools {ortools.__version__}"  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """How a program ended.

    Parameters
    ----------
    values
        Value of each column; ``None`` without a solution.
    value, bound
        Cost of the solution and lower bound of any; infinite where there is none.
    reduced, duals
        Of a linear program: reduced cost of each column, and price of each row.
    infeasible
        Whether the solver proved that there is no solution.
    """

    values: NDArray[np.float64] | None
    value: float
    bound: float
    reduced: NDArray[np.float64] | None = None
    duals: NDArray[np.float64] | None = None
    infeasible: bool = False


@dataclass(slots=True)
class Mip:
    """A program that grows by columns and rows; costs are divided by ``unit``."""

    unit: float = 1.0
    _model: Any = field(init=False)
    _columns: list[Any] = field(init=False, default_factory=list)
    _rows: list[Any] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        from ortools.math_opt.python import mathopt

        self._model = mathopt.Model()

    def column(self, cost: float, upper: float, *, lower: float = 0.0, whole: bool = False) -> int:
        """Add a column and return its number."""
        variable = self._model.add_variable(lb=lower, ub=upper, is_integer=whole)
        self._model.objective.set_linear_coefficient(variable, cost / self.unit)
        self._columns.append(variable)
        return len(self._columns) - 1

    def row(
        self, terms: Iterable[tuple[int, float]], *, lower: float = -math.inf, upper: float = math.inf
    ) -> None:
        """Add a row; each column may occur once."""
        constraint = self._model.add_linear_constraint(lb=lower, ub=upper)
        self._rows.append(constraint)
        for column, coefficient in terms:
            if coefficient:
                constraint.set_coefficient(self._columns[column], coefficient)

    def solve(
        self,
        *,
        gap: float = _GAP,
        node_limit: int | None = None,
        time_limit_s: float | None = None,
        seed: int = 0,
        tight: bool = True,
    ) -> Solution:
        """Minimise until the relative gap or a limit is reached.

        ``tight`` tolerances are for bounds; solutions that are looked at again do without, and come sooner.
        """
        from ortools.math_opt.python import mathopt
        from ortools.math_opt.solvers import highs_pb2

        options = highs_pb2.HighsOptionsProto(
            double_options={
                "mip_feasibility_tolerance": _TIGHT if tight else _LOOSE,
                "primal_feasibility_tolerance": _TIGHT if tight else _LOOSE,
            },
            int_options={"threads": 1, "random_seed": seed},
            string_options={"parallel": "off"},
        )
        parameters = mathopt.SolveParameters(
            relative_gap_tolerance=gap,
            absolute_gap_tolerance=0.0,
            node_limit=node_limit,
            time_limit=None if time_limit_s is None else dt.timedelta(seconds=max(0.05, time_limit_s)),
            highs=options,
        )
        result = mathopt.solve(self._model, mathopt.SolverType.HIGHS, params=parameters)
        return self._read(result)

    def solve_relaxed(self) -> Solution:
        """Minimise with every column free to take any value within its limits, by GLOP."""
        from ortools.math_opt.python import mathopt

        whole = [variable for variable in self._columns if variable.integer]
        for variable in whole:
            variable.integer = False
        result = mathopt.solve(self._model, mathopt.SolverType.GLOP)
        for variable in whole:
            variable.integer = True
        solution = self._read(result)
        if solution.values is None:
            return solution
        return replace(
            solution,
            reduced=np.array(result.reduced_costs(self._columns)) * self.unit,
            duals=np.array(result.dual_values(self._rows)) * self.unit,
        )

    def _read(self, result: Any) -> Solution:
        from ortools.math_opt.python import mathopt

        # No program here is unbounded, so a solver that cannot tell the two apart means infeasible.
        nothing = mathopt.TerminationReason.INFEASIBLE, mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED
        if result.termination.reason in nothing:
            return Solution(values=None, value=math.inf, bound=math.inf, infeasible=True)
        bound = float(result.termination.objective_bounds.dual_bound) * self.unit
        if not result.has_primal_feasible_solution():
            return Solution(values=None, value=math.inf, bound=bound)
        values = np.array(result.variable_values(self._columns))
        value = float(result.objective_value()) * self.unit
        return Solution(values=values, value=value, bound=bound)
