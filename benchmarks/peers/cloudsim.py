"""CloudSim's power-aware best fit decreasing, as its program 3.0.3 does it, on one snapshot.

Beloglazov and Buyya 2012, doi:10.1002/cpe.1867. Written from a description of the program's behaviour,
none of its code is used. Two things differ from the paper and are kept: the power before is read from the
load at the last accounting, so that what was placed since counts as a rise; and an empty host counts as
if it idled already. Our own ``pabfd`` has both corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

import consolidate as cs
from benchmarks.peers.base import Placing, Stopwatch, not_two_resources

__all__ = ["CloudSimPabfd", "CloudSimPabfdMemory"]

#: Static threshold of utilisation above which a host is overloaded (THR-MMT-0.8).
_OVERLOADED = 0.8


@dataclass(slots=True)
class _Cluster:
    """Loads while a plan is made: ``accounted`` stays, ``load`` follows the tentative placements."""

    points_mw: NDArray[np.float64]
    total: NDArray[np.int64]
    accounted: NDArray[np.int64]
    load: NDArray[np.int64]
    memory_left: NDArray[np.int64]
    residents: list[list[int]]
    demand: NDArray[np.int64]
    memory: NDArray[np.int64]
    host_of: NDArray[np.int32]
    before_mw: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.before_mw = self.power_mw(self.accounted)

    @classmethod
    def of(cls, instance: cs.Instance) -> _Cluster:
        fleet, current = instance.fleet, instance.current.host_of
        points = np.array([t.power.points_mw for t in fleet.types], dtype=float)
        load = np.bincount(current, weights=instance.need[:, 0], minlength=fleet.n_hosts)
        memory = np.bincount(current, weights=instance.need[:, 1], minlength=fleet.n_hosts)
        residents: list[list[int]] = [[] for _ in range(fleet.n_hosts)]
        for v, h in enumerate(current):
            residents[h].append(v)
        return cls(
            points_mw=points[fleet.host_type],
            total=instance.capacity[:, 0],
            accounted=load.astype(np.int64),
            load=load.astype(np.int64),
            memory_left=instance.capacity[:, 1] - memory.astype(np.int64),
            residents=residents,
            demand=instance.need[:, 0],
            memory=instance.need[:, 1],
            host_of=current.copy(),
        )

    def power_mw(self, load: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the power of every host at a load, straight between the eleven points."""
        at = np.minimum(10.0 * load / self.total, 10.0)
        k = np.minimum(at.astype(np.int64), 9)
        rows = np.arange(len(load))
        low, high = self.points_mw[rows, k], self.points_mw[rows, k + 1]
        power: NDArray[np.float64] = low + (high - low) * (at - k)
        return power

    def put(self, vm: int, host: int) -> None:
        """Place a VM tentatively; a source keeps its own until the plan is made."""
        self.load[host] += self.demand[vm]
        self.memory_left[host] -= self.memory[vm]
        self.residents[host].append(vm)

    def take(self, vm: int, host: int) -> None:
        """Remove a VM from a host."""
        self.load[host] -= self.demand[vm]
        self.memory_left[host] += self.memory[vm]
        self.residents[host].remove(vm)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSimPabfd:
    """One step of THR-MMT-0.8: relieve overloaded hosts, then drain the least used, one by one."""

    name: ClassVar[str] = "cloudsim-pabfd"
    licence: ClassVar[str] = "own re-implementation"
    decided_in: ClassVar[str] = "Java; here numpy"
    minimises: ClassVar[str] = "the rise of power of each placement, from a stale state"
    translated: ClassVar[str] = "requested MIPS = CPU need; a VM may use all cores of a host"
    lost: ClassVar[str] = "memory, as in the program after its first step; the energy of moves"
    install: ClassVar[str] = "part of the benchmarks"
    seeded: ClassVar[bool] = False
    memory_binds: ClassVar[bool] = False

    def version(self) -> str:
        """Return the version whose behaviour it follows."""
        return "as 3.0.3 to 5.0"

    def available(self) -> str | None:
        """It always is."""
        return None

    def refuses(self, instance: cs.Instance) -> str | None:
        """Refuse what is not plain, and more than CPU and memory."""
        return not_two_resources(instance)

    def place(
        self,
        instance: cs.Instance,
        *,
        seed: int,  # noqa: ARG002 - this variant of the program draws nothing
        limit_s: float,
    ) -> Placing:
        """Plan one step."""
        watch = Stopwatch()
        cluster = _Cluster.of(instance)
        over = np.flatnonzero(cluster.load > _OVERLOADED * cluster.total)
        self._relieve(cluster, over)
        done = self._drain(cluster, over, watch, limit_s)
        return Placing(
            host_of=cluster.host_of,
            wall_s=watch.wall_s(),
            cpu_s=watch.cpu_s(),
            note="" if done else f"stopped after {limit_s:g} s",
        )

    def _best_host(self, cluster: _Cluster, vm: int, excluded: NDArray[np.bool_]) -> int:
        """Return the host whose power rises least from its last accounting, -1 for none."""
        after = cluster.load + cluster.demand[vm]
        fits = ~excluded & (after <= cluster.total)
        # An empty host is not asked whether it would be overloaded.
        fits &= (cluster.load == 0) | (after <= _OVERLOADED * cluster.total)
        if self.memory_binds:
            fits &= cluster.memory_left >= cluster.memory[vm]
        if not fits.any():
            return -1
        rise = np.where(fits, cluster.power_mw(after) - cluster.before_mw, np.inf)
        return int(rise.argmin())

    def _relieve(self, cluster: _Cluster, over: NDArray[np.int64]) -> None:
        """Move the VMs of least memory away from overloaded hosts, the largest demand first."""
        leaving = []
        for h in over.tolist():
            while cluster.load[h] > _OVERLOADED * cluster.total[h]:
                vm = min(cluster.residents[h], key=lambda v: cluster.memory[v])
                cluster.take(vm, h)
                leaving.append((vm, h))
        excluded = np.zeros(len(cluster.total), dtype=bool)
        excluded[over] = True
        for vm, source in sorted(leaving, key=lambda pair: -cluster.demand[pair[0]]):
            target = self._best_host(cluster, vm, excluded)
            host = source if target < 0 else target
            cluster.put(vm, host)
            cluster.host_of[vm] = host

    def _drain(
        self, cluster: _Cluster, over: NDArray[np.int64], watch: Stopwatch, limit_s: float
    ) -> bool:
        """Drain hosts from the least used on; say whether all were tried within the limit."""
        n_hosts = len(cluster.total)
        no_source = (cluster.accounted == 0) | (cluster.accounted >= cluster.total)
        no_source[over] = True
        no_target = cluster.accounted == 0
        no_target[over] = True
        usage = cluster.accounted / cluster.total
        for h in np.argsort(usage, kind="stable").tolist():
            if no_source[h]:
                continue
            if watch.wall_s() > limit_s:
                return False
            no_source[h] = no_target[h] = True
            vms = sorted(cluster.residents[h], key=lambda v: -cluster.demand[v])
            placed = self._place_all(cluster, vms, no_target)
            for vm, target in zip(vms, placed, strict=False):
                cluster.host_of[vm] = target
                no_source[target] = True
            if no_source.sum() == n_hosts:
                break
        return True

    def _place_all(self, cluster: _Cluster, vms: list[int], excluded: NDArray[np.bool_]) -> list[int]:
        """Return a target of every VM, placed tentatively; nothing, and nothing placed, if one has none."""
        targets: list[int] = []
        for vm in vms:
            target = self._best_host(cluster, vm, excluded)
            if target < 0:
                for placed, host in zip(vms, targets, strict=False):
                    cluster.take(placed, host)
                return []
            cluster.put(vm, target)
            targets.append(target)
        return targets


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSimPabfdMemory(CloudSimPabfd):
    """The same step with memory enforced, which the program does at its first step only."""

    name: ClassVar[str] = "cloudsim-pabfd-memory"
    lost: ClassVar[str] = "the energy of moves"
    memory_binds: ClassVar[bool] = True
