"""The on-off relaxation: which hosts of which type are on, and which type each VM is on.

It forgets which host of a type a VM is on, and lets VMs and hosts be split. Everything that it says of an
instance is computed once: prices, the certified bound, and what each host costs for the worth of its room.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.integers import plus, times
from consolidate.solvers.bounds.lagrangian import SCALE, TypePrices, certified_bound, host_terms
from consolidate.solvers.bounds.program import LUMPS, OnOffProgram
from consolidate.solvers.bounds.rows import cover_rows
from consolidate.solvers.bounds.tables import VmTable

__all__ = ["Relaxation", "relax"]

#: Lumps of VMs where time is short.
_QUICK_LUMPS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """What the on-off relaxation says of an instance.

    Parameters
    ----------
    bound
        The certified bound at ``prices``.
    prices
        What room and load are worth at each host type.
    ratios
        What using each host costs, as a share of what its room is worth, shape ``(hosts,)``. The relaxation
        uses the hosts below 1, parts of those at 1, and none of those above.
    share
        Which part of each host is on, 0 to 1, shape ``(hosts,)``.
    vms
        The classes of VMs.
    """

    bound: Bound
    prices: tuple[TypePrices, ...]
    ratios: NDArray[np.float64]
    share: NDArray[np.float64]
    vms: VmTable

    @property
    def hosts_on(self) -> float:
        """How many hosts are on, parts counted as parts."""
        return float(self.share.sum())


def relax(instance: Instance, problem: Problem, *, quick: bool = False) -> Relaxation:
    """Solve the on-off relaxation; ``quick`` sees VMs in few lumps, for a bound that is a little weaker.

    Where it has no solution, all prices are 0: they give a bound as well, though a weak one.
    """
    vms = VmTable.of(instance)
    program = OnOffProgram(
        instance=instance,
        problem=problem,
        vms=vms,
        rows=cover_rows(instance),
        most_lumps=_QUICK_LUMPS if quick else LUMPS,
    )
    prices = program.prices() or [TypePrices(rows=(), load=0) for _ in instance.fleet.types]
    terms = host_terms(instance, problem, prices)
    spent = plus(plus(terms.hosting, terms.worth), -times(problem.empty_mj, SCALE))
    return Relaxation(
        bound=certified_bound(instance, problem, prices, vms=vms, terms=terms),
        prices=tuple(prices),
        ratios=spent.astype(np.float64) / np.maximum(terms.worth, 1).astype(np.float64),
        share=program.share,
        vms=vms,
    )
