"""The constructive policies: every VM is placed anew, one by one.

They are the field's baselines. Hosts are filled in the order of their energy per unit of room;
afterwards identical hosts swap their names so that as many VMs as possible stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from consolidate._kernels import packing
from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Clock, Proposal
from consolidate.solvers.orders import host_order, resource_weights, vm_order
from consolidate.solvers.relabel import relabel

__all__ = [
    "GREEDY",
    "BestFitDecreasing",
    "DotProduct",
    "FirstFitDecreasing",
    "PowerAwareBestFitDecreasing",
]

_RULES = frozenset({"spread", "fence", "ban", "root"})


class _Greedy:
    """Order, pack, swap the names of identical hosts."""

    __slots__ = ()

    def propose(
        self,
        instance: Instance,
        budget: Budget,  # noqa: ARG002 - part of the protocol; one pass needs no budget
        *,
        seed: int,  # noqa: ARG002 - nothing random here
        clock: Clock,  # noqa: ARG002 - one pass is not interrupted
        progress: Progress,  # noqa: ARG002 - too short to report on
    ) -> Proposal:
        """Place every active VM anew."""
        problem, state = kernel_problem(instance), kernel_state(instance)
        failed = self._pack(instance, problem, state)
        if failed:
            missing = np.flatnonzero(instance.active & (state.host_of < 0))
            return Proposal(
                host_of=None, stopped="no room left", unplaced=tuple(int(v) for v in missing)
            )
        return Proposal(host_of=relabel(instance, problem, state.host_of), stopped="one pass")

    def _pack(self, instance: Instance, problem: Problem, state: State) -> int:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFitDecreasing(_Greedy):
    """First fit decreasing (Johnson 1973), sizes weighted by scarcity as by Panigrahy et al. 2011."""

    name: ClassVar[str] = "ffd"
    rules: ClassVar[frozenset[str]] = _RULES

    def _pack(self, instance: Instance, problem: Problem, state: State) -> int:
        order, hosts = vm_order(instance, problem), host_order(instance, problem)
        return int(packing.first_fit(problem, state, order, hosts))


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFitDecreasing(_Greedy):
    """Best fit decreasing: the host in use that is left with the least room takes the VM."""

    name: ClassVar[str] = "bfd"
    rules: ClassVar[frozenset[str]] = _RULES

    def _pack(self, instance: Instance, problem: Problem, state: State) -> int:
        order, hosts = vm_order(instance, problem), host_order(instance, problem)
        weight = resource_weights(instance)
        return int(packing.best_fit(problem, state, order, hosts, weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class DotProduct(_Greedy):
    """Dot-product heuristic of Panigrahy, Talwar, Uyeda, Wieder (Microsoft Research 2011).

    Hosts are filled one after the other, each time with the VM whose needs are best aligned with the
    room that is left.
    """

    name: ClassVar[str] = "dot"
    rules: ClassVar[frozenset[str]] = _RULES

    def _pack(self, instance: Instance, problem: Problem, state: State) -> int:
        order, hosts = vm_order(instance, problem), host_order(instance, problem)
        weight = 1.0 / np.maximum(instance.capacity.mean(axis=0), 1.0)
        return int(packing.dot_product(problem, state, order, hosts, weight))


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAwareBestFitDecreasing(_Greedy):
    """Power-aware best fit decreasing (Beloglazov, Buyya 2012, doi:10.1002/cpe.1867), corrected.

    Each VM goes where the energy rises least. Unlike the published program, switching a host on costs
    its whole idle power and the tentative load of a host counts.
    """

    name: ClassVar[str] = "pabfd"
    rules: ClassVar[frozenset[str]] = _RULES

    def _pack(self, instance: Instance, problem: Problem, state: State) -> int:
        order, hosts = vm_order(instance, problem), host_order(instance, problem)
        return int(packing.least_energy(problem, state, order, hosts))


GREEDY = (FirstFitDecreasing, BestFitDecreasing, DotProduct, PowerAwareBestFitDecreasing)
