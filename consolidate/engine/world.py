"""The simulated data centre: whereabouts of VMs, and the actions under way."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from consolidate._kernels.replay import (
    BOOTING,
    HOST_OF,
    OFF,
    ON,
    OVERHEAD,
    SAVED,
    SHUTTING_DOWN,
    TARGET_OF,
)
from consolidate._kernels.replay import STOPPED as IS_STOPPED
from consolidate.engine.admission import Admission
from consolidate.engine.demand import Demand
from consolidate.engine.journal import Intervals, Journal
from consolidate.engine.power import HostPower
from consolidate.errors import UnsupportedError
from consolidate.model import Boot, Fleet, Migration, MigrationPlan, Placement, Rule, Shutdown, VMs

__all__ = ["World"]

_NEVER = 2**62


class World:
    """Everything that changes during a replay.

    Parameters
    ----------
    vms, fleet
        What is replayed, and on which hosts.
    current
        Placement at the start.
    rules
        Rules for arriving VMs.
    demand
        Demand, at the first step.
    step_s : s
        Length of a step.
    """

    def __init__(
        self,
        vms: VMs,
        fleet: Fleet,
        current: Placement,
        rules: tuple[Rule, ...],
        demand: Demand,
        step_s: int,
    ) -> None:
        self.vms, self.fleet, self.demand, self.step_s = vms, fleet, demand, step_s
        self.host_of = np.where(demand.alive, current.host_of, -1).astype(np.int32)
        self.journal = Journal()
        self.power = HostPower(fleet, self.journal)
        self.admission = Admission(vms, fleet, rules, self.host_of)
        self.alive = self.host_of >= 0
        self.waiting: list[int] = []
        self.guests = np.bincount(self.host_of[self.alive], minlength=fleet.n_hosts).tolist()
        self._inbound = [0] * fleet.n_hosts
        self._starts: list[tuple[int, int, Any]] = []
        self._ends: list[tuple[int, int, Any]] = []
        self._switching: dict[int, Boot | Shutdown] = {}
        self.under_way: dict[int, Migration] = {}
        self._sequence = 0
        self.whereabouts = Intervals(self.host_of)
        self.moves: list[Migration] = []
        self.broken_off: list[Migration] = []
        self.skipped = self.cancelled = self.downtime_ms = 0
        self.refused_boots = self.refused_shutdowns = 0
        self.downtime_step: list[int] = []
        self.downtime_unmet: list[int] = []
        self.starting: dict[type, Callable[[Any, int], None]] = {
            Migration: self._start_move,
            Boot: self._start_boot,
            Shutdown: self.start_shutdown,
        }
        self.finishing: dict[type, Callable[[Any, int], None]] = {
            Migration: self._finish_move,
            Boot: self._finish_switching,
            Shutdown: self._finish_switching,
        }

    # -- steps ---------------------------------------------------------------------------------

    def begin_step(self, now: int) -> None:
        """Let VMs leave and arrive."""
        alive = self.demand.alive
        for v in np.flatnonzero(self.alive & ~alive).tolist():
            self.leave(v, now)
        arrivals = np.flatnonzero(alive & ~self.alive).tolist()
        self.alive = alive.copy()
        for v in arrivals:
            self.whereabouts.open(v, -1, now)
        self.waiting += arrivals
        self.admit(now)

    def leave(self, v: int, now: int) -> None:
        """Take a VM away that does not exist any more."""
        if v in self.under_way:
            # The VM is gone, so there is nothing left to copy: its move ends here, unmade.
            self.break_off(self.under_way[v], now)
        if self.host_of[v] >= 0:
            self._take_off(v, now)
        else:
            self.leave_queue(v, now)
        self.journal.add(now, SAVED, v, 0)
        self.whereabouts.end(v, now)

    def leave_queue(self, v: int, now: int) -> None:  # noqa: ARG002
        """Take a VM away that waits for a host."""
        self.waiting.remove(v)

    def admit(self, now: int) -> None:
        """Put waiting VMs on hosts that take them by now, and wake hosts for the others."""
        if not self.waiting:
            return
        still_waiting = []
        for v in self.waiting:
            host = self.host_for(v)
            if host >= 0:
                self.put_on(v, host, now)
                continue
            still_waiting.append(v)
            may_boot = self.power.boot_from_s <= now
            asleep = self.admission.wake_for(v, self.power.state, may_boot)
            if asleep >= 0:
                self.boot(asleep, now)
        self.waiting = still_waiting

    def host_for(self, v: int) -> int:
        """Return the host that a waiting VM goes to now, or -1."""
        return self.admission.choose(v, self.power.state)

    def put_on(self, v: int, host: int, now: int) -> None:
        """Put a VM that is on no host on one."""
        self.host_of[v] = host
        self.guests[host] += 1
        self.admission.enter(v, host)
        self.journal.add(now, HOST_OF, v, host)
        self.whereabouts.change(v, host, now)

    def _take_off(self, v: int, now: int) -> None:
        host = int(self.host_of[v])
        self.admission.leave(v, host)
        self.guests[host] -= 1
        self.host_of[v] = -1
        self.journal.add(now, HOST_OF, v, -1)

    def displace(self, v: int, now: int) -> None:
        """Take a VM off its host that goes on existing."""
        self._take_off(v, now)
        self.whereabouts.change(v, -1, now)

    # -- actions -------------------------------------------------------------------------------

    def accept(self, plan: MigrationPlan, now: int) -> None:
        """Take on a plan whose times count from now.

        Raises
        ------
        UnsupportedError
            When the plan starts VMs: here they start when the trace says so.
        """
        if plan.starts:
            feature = "a plan that starts VMs"
            raise UnsupportedError(feature, who="the replay of a trace", supported_by=())
        for boot in plan.boots:
            self.admission.closed[boot.host] = False
        for action in (a for a in plan.actions if a.kind != "start"):
            shifted = replace(action, start_s=action.start_s + now, end_s=action.end_s + now)
            self.start_at(shifted.start_s, shifted)
            if isinstance(action, Migration):
                self.admission.reserve(action.vm, action.target)
            elif isinstance(action, Shutdown):
                self.admission.closed[action.host] = True

    def start_at(self, when: int, action: Any) -> None:
        """Have something started later."""
        self._sequence += 1
        heapq.heappush(self._starts, (when, self._sequence, action))

    def end_at(self, when: int, action: Any) -> None:
        """Have something finished later."""
        self._sequence += 1
        heapq.heappush(self._ends, (when, self._sequence, action))

    def next_event(self) -> int:
        """Return the time of the next start or end, in seconds; far away when there is none."""
        return min(heap[0][0] if heap else _NEVER for heap in (self._starts, self._ends))

    def start_events(self, now: int) -> None:
        """Start every action that is due."""
        while self._starts and self._starts[0][0] <= now:
            action = heapq.heappop(self._starts)[2]
            self.starting[type(action)](action, now)

    def finish_events(self, now: int) -> None:
        """Finish every action that ends by now."""
        while self._ends and self._ends[0][0] <= now:
            when, _, action = heapq.heappop(self._ends)
            if action is not None:  # None stands for a moment at which a host may be booted again.
                self.finishing[type(action)](action, when)

    def _start_boot(self, action: Boot, now: int) -> None:
        if self.power.state[action.host] != OFF:
            return
        if now < self.power.boot_from_s[action.host]:
            self.refused_boots += 1
            return
        self.boot(action.host, now)

    def boot(self, host: int, now: int) -> None:
        """Switch a host on."""
        end_s = now + self.fleet.types[self.fleet.host_type[host]].boot_s
        self._switch(Boot(id=0, host=host, start_s=now, end_s=end_s), BOOTING)

    def start_shutdown(self, action: Shutdown, now: int) -> None:
        """Switch a host off, if nobody is there or on the way, and it is allowed."""
        host = action.host
        if self._inbound[host] or self.guests[host] or self.power.state[host] != ON:
            self.cancelled += 1
            self.admission.closed[host] = False
        elif now < self.power.shutdown_from_s[host]:
            self.refused_shutdowns += 1
            self.admission.closed[host] = False
        else:
            self._switch(action, SHUTTING_DOWN)

    def _switch(self, action: Boot | Shutdown, state: int) -> None:
        self.power.set(action.host, state, action.start_s)
        self._switching[action.host] = action
        self.end_at(action.end_s, action)

    def _finish_switching(self, action: Boot | Shutdown, now: int) -> None:
        # A host that failed meanwhile does not come to the end of what it was doing.
        if self._switching.get(action.host) is action:
            self.forget_switching(action.host)
            self.switched(action.host, ON if isinstance(action, Boot) else OFF, now)

    def switched(self, host: int, state: int, now: int) -> None:
        """Have a host on or off."""
        self.power.set(host, state, now)
        may_boot_s = int(self.power.boot_from_s[host])
        if state == OFF and may_boot_s > now:
            self.end_at(may_boot_s, None)

    def forget_switching(self, host: int) -> None:
        """Give up the boot or shutdown under way."""
        self._switching.pop(host, None)

    # -- moves ---------------------------------------------------------------------------------

    def is_busy(self, v: int) -> bool:
        """Say whether a move of the VM cannot start because of what is under way."""
        return v in self.under_way

    def is_expected(self, host: int) -> bool:
        """Say whether VMs are on their way to a host, or will be."""
        return self._inbound[host] > 0 or self.admission.is_expected(host)

    def _start_move(self, move: Migration, now: int) -> None:
        v = move.vm
        gone = not self.alive[v] or self.host_of[v] != move.source
        if gone or self.is_busy(v) or self.power.state[move.target] != ON:
            self.skipped += 1
            self.admission.unreserve(v, move.target)
            return
        self.under_way[v] = move
        self._inbound[move.target] += 1
        for host in (move.source, move.target):
            self.journal.add(now, OVERHEAD, host, move.overhead_mcores)
        self.journal.add(now, TARGET_OF, v, move.target)
        if move.mode != "live":
            self.journal.add(now, IS_STOPPED, v, 1)
        self.end_at(move.end_s, move)

    def _release(self, move: Migration, now: int) -> None:
        """Undo what a move holds besides the VM itself."""
        del self.under_way[move.vm]
        self._inbound[move.target] -= 1
        for host in (move.source, move.target):
            self.journal.add(now, OVERHEAD, host, -move.overhead_mcores)
        self.journal.add(now, TARGET_OF, move.vm, -1)
        if move.mode != "live":
            self.journal.add(now, IS_STOPPED, move.vm, 0)
        self.admission.unreserve(move.vm, move.target)

    def break_off(self, move: Migration, now: int) -> None:
        """End a move that is not made."""
        self._release(move, now)
        self.broken_off.append(replace(move, end_s=now))
        self.skipped += 1

    def _finish_move(self, move: Migration, now: int) -> None:
        v = move.vm
        if self.under_way.get(v) is not move:
            return
        self._release(move, now)
        if move.mode == "live":
            # The last instant of a live move lies in the step that ends with it.
            step = (now - 1) // self.step_s
            core = self.fleet.types[self.fleet.host_type[move.source]].core_mcores
            running = min(self.demand.cpu_at(v, step), int(self.vms.vcpus[v]) * core)
            self.downtime_step.append(step)
            self.downtime_unmet.append(running * move.downtime_ms // 1_000)
        self.downtime_ms += move.downtime_ms
        self._take_off(v, now)
        self.put_on(v, move.target, now)
        self.moves.append(move)
