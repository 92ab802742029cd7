"""An instance as a packing problem: like VMs are a class of items, like hosts a type of bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.bounds.integers import like_rows
from consolidate.solvers.bounds.tables import curve_mw
from consolidate.solvers.orders import host_classes
from consolidate.solvers.patterns.problem import BinType, PackingProblem

__all__ = ["PackingView"]

#: Where on its way to full load the slope of a host's power is taken as cost of load.
_TYPICAL_LOAD = 0.85


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackingView:
    """The packing problem, and who is in which class.

    Parameters
    ----------
    problem
        Costs are mJ above those of empty hosts; moves are not among them.
    vms, vm_class
        The active VMs and the class of each.
    hosts
        The hosts of each bin type.
    """

    problem: PackingProblem
    vms: NDArray[np.int64]
    vm_class: NDArray[np.int64]
    hosts: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, instance: Instance, problem: Problem) -> PackingView:
        """Collect the classes."""
        vms = np.flatnonzero(instance.active)
        columns = [*instance.need[vms].T, instance.load_mcores[vms], problem.mask_of[vms]]
        first, vm_class, count = like_rows([c.astype(np.int64) for c in columns])
        typical = vms[first]
        class_of = host_classes(instance, problem)
        groups = [np.flatnonzero(class_of == c) for c in range(int(class_of.max()) + 1)]
        allowed = [problem.masks[problem.mask_of[typical], int(g[0])] for g in groups]
        kept = [(g, a) for g, a in zip(groups, allowed, strict=True) if a.any()]
        return cls(
            problem=PackingProblem(
                demand=count, bins=tuple(_bin(instance, problem, g, a, typical) for g, a in kept)
            ),
            vms=vms,
            vm_class=vm_class,
            hosts=tuple(g for g, _ in kept),
        )


def _bin(
    instance: Instance,
    problem: Problem,
    hosts: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    typical: NDArray[np.int64],
) -> BinType:
    h = int(hosts[0])
    base_mj, slope_mj = _line(problem, h, int(instance.capacity[h, 0]))
    load = instance.load_mcores[typical] + int(problem.per_vm[h])
    return BinType(
        capacity=instance.capacity[h].copy(),
        cost=base_mj + int(problem.boot_mj[h]) - int(problem.empty_mj[h]),
        quantity=len(hosts),
        item_cost=np.round(slope_mj * load).astype(np.int64),
        allowed=allowed,
        size=instance.need[typical] + instance.vm_overhead[h],
    )


def _line(problem: Problem, h: int, top: int) -> tuple[int, float]:
    """Return energy (mJ) without load, and per mcore, of a line below the power of host ``h``."""
    curve = curve_mw(problem, h, top).astype(np.float64) * problem.horizon_s
    step = max(1, int(problem.cpu[h]) // 10)
    low = max(0, min(int(_TYPICAL_LOAD * top) // step * step, top - step))
    high = min(top, low + step)
    slope = max(0.0, (curve[high] - curve[low]) / max(1, high - low))
    return int((curve - slope * np.arange(len(curve))).min()), slope
