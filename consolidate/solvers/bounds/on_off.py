"""The on-off relaxation: which hosts are on, with total need and total load covered.

It forgets which VM is where. Its linear program gives the multipliers of the certified bound; with whole
hosts on or off it gives a stronger bound that rests on the word of the integer solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.lagrangian import (
    certified_bound,
    curve_mw,
    cost_ratios,
    usable_hosts,
)
from consolidate.solvers.bounds.rows import CoverRow, cover_rows, offered

__all__ = ["host_ratios", "lower_bounds"]

#: The integer relaxation may visit this many nodes, divided by the number of groups: a count, so that results
#: repeat. Many groups mean many hosts, and then whole hosts hardly differ from parts of them.
_NODES = 8_000
_FEWEST_NODES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Hosts that the relaxation cannot tell apart."""

    hosts: NDArray[np.int64]
    loads: NDArray[np.int64]  # breakpoints of the energy curve, mcores
    energy_mj: NDArray[np.float64]  # carrying VMs at each breakpoint, stay bonus deducted
    empty_mj: int
    capacity: NDArray[np.int64]


def lower_bounds(instance: Instance, problem: Problem) -> tuple[Bound, ...]:
    """Return the certified bound and, where it is stronger, the attested one; best first."""
    groups, rows = _groups(instance, problem), cover_rows(instance)
    covers, load = _prices(instance, groups, rows)
    bounds = [certified_bound(instance, problem, rows, covers, load)]
    nodes = _NODES // max(1, len(groups))
    if nodes >= _FEWEST_NODES:
        # Rows that the linear program does not use seldom help, and they cost the integer solver most.
        plain = len(instance.resources)
        used = [row for k, row in enumerate(rows) if k < plain or covers[k] > 0]
        attested = _integer_bound(instance, problem, groups, used, node_limit=nodes)
        if attested is not None and attested.value_mj > bounds[0].value_mj:
            bounds.insert(0, attested)
    return tuple(bounds)


def host_ratios(instance: Instance, problem: Problem) -> NDArray[np.float64]:
    """Return the cost of each host over the worth of its room in the relaxation: low ones are used first."""
    groups, rows = _groups(instance, problem), cover_rows(instance)
    covers, load = _prices(instance, groups, rows)
    return cost_ratios(instance, problem, rows, covers, load)


def _prices(
    instance: Instance, groups: list[_Group], rows: list[CoverRow]
) -> tuple[list[float], float]:
    """Return what the relaxation pays per unit of each row, and per mcore of load."""
    program = _Program(instance, groups, rows, integer=False)
    # Any multipliers give a bound; without a solution there are none to suggest.
    return program.multipliers() if program.solve() else ([0.0] * len(rows), 0.0)


def _groups(instance: Instance, problem: Problem) -> list[_Group]:
    fleet = instance.fleet
    stay = np.zeros(fleet.n_hosts, dtype=np.int64)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    np.add.at(stay, instance.current.host_of[here], instance.move_mj[here])
    hosts = np.flatnonzero(usable_hosts(instance))
    offer = offered(instance)
    keys = np.column_stack(
        [
            fleet.host_type[hosts],
            stay[hosts],
            problem.empty_mj[hosts],
            problem.boot_mj[hosts],
            offer[hosts],
        ]
    )
    _, group_of = np.unique(keys, axis=0, return_inverse=True)
    groups = []
    # Groups are many where VMs differ; curves are as few as types.
    curves: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    for g in range(int(group_of.max(initial=-1)) + 1):
        members = hosts[group_of == g]
        h = int(members[0])
        key = (int(fleet.host_type[h]), int(offer[h, 0]))
        if key not in curves:
            curves[key] = _breakpoints(problem, h, key[1])
        loads, power_mw = curves[key]
        groups.append(
            _Group(
                hosts=members,
                loads=loads,
                energy_mj=power_mw * problem.horizon_s + int(problem.boot_mj[h]) - int(stay[h]),
                empty_mj=int(problem.empty_mj[h]),
                capacity=offer[h],
            )
        )
    return groups


