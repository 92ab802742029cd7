"""An order and times for the moves: feasible at every moment, hosts booted before and shut down after.

Event-driven list scheduling. A move starts when its target is on and has room while the source still holds
the VM, when the rules allow the VM on both, and when both hosts have a free migration slot. If nothing can
start and nothing is under way, the waiting moves form cycles; one VM of a cycle is parked on a spare host.
"""

from __future__ import annotations

import heapq

import numpy as np

from consolidate.errors import PlanError
from consolidate.migration import MoveEstimate, estimate_move
from consolidate.model import Boot, Instance, Migration, MigrationPlan, Placement, Shutdown
from consolidate.planning.cycles import Parking, find_parking
from consolidate.planning.ledger import HostLedger
from consolidate.model.progress import Progress, silent

__all__ = ["plan"]


def plan(
    instance: Instance, target: Placement, *, progress: Progress = silent
) -> MigrationPlan:
    """Schedule the way from the instance's present placement to a target.

    Parameters
    ----------
    instance
        The problem; its ``moves`` settings govern durations and concurrency.
    target
        Placement to reach; checked against capacity before anything is scheduled.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    PlanError
        When the target itself exceeds capacity, or a VM has no mode of migration to its target.
    DeadlockError
        When moves block each other and no host has room to park any of them.
    """
    over = (instance.usage(target) > instance.capacity).any(axis=1)
    if over.any():
        host = instance.fleet.host_ids[int(np.flatnonzero(over)[0])]
        msg = f"the target placement exceeds the capacity of host {host}"
        raise PlanError(msg)
    return _Scheduler(instance, target, progress).run()


