"""A model like that of OpenNebula's OneDRS with its policy ``PACK``.

Written from its documentation (docs.opennebula.io, Distributed Resource Scheduler): an integer linear
programme, solved with CBC, that uses as few hosts as possible; migrations are limited in number if at
all, and not priced. None of its code is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import ClassVar

import numpy as np
from ortools.linear_solver import pywraplp

import consolidate as cs
from benchmarks.peers.base import Placing, Stopwatch, not_plain
from benchmarks.peers.cp_sat import too_many_booleans

__all__ = ["OneDrsLike"]

_STATUS = {pywraplp.Solver.OPTIMAL: "optimal", pywraplp.Solver.FEASIBLE: "feasible"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDrsLike:
    """Fewest hosts by integer programming."""

    name: ClassVar[str] = "one-drs-like"
    licence: ClassVar[str] = "own re-implementation; CBC is EPL-2.0"
    decided_in: ClassVar[str] = "C++"
    minimises: ClassVar[str] = "hosts in use"
    translated: ClassVar[str] = "x[vm, host] booleans, capacity rows, a boolean per host; policy PACK"
    lost: ClassVar[str] = "watts, load and moves: every host costs one"
    install: ClassVar[str] = "part of the package's own dependencies"
    seeded: ClassVar[bool] = False

    def version(self) -> str:
        """Return the version of OR-Tools, which carries CBC."""
        return "CBC of OR-Tools " + metadata.version("ortools")

    def available(self) -> str | None:
        """Say whether this build of OR-Tools has CBC."""
        return None if pywraplp.Solver.CreateSolver("CBC") else "OR-Tools without CBC"

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain or too large to write down."""
        return not_plain(instance) or too_many_booleans(instance)

    def place(
        self,
        instance: cs.Instance,
        *,
        seed: int,  # noqa: ARG002 - CBC's seed cannot be set from here
        limit_s: float,
    ) -> Placing:
        """Build the model and solve it with CBC."""
        watch = Stopwatch()
        n_vms, n_hosts = len(instance.vms), instance.fleet.n_hosts
        solver = pywraplp.Solver.CreateSolver("CBC")
        x = [[solver.BoolVar("") for _ in range(n_hosts)] for _ in range(n_vms)]
        used = [solver.BoolVar("") for _ in range(n_hosts)]
        for row in x:
            one = solver.Constraint(1, 1)
            for b in row:
                one.SetCoefficient(b, 1)
        for h in range(n_hosts):
            for r in range(len(instance.resources)):
                room = solver.Constraint(-solver.infinity(), 0)
                room.SetCoefficient(used[h], -float(instance.capacity[h, r]))
                for v, need in enumerate(instance.need[:, r].tolist()):
                    room.SetCoefficient(x[v][h], need)
        solver.Minimize(solver.Sum(used))
        solver.SetTimeLimit(max(100, int(1_000 * (limit_s - watch.wall_s()))))
        status = solver.Solve()
        host_of = None
        if status in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            values = np.array([[b.solution_value() for b in row] for row in x])
            host_of = values.argmax(axis=1).astype(np.int32)
        return Placing(
            host_of=host_of,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            note=_STATUS.get(status, f"no solution in {limit_s:g} s"),
        )
