"""An order and times for the moves: feasible at every moment, hosts booted before and shut down after.

Event-driven list scheduling. A move starts when its target is on and has room while the source still
holds the VM, when the rules allow the VM on both, and when both hosts have a free migration slot. If
nothing can start and nothing is under way, the waiting moves form cycles; one VM of a cycle is parked on
a spare host. No VM is parked twice, so the schedule ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np

from consolidate.errors import DeadlockError, PlanError
from consolidate.model import Boot, Instance, Migration, MigrationPlan, Placement, Shutdown
from consolidate.model.progress import Progress, silent
from consolidate.planning.cycles import blocked_vms, find_parking
from consolidate.planning.helper import helper_space
from consolidate.planning.ledger import HostLedger
from consolidate.planning.refusals import estimate_between, refuse_impossible

__all__ = ["plan"]


def plan(instance: Instance, target: Placement, *, progress: Progress = silent) -> MigrationPlan:
    """Schedule the way from the instance's present placement to a target.

    Parameters
    ----------
    instance
        The problem; its ``moves`` settings govern durations and concurrency.
    target
        Placement to reach; checked against capacity and rules before anything is scheduled.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    PlanError
        When the target itself exceeds capacity or breaks a rule, or a VM cannot be moved to its target.
    DeadlockError
        When moves block each other and no host has room to park any of them; it names the VMs, and the
        space on one further host with which there is a plan.
    """
    refuse_impossible(instance, target)
    try:
        return _Scheduler(instance, target, progress).run()
    except _StuckError as stuck:
        raise _deadlock(instance, target, stuck.vms) from None


def _deadlock(instance: Instance, target: Placement, cycle: list[int]) -> PlanError:
    def works(bigger: Instance) -> bool:
        try:
            _Scheduler(bigger, target, silent).run()
        except _StuckError:
            return False
        return True

    space = helper_space(instance, cycle, works=works)
    names = [instance.vms.ids[v] for v in cycle]
    if space is None:
        shown = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        msg = (
            f"{len(names)} moves block each other ({shown}); no single spare host would break the cycle"
        )
        return PlanError(msg)
    return DeadlockError(names, helper_space=space)


class _StuckError(Exception):
    """Nothing can start, nothing is under way, and no VM of the cycle can be parked."""

    def __init__(self, vms: list[int]) -> None:
        self.vms = vms
        super().__init__()


class _Scheduler:
    def __init__(self, instance: Instance, target: Placement, progress: Progress) -> None:
        self.instance, self.target, self.progress = instance, target, progress
        self.hosts = HostLedger(instance)
        self.position = instance.current.host_of.copy()
        self.pending = dict.fromkeys(_initial_order(instance, target))
        self.rank = {v: k for k, v in enumerate(self.pending)}
        #: Waiting VMs that leave from or go to a host; only these can start when that host changes.
        self.waiting_at: dict[int, set[int]] = {}
        for v in self.pending:
            self._wait(v)
        self.mask_of, self.masks = instance.host_masks()
        self.events: list[tuple[int, int, int]] = []  # end, sequence, move id or -1 - host
        self.running: dict[int, Migration] = {}
        self.actions: list[Boot | Migration | Shutdown] = []
        self.boots: dict[int, Boot] = {}
        self.last_left: dict[int, tuple[int, list[int]]] = {}
        self.last_action_of: dict[int, int] = {}
        self.parked: set[int] = set()
        self.next_id = 0
        self.now = 0

    def run(self) -> MigrationPlan:
        for host in sorted({int(self.target.host_of[v]) for v in self.pending}):
            self._ensure_on(host)
        total = len(self.pending)
        self._start_what_fits(self.pending)
        while self.pending or self.events:
            if self.events:
                self._start_what_fits(self._touched(self._advance()))
            else:
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
        boot = Boot(id=self._new_id(), host=host, start_s=self.now, end_s=self.now + kind.boot_s)
        self.boots[host] = boot
        self.actions.append(boot)
        heapq.heappush(self.events, (boot.end_s, boot.id, -1 - host))

    def _wait(self, v: int) -> None:
        for host in (int(self.position[v]), int(self.target.host_of[v])):
            self.waiting_at.setdefault(host, set()).add(v)

    def _stop_waiting(self, v: int) -> None:
        for host in (int(self.position[v]), int(self.target.host_of[v])):
            self.waiting_at[host].discard(v)

    def _touched(self, changed: set[int]) -> list[int]:
        """Return the waiting VMs with an end on one of the hosts, in their order."""
        found = {v for host in changed for v in self.waiting_at.get(host, ())}
        return sorted(found, key=self.rank.__getitem__)

    def _start_what_fits(self, candidates: Iterable[int]) -> None:
        for v in list(candidates):
            source, target = int(self.position[v]), int(self.target.host_of[v])
            if self.hosts.can_move(v, source, target):
                del self.pending[v]
                self._start(v, source, target, parking=False)

    def _start(self, v: int, source: int, target: int, *, parking: bool) -> None:
        estimate = estimate_between(self.instance, v, source, target)
        assert estimate.mode is not None
        self._stop_waiting(v)
        before = {self.last_action_of[v]} if v in self.last_action_of else set()
        if target in self.boots:
            before.add(self.boots[target].id)
        before.update(self.hosts.start(v, source, target))
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
            after=tuple(sorted(before)),
        )
        self.actions.append(move)
        self.running[move.id] = move
        heapq.heappush(self.events, (move.end_s, move.id, move.id))

    def _advance(self) -> set[int]:
        """Go to the next event, finish everything that ends there, and return the hosts it touched."""
        self.now = self.events[0][0]
        touched: set[int] = set()
        while self.events and self.events[0][0] == self.now:
            _, _, key = heapq.heappop(self.events)
            if key < 0:
                self.hosts.on[-1 - key] = True
                touched.add(-1 - key)
                continue
            move = self.running.pop(key)
            self.hosts.finish(move.vm, move.source, move.target, move.id)
            self.position[move.vm] = move.target
            if move.vm in self.pending:
                self._wait(move.vm)
            self.last_action_of[move.vm] = move.id
            when, ids = self.last_left.get(move.source, (0, []))
            self.last_left[move.source] = (max(when, self.now), [*ids, move.id])
            touched |= {move.source, move.target}
        return touched

    def _break_cycle(self) -> None:
        cycle = blocked_vms(self.pending, self.position, self.target.host_of)
        parking = find_parking(
            self.instance,
            self.hosts,
            [v for v in cycle if v not in self.parked],
            self.position,
            self.target.host_of,
            may_stop_at=self._may_stop_at,
        )
        if parking is None:
            raise _StuckError(cycle)
        self.parked.add(parking.vm)
        self._ensure_on(parking.host)
        if not self.hosts.on[parking.host]:
            self._advance()
        self._start(parking.vm, int(self.position[parking.vm]), parking.host, parking=True)

    def _may_stop_at(self, v: int, host: int) -> bool:
        """Say whether the VM may be parked on the host, and moved on from there."""
        if not self.instance.movable[v] or not self.masks[self.mask_of[v], host]:
            return False
        legs = (int(self.position[v]), host), (host, int(self.target.host_of[v]))
        return all(estimate_between(self.instance, v, a, b).mode is not None for a, b in legs)

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
    memory = instance.need[moved, instance.resources.index("memory_demand_mib")]
    leaving = np.bincount(source, weights=memory, minlength=instance.fleet.n_hosts)
    stays_used = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    stays_used[target.used_hosts()] = True
    keys = (moved, -memory, source, leaving[source], stays_used[source])
    return [int(v) for v in moved[np.lexsort(keys)]]
