"""The counts model: how many VMs of each class are on each host, and how many of them stay there.

VMs of a class are interchangeable, so numbers say as much as names: a million booleans become some thousand
whole numbers without symmetries between VMs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.mip import Mip, Solution

__all__ = ["HostCounts"]


class HostCounts:
    """The program over some hosts, for all VMs or some of them.

    Parameters
    ----------
    aggregate
        Classes and kinds.
    hosts
        Hosts that may be in use, as positions among the usable ones.
    kept
        Those of them that are in use in any case.
    count
        VMs of each class to place; all by default.
    hosts_on
        Least and largest number of hosts in use, per kind, where that is limited.
    left_mj : mJ
        Cost of leaving out a VM of each class; none may be left out by default.
    """

    def __init__(
        self,
        aggregate: Aggregate,
        hosts: NDArray[np.int64],
        *,
        kept: NDArray[np.int64],
        count: NDArray[np.int64] | None = None,
        hosts_on: Mapping[int, tuple[int, int]] | None = None,
        left_mj: NDArray[np.float64] | None = None,
    ) -> None:
        self._a = a = aggregate
        self._count = a.count if count is None else count
        self._hosts = hosts
        self.mip = Mip(unit=max([1.0, *(energy[-1] for _, energy in a.curves)]) / 1_000)
        self._x: dict[tuple[int, int], int] = {}
        self.on: dict[int, int] = {}
        always = set(kept.tolist())
        for h in hosts.tolist():
            self._add_host(h, kept=h in always)
        self._may_leave = left_mj is not None
        for f, n in enumerate(self._count.tolist()):
            terms = [(self._x[h, f], 1.0) for h in hosts.tolist() if (h, f) in self._x]
            if left_mj is not None:
                terms.append((self.mip.column(float(left_mj[f]), n), 1.0))
            self.mip.row(terms, lower=n, upper=n)
        for k, (least, most) in (hosts_on or {}).items():
            of_kind = hosts[a.kind[hosts] == k].tolist()
            self.mip.row([(self.on[h], 1.0) for h in of_kind], lower=least, upper=most)

    def _add_host(self, h: int, *, kept: bool) -> None:
        a, mip, k = self._a, self.mip, int(self._a.kind[h])
        on = self.on[h] = mip.column(float(a.fixed_mj[k]), 1, lower=float(kept), whole=True)
        capacity = a.capacity[k]
        for f in np.flatnonzero(a.allowed[k] & (self._count > 0)).tolist():
            taken = a.need[k, f]
            most = int((capacity[taken > 0] // taken[taken > 0]).min(initial=self._count[f]))
            x = self._x[h, f] = mip.column(0.0, most, whole=True)
            here = int(min(a.residents[h, f], most))
            if here and a.move_mj[f]:
                stays = mip.column(-float(a.move_mj[f]), here)
                mip.row([(stays, 1.0), (x, -1.0)], upper=0.0)
                mip.row([(stays, 1.0), (on, -float(here))], upper=0.0)
        mine = [f for f in range(len(self._count)) if (h, f) in self._x]
        for r, offered in enumerate(capacity.tolist()):
            terms = [(self._x[h, f], a.need[k, f, r] / max(1, offered)) for f in mine]
            mip.row([*terms, (on, -float(offered > 0))], upper=0.0)
        loads, energies = a.curves[k]
        parts = [mip.column(energy, math.inf) for energy in energies]
        mip.row([*((p, 1.0) for p in parts), (on, -1.0)], lower=0.0, upper=0.0)
        unit = float(max(loads[-1], 1))
        carried = [(self._x[h, f], -a.load[k, f] / unit) for f in mine]
        lifted = [(p, load / unit) for p, load in zip(parts, loads, strict=True)]
        mip.row([*carried, *lifted], lower=0.0, upper=0.0)

    def counts(self, solved: Solution) -> NDArray[np.int64] | None:
        """Return VMs per usable host and class, or ``None`` where a solution does not hold in whole numbers.

        A solver rounds; that everybody is placed and fits is looked at again.
        """
        if solved.values is None:
            return None
        a = self._a
        counts = np.zeros(a.residents.shape, dtype=np.int64)
        for (h, f), x in self._x.items():
            counts[h, f] = round(float(solved.values[x]))
        need = a.need[a.kind[self._hosts]]
        used = np.einsum("hf,hfr->hr", counts[self._hosts], need)
        fits = bool((used <= a.capacity[a.kind[self._hosts]]).all())
        placed = counts.sum(axis=0)
        enough = (placed <= self._count).all() if self._may_leave else (placed == self._count).all()
        return counts if fits and bool(enough) else None
