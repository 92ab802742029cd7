"""Which hosts to keep on: a small program over kinds of hosts and classes of VMs.

Hosts of a kind differ in what it costs to empty them, so the best of them are taken first; only how many of
each kind is a decision. VMs may be split over kinds. That leaves one whole number per kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_state
from consolidate.solvers.bounds.tables import units
from consolidate.solvers.classes import alike, vm_classes

__all__ = ["OnSet", "OnSets"]

#: Hosts of a kind are lumped into so many steps of rising cost.
_STEPS = 60
_WHOLE = 1e-6
_CLASSES = 200
#: Nodes of the integer search: a count, so that results repeat. Few whole numbers need no cuts, and rows this
#: dense tell propagation nothing: both take longer than the search itself.
_SEARCH = """
limits/nodes = 200
separating/maxrounds = 0
separating/maxroundsroot = 0
propagating/maxrounds = 0
propagating/maxroundsroot = 0
presolving/maxrounds = 0
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSet:
    """Hosts to keep on, those with the flattest power curve first, and what the program says it costs.

    Parameters
    ----------
    hosts
        Shape ``(on,)``.
    kind
        Kind of each, shape ``(on,)``; -1 for one that only keeps who is there.
    plan
        What the VMs on each kind take, shape ``(kinds, resources)``.
    value_mj : mJ
        Energy, without what does not depend on the choice.
    """

    hosts: NDArray[np.int64]
    kind: NDArray[np.int64]
    plan: NDArray[np.float64]
    value_mj: float

    def stayers(self, instance: Instance, host_of: NDArray[np.int32]) -> tuple[State, NDArray[np.int64]]:
        """Return the state with the VMs alone that are on these hosts, and who has to leave the others."""
        is_on = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
        is_on[self.hosts] = True
        stays = (host_of >= 0) & is_on[host_of]
        state = kernel_state(instance, np.where(stays, host_of, -1).astype(np.int32))
        return state, np.flatnonzero(instance.active & ~stays)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnSets:
    """The program, ready to be solved for any slack.

    Parameters
    ----------
    hosts
        Hosts of each kind that may be switched, cheapest for their room first.
    unit
        What all needs are multiples of, by resource.
    cost_mj
        Energy over the horizon of each of them when on, before any load, less the moves it spares.
    room
        What each offers, in whole multiples of what all needs are multiples of.
    forced
        Hosts of each kind, the first ones, that are on whatever happens.
    closed
        Hosts that only keep who is there.
    slope_mj
        Energy of a mcore over the horizon, by kind.
    taken
        What a class of VMs takes on each kind, shape ``(classes, kinds, resources)``.
    load
        Load of each class.
    allowed
        Whether some host of a kind takes a class, shape ``(classes, kinds)``.
    """

    hosts: list[NDArray[np.int64]]
    unit: NDArray[np.int64]
    cost_mj: list[NDArray[np.int64]]
    room: list[NDArray[np.int64]]
    forced: list[int]
    closed: NDArray[np.int64]
    slope_mj: NDArray[np.float64]
    taken: NDArray[np.float64]
    load: NDArray[np.float64]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, instance: Instance, problem: Problem, host_of: NDArray[np.int32]) -> OnSets:
        """Set the program up for a placement in which every VM may stay where it is.

        Parameters
        ----------
        host_of
            Host of each VM, -1 for none, shape ``(vms,)``.
        """
        active = np.flatnonzero(instance.active)
        here = active[host_of[active] >= 0]
        choices = problem.masks.sum(axis=1)[problem.mask_of[here]]
        is_forced, occupied = (np.zeros(instance.fleet.n_hosts, dtype=np.bool_) for _ in range(2))
        is_forced[host_of[here[choices <= 1]]] = True
        occupied[host_of[here]] = True
        is_open = instance.fleet.may_receive() & problem.masks.any(axis=0)
        is_closed = ~is_open & occupied
        movers = np.setdiff1d(active, here[is_closed[host_of[here]]], assume_unique=True)
        cost = _cost_mj(problem, here[host_of[here] == problem.home[here]])
        hosts = _kinds(instance, movers, is_open, is_forced, cost)
        slope = problem.horizon_s * (problem.table[:, 10] - problem.table[:, 0]) / problem.cpu
        unit = units(instance)
        taken, load, allowed = _demand(instance, problem, movers, hosts)
        return cls(
            hosts=hosts,
            unit=unit,
            cost_mj=[cost[h] for h in hosts],
            room=[instance.capacity[h] // unit * unit for h in hosts],
            forced=[int(is_forced[h].sum()) for h in hosts],
            closed=np.flatnonzero(is_closed),
            slope_mj=np.array([slope[h].mean() for h in hosts]),
            taken=taken,
            load=load,
            allowed=allowed,
        )

    def choose(self, slack: float, *, n_on: int | None = None, rounded: bool = False) -> OnSet | None:
        """Return the hosts to keep on so that a part ``slack`` of the room stays free.

        Parameters
        ----------
        slack
            From 0 to below 1; the room that packing may waste. Less than one unit of all that is needed counts
            as nothing.
        n_on
            How many hosts are on; ``None`` leaves that open.
        rounded
            Whether parts of hosts are rounded up instead of searching whole numbers: a third of the time, up
            to a host of each kind too many. Goes with an open ``n_on`` only.

        Returns
        -------
        on_set
            ``None`` when there is not enough room.
        """
        program = _Program(self, slack, n_on, rounded=rounded)
        counts = program.solve()
        if counts is None:
            return None
        flattest = np.argsort(self.slope_mj, kind="stable").tolist()
        kept = [self.hosts[k][: counts[k]] for k in flattest]
        return OnSet(
            hosts=np.concatenate([*kept, self.closed]),
            kind=np.repeat([*flattest, -1], [*(counts[k] for k in flattest), len(self.closed)]),
            plan=program.plan(),
            value_mj=program.value_mj(),
        )


def _cost_mj(problem: Problem, at_home: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what each host costs when on, before any load, less the moves that it spares."""
    cost = problem.table[:, 0] * problem.horizon_s + problem.boot_mj - problem.empty_mj
    np.subtract.at(cost, problem.home[at_home], problem.move_mj[at_home])
    return cost


def _kinds(
    instance: Instance,
    movers: NDArray[np.int64],
    is_open: NDArray[np.bool_],
    is_forced: NDArray[np.bool_],
    cost_mj: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    """Return the open hosts of each kind, those that must be on first, then the cheapest for their room."""
    offered = np.maximum(instance.capacity.sum(axis=0), 1).astype(np.float64)
    worth = instance.capacity @ (instance.need[movers].sum(axis=0) / offered / offered)
    ratio = cost_mj / np.maximum(worth, 1e-30)
    kind_of = alike([instance.fleet.host_type, instance.fleet.powered_on])
    hosts = []
    for kind in np.unique(kind_of[is_open]):
        mine = np.flatnonzero(is_open & (kind_of == kind))
        hosts.append(mine[np.lexsort((mine, ratio[mine], ~is_forced[mine]))])
    return hosts


def _demand(
    instance: Instance,
    problem: Problem,
    movers: NDArray[np.int64],
    hosts: list[NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return what each class of VMs takes on each kind of hosts, its load, and whether it may be there."""
    class_of = vm_classes(instance, problem, movers, most=_CLASSES)
    n = int(class_of.max(initial=-1)) + 1
    first = np.zeros(n, dtype=np.int64)
    first[class_of[::-1]] = movers[::-1]
    columns = [*instance.need[movers].T, instance.load_mcores[movers], np.ones(len(movers))]
    sums = np.array([np.bincount(class_of, weights=column, minlength=n) for column in columns])
    need, load, count = sums[:-2].T, sums[-2], sums[-1]
    taken = np.zeros((n, len(hosts), need.shape[1]))
    allowed = np.zeros((n, len(hosts)), dtype=np.bool_)
    for k, mine in enumerate(hosts):
        taken[:, k] = need + count[:, np.newaxis] * instance.vm_overhead[mine].min(axis=0)
        allowed[:, k] = np.any(problem.masks[:, mine], axis=1)[problem.mask_of[first]]
    return taken, load, allowed


class _Program:
    """Whole hosts per kind, parts of VM classes: SCIP with a limit on nodes, or GLOP and rounding up."""

    def __init__(self, sets: OnSets, slack: float, n_on: int | None, *, rounded: bool = False) -> None:
        from ortools.linear_solver import pywraplp

        self._rounded = rounded
        self._solver = pywraplp.Solver.CreateSolver("GLOP" if rounded else "SCIP")
        self._sets = sets
        wasted = slack * sets.taken.min(axis=1, initial=np.inf).sum(axis=0)
        self._part = np.where(wasted < sets.unit, 1.0, 1.0 - slack)
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        scale = sum(float(np.abs(c).sum()) for c in sets.cost_mj)
        self._unit_mj = scale / 1e6 + 1.0
        self._counts: list[Any] = []
        self._rows = [self._add_kind(k) for k in range(len(sets.hosts))]
        if n_on is not None:
            free = n_on - len(sets.closed)
            total = self._solver.Constraint(float(free), float(free))
            for count in self._counts:
                total.SetCoefficient(count, 1.0)
        self._parts = [self._add_class(c) for c in range(len(sets.load))]

    def _add_kind(self, k: int) -> list[tuple[Any, float]]:
        solver, sets = self._solver, self._sets
        n = len(sets.hosts[k])
        count = solver.Var(sets.forced[k], n, not self._rounded, "")
        self._counts.append(count)
        link = solver.Constraint(0.0, 0.0)
        link.SetCoefficient(count, -1.0)
        rows = []
        for r in range(sets.room[k].shape[1]):
            scale = max(1.0, float(sets.room[k][:, r].mean()))
            rows.append((solver.Constraint(-solver.infinity(), 0.0), scale))
        edges = np.unique(np.linspace(0, n, min(n, _STEPS) + 1).astype(np.int64))
        size = np.diff(edges)
        cost = np.add.reduceat(sets.cost_mj[k].astype(np.float64), edges[:-1]) / size / self._unit_mj
        room = np.add.reduceat(sets.room[k].astype(np.float64), edges[:-1]) / size[:, np.newaxis]
        offered = -self._part * room / [scale for _, scale in rows]
        for n_hosts, mj, offers in zip(size.tolist(), cost.tolist(), offered.tolist(), strict=True):
            part = solver.NumVar(0.0, n_hosts, "")
            link.SetCoefficient(part, 1.0)
            self._objective.SetCoefficient(part, mj)
            for (row, _), offer in zip(rows, offers, strict=True):
                row.SetCoefficient(part, offer)
        return rows

    def _add_class(self, c: int) -> dict[int, Any]:
        solver, sets = self._solver, self._sets
        whole = solver.Constraint(1.0, 1.0)
        parts = {}
        for k in np.flatnonzero(sets.allowed[c]).tolist():
            part = parts[k] = solver.NumVar(0.0, 1.0, "")
            whole.SetCoefficient(part, 1.0)
            energy = float(sets.slope_mj[k] * sets.load[c])
            self._objective.SetCoefficient(part, energy / self._unit_mj)
            for r, (row, scale) in enumerate(self._rows[k]):
                if sets.taken[c, k, r]:
                    row.SetCoefficient(part, float(sets.taken[c, k, r]) / scale)
        return parts

    def solve(self) -> list[int] | None:
        """Return how many hosts of each kind are on."""
        if not self._rounded:
            self._solver.SetSolverSpecificParametersAsString(_SEARCH)
        if self._solver.Solve() not in {self._solver.OPTIMAL, self._solver.FEASIBLE}:
            return None
        # What is whole but for the tolerance of the solver is not rounded up.
        return [math.ceil(count.solution_value() - _WHOLE) for count in self._counts]

    def plan(self) -> NDArray[np.float64]:
        """Return what the VMs on each kind take, shape ``(kinds, resources)``."""
        taken = np.zeros(self._sets.taken.shape[1:])
        for c, parts in enumerate(self._parts):
            for k, part in parts.items():
                taken[k] += part.solution_value() * self._sets.taken[c, k]
        return taken

    def value_mj(self) -> float:
        """Return the value of the program, without what does not depend on the choice."""
        return float(self._objective.Value()) * self._unit_mj
