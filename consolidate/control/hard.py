"""What is never overbooked, and what is under way: memory, promises, rules and moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.limits import Limits, Taken
from consolidate.control.base import Setting
from consolidate.migration import estimate_move
from consolidate.model import Fleet, Instance, JoulesOverHorizon, MigrationPlan, Placement, VMs
from consolidate.model.limits_view import kernel_limits, kernel_taken

__all__ = ["Hard", "HardResources", "Moving", "offers", "promises"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hard:
    """Hard resources at one moment; see :class:`consolidate._kernels.control_room.Machines`."""

    need: NDArray[np.int64]
    extra: NDArray[np.int64]
    room: NDArray[np.int64]
    limits: Limits
    taken: Taken


def offers(fleet: Fleet) -> NDArray[np.int64]:
    """Return memory, memory as promised and CPU as promised that each host offers, shape ``(hosts, 3)``."""
    by_type = [
        (
            t.usable_memory_mib,
            int(t.usable_memory_mib * t.memory_allocation_ratio + 1e-9),
            int(t.usable_mcores * t.cpu_allocation_ratio + 1e-9),
        )
        for t in fleet.types
    ]
    return np.array(by_type, dtype=np.int64)[fleet.host_type]


def promises(vms: VMs) -> NDArray[np.int64]:
    """Return what each VM may take of :func:`offers`, shape ``(vms, 3)``."""
    return np.column_stack([vms.memory_mib, vms.memory_mib, vms.cpu_mcores]).astype(np.int64)


class HardResources:
    """Memory in use, memory and CPU as promised, and rules.

    Memory in use is the largest seen of a VM, its allocation before it was seen.

    Parameters
    ----------
    setting
        Hosts, VMs and rules.
    """

    def __init__(self, setting: Setting) -> None:
        fleet, vms = setting.fleet, setting.vms
        types = fleet.types
        extra = [
            (
                t.hypervisor.per_vm_memory_mib,
                t.hypervisor.per_vm_memory_mib,
                t.hypervisor.per_vm_mcores,
            )
            for t in types
        ]
        self.capacity = offers(fleet)
        self.extra = np.array(extra, dtype=np.int64)[fleet.host_type]
        self.need = promises(vms)
        self._seen = np.zeros(len(vms), dtype=np.bool_)
        n = len(vms)
        self._instance = Instance(
            fleet=fleet,
            vms=vms,
            resources=("cpu_demand_mcores", "memory_demand_mib"),
            need=np.zeros((n, 2), dtype=np.int64),
            capacity=np.zeros((fleet.n_hosts, 2), dtype=np.int64),
            vm_overhead=np.zeros((fleet.n_hosts, 2), dtype=np.int64),
            load_mcores=np.zeros(n, dtype=np.int64),
            current=Placement(host_of=np.full(n, -1, dtype=np.int32)),
            active=np.ones(n, dtype=np.bool_),
            movable=np.ones(n, dtype=np.bool_),
            move_mj=np.zeros(n, dtype=np.int64),
            objective=JoulesOverHorizon(horizon_s=1),
            moves=setting.moves,
            rules=setting.rules,
        )
        #: Hosts that may be switched off.
        self.may_off = (fleet.power_control == 0) & ~fleet.maintenance
        self._limits = kernel_limits(self._instance)
        self._masks: tuple[NDArray[np.int32], NDArray[np.bool_]] | None = None
        # Where every type offers the same moves and no rule speaks of homes, masks never change.
        self._fixed = not setting.rules and len({t.hypervisor.moves for t in types}) == 1

    def observe(self, memory_mib: NDArray[np.int32], alive: NDArray[np.bool_]) -> None:
        """Take the memory of one step into account."""
        new = alive & ~self._seen
        self.need[new, 0] = memory_mib[new]
        self._seen |= alive
        self.need[alive, 0] = np.maximum(self.need[alive, 0], memory_mib[alive])

    def view(self, now_at: NDArray[np.int32], where: NDArray[np.int32]) -> Hard:
        """Return what is free; a VM under way takes room at both ends."""
        room = self.capacity.copy()
        taken = kernel_taken(self._instance, self._limits, where, times=3)
        for place in (where, np.where(now_at != where, now_at, -1)):
            here = np.flatnonzero(place >= 0)
            np.subtract.at(room, place[here], self.need[here] + self.extra[place[here]])
        if self._limits.named.any():
            from consolidate._kernels.zones import IN, join_company

            for v in np.flatnonzero((now_at >= 0) & (now_at != where) & self._limits.named):
                join_company(self._limits, taken, v, int(now_at[v]), IN)
        return Hard(need=self.need, extra=self.extra, room=room, limits=self._limits, taken=taken)

    def masks(self, now_at: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return which hosts each VM may come to; see :meth:`consolidate.model.Instance.host_masks`."""
        if self._masks is None or not self._fixed:
            powered = self._instance.fleet.powered_on.copy()
            powered[now_at[now_at >= 0]] = True
            self._masks = replace(
                self._instance,
                fleet=replace(self._instance.fleet, powered_on=powered),
                current=Placement(host_of=now_at),
            ).host_masks()
        return self._masks


