"""What every controller needs: the present state, who fits where, and a timed plan of what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import OFF, ON
from consolidate._kernels.zones import IN, company_allows, join_company
from consolidate.control.base import Setting
from consolidate.control.hard import Hard, HardResources, Moving
from consolidate.control.moving import timed_plan
from consolidate.engine import Observation
from consolidate.model import MigrationPlan

__all__ = ["KEPT_RULES", "Desk", "Sight", "sum_by_host"]

#: Rules that :class:`Sight` and the kernels of the controllers keep.
KEPT_RULES = frozenset(
    {
        "among",
        "ban",
        "fence",
        "interference",
        "lonely",
        "quarantine",
        "root",
        "split",
        "split_among",
        "spread",
    }
)


def sum_by_host(host_of: NDArray[np.int32], values: NDArray[Any], n_hosts: int) -> NDArray[np.float64]:
    """Return the sum of values over the VMs of each host, shape ``(hosts,)``."""
    return np.bincount(host_of, values, n_hosts).astype(np.float64)


@dataclass(slots=True, kw_only=True)
class Sight:
    """The present state as one decision sees and changes it; nothing here is shared with the replay.

    Parameters
    ----------
    step, now_s : s
        The step that begins, and seconds since the start of the replay.
    host_of
        Host of each VM, shape ``(vms,)``.
    where
        The same when all moves under way have ended; decisions change it.
    on, asleep
        Hosts that are on, and hosts that can be woken, shape ``(hosts,)``.
    pending
        Hosts with an action under way: they are left alone.
    takes, gives
        Hosts that VMs may be moved to, and hosts that may be emptied and switched off.
    free
        VMs that may be moved now, shape ``(vms,)``.
    demand
        CPU of each VM in the step that is over, in mcores, shape ``(vms,)``.
    load
        The sum of that on each host, overhead of guests included, shape ``(hosts,)``.
    hard
        Hard resources.
    mask_of, masks
        Hosts that each VM may come to.
    """

    step: int
    now_s: int
    host_of: NDArray[np.int32]
    where: NDArray[np.int32]
    on: NDArray[np.bool_]
    asleep: NDArray[np.bool_]
    pending: NDArray[np.bool_]
    takes: NDArray[np.bool_]
    gives: NDArray[np.bool_]
    free: NDArray[np.bool_]
    demand: NDArray[np.float64]
    load: NDArray[np.float64]
    hard: Hard
    mask_of: NDArray[np.int32]
    masks: NDArray[np.bool_]

    def guests(self, host: int) -> NDArray[np.int64]:
        """Return the VMs of a host, ascending."""
        return np.flatnonzero(self.where == host)

    def open_to(self, v: int, hosts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the hosts that take VM ``v`` by hard resources and rules."""
        hard = self.hard
        fits = (hard.need[v] + hard.extra[hosts] <= hard.room[hosts]).all(axis=1)
        masked = self.masks[self.mask_of[v], hosts]
        found: NDArray[np.int64] = hosts[fits & self.takes[hosts] & masked]
        found = found[found != self.where[v]]
        if hard.limits.named[v]:
            keep = [company_allows(hard.limits, hard.taken, v, h) for h in found.tolist()]
            found = found[np.array(keep, dtype=np.bool_)]
        return found

    def move(self, v: int, host: int) -> None:
        """Put VM ``v`` on a host; its source keeps its room until it has left."""
        source = int(self.where[v])
        self.load[source] -= self.demand[v]
        self.load[host] += self.demand[v]
        self.hard.room[host] -= self.hard.need[v] + self.hard.extra[host]
        if self.hard.limits.named[v]:
            join_company(self.hard.limits, self.hard.taken, v, host, IN)
        self.where[v] = host

    def undo(self, v: int, source: int) -> None:
        """Undo :meth:`move`."""
        host = int(self.where[v])
        self.load[host] -= self.demand[v]
        self.load[source] += self.demand[v]
        self.hard.room[host] += self.hard.need[v] + self.hard.extra[host]
        if self.hard.limits.named[v]:
            join_company(self.hard.limits, self.hard.taken, v, host, -IN)
        self.where[v] = source

    def empty(self) -> NDArray[np.bool_]:
        """Say which hosts are on, carry nobody, and may be switched off."""
        used = np.zeros(len(self.on), dtype=np.bool_)
        used[self.where[self.where >= 0]] = True
        empty: NDArray[np.bool_] = self.on & ~used & self.gives
        return empty


class Desk:
    """Keeps between decisions what a controller has to remember.

    Parameters
    ----------
    setting
        What is known before the first step.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        fleet, vms = setting.fleet, setting.vms
        self.capacity = fleet.per_host("usable_mcores").astype(np.float64)
        self.core = fleet.per_host("core_mcores").astype(np.float64)
        self.overhead = np.array([t.hypervisor.per_vm_mcores for t in fleet.types])[fleet.host_type]
        self.most = vms.vcpus.astype(np.float64) * self.core.max(initial=0.0)
        self.hard = HardResources(setting)
        self.moving = Moving(setting)
        self._before = np.full(len(vms), -1, dtype=np.int32)

    def look(self, observation: Observation) -> Sight:
        """Take the step that is over into account and return the present state."""
        fleet, host_of = self.setting.fleet, observation.placement.host_of
        n_hosts = fleet.n_hosts
        demand = np.zeros(len(host_of))
        if observation.step:
            demand = np.minimum(observation.cpu_mcores[:, -1].astype(np.float64), self.most)
            self.hard.observe(observation.memory_mib[:, -1], self.seen_in(observation))
        self._before = host_of.copy()
        self.moving.forget(observation.now_s)
        where, pending = self.moving.expected(host_of)
        here = where >= 0
        load = sum_by_host(where[here], demand[here], n_hosts)
        load += np.bincount(where[here], minlength=n_hosts) * self.overhead
        mask_of, masks = self.hard.masks(host_of)
        managed = fleet.power_control == 0
        return Sight(
            step=observation.step,
            now_s=observation.now_s,
            host_of=host_of,
            where=where,
            on=observation.host_state == ON,
            asleep=(observation.host_state == OFF) & fleet.may_receive() & managed,
            pending=pending,
            takes=fleet.may_receive() & ~pending,
            gives=self.hard.may_off & ~pending,
            free=here & self.moving.movable(observation.now_s) & ~pending[np.maximum(where, 0)],
            demand=demand,
            load=load,
            hard=self.hard.view(host_of, where),
            mask_of=mask_of,
            masks=masks,
        )

    def seen_in(self, observation: Observation) -> NDArray[np.bool_]:
        """Say which VMs were there in the step that is over and still are."""
        seen: NDArray[np.bool_] = (self._before >= 0) & (observation.placement.host_of >= 0)
        return seen

    def act(self, sight: Sight, *, off: NDArray[np.bool_] | None = None) -> MigrationPlan | None:
        """Return the plan that leads to where the VMs were put, and then switches hosts off.

        Parameters
        ----------
        sight
            The state, as decisions have changed it.
        off
            Hosts to switch off; default every host that is empty and may be.
        """
        wanted, _ = self.moving.expected(sight.host_of)
        moved = np.flatnonzero((sight.where != wanted) & (sight.where >= 0))
        going = sight.empty() if off is None else off & sight.empty()
        plan = timed_plan(
            self.setting,
            sight.host_of,
            sight.on,
            self.hard,
            moves=[(v, int(sight.where[v])) for v in moved.tolist()],
            off=np.flatnonzero(going).tolist(),
        )
        self.moving.note(plan, sight.now_s)
        return plan
