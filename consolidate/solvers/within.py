"""The best placement found within a budget of moves, as a hard limit.

Placements from dear to cheap moves are looked at; one that moves too much is carried out in part, host by
host, the hosts that are released for fewest moves first. A small instance is then searched exactly, with the
budget as constraints, so its bound is one for the budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, State, fits, occupy
from consolidate.errors import UnsupportedError
from consolidate.model import Instance, MoveBudget, Placement
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import Progress
from consolidate.solvers.base import KERNEL_RULES, POLICIES, Budget, Proposal
from consolidate.solvers.clock import Clock
from consolidate.solvers.exact import CpSat, n_booleans
from consolidate.solvers.verdict import present_fault
from consolidate.units import j_to_mj

__all__ = ["WithinBudget", "refuse_bundles"]

#: Joules that a move has to be worth, in turn.
_PRICES_J = (0.0, 1e5, 3e5, 6e5, 1e6, 2e6, 4e6, 1e9)
#: Largest model that is searched exactly.
_MOST_BOOLEANS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinBudget:
    """Move no more than a budget allows.

    Parameters
    ----------
    moves
        The budget.
    inner
        Policy that proposes placements.
    """

    name: ClassVar[str] = "within-budget"
    rules: ClassVar[frozenset[str]] = KERNEL_RULES
    moves: MoveBudget = field(default_factory=MoveBudget)
    inner: str = "keep"

    def propose(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Proposal:
        """Return the placement of least energy that was found within the budget."""
        movable = np.array(instance.movable)
        movable[list(self.moves.stay)] = False
        instance = replace(instance, movable=movable)
        problem = kernel_problem(instance)
        best: Proposal | None = None
        least_mj = 0
        for host_of in self._candidates(instance, problem, budget, seed, clock, progress):
            if self.moves.excess(instance, host_of):
                continue
            energy_mj = instance.energy(Placement(host_of=host_of)).total_mj
            if best is None or energy_mj < least_mj:
                best = Proposal(host_of=host_of, stopped="all prices of a move tried")
                least_mj = energy_mj
        if self._is_small(instance, problem) and not clock.is_over():
            progress("exact model within the budget")
            exact = CpSat(moves=self.moves)
            return exact.improve(instance, problem, best, budget=budget, seed=seed, clock=clock)
        return best or Proposal(host_of=None, stopped="no placement found within the budget of moves")

    def _is_small(self, instance: Instance, problem: Problem) -> bool:
        """Say whether an exact search is worth it; VMs that are alike must weigh the same in the budget."""
        alike = self.moves.memory_gib is None or "memory_demand_mib" in instance.resources
        return alike and n_booleans(instance, problem) <= _MOST_BOOLEANS

    def _candidates(
        self,
        instance: Instance,
        problem: Problem,
        budget: Budget,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[NDArray[np.int32]]:
        if not present_fault(instance):
            yield np.array(instance.current.host_of)
            yield self._drained(instance, problem)
        policy = POLICIES.get(self.inner)()
        for done, price_j in enumerate(_PRICES_J):
            if done and clock.is_over():
                return
            progress("prices of a move", done, len(_PRICES_J))
            priced = replace(instance, move_mj=instance.move_mj + j_to_mj(price_j))
            found = policy.propose(priced, budget, seed=seed, clock=clock, progress=progress).host_of
            if found is None:
                continue
            yield found
            if self.moves.excess(instance, found):
                yield from self._in_part(instance, problem, found)

    def _drained(self, instance: Instance, problem: Problem) -> NDArray[np.int32]:
        """Empty the hosts with the fewest VMs, one after the other, as long as the budget lasts."""
        state = kernel_state(instance, instance.current.host_of, problem=problem)
        off, home = instance.may_switch_off(), instance.current.host_of
        allowed = len(home) if self.moves.moves is None else self.moves.moves
        for h in np.argsort(state.n_vms, kind="stable").tolist():
            vms = np.flatnonzero(state.host_of == h)
            if not off[h] or not vms.size or not (home[vms] == h).all():
                continue
            if len(vms) > allowed:
                # Hosts that come later have no fewer VMs.
                break
            goal = state.host_of.copy()
            for v in vms[np.argsort(-instance.need[vms].max(axis=1), kind="stable")].tolist():
                goal[v] = self._fullest(problem, state, v, h)
                if goal[v] < 0:
                    break
                occupy(problem, state, v, h, -1)
                occupy(problem, state, v, int(goal[v]), 1)
            if (goal[vms] < 0).any() or self.moves.excess(instance, state.host_of):
                for v in vms[state.host_of[vms] != h].tolist():
                    occupy(problem, state, v, int(state.host_of[v]), -1)
                    occupy(problem, state, v, h, 1)
            else:
                allowed -= len(vms)
        return state.host_of.copy()

    @staticmethod
    def _fullest(problem: Problem, state: State, v: int, source: int) -> int:
        """Return the host in use, other than its own, with the least room that takes a VM; -1 if none does."""
        hosts = np.flatnonzero(state.n_vms > 0)
        room = (state.room[hosts] / np.maximum(state.room[hosts].max(axis=0), 1)).sum(axis=1)
        for h in hosts[np.argsort(room, kind="stable")].tolist():
            if h != source and fits(problem, state, v, h):
                return int(h)
        return -1

    def _in_part(
        self, instance: Instance, problem: Problem, goal: NDArray[np.int32]
    ) -> Iterator[NDArray[np.int32]]:
        """Yield what the moves from the first hosts lead to, as far as room, rules and budget allow."""
        home = instance.current.host_of
        start = np.where(home < 0, goal, home).astype(np.int32)
        if present_fault(replace(instance, current=Placement(host_of=start))):
            return
        state = kernel_state(instance, start, problem=problem)
        moved = np.flatnonzero((start >= 0) & (goal != start))
        leaving = np.bincount(start[moved], minlength=instance.fleet.n_hosts)
        stays_used = np.bincount(goal[goal >= 0], minlength=instance.fleet.n_hosts) > 0
        sources = np.unique(start[moved])
        for h in sources[np.lexsort((sources, leaving[sources], stays_used[sources]))].tolist():
            mine = moved[start[moved] == h]
            if self._carry_out(instance, problem, state, mine, goal):
                yield state.host_of.copy()

    def _carry_out(
        self,
        instance: Instance,
        problem: Problem,
        state: State,
        vms: NDArray[np.int64],
        goal: NDArray[np.int32],
    ) -> bool:
        """Move VMs to their goals if all fit there within the budget; else leave everything as it was."""
        before = state.host_of[vms].copy()
        made = []
        for v, source in zip(vms.tolist(), before.tolist(), strict=True):
            occupy(problem, state, v, source, -1)
            to = int(goal[v]) if fits(problem, state, v, int(goal[v])) else -1
            made.append((v, source, to))
            if to < 0:
                break
            occupy(problem, state, v, to, 1)
        if made[-1][2] >= 0 and not self.moves.excess(instance, state.host_of):
            return True
        for v, source, to in reversed(made):
            if to >= 0:
                occupy(problem, state, v, to, -1)
            occupy(problem, state, v, source, 1)
        return False


def refuse_bundles(instance: Instance) -> None:
    """Raise where VMs are placed as one, so that a policy cannot count them.

    Raises
    ------
    UnsupportedError
        When a rule gathers VMs.
    """
    if any(rule.name == "gather" for rule in instance.rules):
        feature = "a budget of moves beside the rule gather"
        raise UnsupportedError(feature, who="within-budget", supported_by=())
