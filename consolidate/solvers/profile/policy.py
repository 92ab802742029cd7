"""The policy for demand curves: level them over some hosts, relieve what is too full, take fewer hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.profile.bound import slot_bound
from consolidate.solvers.profile.search import Search
from consolidate.solvers.relabel import relabel

__all__ = ["Profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Pack demand curves onto as few hosts as possible, the best by energy per room first.

    All VMs are levelled over a number of hosts so that the hosts' curves are alike, capacity exceeded where
    need be; then VMs are exchanged between overloaded and other hosts until nothing is exceeded. The number
    of hosts is bisected between the count that the fullest slot proves and the least that was packed. VMs on
    hosts that are kept stay at first; where moves cost nothing, all are placed anew.
    """

    name: ClassVar[str] = "profile"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Search the least number of hosts that carry all curves."""
        problem = kernel_problem(instance)
        search = Search.of(instance, problem, budget=budget, seed=seed, clock=clock, progress=progress)
        search.run(start=search.residents())
        if search.best is None:
            return Proposal(host_of=None, stopped=search.stopped, unplaced=search.unplaced)
        renamed = relabel(instance, problem, search.best)
        bound = slot_bound(instance, problem)
        bounds = () if bound is None else (bound,)
        return Proposal(host_of=renamed, stopped=search.stopped, bounds=bounds)
