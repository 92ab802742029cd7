"""Type counts: how many VMs of each class are on each kind of host, in whole numbers.

Where VMs come in few sizes, this forgets only which host of a kind a VM is on. What it proves is a bound as
strong as the on-off relaxation with whole hosts and whole VMs; its hosts and counts are those of a very good
placement whenever the VMs of each kind can be packed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Bound
from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.mip import Mip, highs_source

__all__ = ["HIDDEN", "TypeCounts", "attested", "type_counts"]

#: Part of a value that the solver's tolerances may hide; it is given away.
HIDDEN = 1e-7
_NODES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCounts:
    """Outcome of the program.

    Parameters
    ----------
    bound_mj : mJ
        No placement costs less; infinite if the program has no solution.
    on
        Hosts in use, as positions among the usable ones; empty without a solution.
    counts
        VMs of each class on each kind of host, shape ``(k, f)``.
    """

    bound_mj: float
    on: NDArray[np.int64]
    counts: NDArray[np.int64]


def type_counts(
    aggregate: Aggregate,
    *,
    hosts_on: Mapping[int, tuple[int, int]] | None = None,
    node_limit: int = _NODES,
    time_limit_s: float | None = None,
) -> TypeCounts:
    """Solve the program.

    Parameters
    ----------
    aggregate
        Classes and kinds.
    hosts_on
        Least and largest number of hosts in use, per kind, where that is limited.
    node_limit
        Nodes of the search.
    time_limit_s : s
        Wall time, if that is limited as well.
    """
    program = _Program(aggregate)
    for k, (least, most) in (hosts_on or {}).items():
        program.mip.row([(y, 1.0) for y in program.on_of_kind(k)], lower=least, upper=most)
    solved = program.mip.solve(node_limit=node_limit, time_limit_s=time_limit_s)
    n_kinds, n_classes = aggregate.allowed.shape
    counts = np.zeros((n_kinds, n_classes), dtype=np.int64)
    on = np.zeros(0, dtype=np.int64)
    bound_mj = aggregate.base_mj + solved.bound
    if solved.values is not None:
        for (k, f), x in program.placed.items():
            counts[k, f] = round(float(solved.values[x]))
        on = np.flatnonzero(solved.values[program.on] > 0.5)
    return TypeCounts(bound_mj=bound_mj, on=on, counts=counts)


def attested(name: str, value_mj: float) -> Bound:
    """Return a bound that rests on the word of HiGHS, less what its tolerances may hide."""
    return Bound(
        name=name,
        value_mj=math.floor(value_mj - HIDDEN * abs(value_mj)),
        kind="attested",
        source=highs_source(),
    )


class _Program:
    """Binary hosts, whole counts; loads and VMs that stay are continuous."""

    def __init__(self, a: Aggregate) -> None:
        self._a = a
        self.mip = Mip(unit=max([1.0, *(energy[-1] for _, energy in a.curves)]) / 1_000)
        self.on = [self.mip.column(float(a.fixed_mj[k]), 1, whole=True) for k in a.kind]
        self.placed: dict[tuple[int, int], int] = {}
        n_kinds, n_classes = a.allowed.shape
        for k in range(n_kinds):
            self._add_kind(k)
        for f in range(n_classes):
            terms = [(self.placed[k, f], 1.0) for k in range(n_kinds) if a.allowed[k, f]]
            self.mip.row(terms, lower=float(a.count[f]), upper=float(a.count[f]))

    def on_of_kind(self, k: int) -> list[int]:
        return [self.on[h] for h in np.flatnonzero(self._a.kind == k).tolist()]

    def _add_kind(self, k: int) -> None:
        a, mip = self._a, self.mip
        hosts = np.flatnonzero(a.kind == k).tolist()
        classes = np.flatnonzero(a.allowed[k]).tolist()
        for f in classes:
            x = self.placed[k, f] = mip.column(0.0, float(a.count[f]), whole=True)
            here = [h for h in hosts if a.residents[h, f]]
            if here and a.move_mj[f]:
                stays = mip.column(-float(a.move_mj[f]), float(a.count[f]))
                mip.row([(stays, 1.0), (x, -1.0)], upper=0.0)
                present = [(self.on[h], -float(a.residents[h, f])) for h in here]
                mip.row([(stays, 1.0), *present], upper=0.0)
        for r, capacity in enumerate(a.capacity[k].tolist()):
            # Rows of about 1: what a host offers is 1.
            taken = [(self.placed[k, f], a.need[k, f, r] / max(1, capacity)) for f in classes]
            offered = float(capacity > 0)
            mip.row([*taken, *((self.on[h], -offered) for h in hosts)], upper=0.0)
        loads, energies = a.curves[k]
        parts = [mip.column(energy, math.inf) for energy in energies]
        mip.row([*((p, 1.0) for p in parts), *((self.on[h], -1.0) for h in hosts)], lower=0.0, upper=0.0)
        unit = float(max(loads[-1], 1))
        carried = [(self.placed[k, f], -a.load[k, f] / unit) for f in classes]
        lifted = [(p, load / unit) for p, load in zip(parts, loads, strict=True)]
        mip.row([*carried, *lifted], lower=0.0, upper=0.0)
