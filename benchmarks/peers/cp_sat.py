"""Raw CP-SAT: one boolean per VM and host, our objective, nothing else told."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import ClassVar

import numpy as np
from ortools.sat.python import cp_model

import consolidate as cs
from benchmarks.peers.base import Placing, Stopwatch, not_plain
from benchmarks.peers.linear import lines

__all__ = ["RawCpSat", "too_many_booleans"]

#: Python objects of more booleans than this fill the memory before the solver starts.
_MOST_BOOLEANS = 1_000_000


def too_many_booleans(instance: cs.Instance) -> str | None:
    """Return why a model with a boolean per VM and host is not tried."""
    n = len(instance.vms) * instance.fleet.n_hosts
    if n <= _MOST_BOOLEANS:
        return None
    return f"{n:,} booleans, tried up to {_MOST_BOOLEANS:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCpSat:
    """The model that one writes first."""

    name: ClassVar[str] = "cp-sat-raw"
    licence: ClassVar[str] = "Apache-2.0"
    decided_in: ClassVar[str] = "C++"
    minimises: ClassVar[str] = "our objective, in joules"
    translated: ClassVar[str] = "x[vm, host] booleans, capacity rows, a boolean per host"
    lost: ClassVar[str] = "curved power becomes a straight line"
    install: ClassVar[str] = "part of the package's own dependencies"
    seeded: ClassVar[bool] = True

    def version(self) -> str:
        """Return the version of OR-Tools."""
        return metadata.version("ortools")

    def available(self) -> str | None:
        """It always is."""
        return None

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain or too large to write down."""
        return not_plain(instance) or too_many_booleans(instance)

    def place(self, instance: cs.Instance, *, seed: int, limit_s: float) -> Placing:
        """Build the model, solve it with one worker and no hint."""
        watch = Stopwatch()
        n_vms, n_hosts = len(instance.vms), instance.fleet.n_hosts
        cost, current = lines(instance), instance.current.host_of
        model = cp_model.CpModel()
        x = [[model.new_bool_var("") for _ in range(n_hosts)] for _ in range(n_vms)]
        used = [model.new_bool_var("") for _ in range(n_hosts)]
        for row in x:
            model.add_exactly_one(row)
        for h in range(n_hosts):
            column = [x[v][h] for v in range(n_vms)]
            for r in range(len(instance.resources)):
                taken = cp_model.LinearExpr.weighted_sum(column, instance.need[:, r].tolist())
                model.add(taken <= int(instance.capacity[h, r]) * used[h])
        per_vm = np.outer(instance.load_mcores, cost.per_mcore_mj) + instance.move_mj[:, None]
        per_vm[np.arange(n_vms), current] -= instance.move_mj
        # Whole joules keep the numbers small; half a joule per term is far below any gap shown.
        joules = np.round(per_vm / 1_000).astype(np.int64).ravel().tolist()
        joules += np.round(cost.on_mj / 1_000).astype(np.int64).tolist()
        model.minimize(cp_model.LinearExpr.weighted_sum([b for row in x for b in row] + used, joules))

        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = seed
        solver.parameters.max_time_in_seconds = max(0.1, limit_s - watch.wall_s())
        status = solver.solve(model)
        bound_mj = (solver.best_objective_bound - 0.5 * (n_vms + n_hosts)) * 1_000
        host_of = None
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            taken_x = np.array([[solver.boolean_value(b) for b in row] for row in x])
            host_of = taken_x.argmax(axis=1).astype(np.int32)
        return Placing(
            host_of=host_of,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            bound_mj=cost.bound_mj(max(0.0, bound_mj), n_hosts, instance.objective.horizon_s),
            note=solver.status_name(status).lower(),
        )