def _breakpoints(problem: Problem, h: int, top: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the loads (mcores) between which host ``h`` is taken as linear, and its mW there."""
    inner = [k * int(problem.cpu[h]) // 10 - int(problem.background[h]) for k in range(1, 10)]
    loads = np.array(sorted({0, top, *(x for x in inner if 0 < x < top)}))
    return loads, _from_below(curve_mw(problem, h, top), loads)


def _from_below(curve: NDArray[np.int64], loads: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the curve at the breakpoints, lowered until the lines between them are nowhere above it.

    Power is rounded to whole milliwatts and breakpoints to whole mcores, so the lines may stick out.
    """
    at = curve[loads].astype(np.float64)
    above = np.interp(np.arange(len(curve)), loads, at) - curve
    lowered: NDArray[np.float64] = at - max(0.0, float(above.max()))
    return lowered


class _Program:
    """The relaxation as a linear or mixed-integer program, rows and costs scaled to about 1."""

    def __init__(
        self, instance: Instance, groups: list[_Group], rows: list[CoverRow], *, integer: bool
    ) -> None:
        from ortools.linear_solver import pywraplp

        self._solver = pywraplp.Solver.CreateSolver("SCIP" if integer else "GLOP")
        self._infinity = self._solver.infinity()
        sizes = [float(abs(g.energy_mj).mean()) for g in groups]
        self.unit_mj = max(1.0, sum(sizes) / max(1, len(sizes)))
        active = instance.active
        self._covers = [self._cover(int(row.needs(instance)[active].sum())) for row in rows]
        self._load = self._cover(int(instance.load_mcores[active].sum()))
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        for group in groups:
            self._add(group, rows, integer=integer)

    def _cover(self, total: int) -> tuple[Any, int]:
        scale = max(1, total)
        return self._solver.Constraint(total / scale, self._infinity), scale

    def _add(self, group: _Group, rows: list[CoverRow], *, integer: bool) -> None:
        solver, n = self._solver, len(group.hosts)
        count = solver.Constraint(0.0, 0.0) if integer else solver.Constraint(0.0, float(n))
        if integer:
            count.SetCoefficient(solver.IntVar(0, n, ""), -1.0)
        offers = [int(row.offers(group.capacity[np.newaxis])[0]) for row in rows]
        for load, energy in zip(group.loads.tolist(), group.energy_mj.tolist(), strict=True):
            share = solver.NumVar(0, self._infinity, "")
            count.SetCoefficient(share, 1.0)
            self._objective.SetCoefficient(share, (energy - group.empty_mj) / self.unit_mj)
            self._load[0].SetCoefficient(share, load / self._load[1])
            for (cover, scale), offer in zip(self._covers, offers, strict=True):
                if offer:
                    cover.SetCoefficient(share, offer / scale)

    def solve(self, *, node_limit: int | None = None) -> bool:
        """Solve; say whether there is a solution."""
        if node_limit is not None:
            self._solver.SetSolverSpecificParametersAsString(f"limits/nodes = {node_limit}")
        return bool(self._solver.Solve() in {self._solver.OPTIMAL, self._solver.FEASIBLE})

    def multipliers(self) -> tuple[list[float], float]:
        """Return the dual value of each cover row and of the load, in mJ per unit."""
        covers = [c.dual_value() * self.unit_mj / scale for c, scale in self._covers]
        return covers, self._load[0].dual_value() * self.unit_mj / self._load[1]

    def best_bound_mj(self) -> float:
        """Return the bound of the integer program."""
        return float(self._objective.BestBound()) * self.unit_mj


def _integer_bound(
    instance: Instance,
    problem: Problem,
    groups: list[_Group],
    rows: list[CoverRow],
    *,
    node_limit: int,
) -> Bound | None:
    import ortools

    program = _Program(instance, groups, rows, integer=True)
    if not program.solve(node_limit=node_limit):
        return None
    value = program.best_bound_mj()
    total = int(problem.empty_mj.sum()) + int(instance.move_mj[instance.active].sum()) + value
    return Bound(
        name="on-off with whole hosts",
        # The solver works to a relative tolerance of 1e-6, which is given away here.
        value_mj=math.floor(total - 1e-6 * abs(value)),
        kind="attested",
        source=f"SCIP in OR-Tools {ortools.__version__}",  # type: ignore[attr-defined]
    )
