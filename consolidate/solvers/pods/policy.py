"""The pods policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.local_search import total_energy
from consolidate.errors import ConfigError
from consolidate.model import Instance
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.part import PART_RULES, part_of
from consolidate.model.progress import Progress, silent
from consolidate.solvers.base import POLICIES, Budget, Proposal, StepByStep
from consolidate.solvers.bounds import relax
from consolidate.solvers.clock import Clock
from consolidate.solvers.pods.deal import deal_hosts, deal_vms
from consolidate.solvers.repair import repair

__all__ = ["Pods"]

#: VMs of a pod, unless the number of pods is given.
_VMS = 250_000


class _Pod(NamedTuple):
    """A pod's answer in the numbers of the whole."""

    vms: NDArray[np.int64]
    host_of: NDArray[np.int32] | None
    bound_mj: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods(StepByStep):
    """Split the fleet into pods that are alike, solve each on its own, on all cores at once.

    What the split costs shows in the pods' own lower bounds: together they lie above the bound of the whole
    by what no pod can make good.

    Parameters
    ----------
    pods
        How many; ``None`` for one per 250,000 VMs.
    member
        Registry name of the policy that solves a pod.
    """

    name: ClassVar[str] = "pods"
    rules: ClassVar[frozenset[str]] = PART_RULES
    pods: int | None = None
    member: str = "keep"

    def __post_init__(self) -> None:
        if self.pods is not None and self.pods < 1:
            msg = f"needs at least 1, got {self.pods}"
            raise ConfigError(msg, path="pods.pods")
        if self.member == self.name:
            msg = "needs another policy than pods"
            raise ConfigError(msg, path="pods.member")
        POLICIES.get(self.member)

    def n_pods(self, instance: Instance) -> int:
        """Return the number of pods for an instance."""
        wanted = round(int(instance.active.sum()) / _VMS) if self.pods is None else self.pods
        return max(1, min(wanted, instance.fleet.n_hosts))

    def proposals(
        self,
        instance: Instance,
        budget: Budget,
        *,
        seed: int,
        clock: Clock,
        progress: Progress,
    ) -> Iterator[Proposal]:
        """Yield the present placement, mended where that is possible, and then the pods' answers together."""
        problem = kernel_problem(instance)
        state = kernel_state(instance, instance.current.host_of, problem=problem)
        if not repair(instance, problem, state):
            yield Proposal(host_of=state.host_of.copy(), stopped="nothing tried yet")
        host_of = instance.current.host_of.copy()
        bounds_mj = 0
        n_pods = self.n_pods(instance)
        solved = self._solved(instance, n_pods, budget, seed=seed, clock=clock)
        for done, pod in enumerate(solved, start=1):
            progress("pods", done, n_pods)
            bounds_mj += pod.bound_mj
            if pod.host_of is not None:
                host_of[pod.vms] = pod.host_of
        state = kernel_state(instance, host_of, problem=problem)
        missing = repair(instance, problem, state)
        if missing:
            yield Proposal(host_of=None, stopped="no room left", unplaced=tuple(missing))
            return
        quick = budget.bounds == "quick"
        floor_mj = max(1, relax(instance, problem, quick=quick).bound.value_mj)
        above = int(total_energy(problem, state)) / floor_mj - 1
        split = bounds_mj / floor_mj - 1
        stopped = (
            f"{n_pods} pods, {above:.4%} above the bound of the whole, {split:.4%} of it for the split"
        )
        yield Proposal(host_of=state.host_of, stopped=stopped)

    def _solved(
        self, instance: Instance, n_pods: int, budget: Budget, *, seed: int, clock: Clock
    ) -> Iterator[_Pod]:
        """Yield the pods' answers in order, several being worked on at once."""
        pod_of_host = deal_hosts(instance, n_pods)
        pod_of = deal_vms(instance, pod_of_host, n_pods)
        clocks = [clock.part(1.0) for _ in range(n_pods)]
        with ThreadPoolExecutor(max_workers=min(n_pods, os.cpu_count() or 1)) as pool:
            work = partial(self._solve, instance, pod_of_host, pod_of, budget, seed)
            futures = [pool.submit(work, pod, clocks[pod]) for pod in range(n_pods)]
            try:
                for future in futures:
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for one in clocks:
                    one.end()
                raise

    def _solve(
        self,
        instance: Instance,
        pod_of_host: NDArray[np.int64],
        pod_of: NDArray[np.int64],
        budget: Budget,
        seed: int,
        pod: int,
        clock: Clock,
    ) -> _Pod:
        hosts = np.flatnonzero(pod_of_host == pod)
        vms = np.flatnonzero((pod_of == pod) & instance.active)
        part = part_of(instance, vms, hosts)
        found = POLICIES.get(self.member)().propose(
            part, budget, seed=seed, clock=clock, progress=silent
        )
        quick = budget.bounds == "quick"
        bound_mj = relax(part, kernel_problem(part), quick=quick).bound.value_mj
        if found.host_of is None:
            return _Pod(vms, None, bound_mj)
        return _Pod(vms, hosts[found.host_of].astype(np.int32), bound_mj)
