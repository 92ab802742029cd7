"""How many VMs have to move at least if only so many hosts carry VMs afterwards.

A VM can stay only if its host is among those in use, so the question is which hosts keep the most VMs while
their room covers all needs: a knapsack cover. Multipliers of its linear relaxation, evaluated in whole numbers,
prove what can stay at most; whole hosts prove more, on the word of the integer solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.bounds.integers import Whole, like_rows, plus, times, total
from consolidate.solvers.bounds.mip import Mip, Solution, highs_source
from consolidate.solvers.bounds.rows import CoverRow, cover_rows
from consolidate.solvers.bounds.tables import VmTable, offered, usable_hosts

__all__ = ["MovesBound", "fewest_moves_bound"]

#: Multipliers are whole numbers of 1/SCALE.
_SCALE = 2**20
#: Groups of like hosts up to which whole hosts are searched, and how long.
_GROUPS, _NODES = 3_000, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesBound:
    """A lower bound on what moves cost.

    Parameters
    ----------
    value
        Moves, or their energy in mJ.
    kind
        ``certified`` when computed in whole numbers from multipliers, ``attested`` when it rests on the word
        of the solver named in ``source``.
    source
        Solver and version.
    feasible
        Whether the hosts have room for all VMs as far as this relaxation sees; if not, ``value`` is 0 and
        no placement has so few hosts in use.
    """

    value: int
    kind: Literal["certified", "attested"]
    source: str
    feasible: bool = True


def fewest_moves_bound(
    instance: Instance, problem: Problem, n_hosts_on: int, *, by_energy: bool = False
) -> MovesBound:
    """Return how many VMs, or how much energy of moves, any placement on so many hosts costs at least.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    n_hosts_on
        How many hosts carry VMs at most.
    by_energy
        Whether to bound the energy of the moves instead of their number.
    """
    weight = problem.move_mj if by_energy else np.ones_like(problem.move_mj)
    homed = np.flatnonzero(instance.active & (problem.home >= 0))
    may_stay = homed[problem.masks[problem.mask_of[homed], problem.home[homed]]]
    stay = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
    np.add.at(stay, problem.home[may_stay], weight[may_stay])
    everything = total(weight[homed])
    cover = _Cover(instance, stay)
    relaxed = cover.program(n_hosts_on).mip.solve_relaxed()
    if relaxed.infeasible:
        return MovesBound(value=0, kind="attested", source="GLOP (OR-Tools)", feasible=False)
    most = cover.most_staying(n_hosts_on, relaxed)
    certified = MovesBound(
        value=max(0, everything - most),
        kind="certified",
        source="multipliers from GLOP (OR-Tools); value recomputed in integers",
    )
    if len(cover.group_stay) > _GROUPS:
        return certified
    whole = cover.program(n_hosts_on).mip.solve(node_limit=_NODES)
    if whole.infeasible:
        return MovesBound(value=0, kind="attested", source=highs_source(), feasible=False)
    # Costs are stays, negated; tolerances may hide a part in a million.
    staying = math.floor(-whole.bound + 1e-6 * max(1.0, abs(whole.bound)))
    if everything - staying <= certified.value:
        return certified
    return MovesBound(value=everything - staying, kind="attested", source=highs_source())


class _Program:
    """Whole numbers of hosts of each group; rows of about 1."""

    def __init__(self, cover: _Cover, n_hosts_on: int) -> None:
        self.mip = Mip(unit=max(1.0, float(cover.group_stay.max(initial=1))))
        self.on = [
            self.mip.column(-float(stay), float(n), whole=True)
            for stay, n in zip(cover.group_stay.tolist(), cover.group_size.tolist(), strict=True)
        ]
        self.mip.row([(y, 1.0) for y in self.on], upper=float(n_hosts_on))
        for need, offer in zip(cover.need, cover.offer, strict=True):
            if need > 0:
                terms = [(y, o / need) for y, o in zip(self.on, offer.tolist(), strict=True)]
                self.mip.row(terms, lower=1.0)


class _Cover:
    """What hosts keep and offer, and what all VMs take; like hosts grouped."""

    def __init__(self, instance: Instance, stay: NDArray[np.int64]) -> None:
        hosts = np.flatnonzero(usable_hosts(instance))
        offer = offered(instance)[hosts]
        first, _, self.group_size = like_rows([stay[hosts], *offer.T])
        self.group_stay = stay[hosts][first]
        vms = VmTable.of(instance)
        overhead = instance.vm_overhead[hosts].min(axis=0, initial=np.iinfo(np.int64).max)
        self.need: list[int] = []
        self.offer: list[Whole] = []
        for row in _useful(cover_rows(instance), vms, overhead, offer[first]):
            self.need.append(sum(int(t) * n for t, n in _taken(row, vms, overhead)))
            self.offer.append(row.offers(offer[first]))

    def program(self, n_hosts_on: int) -> _Program:
        return _Program(self, n_hosts_on)

    def most_staying(self, n_hosts_on: int, relaxed: Solution) -> int:
        """Return what can stay at most, in whole numbers, at the multipliers of the relaxation."""
        assert relaxed.duals is not None
        price = max(0, round(-float(relaxed.duals[0]) * _SCALE))
        gain: Whole = times(self.group_stay, _SCALE)
        value = price * n_hosts_on
        duals = iter(relaxed.duals[1:])
        for need, offer in zip(self.need, self.offer, strict=True):
            if need > 0:
                a = max(0, round(float(next(duals)) / need * _SCALE))
                value -= a * need
                gain = plus(gain, times(offer, a))
        gain = plus(gain, np.full(len(gain), -price))
        chosen = np.maximum(gain, 0)
        value += sum(int(g) * int(n) for g, n in zip(chosen, self.group_size, strict=True))
        return value // _SCALE


def _taken(row: CoverRow, vms: VmTable, overhead: NDArray[np.int64]) -> list[tuple[int, int]]:
    return list(zip(row.takes(vms, overhead).tolist(), vms.count.tolist(), strict=True))


def _useful(
    rows: list[CoverRow], vms: VmTable, overhead: NDArray[np.int64], offer: NDArray[np.int64]
) -> list[CoverRow]:
    """Keep plain rows, and others that ask for a larger part of what all hosts offer than those do."""
    n_plain = offer.shape[1]
    asked = []
    for row in rows:
        need = float(np.dot(row.takes(vms, overhead).astype(float), vms.count))
        asked.append(need / max(1.0, float(row.offers(offer).astype(float).sum())))
    most = max(asked[:n_plain], default=0.0)
    return [row for i, row in enumerate(rows) if i < n_plain or asked[i] > 0.8 * most]
