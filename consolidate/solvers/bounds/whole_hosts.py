"""The on-off relaxation with whole hosts, where VMs are too many and too different to be counted.

What VMs take of each host type is left open; but whatever is asked per unit, all of them together pay at least
what the certified bound says they pay. Each such price is a cut, exact for the VMs as they are; cuts are added
for what the integer program makes of the ones so far (Kelley 1960, doi:10.1137/0108053).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.aggregate import convex_energy
from consolidate.solvers.bounds.integers import total
from consolidate.solvers.bounds.lagrangian import TypePrices, vms_pay
from consolidate.solvers.bounds.mip import Mip, Solution
from consolidate.solvers.bounds.on_off import Relaxation
from consolidate.solvers.bounds.program import lumps
from consolidate.solvers.bounds.rows import CoverRow, plain_rows
from consolidate.solvers.bounds.tables import HostTable, stay_mj, type_overhead
from consolidate.solvers.bounds.type_counts import attested

__all__ = ["whole_hosts_bound"]

_ROUNDS = 6
_NODES = 1_500
#: Hosts are counted where they are of at most so many classes.
_CLASSES = 100
#: Like hosts count in at most so many runs.
_RUNS = 1_000


def whole_hosts_bound(
    instance: Instance, problem: Problem, relaxation: Relaxation, *, time_limit_s: float | None = None
) -> Bound | None:
    """Return the bound with whole hosts, attested by the integer solver.

    ``None`` if it found none, or if hosts differ too much for counting them to be of use.
    """
    hosts = HostTable.of(instance, problem)
    if len(hosts.kind) > _CLASSES:
        return None
    master = _Master(instance, problem, relaxation, hosts)
    best = -math.inf
    for _ in range(_ROUNDS):
        solved = master.mip.solve(node_limit=_NODES, time_limit_s=time_limit_s)
        best = max(best, solved.bound)
        if solved.values is None or not master.cut_off(solved):
            break
    if math.isinf(best):
        return None
    homed = instance.active & (problem.home >= 0)
    base_mj = total(problem.empty_mj) + total(problem.move_mj[homed])
    return attested("on-off with whole hosts", base_mj + best)


@dataclass(slots=True)
class _Master:
    """Whole numbers of like hosts; what is taken of each row, and the load, per type."""

    instance: Instance
    problem: Problem
    relaxation: Relaxation
    hosts: HostTable
    mip: Mip = field(init=False)
    _rows: list[CoverRow] = field(init=False)
    _kinds: list[int] = field(init=False)
    _taken: dict[tuple[int, int], int] = field(init=False, default_factory=dict)  # (type, row)
    _load: dict[int, int] = field(init=False, default_factory=dict)
    _unit: dict[int, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        plain = plain_rows(self.instance)
        priced = [row for p in self.relaxation.prices for row, _ in p.rows]
        self._rows = plain + [row for row in dict.fromkeys(priced) if row not in plain]
        self._kinds = np.unique(self.hosts.kind[self.hosts.class_of]).tolist()
        self.mip = Mip(unit=max(1.0, float(self.problem.table.max()) * self.problem.horizon_s / 1_000))
        for k in self._kinds:
            self._add_kind(k)
        self._add_cut(list(self.relaxation.prices))
        for row in self._rows:
            self._add_cut([TypePrices(rows=((row, 1),), load=0) for _ in self.relaxation.prices])
        self._add_cut([TypePrices(rows=(), load=1) for _ in self.relaxation.prices])

    def _add_kind(self, k: int) -> None:
        mip, hosts, stay = self.mip, self.hosts, stay_mj(self.instance)
        classes = np.flatnonzero(hosts.kind == k).tolist()
        lifted: list[tuple[int, float]] = []
        offered: list[list[tuple[int, float]]] = [[] for _ in self._rows]
        for c in classes:
            members = hosts.hosts[hosts.class_of == c].tolist()
            on = self._count(np.sort(hosts.fixed_mj[c] - stay[members]))
            empty = np.zeros(0, dtype=np.int64)
            loads, energies = convex_energy(self.problem, members[0], empty, int(hosts.offer[c, 0]))
            parts = [mip.column(energy, math.inf) for energy in energies]
            mip.row([*((p, 1.0) for p in parts), (on, -1.0)], lower=0.0, upper=0.0)
            lifted += [(p, float(load)) for p, load in zip(parts, loads, strict=True)]
            for i, row in enumerate(self._rows):
                offer = float(row.offers(hosts.offer[[c]])[0])
                offered[i].append((on, offer))
        # Loads and amounts count in hosts' worth, so that all numbers are of about the same size.
        self._load[k] = mip.column(0.0, math.inf)
        unit = self._unit[self._load[k]] = max([1.0, *(load for _, load in lifted)])
        terms = [(p, load / unit) for p, load in lifted]
        mip.row([*terms, (self._load[k], -1.0)], lower=0.0, upper=0.0)
        for i in range(len(self._rows)):
            taken = self._taken[k, i] = mip.column(0.0, math.inf)
            unit = self._unit[taken] = max([1.0, *(offer for _, offer in offered[i])])
            mip.row([*((y, -o / unit) for y, o in offered[i]), (taken, 1.0)], upper=0.0)

    def _count(self, costs_mj: NDArray[np.int64]) -> int:
        """Add how many of some like hosts are on, the cheapest first; ``costs_mj`` ascend.

        Runs of hosts count at the cost of their cheapest, so that what is added is never too dear.
        """
        count = self.mip.column(0.0, len(costs_mj), whole=True)
        edges = np.unique(np.linspace(0, len(costs_mj), _RUNS + 1).astype(np.int64)).tolist()
        runs = [(self.mip.column(float(costs_mj[a]), b - a), 1.0) for a, b in pairwise(edges)]
        self.mip.row([*runs, (count, -1.0)], lower=0.0, upper=0.0)
        return count

    def _add_cut(self, prices: list[TypePrices]) -> float:
        """Add the cut of some prices and return what VMs pay at them."""
        paid = vms_pay(self.instance, self.relaxation.vms, prices)
        if paid > 0:
            self.mip.row([(c, a / paid) for c, a in self._terms(prices)], lower=1.0)
        return float(paid)

    def _terms(self, prices: list[TypePrices]) -> list[tuple[int, float]]:
        terms: list[tuple[int, int]] = []
        for k in self._kinds:
            amounts = [(self._taken[k, self._rows.index(row)], a) for row, a in prices[k].rows]
            terms += [*amounts, (self._load[k], prices[k].load)]
        return [(column, a * self._unit[column]) for column, a in terms]

    def cut_off(self, solved: Solution) -> bool:
        """Add a cut that a solution violates; say whether there was one."""
        assert solved.values is not None
        prices = self._separating(solved.values)
        if prices is None:
            return False
        value = sum(a * float(solved.values[c]) for c, a in self._terms(prices))
        return self._add_cut(prices) > value * (1 + 1e-7)

    def _separating(self, values: NDArray[np.float64]) -> list[TypePrices] | None:
        """Return prices at which the VMs pay more than a solution lets them, if lumps of them do."""
        vms = self.relaxation.vms
        lump_of = lumps(vms)
        n_lumps = int(lump_of.max(initial=-1)) + 1
        first = np.zeros(n_lumps, dtype=np.int64)
        first[lump_of[::-1]] = np.arange(len(lump_of))[::-1]
        program = Mip()
        placed: dict[int, list[tuple[int, float]]] = {c: [] for c in range(n_lumps)}
        short = program.column(1.0, math.inf)
        limits: list[tuple[int, int, float]] = []
        for k in self._kinds:
            overhead = type_overhead(self.instance, k)
            usable = vms.allowed[k][first]
            part = {c: program.column(0.0, math.inf) for c in np.flatnonzero(usable).tolist()}
            for c, column in part.items():
                placed[c].append((column, 1.0))
            amounts = [row.takes(vms, overhead).astype(float) for row in self._rows]
            for i, amount in enumerate([*amounts, vms.load.astype(float)]):
                lumped = np.bincount(lump_of, amount * vms.count, minlength=n_lumps)
                column = self._taken[k, i] if i < len(self._rows) else self._load[k]
                unit = max(1.0, float(lumped.sum()))
                terms = [(part[c], lumped[c] / unit) for c in part]
                program.row(
                    [*terms, (short, -1.0)], upper=float(values[column]) * self._unit[column] / unit
                )
                limits.append((k, i, unit))
        for terms in placed.values():
            if terms:
                program.row(terms, lower=1.0, upper=1.0)
        solved = program.solve_relaxed()
        if solved.duals is None or solved.value < 1e-9:
            return None
        scale = 2.0**40
        found = {
            (k, i): max(0, round(-float(dual) / unit * scale))
            for (k, i, unit), dual in zip(limits, solved.duals, strict=False)
        }
        return [
            TypePrices(
                rows=tuple((row, a) for i, row in enumerate(self._rows) if (a := found.get((k, i), 0))),
                load=found.get((k, len(self._rows)), 0),
            )
            for k in range(len(self.relaxation.prices))
        ]
