"""The on-off relaxation: which hosts of which type are on, and which type each VM is on.

It forgets which host of a type a VM is on, and lets VMs be split. Its linear program gives the prices of the
certified bound; with whole hosts on or off it gives a stronger bound that rests on the word of the integer
solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.lagrangian import (
    TypePrices,
    allowed_types,
    certified_bound,
    cost_ratios,
    curve_mw,
    stay_mj,
    usable_hosts,
)
from consolidate.solvers.bounds.rows import CoverRow, cover_rows, offered, type_overhead

__all__ = ["host_ratios", "lower_bounds"]

#: The integer relaxation may visit this many nodes, divided by the number of host groups: a count, so that
#: results repeat. Many groups mean many hosts, and then whole hosts hardly differ from parts of them.
_NODES = 8_000
_FEWEST_NODES = 60
#: VMs are lumped into at most this many classes; prices from lumps are good prices for single VMs.
_CLASSES = 300


def lower_bounds(instance: Instance, problem: Problem) -> tuple[Bound, ...]:
    """Return the certified bound and, where it is stronger, the attested one; best first."""
    parts = _Parts.of(instance, problem)
    prices = _prices(parts)
    bounds = [certified_bound(instance, problem, prices)]
    nodes = _NODES // max(1, len(parts.groups))
    if nodes >= _FEWEST_NODES:
        attested = _integer_bound(instance, problem, parts, prices, node_limit=nodes)
        if attested is not None and attested.value_mj > bounds[0].value_mj:
            bounds.insert(0, attested)
    return tuple(bounds)


def host_ratios(instance: Instance, problem: Problem) -> NDArray[np.float64]:
    """Return the cost of each host over the worth of its room in the relaxation: low ones are used first."""
    return cost_ratios(instance, problem, _prices(_Parts.of(instance, problem)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Hosts that the relaxation cannot tell apart."""

    kind: int
    n_hosts: int
    loads: NDArray[np.int64]  # breakpoints of the energy curve, mcores
    energy_mj: NDArray[np.float64]  # carrying VMs at each breakpoint, stay bonus deducted
    empty_mj: int
    offer: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What the relaxation is made of."""

    rows: list[CoverRow]
    groups: list[_Group]
    n_kinds: int
    allowed: NDArray[np.bool_]  # (classes, kinds)
    taken: NDArray[np.float64]  # (classes, kinds, rows): by all VMs of the class
    load: NDArray[np.float64]  # (classes,)

    @classmethod
    def of(cls, instance: Instance, problem: Problem) -> _Parts:
        rows = cover_rows(instance)
        allowed = allowed_types(instance)
        class_of = _classes(instance, allowed)
        n_classes, n_kinds = int(class_of.max(initial=-1)) + 1, len(instance.fleet.types)
        active = instance.active
        taken = np.zeros((n_classes, n_kinds, len(rows)))
        for k in range(n_kinds):
            need = instance.need + type_overhead(instance, k)
            for i, row in enumerate(rows):
                np.add.at(taken[:, k, i], class_of, row.takes(instance, need)[active])
        load = np.zeros(n_classes)
        np.add.at(load, class_of, instance.load_mcores[active])
        first = np.zeros(n_classes, dtype=np.int64)
        first[class_of[::-1]] = np.arange(len(class_of))[::-1]
        return cls(
            rows=rows,
            groups=_groups(instance, problem),
            n_kinds=n_kinds,
            allowed=allowed[:, active].T[first],
            taken=taken,
            load=load,
        )


def _classes(instance: Instance, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a class number per active VM: like needs, like load, the same types allowed."""
    active = instance.active
    amounts = np.column_stack([instance.need, instance.load_mcores])[active]
    for fineness in (None, 4.0, 2.0, 1.0, 0.5):
        # Without rounding first: where there are few distinct VMs, classes are exact.
        cells = amounts if fineness is None else np.round(np.log2(amounts + 1) * fineness)
        keys = np.column_stack([cells, allowed[:, active].T])
        classes: NDArray[np.int64] = np.unique(keys, axis=0, return_inverse=True)[1]
        if int(classes.max(initial=-1)) < _CLASSES:
            break
    return classes


