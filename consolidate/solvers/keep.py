"""Keep the best hosts with the VMs that are on them, and pack the others into the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels import local_search, packing
from consolidate._kernels.problem import Problem, State
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Clock, Proposal
from consolidate.solvers.drain import repair
from consolidate.solvers.orders import host_order, resource_weights, vm_order, vm_sizes

__all__ = ["Keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Keep as few hosts as possible, the best by reduced cost, and move only what is on the others.

    The duals of the on-off relaxation rank the hosts. For the first ``m`` of them, VMs that are on one
    stay; all others are packed into the room that is left, by best fit or by dot product. The least ``m``
    with room for all is searched by bisection.
    """

    name: ClassVar[str] = "keep"
    rules: ClassVar[frozenset[str]] = frozenset({"spread", "fence", "ban", "root"})

    def propose(
        self,
        instance: Instance,
        budget: Budget,  # noqa: ARG002 - part of the protocol; a dozen passes need no budget
        *,
        seed: int,  # noqa: ARG002 - nothing random here
        clock: Clock,  # noqa: ARG002 - a dozen passes are not interrupted
        progress: Progress,  # noqa: ARG002 - too short to report on
    ) -> Proposal:
        """Search the least number of hosts to keep."""
        problem = kernel_problem(instance)
        start = kernel_state(instance, instance.current.host_of)
        missing = repair(instance, problem, start)
        if missing:
            return Proposal(host_of=None, stopped="no room left", unplaced=tuple(missing))
        hosts = host_order(instance, problem)
        low, high = 0, len(hosts)
        best = start
        while low + 1 < high:
            middle = (low + high) // 2
            state = _packed(instance, problem, start.host_of, hosts[:middle])
            if state is None:
                low = middle
            else:
                high, best = middle, state
        size, order = vm_sizes(instance), vm_order(instance, problem)
        local_search.improve(problem, best, size, order, True, 20)
        return Proposal(host_of=best.host_of, stopped=f"{high} hosts kept")


def _packed(
    instance: Instance, problem: Problem, host_of: NDArray[np.int32], kept: NDArray[np.int64]
) -> State | None:
    """Pack the VMs of all other hosts into the kept ones; ``None`` when some find no room."""
    order = vm_order(instance, problem)
    is_kept = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    is_kept[kept] = True
    stays = (host_of >= 0) & is_kept[host_of]
    evicted = order[~stays[order]]
    weight = resource_weights(instance)
    for pack in (packing.best_fit, packing.dot_product):
        state = kernel_state(instance, np.where(stays, host_of, -1).astype(np.int32))
        if int(pack(problem, state, evicted, kept, weight)) == 0:
            return state
    return None
