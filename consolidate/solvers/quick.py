"""One choice of the hosts that stay on, one pass over who has to leave the others: a good answer in no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from consolidate._kernels.local_search import total_energy
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.evicted import pack_evicted
from consolidate.solvers.onset import OnSets
from consolidate.solvers.polish import polish
from consolidate.solvers.repair import repair
from consolidate.solvers.squeezing import open_hosts

__all__ = ["Quick"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quick:
    """Choose the hosts to keep on once, and pack what is on the others by alignment.

    The first step of ``keep``, without its tables of patterns, its exchanges for the last VMs and its further
    choices of hosts: for whoever decides every few minutes, or has no second to spare.

    Parameters
    ----------
    slack
        Part of the room that packing may waste, from 0 to below 1.
    """

    name: ClassVar[str] = "quick"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    slack: float = 0.006

    def propose(
        self,
        instance: Instance,
        budget: Budget,  # noqa: ARG002 - part of the protocol; one pass needs no budget
        *,
        seed: int,  # noqa: ARG002 - nothing is random
        clock: Clock,
        progress: Progress,  # noqa: ARG002 - it is over before one could read it
    ) -> Proposal:
        """Return what the one pass makes of the present placement, or that one, mended, if it is better."""
        problem = kernel_problem(instance)
        start = kernel_state(instance, instance.current.host_of)
        missing = repair(instance, problem, start)
        if missing:
            return Proposal(host_of=None, stopped="no room left", unplaced=tuple(missing))
        sets = OnSets.of(instance, problem, start.host_of)
        on_set = sets.choose(self.slack, rounded=True) or sets.choose(0.0, rounded=True)
        if on_set is None or clock.is_over():
            return Proposal(host_of=start.host_of, stopped="no choice of hosts")
        state, evicted = on_set.stayers(instance, start.host_of)
        pack_evicted(
            instance, problem, state, evicted, on_set, send_away=None, tables=False, clock=clock
        )
        left = np.flatnonzero(instance.active & (state.host_of < 0))
        if len(open_hosts(instance, problem, state, left)):
            return Proposal(host_of=start.host_of, stopped="the pass left VMs without a host")
        polish(instance, problem, state, clock=clock, rounds=1)
        better = total_energy(problem, state) < total_energy(problem, start)
        return Proposal(
            host_of=state.host_of if better else start.host_of,
            stopped=f"{len(on_set.hosts)} hosts kept, one pass"
            if better
            else "no better after one pass",
        )
