"""The exact model on CP-SAT: one boolean per VM and possible host, the power curve to the milliwatt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, table_power
from consolidate.errors import InternalError, UnsupportedError
from consolidate.model import Bound, Instance, MoveBudget
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.exact_rules import add_rules
from consolidate.solvers.exact_symmetry import Symmetry

__all__ = ["CpSat", "n_booleans"]


def n_booleans(instance: Instance, problem: Problem) -> int:
    """Return the number of VM-host pairs that the exact model would have."""
    choices = problem.masks.sum(axis=1)[problem.mask_of]
    return int(choices[instance.active].sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class CpSat:
    """Exact model, one worker, deterministic time: the same input gives the same placement.

    Parameters
    ----------
    max_booleans
        Largest model that is built; above it CP-SAT no longer finds solutions.
    moves
        How much may be moved at most, as constraints.
    """

    name: ClassVar[str] = "cp-sat"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES | {"licence_group", "shared_capacity"}
    max_booleans: int = 50_000
    moves: MoveBudget = field(default_factory=MoveBudget)

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Solve from scratch."""
        progress("exact model")
        problem = kernel_problem(instance)
        size = n_booleans(instance, problem)
        if size > self.max_booleans:
            feature = f"{size} VM-host pairs (limit {self.max_booleans})"
            raise UnsupportedError(feature, who="cp-sat", supported_by=("auto", "drain"))
        return self.improve(instance, problem, None, budget=budget, seed=seed, clock=clock)

    def improve(
        self,
        instance: Instance,
        problem: Problem,
        known: Proposal | None,
        *,
        budget: Budget,
        seed: int,
        clock: Clock,
    ) -> Proposal:
        """Solve, starting from a known proposal if there is one, which is never made worse."""
        import ortools
        from ortools.sat.python import cp_model

        hint = None if known is None else known.host_of
        symmetry = Symmetry(instance, problem)
        ordered = None if hint is None else symmetry.in_order(hint)
        model, x, fixed_mj = _build(instance, problem, symmetry, ordered)
        _limit_moves(model, instance, x, self.moves)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = seed
        solver.parameters.max_deterministic_time = budget.deterministic_s
        status, chosen = _solved(solver, model, x, clock)
        if status == cp_model.INFEASIBLE and known is not None and known.host_of is not None:
            msg = "CP-SAT calls an instance infeasible for which a placement is known"
            raise InternalError(msg)
        if status == cp_model.INFEASIBLE:
            return Proposal(host_of=None, stopped="proved infeasible", proven_infeasible=True)
        if chosen is None:
            return known or Proposal(host_of=None, stopped="CP-SAT found nothing in its budget")
        host_of = np.full(len(instance.vms), -1, dtype=np.int32)
        for v, h in chosen:
            host_of[v] = h
        used_up = "time limit of CP-SAT" if clock.is_over() else "budget of CP-SAT used up"
        stopped = "search complete" if status == cp_model.OPTIMAL else used_up
        floor_mj = math.floor(solver.best_objective_bound)
        if status == cp_model.OPTIMAL:
            # CP-SAT states whole numbers as floats, a hair below now and then.
            floor_mj = min(round(solver.objective_value), _energy(instance, host_of) - fixed_mj)
        if hint is not None and _energy(instance, hint) <= _energy(instance, host_of):
            host_of = hint
        bound = Bound(
            name="CP-SAT",
            value_mj=floor_mj + fixed_mj,
            kind="attested",
            source=f"CP-SAT in OR-Tools {ortools.__version__}",  # type: ignore[attr-defined]
        )
        return Proposal(host_of=host_of, stopped=stopped, bounds=(bound,))


def _solved(
    solver: Any, model: Any, x: dict[tuple[int, int], Any], clock: Clock
) -> tuple[Any, list[tuple[int, int]] | None]:
    """Solve; return the status and, of the last solution in time, the pairs of VM and host.

    The clock is asked at each solution: a repeated run then ends with the same one.
    """
    from ortools.sat.python import cp_model

    class Watch(cp_model.CpSolverSolutionCallback):
        def __init__(self) -> None:
            super().__init__()
            self.chosen: list[tuple[int, int]] | None = None

        def on_solution_callback(self) -> None:
            if clock.is_over():
                self.stop_search()
            else:
                self.chosen = [pair for pair, literal in x.items() if self.boolean_value(literal)]

    watch = Watch()
    remaining_s = clock.remaining_s()
    if remaining_s is not None:
        solver.parameters.max_time_in_seconds = remaining_s
    status = solver.solve(model, watch)
    clock.is_over()
    return status, watch.chosen


def _energy(instance: Instance, host_of: NDArray[np.int32]) -> int:
    return instance.objective.breakdown(instance, host_of).total_mj


