"""How the counts policy gets from a bound to a placement and back to a proof."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import OPTIMAL_GAP, Bound, Instance
from consolidate.model.progress import Progress
from consolidate.solvers.base import Budget, Proposal
from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.mip import Solution
from consolidate.solvers.bounds.type_counts import HIDDEN, TypeCounts, attested, type_counts
from consolidate.solvers.clock import Clock
from consolidate.solvers.counts.assign import assign
from consolidate.solvers.counts.model import HostCounts
from consolidate.solvers.counts.shards import pack_in_shards

__all__ = ["CountsSearch"]

#: Nodes of the integer search for each deterministic second of the budget.
_NODES_PER_S = 400
#: Hosts that are packed as one program; more are dealt into shards, each to a gap that shards make up for.
_AT_ONCE, _SHARD_GAP, _SHARD_NODES = 45, 1e-4, 50
#: Hosts that are added to those of the type counts, until everybody has room.
_EXTRA_HOSTS = (0, 1, 2, 4, 8)


@dataclass(slots=True, kw_only=True)
class CountsSearch:
    """One run: fields as in :class:`consolidate.solvers.counts.policy.Counts`."""

    instance: Instance
    problem: Problem
    aggregate: Aggregate
    budget: Budget
    seed: int
    clock: Clock
    progress: Progress
    _best: NDArray[np.int32] | None = field(init=False, default=None)
    _best_mj: float = field(init=False, default=math.inf)

    def run(self, hint: NDArray[np.int32] | None) -> Proposal:
        """Bound by type counts, pack the hosts that they name, then prove or improve."""
        if hint is not None:
            self._offer(hint)
        self.progress("type counts")
        counted = self._type_counts()
        if counted is None:
            return Proposal(host_of=hint, stopped="time limit in type counts")
        if math.isinf(counted.bound_mj) and counted.bound_mj > 0:
            infeasible = hint is None
            return Proposal(
                host_of=hint, stopped="type counts have no solution", proven_infeasible=infeasible
            )
        floor_mj, name = counted.bound_mj, "type counts"
        if counted.on.size:
            self.progress("packing the hosts of the type counts")
            self._pack(counted)
        small = counted.on.size <= _AT_ONCE
        if small and not self._is_proven(floor_mj) and not self.clock.is_over():
            self.progress("counts per host")
            proven_mj = self._prove(counted)
            if self._best is None and proven_mj == math.inf:
                stopped = "counts per host have no solution"
                return Proposal(host_of=None, stopped=stopped, proven_infeasible=True)
            if proven_mj > floor_mj:
                floor_mj, name = proven_mj, "counts per host"
        stopped = "search complete" if self._is_proven(floor_mj) else "budget of HiGHS used up"
        return Proposal(host_of=self._best, stopped=stopped, bounds=self._bounds(name, floor_mj))

    def _bounds(self, name: str, floor_mj: float) -> tuple[Bound, ...]:
        if math.isinf(floor_mj):
            return ()
        # A complete search proves its own best, rounding of the solver apart.
        return (attested(name, min(floor_mj, self._best_mj)),)

    def _is_proven(self, floor_mj: float) -> bool:
        if self._best is None:
            return False
        return self._best_mj - floor_mj <= (OPTIMAL_GAP - 2 * HIDDEN) * self._best_mj

    def _offer(self, host_of: NDArray[np.int32]) -> None:
        value = self.instance.objective.breakdown(self.instance, host_of).total_mj
        if value < self._best_mj:
            self._best, self._best_mj = host_of, value

    def _type_counts(self, hosts_on: Mapping[int, tuple[int, int]] | None = None) -> TypeCounts | None:
        return self.clock.within(
            lambda limit_s: type_counts(self.aggregate, hosts_on=hosts_on, time_limit_s=limit_s)
        )

    def _within(self, program: HostCounts, *, gap: float, tight: bool, nodes: int) -> Solution:
        """Solve a program in the time that is left; what has not ended by then has found nothing."""
        solved = self.clock.within(
            lambda limit_s: program.mip.solve(
                gap=gap, tight=tight, node_limit=nodes, time_limit_s=limit_s, seed=self.seed
            )
        )
        return solved or Solution(values=None, value=math.inf, bound=-math.inf)

    def _solve(self, program: HostCounts, *, tight: bool) -> Solution:
        nodes = max(1, int(_NODES_PER_S * self.budget.deterministic_s))
        solved = self._within(program, gap=HIDDEN, tight=tight, nodes=nodes)
        counts = program.counts(solved)
        if counts is not None:
            self._offer(assign(self.aggregate, self.problem, counts))
        return solved

    def _solve_shard(self, program: HostCounts) -> Solution:
        return self._within(program, gap=_SHARD_GAP, tight=False, nodes=_SHARD_NODES)

    def _pack(self, counted: TypeCounts) -> None:
        """Search the best placement on the hosts of the type counts, and a few more if need be."""
        a, on = self.aggregate, counted.on
        cost = (a.fixed_mj[a.kind] - a.stay_mj) / np.maximum(a.capacity[a.kind, 0], 1)
        others = np.setdiff1d(np.arange(len(a.hosts)), on)
        others = others[np.argsort(cost[others], kind="stable")]
        if on.size > _AT_ONCE:
            counts = pack_in_shards(a, on, others, self._solve_shard)
            if counts is not None:
                self._offer(assign(a, self.problem, counts))
            return
        for extra in _EXTRA_HOSTS:
            hosts = np.sort(np.r_[on, others[:extra]])
            solved = self._solve(HostCounts(a, hosts, kept=hosts), tight=False)
            if not solved.infeasible or extra >= len(others) or self.clock.is_over():
                break

    def _prove(self, counted: TypeCounts) -> float:
        """Leave out what cannot be in anything better, solve the rest, and return the bound."""
        a, best_mj = self.aggregate, self._best_mj
        everything = np.arange(len(a.hosts))
        nobody = everything[:0]
        limits = self._hosts_on(counted)
        relaxed = HostCounts(a, everything, kept=nobody, hosts_on=limits)
        solved = relaxed.mip.solve_relaxed()
        if solved.infeasible:
            return best_mj
        if solved.values is None or solved.reduced is None:
            return counted.bound_mj
        floor_mj = a.base_mj + solved.bound
        reduced = solved.reduced[[relaxed.on[h] for h in everything.tolist()]]
        possible = floor_mj + np.maximum(reduced, 0) < best_mj
        kept = everything[possible & (floor_mj - np.minimum(reduced, 0) >= best_mj)]
        program = HostCounts(a, everything[possible], kept=kept, hosts_on=limits)
        # What was left out costs at least as much as the best that was known.
        return min(best_mj, a.base_mj + self._solve(program, tight=True).bound)

    def _hosts_on(self, counted: TypeCounts) -> dict[int, tuple[int, int]]:
        """Return how many hosts of each kind may be in use in anything better than the best.

        Type counts with more, and with fewer, are tried; where they cost too much, the number is settled.
        """
        a = self.aggregate
        limits: dict[int, tuple[int, int]] = {}
        for k in range(len(a.capacity)):
            n_kind = int((a.kind == k).sum())
            now = int((a.kind[counted.on] == k).sum())
            least, most = 0, n_kind
            for more, low, high in ((False, 0, now - 1), (True, now + 1, n_kind)):
                tried = self._type_counts({**limits, k: (low, high)}) if low <= high else None
                if tried is not None and tried.bound_mj >= self._best_mj:
                    least, most = (least, now) if more else (now, most)
            limits[k] = (least, most)
        return limits
