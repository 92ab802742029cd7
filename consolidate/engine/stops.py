"""VMs that stand still without being moved: savings, restorations, failures of hosts, restarts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import BOOTING, FAILED, OFF, ON, PARKED, SAVED, STOPPED, STORAGE
from consolidate.engine.demand import Demand
from consolidate.engine.idleness import Idleness
from consolidate.engine.world import World
from consolidate.errors import InputError, UnsupportedError
from consolidate.model import (
    Failures,
    Fleet,
    HostFailure,
    MigrationPlan,
    Park,
    Parking,
    Placement,
    PowerControl,
    Rule,
    Shutdown,
    Stop,
    VMs,
    Wake,
)

__all__ = ["StoppingWorld"]


class StoppingWorld(World):
    """A data centre in which VMs can be in storage and hosts can fail.

    Parameters
    ----------
    vms, fleet, current, rules, demand, step_s
        As in :class:`World`.
    parking
        When VMs are parked; ``None`` for never.
    failures
        Failures of hosts.
    """

    def __init__(
        self,
        vms: VMs,
        fleet: Fleet,
        current: Placement,
        rules: tuple[Rule, ...],
        demand: Demand,
        step_s: int,
        *,
        parking: Parking | None = None,
        failures: Failures | None = None,
    ) -> None:
        super().__init__(vms, fleet, current, rules, demand, step_s)
        self.parking, self.failures = parking, failures
        self._idleness = Idleness(parking, vms, fleet, step_s) if parking is not None else None
        self.parked = np.zeros(len(vms), dtype=np.bool_)
        #: VMs that a plan keeps in storage, whatever they ask for, until it restores them.
        self.kept = np.zeros(len(vms), dtype=np.bool_)
        self.stops: list[Stop] = []
        self._standing: dict[int, Stop] = {}
        self.image_mib: dict[int, int] = {}
        self._asked_s: dict[int, int] = {}
        self._emptied: set[int] = set()
        self._was_on: dict[int, bool] = {}
        self._unsafe: list[tuple[int, int]] = []
        self.host_failures = 0
        self.starting |= {
            Park: self._start_park, Wake: self._start_wake, HostFailure: self._fail,
            _Checkpoint: self._checkpoint,
        }  # fmt: skip
        self.finishing |= {Stop: self._finish_stop, HostFailure: self._repair}
        for event in failures.events if failures else ():
            if event.host >= fleet.n_hosts:
                msg = f"host {event.host} fails; the fleet has {fleet.n_hosts} hosts"
                raise InputError(msg)
            self.start_at(event.start_s, event)
        if failures is not None and failures.checkpoint_s:
            self.start_at(failures.checkpoint_s, _Checkpoint())

    # -- steps ---------------------------------------------------------------------------------

    def begin_step(self, now: int) -> None:
        """Let VMs leave and arrive; wake those with demand, and park idle ones."""
        super().begin_step(now)
        if self._idleness is None or self.parking is None:
            return
        asked = self.parked & ~self.kept & (self.demand.cpu_mcores > self._idleness.threshold_mcores)
        for v in np.flatnonzero(asked).tolist():
            self.wake(v, now)
        if self.parking.switch_off and not self.waiting:
            self._emptied = {host for host in sorted(self._emptied) if self._stays_on(host, now)}
        for v in self._idleness.candidates(self.host_of).tolist():
            if not self.is_busy(v):
                self._save(v, now)

    def end_step(self, changes: NDArray[np.int64]) -> None:
        """Take note of what was asked for, and of the work that failures have cost."""
        if self._idleness is not None:
            self._idleness.watch(self.demand.alive, self.demand.cpu_mcores)
        for place, row in self._unsafe:
            self.stops[place] = replace(self.stops[place], lost_mcore_s=int(changes[row, 3]))
        self._unsafe.clear()

    def accept(self, plan: MigrationPlan, now: int) -> None:
        """Take on a plan whose times count from now.

        Raises
        ------
        UnsupportedError
            When it parks VMs and nothing is said of how.
        """
        super().accept(plan, now)
        if (plan.parks or plan.wakes) and self.parking is None:
            feature = "a plan that parks VMs"
            who = "a replay without parking=Parking(...)"
            raise UnsupportedError(feature, who=who, supported_by=())
        asks: tuple[Park | Wake, ...] = (*plan.parks, *plan.wakes)
        for ask in asks:
            self.start_at(ask.start_s + now, replace(ask, start_s=ask.start_s + now))

    def is_busy(self, v: int) -> bool:
        """Say whether a move or a saving of the VM cannot start because of what is under way."""
        return v in self._standing or super().is_busy(v)

    # -- parking -------------------------------------------------------------------------------

    def _start_park(self, ask: Park, now: int) -> None:
        if self.host_of[ask.vm] >= 0 and not self.is_busy(ask.vm):
            self._save(ask.vm, now)

    def _start_wake(self, ask: Wake, now: int) -> None:
        if self.parked[ask.vm] and not self.kept[ask.vm]:
            self.wake(ask.vm, now)

    def _save(self, v: int, now: int) -> None:
        assert self.parking is not None
        assert self._idleness is not None
        image = self.parking.image_mib(int(self.demand.memory_mib[v]))
        self.parked[v] = True
        self.image_mib[v] = image
        seconds, overhead = self.parking.save_s(image), self.parking.overhead_mcores
        self.stand(v, "saving", now, seconds, asked_s=now, overhead_mcores=overhead)
        if self.demand.cpu_mcores[v] > self._idleness.threshold_mcores[v]:
            self.wake(v, now)

    def wake(self, v: int, now: int) -> None:
        """Have a VM restored as soon as it can be; until then ``parked`` stands for "not woken yet"."""
        self.parked[v] = False
        self._asked_s[v] = now
        host = int(self.host_of[v])
        self.stops.append(Stop(vm=v, host=host, cause="woken", start_s=now, end_s=now, asked_s=now))
        if host < 0:
            self.journal.add(now, PARKED, v, 0)
            self.waiting.append(v)

    def _saved(self, v: int, host: int, now: int) -> None:
        self.journal.add(now, SAVED, v, 0)
        if self.parked[v]:
            self.journal.add(now, PARKED, v, 1)
        else:
            self.waiting.append(v)
        self.displace(v, now)
        if not self.guests[host] and not self.kept[v]:
            self._emptied.add(host)

    def _stays_on(self, host: int, now: int) -> bool:
        """Switch a host off that a saving has emptied; say whether to try again later."""
        fleet = self.fleet
        managed = fleet.power_control[host] == PowerControl.MANAGED and not fleet.maintenance[host]
        if not managed or self.guests[host] or self.power.state[host] != ON:
            return False
        if self.is_expected(host) or now < self.power.shutdown_from_s[host]:
            return True
        end_s = now + fleet.types[fleet.host_type[host]].shutdown_s
        self.start_shutdown(Shutdown(id=0, host=host, start_s=now, end_s=end_s), now)
        return False

    # -- standing still ------------------------------------------------------------------------

    def host_for(self, v: int) -> int:
        """Return the host that a waiting VM goes to: from storage the fullest, so that others can stay off."""
        return self.admission.choose(v, self.power.state, fullest=v in self.image_mib)

    def put_on(self, v: int, host: int, now: int) -> None:
        """Put a VM on a host; one that comes from storage, or from a host that failed, starts there."""
        super().put_on(v, host, now)
        asked_s = self._asked_s.get(v)
        if asked_s is None:
            return
        if v in self.image_mib:
            seconds, overhead = self.restoring(v)
            self.stand(v, "restoring", now, seconds, asked_s=asked_s, overhead_mcores=overhead)
        else:
            assert self.failures is not None
            self.stand(v, "restarting", now, self.failures.restart_s, asked_s=asked_s)

    def restoring(self, v: int) -> tuple[int, int]:
        """Return the seconds and the CPU, in mcores, that restoring a VM takes."""
        assert self.parking is not None
        return self.parking.restore_s(self.image_mib[v]), self.parking.overhead_mcores

    def stand(
        self, v: int, cause: str, now: int, seconds: int, *, asked_s: int, overhead_mcores: int = 0
    ) -> None:
        """Have a VM stand still on its host for a while."""
        stop = Stop(
            vm=v,
            host=int(self.host_of[v]),
            cause=cause,  # type: ignore[arg-type]
            start_s=now,
            end_s=now + seconds,
            asked_s=asked_s,
            image_mib=self.image_mib[v] if cause != "restarting" else 0,
            overhead_mcores=overhead_mcores,
        )
        self._standing[v] = stop
        self.journal.add(now, STOPPED, v, 1)
        if stop.overhead_mcores:
            self.journal.add(now, STORAGE, stop.host, stop.overhead_mcores)
        self.end_at(stop.end_s, stop)

    def _stand_no_more(self, v: int, now: int, *, completed: bool) -> Stop:
        stop = self._standing.pop(v)
        self.journal.add(now, STOPPED, v, 0)
        if stop.overhead_mcores:
            self.journal.add(now, STORAGE, stop.host, -stop.overhead_mcores)
        self.stops.append(replace(stop, end_s=now, completed=completed))
        return stop

    def _finish_stop(self, stop: Stop, now: int) -> None:
        if self._standing.get(stop.vm) is not stop:
            return
        self._stand_no_more(stop.vm, now, completed=True)
        if stop.cause == "saving":
            self._saved(stop.vm, stop.host, now)
        else:
            self.forget(stop.vm)

    def forget(self, v: int) -> None:
        """Forget that a VM was in storage or lost: it runs, or is no more."""
        self.parked[v] = self.kept[v] = False
        self.image_mib.pop(v, None)
        self._asked_s.pop(v, None)

    def leave(self, v: int, now: int) -> None:
        """Take a VM away that does not exist any more."""
        if v in self._standing:
            self._stand_no_more(v, now, completed=False)
        super().leave(v, now)
        self.forget(v)

    def leave_queue(self, v: int, now: int) -> None:
        """Take a VM away that is on no host: it waits for one, or is in storage."""
        if self.parked[v]:
            self.journal.add(now, PARKED, v, 0)
        else:
            super().leave_queue(v, now)

    def close(self, end_s: int) -> None:
        """End what is under way with the replay."""
        for v in sorted(self._standing):
            self._stand_no_more(v, end_s, completed=False)

    # -- failures ------------------------------------------------------------------------------

    def _checkpoint(self, _: _Checkpoint, now: int) -> None:
        assert self.failures is not None
        for v in np.flatnonzero(self.host_of >= 0).tolist():
            self.journal.add(now, SAVED, v, 0)
        self.start_at(now + self.failures.checkpoint_s, _Checkpoint())

    def _fail(self, failure: HostFailure, now: int) -> None:
        host = failure.host
        self.host_failures += 1
        self._was_on[host] = self.power.state[host] in (ON, BOOTING)
        self.forget_switching(host)
        self.power.set(host, FAILED, now)
        for v in sorted(self.under_way):
            if host in (self.under_way[v].source, self.under_way[v].target):
                self.break_off(self.under_way[v], now)
        for v in np.flatnonzero(self.host_of == host).tolist():
            restored = self._lose(v, now)
            self.stops.append(Stop(vm=v, host=host, cause="failed", start_s=now, end_s=now, asked_s=now))
            self._unsafe.append((len(self.stops) - 1, self.journal.add(now, SAVED, v, 0)))
            self.displace(v, now)
            if not restored:
                self.forget(v)
                self._asked_s[v] = now
            self.waiting.append(v)
        self.end_at(now + failure.duration_s, failure)

    def _lose(self, v: int, now: int) -> bool:
        """Stop what a VM of a failed host stands still for; say whether its state is in storage."""
        if v not in self._standing:
            return False
        return self._stand_no_more(v, now, completed=False).cause == "restoring"

    def _repair(self, failure: HostFailure, now: int) -> None:
        if self._was_on.pop(failure.host):
            self.boot(failure.host, now)
        else:
            self.switched(failure.host, OFF, now)


class _Checkpoint:
    """A moment at which the state of every VM becomes safe."""
