"""The simulated data centre: states of hosts, whereabouts of VMs, and the actions under way."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import BOOTING, OFF, ON, SHUTTING_DOWN, Hosts, Moving
from consolidate.engine.admission import Admission
from consolidate.errors import UnsupportedError
from consolidate.model import Boot, Fleet, Migration, MigrationPlan, Placement, Rule, Shutdown, Trace

__all__ = ["World", "host_arrays"]

_NEVER = 2**62


def host_arrays(fleet: Fleet) -> Hosts:
    """Return the fleet as the bare arrays of the replay kernel."""
    types = fleet.types

    def by_host(rows: list[object]) -> NDArray[np.int64]:
        return np.array(rows, dtype=np.int64)[fleet.host_type]

    return Hosts(
        empty_table=by_host([t.power.points_mw for t in types]),
        hosting_table=by_host([t.power.hosting_mw for t in types]),
        transition_mw=by_host([(t.boot_mw, t.shutdown_mw, t.off_mw) for t in types]),
        cpu=by_host([t.cpu_mcores for t in types]),
        usable=by_host([t.usable_mcores for t in types]),
        memory=by_host([t.usable_memory_mib for t in types]),
        core=by_host([t.core_mcores for t in types]),
        background=by_host([t.hypervisor.background_mcores for t in types]),
        per_vm=by_host([t.hypervisor.per_vm_mcores for t in types]),
        per_vm_memory=by_host([t.hypervisor.per_vm_memory_mib for t in types]),
        site=fleet.host_site,
    )


class World:
    """Everything that changes during a replay.

    Parameters
    ----------
    trace, fleet
        What is replayed, and on which hosts.
    current
        Placement at the start.
    rules
        Rules for arriving VMs.
    """

    def __init__(self, trace: Trace, fleet: Fleet, current: Placement, rules: tuple[Rule, ...]) -> None:
        self.trace, self.fleet = trace, fleet
        n_hosts, n_vms = fleet.n_hosts, trace.n_vms
        self.moving = Moving(
            state=np.where(fleet.powered_on, ON, OFF).astype(np.int8),
            host_of=np.where(trace.alive[:, 0], current.host_of, -1).astype(np.int32),
            stopped=np.zeros(n_vms, dtype=np.bool_),
            overhead=np.zeros(n_hosts, dtype=np.int64),
            target_of=np.full(n_vms, -1, dtype=np.int32),
        )
        self.admission = Admission(trace, fleet, rules, self.moving.host_of)
        self.alive = self.moving.host_of >= 0
        self.waiting: list[int] = []
        self._starts: list[tuple[int, int, Boot | Migration | Shutdown]] = []
        self._ends: list[tuple[int, int, Boot | Migration | Shutdown]] = []
        self._under_way: dict[int, Migration] = {}
        self._sequence = 0
        self._present = _Intervals(self.moving.host_of)
        self._states = _Intervals(self.moving.state)
        self.moves: list[Migration] = []
        self.broken_off: list[Migration] = []
        self.skipped = self.cancelled = self.power_cycles = self.downtime_ms = 0
        self.downtime_step: list[int] = []
        self.downtime_unmet: list[int] = []

    # -- steps ---------------------------------------------------------------------------------

    def begin_step(self, step: int) -> None:
        """Let VMs leave and arrive."""
        alive = self.trace.alive[:, step]
        now = step * self.trace.grid.step_s
        for v in np.flatnonzero(self.alive & ~alive).tolist():
            self._leave(v, now)
        arrivals = np.flatnonzero(alive & ~self.alive).tolist()
        self.alive = alive.copy()
        for v in arrivals:
            self._present.open(v, -1, now)
        self.waiting += arrivals
        self.admit(now)

    def _leave(self, v: int, now: int) -> None:
        if v in self._under_way:
            # The VM is gone, so there is nothing left to copy: its move ends here, unmade.
            move = self._under_way.pop(v)
            self._release(move)
            self.broken_off.append(replace(move, end_s=now))
            self.skipped += 1
        if self.moving.host_of[v] >= 0:
            self.admission.leave(v, int(self.moving.host_of[v]))
        else:
            self.waiting.remove(v)
        self.moving.host_of[v] = -1
        self._present.end(v, now)

    def admit(self, now: int) -> None:
        """Put waiting VMs on hosts that take them by now, and wake hosts for the others."""
        still_waiting = []
        for v in self.waiting:
            host = self.admission.choose(v, self.moving.state)
            if host < 0:
                still_waiting.append(v)
                asleep = self.admission.wake_for(v, self.moving.state)
                if asleep >= 0:
                    self._boot(asleep, now)
                continue
            self.moving.host_of[v] = host
            self.admission.enter(v, host)
            self._present.change(v, host, now)
        self.waiting = still_waiting

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
            self._push(self._starts, shifted.start_s, shifted)
            if isinstance(action, Migration):
                self.admission.reserve(action.vm, action.target)
            elif isinstance(action, Shutdown):
                self.admission.closed[action.host] = True

    def _push(
        self,
        heap: list[tuple[int, int, Boot | Migration | Shutdown]],
        when: int,
        action: Boot | Migration | Shutdown,
    ) -> None:
        self._sequence += 1
        heapq.heappush(heap, (when, self._sequence, action))

    def next_event(self) -> int:
        """Return the time of the next start or end, in seconds; far away when there is none."""
        return min(heap[0][0] if heap else _NEVER for heap in (self._starts, self._ends))

    def start_events(self, now: int) -> None:
        """Start every action that is due."""
        while self._starts and self._starts[0][0] <= now:
            action = heapq.heappop(self._starts)[2]
            if isinstance(action, Migration):
                self._start_move(action)
            elif isinstance(action, Boot):
                if self.moving.state[action.host] == OFF:
                    self._boot(action.host, now)
            else:
                self._start_shutdown(action, now)

    def finish_events(self, now: int) -> None:
        """Finish every action that ends by now."""
        while self._ends and self._ends[0][0] <= now:
            action = heapq.heappop(self._ends)[2]
            if isinstance(action, Migration):
                if self._under_way.get(action.vm) is action:
                    self._finish_move(action)
            else:
                on = isinstance(action, Boot)
                self.moving.state[action.host] = ON if on else OFF
                self._states.change(action.host, ON if on else OFF, action.end_s)

    def _boot(self, host: int, now: int) -> None:
        end_s = now + self.fleet.types[self.fleet.host_type[host]].boot_s
        self.moving.state[host] = BOOTING
        self._states.change(host, BOOTING, now)
        self.power_cycles += 1
        self._push(self._ends, end_s, Boot(id=0, host=host, start_s=now, end_s=end_s))

    def _start_shutdown(self, action: Shutdown, now: int) -> None:
        inbound = any(move.target == action.host for move in self._under_way.values())
        resident = (self.moving.host_of == action.host).any()
        if inbound or resident or self.moving.state[action.host] != ON:
            self.cancelled += 1
            self.admission.closed[action.host] = False
            return
        self.moving.state[action.host] = SHUTTING_DOWN
        self._states.change(action.host, SHUTTING_DOWN, now)
        self.power_cycles += 1
        self._push(self._ends, action.end_s, action)

    def _start_move(self, move: Migration) -> None:
        v = move.vm
        gone = not self.alive[v] or self.moving.host_of[v] != move.source
        if gone or v in self._under_way or self.moving.state[move.target] != ON:
            self.skipped += 1
            self.admission.unreserve(v, move.target)
            return
        self._under_way[v] = move
        self.moving.overhead[move.source] += move.overhead_mcores
        self.moving.overhead[move.target] += move.overhead_mcores
        self.moving.target_of[v] = move.target
        self.moving.stopped[v] = move.mode != "live"
        self._push(self._ends, move.end_s, move)

    def _release(self, move: Migration) -> None:
        """Undo what a move holds besides the VM itself."""
        self.moving.overhead[move.source] -= move.overhead_mcores
        self.moving.overhead[move.target] -= move.overhead_mcores
        self.moving.target_of[move.vm] = -1
        self.moving.stopped[move.vm] = False
        self.admission.unreserve(move.vm, move.target)

    def _finish_move(self, move: Migration) -> None:
        v = move.vm
        del self._under_way[v]
        self._release(move)
        if move.mode == "live":
            # The last instant of a live move lies in the step that ends with it.
            step = (move.end_s - 1) // self.trace.grid.step_s
            core = self.fleet.types[self.fleet.host_type[move.source]].core_mcores
            running = min(int(self.trace.cpu_mcores[v, step]), int(self.trace.vms.vcpus[v]) * core)
            self.downtime_step.append(step)
            self.downtime_unmet.append(running * move.downtime_ms // 1_000)
        self.downtime_ms += move.downtime_ms
        self.admission.leave(v, move.source)
        self.admission.enter(v, move.target)
        self.moving.host_of[v] = move.target
        self._present.change(v, move.target, move.end_s)
        self.moves.append(move)

    # -- results -------------------------------------------------------------------------------

    def close(self, end_s: int) -> None:
        """End every open interval."""
        self.finish_events(end_s)
        self.broken_off += self._under_way.values()
        self._present.close(end_s)
        self._states.close(end_s)

    def residency_rows(self) -> NDArray[np.int64]:
        """Return rows ``(vm, host, start_s, end_s)``."""
        return self._present.rows()

    def state_rows(self) -> NDArray[np.int64]:
        """Return rows ``(host, state, start_s, end_s)``."""
        return self._states.rows()


class _Intervals:
    """Values of many things over time, kept as closed intervals."""

    def __init__(self, initial: NDArray[np.int32] | NDArray[np.int8]) -> None:
        self._open = {i: (int(x), 0) for i, x in enumerate(initial.tolist()) if x >= 0}
        self._rows: list[tuple[int, int, int, int]] = []

    def open(self, index: int, value: int, now: int) -> None:
        self._open[index] = (value, now)

    def change(self, index: int, value: int, now: int) -> None:
        self.end(index, now)
        self._open[index] = (value, now)

    def end(self, index: int, now: int) -> None:
        value, since = self._open.pop(index)
        if now > since:
            self._rows.append((index, value, since, now))

    def close(self, now: int) -> None:
        for index in sorted(self._open):
            self.end(index, now)

    def rows(self) -> NDArray[np.int64]:
        return np.array(sorted(self._rows, key=lambda r: (r[0], r[2])), dtype=np.int64).reshape(-1, 4)
