"""HiGHS through MathOpt: the raw model of booleans, and the model on counts of identical VMs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib import metadata
from typing import ClassVar

import numpy as np
from ortools.math_opt.python import mathopt

import consolidate as cs
from benchmarks.peers.base import Placing, Stopwatch, not_plain
from benchmarks.peers.cp_sat import too_many_booleans
from benchmarks.peers.linear import Lines, SameVMs, lines, same_vms, unfold

__all__ = ["HighsOnBooleans", "HighsOnCounts"]

#: More groups than this times hosts are as many integers as there are booleans in the raw model.
_MOST_COUNTS = 100_000
#: What counts as proven optimal; HiGHS by itself stops at 1e-4.
_OPTIMAL_GAP = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Highs:
    licence: ClassVar[str] = "MIT (HiGHS), Apache-2.0 (MathOpt)"
    decided_in: ClassVar[str] = "C++"
    minimises: ClassVar[str] = "our objective, in joules"
    lost: ClassVar[str] = "curved power becomes a straight line"
    install: ClassVar[str] = "part of the package's own dependencies"
    seeded: ClassVar[bool] = True

    def version(self) -> str:
        """Return the version of OR-Tools, which carries HiGHS."""
        return "OR-Tools " + metadata.version("ortools")

    def available(self) -> str | None:
        """It always is."""
        return None

    def _solve(
        self, instance: cs.Instance, same: SameVMs, *, seed: int, limit_s: float, watch: Stopwatch
    ) -> Placing:
        """Solve on groups of VMs; a group of one VM is a boolean per host."""
        cost, n_hosts = lines(instance), instance.fleet.n_hosts
        model, on = _model(instance, same, cost)
        parameters = mathopt.SolveParameters(
            time_limit=dt.timedelta(seconds=max(0.1, limit_s - watch.wall_s())),
            random_seed=seed,
            relative_gap_tolerance=_OPTIMAL_GAP,
        )
        result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=parameters)
        dual_j = result.termination.objective_bounds.dual_bound
        bound_mj = None
        if np.isfinite(dual_j):
            # The model counts from everybody moving.
            value_mj = dual_j * 1_000 + int(instance.move_mj.sum())
            bound_mj = cost.bound_mj(value_mj, n_hosts, instance.objective.horizon_s)
        host_of = None
        if result.has_primal_feasible_solution():
            values = result.variable_values()
            wanted = np.array([[round(values[b]) for b in row] for row in on], dtype=np.int64)
            host_of = unfold(same, wanted, instance.current.host_of)
        return Placing(
            host_of=host_of,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            bound_mj=bound_mj,
            note=result.termination.reason.name.lower().replace("_", " "),
        )


def _model(
    instance: cs.Instance, same: SameVMs, cost: Lines
) -> tuple[mathopt.Model, list[list[mathopt.Variable]]]:
    """Return the model in joules and its variables: VMs of each group on each host."""
    n_hosts, model = instance.fleet.n_hosts, mathopt.Model()
    used = [model.add_binary_variable() for _ in range(n_hosts)]
    on = [[model.add_integer_variable(lb=0, ub=n) for _ in range(n_hosts)] for n in same.count.tolist()]
    need = instance.need[same.first].tolist()
    load = instance.load_mcores[same.first].tolist()
    move_j = (instance.move_mj[same.first] / 1_000).tolist()
    on_j, per_mcore_j = (cost.on_mj / 1_000).tolist(), (cost.per_mcore_mj / 1_000).tolist()
    terms = [on_j[h] * used[h] for h in range(n_hosts)]
    for g, row in enumerate(on):
        model.add_linear_constraint(mathopt.fast_sum(row) == int(same.count[g]))
        terms += [(load[g] * per_mcore_j[h]) * row[h] for h in range(n_hosts)]
        for h in np.flatnonzero(same.present[g]).tolist():
            stay = model.add_variable(lb=0, ub=int(same.present[g, h]))
            model.add_linear_constraint(stay <= row[h])
            terms.append(-move_j[g] * stay)
    for h in range(n_hosts):
        for r in range(len(instance.resources)):
            taken = mathopt.fast_sum(need[g][r] * on[g][h] for g in range(len(on)) if need[g][r])
            model.add_linear_constraint(taken <= int(instance.capacity[h, r]) * used[h])
    model.minimize(mathopt.fast_sum(terms))
    return model, on


@dataclass(frozen=True, slots=True, kw_only=True)
class HighsOnBooleans(_Highs):
    """The raw model as a mixed-integer programme."""

    name: ClassVar[str] = "highs-raw"
    translated: ClassVar[str] = "x[vm, host] booleans, capacity rows, a boolean per host"

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain or too large to write down."""
        return not_plain(instance) or too_many_booleans(instance)

    def place(self, instance: cs.Instance, *, seed: int, limit_s: float) -> Placing:
        """Tell every VM apart."""
        watch = Stopwatch()
        n = len(instance.vms)
        present = np.zeros((n, instance.fleet.n_hosts), dtype=np.int64)
        present[np.arange(n), instance.current.host_of] = 1
        alone = SameVMs(
            group_of=np.arange(n),
            first=np.arange(n),
            count=np.ones(n, dtype=np.int64),
            present=present,
        )
        return self._solve(instance, alone, seed=seed, limit_s=limit_s, watch=watch)


@dataclass(frozen=True, slots=True, kw_only=True)
class HighsOnCounts(_Highs):
    """Identical VMs counted: an integer per group and host, and how many of them stay."""

    name: ClassVar[str] = "highs-counts"
    translated: ClassVar[str] = "counts per group of identical VMs and host, stays, a boolean per host"

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain, and VMs that are all different."""
        n = len(same_vms(instance).first) * instance.fleet.n_hosts
        large = None if n <= _MOST_COUNTS else f"{n:,} counts, tried up to {_MOST_COUNTS:,}"
        return not_plain(instance) or large

    def place(self, instance: cs.Instance, *, seed: int, limit_s: float) -> Placing:
        """Count what is identical."""
        watch = Stopwatch()
        return self._solve(instance, same_vms(instance), seed=seed, limit_s=limit_s, watch=watch)
