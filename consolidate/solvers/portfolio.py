"""The default policy: the members that suit an instance, one after the other, the best result kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.local_search import total_energy
from consolidate._kernels.problem import Problem
from consolidate.model import OPTIMAL_GAP, Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, AnytimePolicy, Budget, Policy, Proposal, StepByStep
from consolidate.solvers.clock import Clock
from consolidate.solvers.counts.policy import Counts, countable
from consolidate.solvers.drain import Drain, search
from consolidate.solvers.exact import CpSat, n_booleans
from consolidate.solvers.greedy import GREEDY
from consolidate.solvers.keep import Keep
from consolidate.solvers.lns import PartSize, improve_by_parts
from consolidate.solvers.patterns.policy import Patterns
from consolidate.solvers.profile import Profile, is_wide

__all__ = ["Auto"]

#: Every member only builds its start; the search comes once, from the best of them.
_NO_SEARCH = Budget(iterations=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto(StepByStep):
    """Keep the right hosts, then improve; patterns, counts and the exact model where they apply.

    Demand curves go to ``profile``. Otherwise ``keep`` comes first: it is good at any size. The smallest
    instances are solved exactly, few kinds of VMs on counts, new VMs on few types of hosts by patterns. What
    is small and not proven optimal by then is improved by ruin and recreate, and then by exact repacking of
    a few hosts at a time. The constructive policies help where no other member finds room for all VMs.

    Parameters
    ----------
    exact_limit
        Largest number of VM-host pairs for which the exact model is tried.
    search_limit
        Largest number of VMs for ruin and recreate and what follows.
    hosts_per_ruin
        As in :class:`consolidate.solvers.drain.Drain`.
    """

    name: ClassVar[str] = "auto"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    exact_limit: int = 800
    search_limit: int = 6_000
    hosts_per_ruin: int = 3

    def __post_init__(self) -> None:
        Drain(hosts_per_ruin=self.hosts_per_ruin)  # raises where a search with it would fail

    def proposals(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[Proposal]:
        """Yield the best so far, member after member."""
        work = _Work(self, instance, budget, seed, clock, progress)
        if is_wide(instance):
            yield from work.of(Profile())
        else:
            yield from work.of(Keep())
            yield from work.special()
            is_open = not work.is_proven and work.refutation is None
            is_small = int(instance.active.sum()) <= self.search_limit
            if is_open and (is_small or work.best is None):
                yield from work.starts()
            if is_open and is_small:
                yield from work.ruins()
                yield from work.parts()
        if work.latest is not None and clock.is_over():
            yield replace(work.latest, stopped=f"time limit; {work.latest.stopped}")
        if work.best is None:
            nothing = Proposal(host_of=None, stopped="no room left", unplaced=work.unplaced)
            yield work.refutation or nothing


class _Work:
    """One run of the portfolio: what the members have found so far."""

    def __init__(
        self,
        policy: Auto,
        instance: Instance,
        budget: Budget,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self.policy, self.instance, self.budget = policy, instance, budget
        self.seed, self.clock, self.progress = seed, clock, progress
        self.problem = kernel_problem(instance)
        self.best: NDArray[np.int32] | None = None
        self.best_mj = 0
        self.found_by = ""
        self.unplaced: tuple[int, ...] = ()
        self.is_proven = False
        self.refutation: Proposal | None = None
        self.latest: Proposal | None = None

    def take(self, name: str, proposal: Proposal) -> Iterator[Proposal]:
        """Yield the best placement if the proposal improves on it, or brings a proof."""
        host_of = proposal.host_of
        if host_of is None:
            self.unplaced = self.unplaced or proposal.unplaced
            return
        value = _energy(self.instance, self.problem, host_of)
        is_better = self.best is None or value < self.best_mj
        if is_better:
            self.best, self.best_mj, self.found_by = host_of, value, name
        least_mj = max((bound.value_mj for bound in proposal.bounds), default=0)
        self.is_proven |= self.best_mj - least_mj <= OPTIMAL_GAP * self.best_mj
        if is_better or proposal.bounds:
            self.latest = replace(
                proposal,
                host_of=self.best,
                stopped=f"best by {self.found_by}; {name}: {proposal.stopped}",
            )
            yield self.latest

    def of(self, member: Policy) -> Iterator[Proposal]:
        """Yield what a member brings, step by step if it can."""
        self.progress(f"start: {member.name}")
        run = partial(
            member.proposals if isinstance(member, AnytimePolicy) else member.propose,
            self.instance,
            self.budget,
            seed=self.seed,
            clock=self.clock,
            progress=self.progress,
        )
        found = run()
        for proposal in (found,) if isinstance(found, Proposal) else found:
            yield from self.take(member.name, proposal)

    def starts(self) -> Iterator[Proposal]:
        """Yield a second start; where there is none yet, packings from nothing until all VMs have a host.

        Where there is one, packing anew has brought nothing that the searches did not find.
        """
        for policy in (
            Drain(hosts_per_ruin=self.policy.hosts_per_ruin),
            *(member() for member in GREEDY),
        ):
            if self.best is not None and (policy.name != Drain.name or self.clock.is_over()):
                return
            self.progress(f"start: {policy.name}")
            proposal = policy.propose(
                self.instance,
                _NO_SEARCH,
                seed=self.seed,
                clock=self.clock,
                progress=self.progress,
            )
            yield from self.take(policy.name, proposal)

    def ruins(self) -> Iterator[Proposal]:
        """Yield the best after ruin and recreate."""
        if self.best is None or self.budget.iterations == 0:
            return
        state = kernel_state(self.instance, self.best, problem=self.problem)
        stopped = search(
            self.instance,
            self.problem,
            state,
            budget=self.budget,
            seed=self.seed,
            clock=self.clock,
            progress=self.progress,
            width=self.policy.hosts_per_ruin,
        )
        yield from self.take("ruin and recreate", Proposal(host_of=state.host_of, stopped=stopped))

    def parts(self) -> Iterator[Proposal]:
        """Yield what exact repacking of a few hosts at a time improves."""
        if self.best is None or self.budget.deterministic_s == 0:
            return
        for proposal in improve_by_parts(
            self.instance,
            self.problem,
            self.best,
            size=PartSize(),
            budget=self.budget,
            seed=self.seed,
            clock=self.clock,
            progress=self.progress,
        ):
            yield from self.take("lns", proposal)

    def special(self) -> Iterator[Proposal]:
        """Yield what the members for special instances bring: patterns, counts, the exact model."""
        rules = {rule.name for rule in self.instance.rules}
        known = None if self.best is None else Proposal(host_of=self.best, stopped="")
        if self.clock.is_over():
            return
        if n_booleans(self.instance, self.problem) <= self.policy.exact_limit:
            self.progress("exact model")
            proven = CpSat().improve(
                self.instance,
                self.problem,
                known,
                budget=self.budget,
                seed=self.seed,
                clock=self.clock,
            )
            if proven.proven_infeasible:
                self.refutation = proven
            yield from self.take("cp-sat", proven)
            return
        if rules <= Patterns.rules and self._all_new():
            self.progress("patterns")
            packed = Patterns().propose(
                self.instance, self.budget, seed=self.seed, clock=self.clock, progress=self.progress
            )
            yield from self.take("patterns", packed)
        elif rules <= Counts.rules and countable(self.instance, self.problem) is not None:
            self.progress("counts")
            found = Counts().improve(
                self.instance,
                self.problem,
                known,
                budget=self.budget,
                seed=self.seed,
                clock=self.clock,
                progress=self.progress,
            )
            yield from self.take("counts", found)

    def _all_new(self) -> bool:
        """Say whether no VM has a host yet, and few enough of them differ for patterns."""
        active = self.instance.active
        if (self.instance.current.host_of[active] >= 0).any():
            return False
        return len(np.unique(self.instance.need[active], axis=0)) <= Patterns().class_limit


def _energy(instance: Instance, problem: Problem, host_of: NDArray[np.int32]) -> int:
    return int(total_energy(problem, kernel_state(instance, host_of, problem=problem)))
