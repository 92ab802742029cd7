"""The default policy: several starts, the best of them improved, exact where that is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from consolidate._kernels.local_search import total_energy
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Clock, Proposal
from consolidate.solvers.drain import Drain, search
from consolidate.solvers.exact import CpSat, n_booleans
from consolidate.solvers.greedy import GREEDY
from consolidate.solvers.keep import Keep

__all__ = ["Auto"]

#: Every member only builds its start; the search comes once, from the best of them.
_NO_SEARCH = Budget(iterations=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """Try the constructive policies and draining, improve the best, and prove small instances.

    Parameters
    ----------
    exact_limit
        Largest number of VM-host pairs for which the exact model is tried.
    hosts_per_ruin
        As in :class:`consolidate.solvers.drain.Drain`.
    """

    name: ClassVar[str] = "auto"
    rules: ClassVar[frozenset[str]] = frozenset({"spread", "fence", "ban", "root"})
    exact_limit: int = 800
    hosts_per_ruin: int = 3

    def __post_init__(self) -> None:
        Drain(hosts_per_ruin=self.hosts_per_ruin)  # raises where a search with it would fail

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Return the best placement that any member finds."""
        problem = kernel_problem(instance)
        starts: list[tuple[int, str, Proposal]] = []
        unplaced: tuple[int, ...] = ()
        for policy in (
            Keep(),
            Drain(hosts_per_ruin=self.hosts_per_ruin),
            *(member() for member in GREEDY),
        ):
            if clock.is_over() and starts:
                break
            progress(f"start: {policy.name}")
            proposal = policy.propose(instance, _NO_SEARCH, seed=seed, clock=clock, progress=progress)
            if proposal.host_of is None:
                unplaced = unplaced or proposal.unplaced
                continue
            value = int(total_energy(problem, kernel_state(instance, proposal.host_of)))
            starts.append((value, policy.name, proposal))
        small = n_booleans(instance, problem) <= self.exact_limit
        if not starts and not (small and not clock.is_over()):
            return Proposal(host_of=None, stopped="no member found room", unplaced=unplaced)
        best = None
        if starts:
            _, name, proposal = min(starts, key=lambda start: start[0])
            state = kernel_state(instance, proposal.host_of)
            stopped = search(
                instance,
                problem,
                state,
                budget=budget,
                seed=seed,
                clock=clock,
                progress=progress,
                width=self.hosts_per_ruin,
            )
            best = Proposal(host_of=state.host_of, stopped=f"{stopped}, started from {name}")
        if small and not clock.is_over():
            progress("exact model")
            return CpSat().improve(instance, problem, best, budget=budget, seed=seed, clock=clock)
        assert best is not None
        return best
