"""The constructive policies: every VM is placed anew, one by one.

They are the field's baselines. Hosts are filled in the order of their energy per unit of room;
afterwards identical hosts swap their names so that as many VMs as possible stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels import bin_centric, packing
from consolidate._kernels.centric import Cells, pack_by_host
from consolidate._kernels.power_aware import least_energy
from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal
from consolidate.solvers.bounds import relax
from consolidate.solvers.classes import alike, vm_cells
from consolidate.solvers.clock import Clock
from consolidate.solvers.orders import host_order, power_classes, resource_weights, vm_order
from consolidate.solvers.relabel import relabel

__all__ = [
    "GREEDY",
    "BestFitDecreasing",
    "Centric",
    "DotProduct",
    "FirstFitDecreasing",
    "NormBased",
    "PowerAwareBestFitDecreasing",
]

#: Scarcity counts with this power, and a VM's size this much beside its alignment, as where hosts are kept.
_SCARCITY = 4.0
_SIZE_BONUS = 0.05


class _Greedy:
    """Order, pack, swap the names of identical hosts."""

    __slots__ = ()

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,  # noqa: ARG002 - nothing random here
        clock: Clock,  # noqa: ARG002 - one pass is not interrupted
        progress: Progress,  # noqa: ARG002 - too short to report on
    ) -> Proposal:
        """Place every active VM anew."""
        problem = kernel_problem(instance)
        state = kernel_state(instance, problem=problem)
        relaxation = relax(instance, problem, quick=budget.bounds == "quick")
        order, hosts = vm_order(instance, problem), host_order(instance, problem, relaxation)
        failed = self._pack(instance, problem, state, order, hosts)
        if failed:
            missing = np.flatnonzero(instance.active & (state.host_of < 0))
            return Proposal(
                host_of=None, stopped="no room left", unplaced=tuple(int(v) for v in missing)
            )
        return Proposal(
            host_of=relabel(instance, problem, state.host_of),
            stopped="one pass",
            bounds=(relaxation.bound,),
        )

    def _pack(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFitDecreasing(_Greedy):
    """First fit decreasing (Johnson 1973), sizes weighted by scarcity as by Panigrahy et al. 2011."""

    name: ClassVar[str] = "ffd"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,  # noqa: ARG002 - the problem says all
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        return int(packing.first_fit(problem, state, order, hosts))


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFitDecreasing(_Greedy):
    """Best fit decreasing: the host in use that is left with the least room takes the VM."""

    name: ClassVar[str] = "bfd"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        return int(packing.best_fit(problem, state, order, hosts, resource_weights(instance)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DotProduct(_Greedy):
    """Dot-product heuristic of Panigrahy, Talwar, Uyeda, Wieder (Microsoft Research 2011).

    Hosts are filled one after the other, each time with the VM whose needs are best aligned with the
    room that is left.
    """

    name: ClassVar[str] = "dot"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        weight = 1.0 / np.maximum(instance.capacity.mean(axis=0), 1.0)
        classes = _like_vms(problem, order)
        n_classes = int(classes.max(initial=-1)) + 1
        return int(bin_centric.fill_by_product(problem, state, order, hosts, weight, classes, n_classes))


@dataclass(frozen=True, slots=True, kw_only=True)
class NormBased(_Greedy):
    """Norm-based greedy of Panigrahy, Talwar, Uyeda, Wieder (Microsoft Research 2011).

    Hosts are filled one after the other, each time with the VM that leaves the shortest vector of room:
    the square norm, weighted by how much of the fleet's capacity is asked for.
    """

    name: ClassVar[str] = "l2"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        capacity = np.maximum(instance.capacity.mean(axis=0), 1.0)
        asked = resource_weights(instance) * np.maximum(instance.capacity.sum(axis=0), 1)
        weight = np.sqrt(asked) / capacity
        classes = _like_vms(problem, order)
        n_classes = int(classes.max(initial=-1)) + 1
        return int(bin_centric.fill_by_norm(problem, state, order, hosts, weight, classes, n_classes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Centric(_Greedy):
    """Bin-centric packing by cosine, with resources weighted by how scarce they have become.

    Unlike ``dot`` it looks at cells of like VMs, and what is passed over too long is asked for again.
    """

    name: ClassVar[str] = "centric"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        shares = instance.need[order] / np.maximum(instance.capacity.mean(axis=0), 1.0)
        cells = vm_cells(shares, problem.mask_of[order].astype(np.int64))
        by_cell = np.lexsort((order, -shares.sum(axis=1), cells))
        numbers = np.arange(int(cells.max(initial=-1)) + 1)
        waiting = Cells(
            members=order[by_cell],
            need=instance.need[order[by_cell]],
            first=np.searchsorted(cells[by_cell], numbers),
            last=np.searchsorted(cells[by_cell], numbers, side="right"),
        )
        plan = instance.need[order].sum(axis=0).astype(np.float64)
        room = state.room[hosts].sum(axis=0).astype(np.float64)
        pack_by_host(problem, state, waiting, hosts, plan, room, _SCARCITY, _SIZE_BONUS)
        # A host is left when the first few of each cell do not fit; one that others fit on may be among them.
        left = order[state.host_of[order] < 0]
        return int(packing.first_fit(problem, state, left, hosts))


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAwareBestFitDecreasing(_Greedy):
    """Power-aware best fit decreasing (Beloglazov, Buyya 2012, doi:10.1002/cpe.1867), corrected.

    Each VM goes where the energy rises least. Unlike the published program, switching a host on costs
    its whole idle power and the tentative load of a host counts.
    """

    name: ClassVar[str] = "pabfd"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def _pack(
        self,
        instance: Instance,  # noqa: ARG002 - the problem says all
        problem: Problem,
        state: State,
        order: NDArray[np.int64],
        hosts: NDArray[np.int64],
    ) -> int:
        return int(least_energy(problem, state, order, hosts, power_classes(problem)))


GREEDY = (
    FirstFitDecreasing,
    BestFitDecreasing,
    DotProduct,
    NormBased,
    Centric,
    PowerAwareBestFitDecreasing,
)


def _like_vms(problem: Problem, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each VM: same needs, same possible hosts, and no rule besides that names it."""
    apart = np.where(problem.limits.named[order], order, -1)
    return alike([*problem.need[order].T, problem.mask_of[order], apart])
