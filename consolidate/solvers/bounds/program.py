"""The on-off relaxation as a linear program, small whatever the number of VMs and hosts.

Hosts that differ only in the VMs they carry now are used in the order of what staying spares, so a few
stretches of that order stand for them; the stretch in which the program stops is cut into finer ones until it
is a single host. VMs of like sizes are lumped. Rows enter when a solution violates them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.bounds.integers import like_rows
from consolidate.solvers.bounds.lagrangian import TypePrices
from consolidate.solvers.bounds.rows import CoverRow
from consolidate.solvers.bounds.tables import HostTable, VmTable, points_mw, stay_mj, type_overhead
from consolidate.solvers.classes import by_direction

__all__ = ["LUMPS", "OnOffProgram", "lumps"]

#: VMs are lumped into at most this many classes; prices from lumps are good prices for single VMs.
LUMPS = 250
#: Stretches of like hosts at the start, and pieces that one is cut into.
_STRETCHES = 24
#: Above this many classes of hosts, those of a type count as alike.
_HOST_CLASSES = 200
_ROUNDS = 14
_ROWS_PER_ROUND = 6


@dataclass(slots=True, kw_only=True)
class _Stretch:
    """Hosts of a class that follow each other in the order of what staying spares."""

    hosts: NDArray[np.int64]  # positions in the order of the class
    fixed_mj: float  # mean: boot less empty less stay


@dataclass(slots=True)
class OnOffProgram:
    """Which hosts of which class are on, and on which type each lump of VMs is.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    vms
        Its classes of VMs.
    rows
        The rows that may enter.
    most_lumps
        VMs are lumped into at most this many classes.
    """

    instance: Instance
    problem: Problem
    vms: VmTable
    rows: list[CoverRow]
    most_lumps: int = LUMPS
    share: NDArray[np.float64] = field(init=False)
    """Which part of each host the last solution has on, shape ``(hosts,)``."""
    taken: NDArray[np.float64] = field(init=False)  # (types, rows, lumps)
    load: NDArray[np.float64] = field(init=False)
    allowed: NDArray[np.bool_] = field(init=False)  # (types, lumps)
    kind: NDArray[np.int64] = field(init=False)  # (host classes,)
    offers: NDArray[np.float64] = field(init=False)  # (host classes, rows)
    curves: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = field(init=False)
    members: list[NDArray[np.int64]] = field(init=False)  # hosts of each class in their order
    fixed: list[NDArray[np.float64]] = field(init=False)
    stretches: list[list[_Stretch]] = field(init=False)
    used: list[list[int]] = field(init=False)  # rows in use, per type

    def __post_init__(self) -> None:
        self.share = np.zeros(self.instance.fleet.n_hosts)
        self._lump_vms()
        self._order_hosts()
        plain = len(self.instance.resources)
        # With many resources, as demand curves have, plain rows have to earn their place as well.
        start = list(range(plain)) if plain <= _ROWS_PER_ROUND else [0]
        self.used = [list(start) for _ in self.instance.fleet.types]

    def prices(self) -> list[TypePrices] | None:
        """Return what the relaxation pays for rows and load at each type; ``None`` without a solution."""
        found = None
        for _ in range(_ROUNDS):
            solved = _solve(self)
            if solved is None:
                return found
            found, placed, on = solved
            refined = self._refine(on)
            if not self._add_rows(placed, on) and not refined:
                break
        return found

    def _lump_vms(self) -> None:
        table, instance = self.vms, self.instance
        lump_of = lumps(table, most=self.most_lumps)
        n_lumps = int(lump_of.max(initial=-1)) + 1
        n_types = len(instance.fleet.types)
        self.taken = np.zeros((n_types, len(self.rows), n_lumps))
        overheads = [type_overhead(instance, k) for k in range(n_types)]
        for k, overhead in enumerate(overheads):
            like = next(j for j in range(k + 1) if np.array_equal(overheads[j], overhead))
            if like < k:
                self.taken[k] = self.taken[like]
                continue
            for i, row in enumerate(self.rows):
                amounts = row.takes(table, overhead).astype(np.float64) * table.count
                self.taken[k, i] = np.bincount(lump_of, amounts, minlength=n_lumps)
        carried = table.load.astype(np.float64) * table.count
        self.load = np.bincount(lump_of, weights=carried, minlength=n_lumps).astype(np.float64)
        first = np.zeros(n_lumps, dtype=np.int64)
        first[lump_of[::-1]] = np.arange(len(lump_of))[::-1]
        self.allowed = table.allowed[:, first]

    def _order_hosts(self) -> None:
        table, problem = HostTable.of(self.instance, self.problem), self.problem
        class_of, kind, offer = table.class_of, table.kind, table.offer
        if len(kind) > _HOST_CLASSES:
            types, of_type = np.unique(kind[class_of], return_inverse=True)
            sums = np.stack([np.bincount(of_type, column[class_of]) for column in offer.T], axis=1)
            offer = (sums // np.bincount(of_type)[:, np.newaxis]).astype(np.int64)
            kind, fixed_of, class_of = types, table.fixed_mj[class_of], of_type
        else:
            fixed_of = table.fixed_mj[class_of]
        cost = fixed_of - stay_mj(self.instance)[table.hosts]
        self.kind = kind
        self.offers = np.zeros((len(kind), len(self.rows)))
        for i, row in enumerate(self.rows):
            self.offers[:, i] = row.offers(offer)
        self.members, self.fixed, self.curves, self.stretches = [], [], [], []
        curves: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        for c in range(len(kind)):
            mine = np.flatnonzero(class_of == c)
            mine = mine[np.lexsort((table.hosts[mine], cost[mine]))]
            key = (int(kind[c]), int(offer[c, 0]))
            if key not in curves:
                curves[key] = _breakpoints(problem, int(table.hosts[mine[0]]), key[1])
            loads, power_mw = curves[key]
            self.curves.append((loads, power_mw * float(problem.horizon_s)))
            self.members.append(table.hosts[mine])
            self.fixed.append(cost[mine].astype(np.float64))
            self.stretches.append(self._cut(c, np.arange(len(mine))))

    def _cut(self, c: int, positions: NDArray[np.int64]) -> list[_Stretch]:
        pieces = np.array_split(positions, min(_STRETCHES, len(positions)))
        return [_Stretch(hosts=p, fixed_mj=float(self.fixed[c][p].mean())) for p in pieces]

    def _refine(self, on: list[list[float]]) -> bool:
        """Cut the stretches that are partly on into finer ones; say whether there were any."""
        cut = False
        for c, amounts in enumerate(on):
            finer: list[_Stretch] = []
            for stretch, amount in zip(self.stretches[c], amounts, strict=True):
                n, fixed = len(stretch.hosts), self.fixed[c][stretch.hosts]
                self.share[self.members[c][stretch.hosts]] = np.clip(amount - np.arange(n), 0, 1)
                if 1e-9 < amount < n - 1e-9 and fixed[0] < fixed[-1]:
                    finer += self._cut(c, stretch.hosts)
                    cut = True
                else:
                    finer.append(stretch)
            self.stretches[c] = finer
        return cut

    def _add_rows(self, placed: NDArray[np.float64], on: list[list[float]]) -> bool:
        """Add the rows that a solution violates most, per type; say whether there were any.

        ``placed`` is the part of each lump at each type, shape ``(types, lumps)``.
        """
        amount = np.array([sum(amounts) for amounts in on])
        added = False
        for k, used in enumerate(self.used):
            offered = amount[self.kind == k] @ self.offers[self.kind == k]
            taken = self.taken[k] @ placed[k]
            over = (taken - offered) / np.maximum(taken, 1.0)
            over[used] = 0.0
            worst = np.argsort(-over, kind="stable")[:_ROWS_PER_ROUND]
            new = [int(i) for i in worst if over[i] > 1e-7]
            used += new
            added |= bool(new)
        return added


def lumps(table: VmTable, *, most: int = LUMPS) -> NDArray[np.int64]:
    """Return a lump per class of VMs: like directions of needs and load, the same types allowed."""
    n = len(table.count)
    if n <= most:
        return np.arange(n)
    apart = like_rows([*table.allowed.astype(np.int64), *table.member.astype(np.int64)])[1]
    amounts = np.column_stack([table.need, table.load]).astype(np.float64)
    return by_direction(amounts * table.count[:, np.newaxis], apart, most=most)


def _breakpoints(problem: Problem, h: int, top: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the loads (mcores) between which host ``h`` is taken as linear, and its mW there.

    Power is rounded to whole milliwatts and breakpoints to whole mcores, so the lines may stick out above
    the curve; the certificate is evaluated on the curve itself.
    """
    inner = [k * int(problem.cpu[h]) // 10 - int(problem.background[h]) for k in range(1, 10)]
    loads = np.array(sorted({0, top, *(x for x in inner if 0 < x < top)}))
    return loads, points_mw(problem, h, loads).astype(np.float64)


def _solve(
    p: OnOffProgram,
) -> tuple[list[TypePrices], NDArray[np.float64], list[list[float]]] | None:
    """Solve; return prices, where the lumps are, and how much of each stretch is on."""
    program = _Glop(p)
    return program.read() if program.solve() else None


class _Glop:
    """One linear program for GLOP, rows and costs scaled to about 1."""

    def __init__(self, p: OnOffProgram) -> None:
        from ortools.linear_solver import pywraplp

        self._p = p
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._infinity = self._solver.infinity()
        peaks = [float(np.abs(energy).max()) for _, energy in p.curves]
        self._unit_mj = max(1.0, *peaks) if peaks else 1.0
        # Every row says: what hosts of the type offer is at least what the VMs on it take.
        self._scale = np.maximum(p.taken.sum(axis=2), 1.0)
        self._load_scale = max(1.0, float(p.load.sum()))
        self._covers = [
            {i: self._solver.Constraint(0.0, self._infinity) for i in used} for used in p.used
        ]
        self._loads = [self._solver.Constraint(0.0, self._infinity) for _ in p.used]
        self._objective = self._solver.Objective()
        self._objective.SetMinimization()
        self._on = [self._add_hosts(c) for c in range(len(p.kind))]
        self._placed = {c: self._add_vms(c) for c in range(p.allowed.shape[1])}

    def _add_hosts(self, c: int) -> list[Any]:
        p, solver = self._p, self._solver
        k = int(p.kind[c])
        balance = solver.Constraint(0.0, 0.0)
        for load, energy in zip(*(a.tolist() for a in p.curves[c]), strict=True):
            part = solver.NumVar(0, self._infinity, "")
            balance.SetCoefficient(part, 1.0)
            self._objective.SetCoefficient(part, energy / self._unit_mj)
            self._loads[k].SetCoefficient(part, load / self._load_scale)
        offers = [(cover, p.offers[c, i] / self._scale[k, i]) for i, cover in self._covers[k].items()]
        stretches = []
        for stretch in p.stretches[c]:
            on = solver.NumVar(0, len(stretch.hosts), "")
            balance.SetCoefficient(on, -1.0)
            self._objective.SetCoefficient(on, stretch.fixed_mj / self._unit_mj)
            for cover, offer in offers:
                if offer:
                    cover.SetCoefficient(on, offer)
            stretches.append(on)
        return stretches

    def _add_vms(self, c: int) -> dict[int, Any]:
        p, solver = self._p, self._solver
        kinds = np.flatnonzero(p.allowed[:, c]).tolist()
        if not kinds:
            return {}
        everywhere = solver.Constraint(1.0, 1.0)
        parts = {}
        for k in kinds:
            part = parts[k] = solver.NumVar(0, self._infinity, "")
            everywhere.SetCoefficient(part, 1.0)
            self._loads[k].SetCoefficient(part, -p.load[c] / self._load_scale)
            for i, cover in self._covers[k].items():
                if p.taken[k, i, c]:
                    cover.SetCoefficient(part, -p.taken[k, i, c] / self._scale[k, i])
        return parts

    def solve(self) -> bool:
        """Solve; say whether there is a solution."""
        return bool(self._solver.Solve() == self._solver.OPTIMAL)

    def read(self) -> tuple[list[TypePrices], NDArray[np.float64], list[list[float]]]:
        p = self._p
        prices = []
        for k, covers in enumerate(self._covers):
            used = list(covers)
            per_unit = [covers[i].dual_value() * self._unit_mj / self._scale[k, i] for i in used]
            load = self._loads[k].dual_value() * self._unit_mj / self._load_scale
            prices.append(TypePrices.rounded([p.rows[i] for i in used], per_unit, load))
        placed = np.zeros(p.allowed.shape)
        for c, parts in self._placed.items():
            for k, part in parts.items():
                placed[k, c] = part.solution_value()
        return prices, placed, [[on.solution_value() for on in stretches] for stretches in self._on]