def _groups(instance: Instance, problem: Problem) -> list[_Group]:
    fleet, stay, offer = instance.fleet, stay_mj(instance), offered(instance)
    hosts = np.flatnonzero(usable_hosts(instance))
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
                kind=key[0],
                n_hosts=len(members),
                loads=loads,
                energy_mj=power_mw * problem.horizon_s + int(problem.boot_mj[h]) - int(stay[h]),
                empty_mj=int(problem.empty_mj[h]),
                offer=offer[h],
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

    def __init__(self, parts: _Parts, rows: list[list[int]], *, integer: bool) -> None:
        """``rows`` lists the rows in use, per host type."""
        from ortools.linear_solver import pywraplp

        self._solver = pywraplp.Solver.CreateSolver("SCIP" if integer else "GLOP")
        self._infinity = self._solver.infinity()
        sizes = [float(abs(g.energy_mj).mean()) for g in parts.groups]
        self.unit_mj = max(1.0, sum(sizes) / max(1, len(sizes)))
        self._parts = parts
        # Every row says: what hosts of the type offer is at least what the VMs on it take.
        scale = np.maximum(parts.taken.sum(axis=0), 1.0)
        self._covers = [
            {i: (self._solver.Constraint(0.0, self._infinity), scale[k, i]) for i in rows[k]}
            for k in range(parts.n_kinds)
        ]
        load_scale = max(1.0, float(parts.load.sum()))
        self._loads = [
            (self._solver.Constraint(0.0, self._infinity), load_scale) for _ in range(parts.n_kinds)
        ]
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        for group in parts.groups:
            self._add_hosts(group, integer=integer)
        for c in range(len(parts.load)):
            self._add_vms(c)

    def _add_hosts(self, group: _Group, *, integer: bool) -> None:
        solver = self._solver
        if integer:
            count = solver.Constraint(0.0, 0.0)
            count.SetCoefficient(solver.IntVar(0, group.n_hosts, ""), -1.0)
        else:
            count = solver.Constraint(0.0, float(group.n_hosts))
        offers = {
            i: int(self._parts.rows[i].offers(group.offer[np.newaxis])[0])
            for i in self._covers[group.kind]
        }
        load_row, load_scale = self._loads[group.kind]
        for load, energy in zip(group.loads.tolist(), group.energy_mj.tolist(), strict=True):
            share = solver.NumVar(0, self._infinity, "")
            count.SetCoefficient(share, 1.0)
            self._objective.SetCoefficient(share, (energy - group.empty_mj) / self.unit_mj)
            load_row.SetCoefficient(share, load / load_scale)
            for i, (cover, scale) in self._covers[group.kind].items():
                if offers[i]:
                    cover.SetCoefficient(share, offers[i] / scale)

    def _add_vms(self, c: int) -> None:
        solver, parts = self._solver, self._parts
        kinds = np.flatnonzero(parts.allowed[c]).tolist()
        if not kinds:
            return
        placed = solver.Constraint(1.0, 1.0)
        for k in kinds:
            part = solver.NumVar(0, self._infinity, "")
            placed.SetCoefficient(part, 1.0)
            row, scale = self._loads[k]
            row.SetCoefficient(part, -parts.load[c] / scale)
            for i, (cover, scale) in self._covers[k].items():
                if parts.taken[c, k, i]:
                    cover.SetCoefficient(part, -parts.taken[c, k, i] / scale)

    def solve(self, *, node_limit: int | None = None) -> bool:
        """Solve; say whether there is a solution."""
        if node_limit is not None:
            self._solver.SetSolverSpecificParametersAsString(f"limits/nodes = {node_limit}")
        return bool(self._solver.Solve() in {self._solver.OPTIMAL, self._solver.FEASIBLE})

    def prices_mj(self, k: int) -> tuple[dict[int, float], float]:
        """Return the dual value of each row and of the load at a host type, in mJ per unit."""
        covers = {i: c.dual_value() * self.unit_mj / scale for i, (c, scale) in self._covers[k].items()}
        row, scale = self._loads[k]
        return covers, row.dual_value() * self.unit_mj / scale

    def best_bound_mj(self) -> float:
        """Return the bound of the integer program."""
        return float(self._objective.BestBound()) * self.unit_mj


def _prices(parts: _Parts) -> list[TypePrices]:
    """Return what the relaxation pays per unit of each row and per mcore of load, at each type."""
    every = list(range(len(parts.rows)))
    program = _Program(parts, [every] * parts.n_kinds, integer=False)
    # Any prices give a bound; without a solution there are none to suggest.
    if not program.solve():
        return [TypePrices(rows=(), load=0)] * parts.n_kinds
    found = []
    for k in range(parts.n_kinds):
        covers, load = program.prices_mj(k)
        found.append(TypePrices.rounded(parts.rows, [covers[i] for i in every], load))
    return found


def _integer_bound(
    instance: Instance,
    problem: Problem,
    parts: _Parts,
    prices: list[TypePrices],
    *,
    node_limit: int,
) -> Bound | None:
    import ortools

    # Rows that the linear program does not use seldom help, and they cost the integer solver most.
    plain = len(instance.resources)
    used = [
        [i for i, row in enumerate(parts.rows) if i < plain or any(row == r for r, _ in p.rows)]
        for p in prices
    ]
    program = _Program(parts, used, integer=True)
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
