"""A controller that keeps memory together: the emptiest host is emptied wherever its VMs fit elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import ON
from consolidate.engine.controllers import Observation
from consolidate.migration import MoveSettings, estimate_move
from consolidate.model import Fleet, Migration, MigrationPlan, Placement, Shutdown, VMs

__all__ = ["Compact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """Every so often, empty the host with the least memory promised into fuller ones, and switch it off.

    All of them or none: by memory, the largest first, each to the fullest host that is on and has room for its
    allocation. Rules are not looked at. Meant as the simplest partner of parking, not as a good policy.

    Parameters
    ----------
    vms, fleet
        VMs and hosts.
    every_s : s
        Time between two decisions.
    settings
        Settings of the moves.
    """

    vms: VMs
    fleet: Fleet
    every_s: int = 3_600
    settings: MoveSettings = field(default_factory=MoveSettings)

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the plan that empties one host, if there is one."""
        if observation.now_s % self.every_s:
            return None
        where = np.array(observation.placement.host_of)
        on = (observation.host_state == ON) & self.fleet.may_receive()
        need = np.column_stack([self.vms.memory_mib, self.vms.cpu_mcores])
        room = self._offers()
        here = np.flatnonzero(where >= 0)
        np.subtract.at(room, where[here], need[here])
        held = np.bincount(where[here], weights=need[here, 0], minlength=self.fleet.n_hosts)
        for host in np.argsort(held, kind="stable").tolist():
            if not on[host] or not self._may_go(host, observation):
                continue
            mine = np.flatnonzero(where == host)
            targets = self._fit(host, mine, need, room, on)
            if targets is None:
                return None
            return self._plan(host, targets, observation)
        return None

    def _offers(self) -> NDArray[np.int64]:
        types = self.fleet.types
        offer = [
            (
                int(t.usable_memory_mib * t.memory_allocation_ratio),
                int(t.usable_mcores * t.cpu_allocation_ratio),
            )
            for t in types
        ]
        return np.array(offer, dtype=np.int64)[self.fleet.host_type]

    def _may_go(self, host: int, observation: Observation) -> bool:
        from_s = observation.shutdown_from_s
        soon = from_s is None or from_s[host] <= observation.now_s
        return bool(self.fleet.power_control[host] == 0 and not self.fleet.maintenance[host] and soon)

    def _fit(
        self,
        host: int,
        mine: NDArray[np.int64],
        need: NDArray[np.int64],
        room: NDArray[np.int64],
        on: NDArray[np.bool_],
    ) -> dict[int, int] | None:
        """Return where each VM of a host goes, the largest first; nothing if one does not fit."""
        left, others = room.copy(), on.copy()
        others[host] = False
        targets = {}
        for v in sorted(mine.tolist(), key=lambda v: (-int(need[v, 0]), v)):
            fits = np.flatnonzero(others & (left >= need[v]).all(axis=1))
            if not fits.size:
                return None
            target = int(fits[np.argmin(left[fits, 0])])
            left[target] -= need[v]
            targets[v] = target
        return targets

    def _plan(
        self, host: int, targets: dict[int, int], observation: Observation
    ) -> MigrationPlan | None:
        current, memory = observation.placement, observation.memory_mib
        after = np.array(current.host_of)
        actions: list[Migration | Shutdown] = []
        clock, source = 0, self.fleet.types[self.fleet.host_type[host]]
        for k, (v, target) in enumerate(targets.items()):
            to = self.fleet.types[self.fleet.host_type[target]]
            used = int(memory[v, -1]) if memory.shape[1] else int(self.vms.memory_mib[v])
            move = estimate_move(
                used,
                float(self.vms.dirty_mib_per_s[v]),
                modes=source.hypervisor.moves & to.hypervisor.moves,
                nic_mbit_per_s=min(source.nic_mbit_per_s, to.nic_mbit_per_s),
                settings=self.settings,
            )
            if move.mode is None:
                return None
            actions.append(
                Migration(
                    id=k,
                    vm=v,
                    source=host,
                    target=target,
                    mode=move.mode,
                    start_s=clock,
                    end_s=clock + move.duration_s,
                    downtime_ms=move.downtime_ms,
                    moved_mib=move.moved_mib,
                    rate_mib_per_s=move.rate_mib_per_s,
                    overhead_mcores=move.overhead_mcores,
                )
            )
            clock += move.duration_s
            after[v] = target
        off = Shutdown(id=len(actions), host=host, start_s=clock, end_s=clock + source.shutdown_s)
        return MigrationPlan(actions=(*actions, off), current=current, target=Placement(host_of=after))