def _build(
    instance: Instance, problem: Problem, symmetry: Symmetry, hint: NDArray[np.int32] | None
) -> tuple[Any, dict[tuple[int, int], Any], int]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    x: dict[tuple[int, int], Any] = {}
    hosting_of: dict[int, Any] = {}
    on_host: dict[int, list[int]] = {}
    for v in np.flatnonzero(instance.active).tolist():
        hosts = np.flatnonzero(problem.masks[problem.mask_of[v]]).tolist()
        for h in hosts:
            x[v, h] = model.new_bool_var("")
            on_host.setdefault(h, []).append(v)
            if hint is not None:
                model.add_hint(x[v, h], bool(hint[v] == h))
        model.add_exactly_one(x[v, h] for h in hosts)
    cost: list[Any] = []
    fixed_mj = 0
    for h in range(instance.fleet.n_hosts):
        empty = int(problem.empty_mj[h])
        fixed_mj += empty
        if h in on_host:
            hinted = None if hint is None else [v for v in on_host[h] if hint[v] == h]
            hosting, power = _host(model, instance, problem, h, on_host[h], x, hinted)
            hosting_of[h] = hosting
            cost.append(power * problem.horizon_s + hosting * (int(problem.boot_mj[h]) - empty))
    for (v, h), literal in x.items():
        if problem.home[v] >= 0 and problem.home[v] != h:
            cost.append(literal * int(problem.move_mj[v]))
    add_rules(model, instance, x, hosting_of)
    symmetry.constrain(model, x, hosting_of)
    model.minimize(sum(cost))
    return model, x, fixed_mj


def _limit_moves(
    model: Any, instance: Instance, x: dict[tuple[int, int], Any], budget: MoveBudget
) -> None:
    """Add a budget of moves as constraints."""
    home = instance.current.host_of
    away = [(v, h, literal) for (v, h), literal in x.items() if home[v] >= 0 and home[v] != h]
    if budget.moves is not None:
        model.add(sum(literal for _, _, literal in away) <= budget.moves)
    if budget.memory_mib is not None:
        memory = instance.carried_mib().tolist()
        model.add(sum(memory[v] * literal for v, _, literal in away) <= budget.memory_mib)
    if budget.per_host is not None:
        at: dict[int, list[Any]] = {}
        for v, h, literal in away:
            at.setdefault(h, []).append(literal)
            at.setdefault(int(home[v]), []).append(literal)
        for literals in at.values():
            model.add(sum(literals) <= budget.per_host)


def _host(
    model: Any,
    instance: Instance,
    problem: Problem,
    h: int,
    vms: list[int],
    x: dict[tuple[int, int], Any],
    hinted: list[int] | None,
) -> tuple[Any, Any]:
    """Add capacity and power of one host; return whether it carries a VM, and its milliwatts.

    ``hinted`` are the VMs that the hint puts on the host. A hint counts only if it is complete.
    """
    hosting = model.new_bool_var("")
    for v in vms:
        model.add_implication(x[v, h], hosting)
    # Where a shutdown costs more than hosting, an empty host must not pass as one that carries VMs.
    model.add_bool_or(~hosting, *(x[v, h] for v in vms))
    for r in range(len(instance.resources)):
        weights = [int(instance.need[v, r] + instance.vm_overhead[h, r]) for v in vms]
        model.add(
            sum(w * x[v, h] for w, v in zip(weights, vms, strict=True))
            <= int(instance.capacity[h, r]) * hosting
        )
    cpu, background, per_vm = (int(a[h]) for a in (problem.cpu, problem.background, problem.per_vm))
    table = [int(p) for p in problem.table[h]]
    loads = [int(problem.load[v]) + per_vm for v in vms]
    load = sum(w * x[v, h] for w, v in zip(loads, vms, strict=True)) + background * hosting
    covered = per_vm <= int(instance.vm_overhead[h, 0])
    most = min(sum(loads), int(instance.capacity[h, 0])) if covered else sum(loads)
    if most + background > cpu:
        # What is asked beyond the whole host draws no further power.
        cut = model.new_int_var(0, cpu, "")
        model.add_min_equality(cut, [load, cpu])
        load = cut
    power = model.new_int_var(0, max(table), "")
    segments = [model.new_bool_var("") for _ in range(10)]
    model.add(sum(segments) == hosting)
    model.add(power == 0).only_enforce_if(~hosting)
    for k, segment in enumerate(segments):
        model.add(10 * load >= k * cpu).only_enforce_if(segment)
        model.add(10 * load <= (k + 1) * cpu).only_enforce_if(segment)
        rise = table[k + 1] - table[k]
        # power >= floor(numerator / (2 cpu)) in whole numbers; minimisation makes it an equality.
        numerator = 2 * cpu * table[k] + 2 * rise * (10 * load - k * cpu) + cpu
        model.add(2 * cpu * power >= numerator - 2 * cpu + 1).only_enforce_if(segment)
    if hinted is not None:
        total = sum(int(problem.load[v]) + per_vm for v in hinted) + background
        watts = int(table_power(problem.table[h], total, cpu)) if hinted else 0
        model.add_hint(hosting, bool(hinted))
        model.add_hint(power, watts)
        for k, segment in enumerate(segments):
            model.add_hint(segment, bool(hinted) and k == min(10 * total // cpu, 9))
        if most + background > cpu:
            model.add_hint(load, min(total, cpu) if hinted else 0)
    return hosting, power