class _Scheduler:
    def __init__(
        self, instance: Instance, target: Placement, progress: Progress
    ) -> None:
        self.instance, self.target, self.progress = instance, target, progress
        self.hosts = HostLedger(instance)
        self.position = instance.current.host_of.copy()
        self.pending = _initial_order(instance, target)
        self.events: list[tuple[int, int, int]] = []  # end, sequence, index into running
        self.running: dict[int, Migration] = {}
        self.actions: list[Boot | Migration | Shutdown] = []
        self.boots: dict[int, Boot] = {}
        self.last_left: dict[int, tuple[int, list[int]]] = {}
        self.last_action_of: dict[int, int] = {}
        self.next_id = 0
        self.now = 0

    def run(self) -> MigrationPlan:
        for host in sorted({int(self.target.host_of[v]) for v in self.pending}):
            self._ensure_on(host)
        total = len(self.pending)
        while self.pending or self.events:
            self._start_what_fits()
            if self.events:
                self._advance()
            elif self.pending:
                self._break_cycle()
            self.progress("plan", total - len(self.pending), total)
        self._shut_down()
        return MigrationPlan(
            actions=tuple(self.actions), current=self.instance.current, target=self.target
        )

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def _ensure_on(self, host: int) -> None:
        if self.hosts.on[host] or host in self.boots:
            return
        kind = self.instance.fleet.types[self.instance.fleet.host_type[host]]
        boot = Boot(
            id=self._new_id(), host=host, start_s=self.now, end_s=self.now + kind.boot_s
        )
        self.boots[host] = boot
        self.actions.append(boot)
        heapq.heappush(self.events, (boot.end_s, boot.id, -1 - host))

    def _start_what_fits(self) -> None:
        waiting = []
        for v in self.pending:
            source, target = int(self.position[v]), int(self.target.host_of[v])
            if self.hosts.can_move(v, source, target):
                self._start(v, source, target, parking=False)
            else:
                waiting.append(v)
        self.pending = waiting

    def _start(self, v: int, source: int, target: int, *, parking: bool) -> None:
        estimate = self._estimate(v, source, target)
        before = [self.last_action_of[v]] if v in self.last_action_of else []
        before += [self.boots[h].id for h in (target,) if h in self.boots]
        before += self.hosts.start(v, source, target)
        assert estimate.mode is not None
        move = Migration(
            id=self._new_id(),
            vm=v,
            source=source,
            target=target,
            mode=estimate.mode,
            start_s=self.now,
            end_s=self.now + estimate.duration_s,
            downtime_ms=estimate.downtime_ms,
            moved_mib=estimate.moved_mib,
            rate_mib_per_s=estimate.rate_mib_per_s,
            overhead_mcores=estimate.overhead_mcores,
            parking=parking,
            after=tuple(sorted(set(before))),
        )
        self.actions.append(move)
        self.running[move.id] = move
        heapq.heappush(self.events, (move.end_s, move.id, move.id))

    def _estimate(self, v: int, source: int, target: int) -> MoveEstimate:
        fleet = self.instance.fleet
        one, other = (fleet.types[fleet.host_type[h]] for h in (source, target))
        estimate = estimate_move(
            int(self.instance.need[v, self.hosts.memory]),
            float(self.instance.vms.dirty_mib_per_s[v]),
            nic_mbit_per_s=min(one.nic_mbit_per_s, other.nic_mbit_per_s),
            modes=one.hypervisor.moves & other.hypervisor.moves,
            settings=self.instance.moves,
        )
        if estimate.mode is None:
            names = fleet.host_ids[source], fleet.host_ids[target]
            msg = (
                f"{self.instance.vms.ids[v]} cannot be moved from {names[0]} to {names[1]}: "
                f"{estimate.verdict}"
            )
            raise PlanError(msg)
        return estimate

    def _advance(self) -> None:
        """Go to the next event and finish everything that ends there."""
        self.now = self.events[0][0]
        while self.events and self.events[0][0] == self.now:
            _, _, key = heapq.heappop(self.events)
            if key < 0:
                self.hosts.on[-1 - key] = True
                continue
            move = self.running.pop(key)
            self.hosts.finish(move.vm, move.source, move.target, move.id)
            self.position[move.vm] = move.target
            self.last_action_of[move.vm] = move.id
            when, ids = self.last_left.get(move.source, (0, []))
            self.last_left[move.source] = (max(when, self.now), [*ids, move.id])

    def _break_cycle(self) -> None:
        parking: Parking = find_parking(
            self.instance, self.hosts, self.pending, self.position, self.target.host_of
        )
        self._ensure_on(parking.host)
        if not self.hosts.on[parking.host]:
            self._advance()
        self._start(parking.vm, int(self.position[parking.vm]), parking.host, parking=True)

    def _shut_down(self) -> None:
        fleet = self.instance.fleet
        used = np.zeros(fleet.n_hosts, dtype=np.bool_)
        used[self.target.used_hosts()] = True
        off = self.instance.may_switch_off() | ~fleet.powered_on
        for host in np.flatnonzero(off & ~used & self.hosts.on).tolist():
            kind = fleet.types[fleet.host_type[host]]
            start_s, after = self.last_left.get(host, (0, []))
            if host in self.boots:
                after = [*after, self.boots[host].id]
                start_s = max(start_s, self.boots[host].end_s)
            self.actions.append(
                Shutdown(
                    id=self._new_id(),
                    host=host,
                    start_s=start_s,
                    end_s=start_s + kind.shutdown_s,
                    after=tuple(after),
                )
            )


def _initial_order(instance: Instance, target: Placement) -> list[int]:
    """Return the moves, host after host: first the sources that are soonest empty and then go off.

    Within a host, VMs with more memory come first; a plan that is stopped early has then released as
    many hosts as possible.
    """
    moved = target.moved_from(instance.current)
    source = instance.current.host_of[moved]
    memory = instance.need[moved, 1]
    leaving = np.bincount(source, weights=memory, minlength=instance.fleet.n_hosts)
    stays_used = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    stays_used[target.used_hosts()] = True
    keys = (moved, -memory, source, leaving[source], stays_used[source])
    return [int(v) for v in moved[np.lexsort(keys)]]