class Moving:
    """What a move of each VM takes, and the moves that were planned and have not ended.

    Parameters
    ----------
    setting
        Hosts, VMs and the settings of moves.
    """

    def __init__(self, setting: Setting) -> None:
        fleet, vms = setting.fleet, setting.vms
        nic = min(t.nic_mbit_per_s for t in fleet.types)
        slopes = [(t.power.points_mw[-1] - t.power.points_mw[0]) / t.cpu_mcores for t in fleet.types]
        slope = float(np.array(slopes)[fleet.host_type].mean())
        known: dict[tuple[int, float, bool], tuple[float, float, bool, bool]] = {}
        rows = []
        for key in zip(
            vms.memory_mib.tolist(), vms.dirty_mib_per_s.tolist(), vms.is_container.tolist(), strict=True
        ):
            if key not in known:
                guest = "container" if key[2] else "vm"
                modes = [t.hypervisor.moves for t in fleet.types if t.hypervisor.hosts(guest)]
                one = estimate_move(
                    key[0],
                    key[1],
                    nic_mbit_per_s=nic,
                    modes=frozenset().union(*modes),
                    settings=setting.moves,
                )
                joules = 2 * one.duration_s * one.overhead_mcores * slope / 1_000
                stored = one.mode == "saved_state"
                known[key] = (float(one.duration_s), joules, one.mode is not None, stored)
            rows.append(known[key])
        self.seconds = np.array([r[0] for r in rows])
        self.joules = np.array([r[1] for r in rows])
        self._movable: NDArray[np.bool_] = np.array([r[2] for r in rows])
        self._stored: NDArray[np.bool_] = np.array([r[3] for r in rows])
        self._storage_until_s = 0
        self._shared = bool(setting.moves.moves_at_once or setting.moves.uplink_mbit_per_s)
        self._n_hosts = fleet.n_hosts
        self._until: dict[int, int] = {}
        self._target: dict[int, tuple[int, int, int]] = {}

    def note(self, plan: MigrationPlan | None, now_s: int) -> None:
        """Remember when the actions of a plan end."""
        if plan is None:
            return
        for action in plan.actions:
            end_s = now_s + action.end_s
            assert action.kind != "start"
            if action.kind == "migration":
                self._target[action.vm] = (action.source, action.target, end_s)
                if action.mode == "saved_state":
                    self._storage_until_s = max(end_s, self._storage_until_s)
                ends = (action.source, action.target)
            else:
                ends = (action.host, action.host)
            for host in ends:
                self._until[host] = max(end_s, self._until.get(host, 0))

    def forget(self, now_s: int) -> None:
        """Forget what has ended by now."""
        self._until = {h: end for h, end in self._until.items() if end > now_s}
        self._target = {v: row for v, row in self._target.items() if row[2] > now_s}

    def movable(self, now_s: int) -> NDArray[np.bool_]:
        """Say which VMs can be moved: what storages share is planned once at a time, shape ``(vms,)``."""
        busy = now_s < self._storage_until_s
        movable: NDArray[np.bool_] = self._movable & ~self._stored if busy else self._movable
        return movable

    def expected(self, host_of: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return where each VM will be when all has ended, and the hosts that take part until then."""
        where = host_of.copy()
        for v, (source, target, _) in self._target.items():
            if host_of[v] == source:
                where[v] = target
        pending = np.zeros(self._n_hosts, dtype=np.bool_)
        pending[list(self._until)] = True
        if self._shared and self._until:
            # Bandwidth that all share is planned once at a time.
            pending[:] = True
        return where, pending
