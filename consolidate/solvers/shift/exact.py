"""The exact model of jobs in time: which start on which host, within the room of every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InfeasibleError
from consolidate.solvers.shift.problem import Schedule, ShiftProblem

__all__ = ["improved", "is_small"]

#: Terms of all capacity rows together, beyond which the model is not built.
_MOST_TERMS = 400_000


def is_small(problem: ShiftProblem, alone: Sequence[NDArray[np.bool_]]) -> bool:
    """Say whether the model is small enough to be built."""
    terms = sum(int(w.sum()) * problem.steps(j) for w, j in zip(alone, problem.jobs, strict=True))
    return terms <= _MOST_TERMS


def improved(
    problem: ShiftProblem,
    costs: Sequence[NDArray[np.int64]],
    alone: Sequence[NDArray[np.bool_]],
    best: Schedule | None,
    bound_ug: int,
    *,
    deterministic_s: float,
    seed: int,
) -> Schedule | None:
    """Return a schedule that is at least as good, with the better bound.

    Raises
    ------
    InfeasibleError
        When the model proves that there is none.
    """
    import ortools
    from ortools.sat.python import cp_model

    model, choices = _model(problem, costs, alone, best)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = deterministic_s
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        msg = "no schedule exists in which all jobs end in time on the hosts that are on"
        raise InfeasibleError(msg, vms=[job.id for job in problem.jobs])
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return best
    chosen = [next(key for key, x in each if solver.boolean_value(x)) for each in choices]
    start = np.array([at for _, at in chosen], dtype=np.int64)
    host = np.array([on for on, _ in chosen], dtype=np.int64)
    cost = round(solver.objective_value)
    # The solver's bound is a float: a microgram is left off for every 10**15.
    proven = int(np.floor(solver.best_objective_bound - abs(solver.best_objective_bound) * 1e-15))
    proof = f"CP-SAT in OR-Tools {ortools.__version__}"  # type: ignore[attr-defined]
    if status == cp_model.OPTIMAL:
        proven = cost
    if best is not None and best.cost_ug <= cost:
        start, host, cost = best.start, best.host, best.cost_ug
    return Schedule(
        start=start,
        host=host,
        cost_ug=cost,
        bound_ug=min(cost, max(bound_ug, proven)),
        proof=proof,
        stopped="optimal" if status == cp_model.OPTIMAL else "work limit",
    )


def _model(
    problem: ShiftProblem,
    costs: Sequence[NDArray[np.int64]],
    alone: Sequence[NDArray[np.bool_]],
    best: Schedule | None,
) -> tuple[Any, list[list[tuple[tuple[int, int], Any]]]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    choices: list[list[tuple[tuple[int, int], Any]]] = []
    running: dict[tuple[int, int], list[tuple[int, Any]]] = {}
    total: list[Any] = []
    for j, job in enumerate(problem.jobs):
        first = problem.starts(job).start
        mine = []
        for on, k in zip(*(part.tolist() for part in np.nonzero(alone[j])), strict=True):
            x = model.new_bool_var("")
            mine.append(((on, first + k), x))
            total.append(int(costs[j][problem.site[on], k]) * x)
            for t in range(first + k, first + k + problem.steps(job)):
                running.setdefault((on, t), []).append((j, x))
            if best is not None:
                model.add_hint(x, bool(best.host[j] == on and best.start[j] == first + k))
        model.add_exactly_one(x for _, x in mine)
        choices.append(mine)
    for (on, t), literals in running.items():
        for room, needs in (
            (problem.room_mcores, [job.cpu_mcores for job in problem.jobs]),
            (problem.room_mib, [job.memory_mib for job in problem.jobs]),
        ):
            # A job has one start: its largest need once, not once for each literal.
            if sum(needs[j] for j in {j for j, _ in literals}) > room[on, t]:
                model.add(sum(needs[j] * x for j, x in literals) <= int(room[on, t]))
    model.minimize(sum(total))
    return model, choices
