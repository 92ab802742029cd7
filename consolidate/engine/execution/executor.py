"""Carry out a plan action by action; when something is not as planned, let the rest finish and plan anew.

An action starts when its time has come, when all that it waits for has ended, and when the hosts as they are
allow it. A move without an answer is not repeated: after a while the executor asks the hosts where the VM is.
A host is not switched off on a guess: only when nobody is on it, or on the way to or from it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from consolidate.engine.execution.faults import Faults
from consolidate.engine.execution.history import Execution
from consolidate.engine.execution.site import BOOTING, OFF, ON, STOPPING, Flight, Site
from consolidate.engine.execution.surprises import (
    Surprise,
    draw_surprises,
    surge_need,
    with_newborns,
)
from consolidate.model import (
    Boot,
    Instance,
    Migration,
    MigrationPlan,
    Placement,
    Restore,
    Save,
    Shutdown,
    Start,
)
from consolidate.model.action import Action
from consolidate.model.fleet import PowerControl

__all__ = ["Replanner", "execute"]

#: Without an answer for so long after the planned end, the executor asks the hosts.
PATIENCE_S = 60
#: After so many failures a VM is left where it is, and a host is no longer counted on.
_MOST_TRIES = 3
_MOST_BOOTS = 2
_MOST_PLANS = 200


class Replanner(Protocol):
    """Plans from a state to where VMs are wanted, as far as it can."""

    def __call__(self, instance: Instance, wanted: Placement) -> MigrationPlan:
        """Return a plan for the state as it is; -1 in ``wanted`` stands for a new VM: choose a host."""
        ...


def execute(
    instance: Instance,
    plan: MigrationPlan,
    replan: Replanner,
    *,
    faults: Faults | None = None,
    seed: int = 0,
) -> Execution:
    """Carry out a plan on simulated hosts, and plan anew whenever something is not as it was planned.

    Parameters
    ----------
    instance, plan
        The problem and its plan.
    replan
        Who plans anew.
    faults
        What goes wrong, and how often; default nothing.
    seed
        Seed of everything random.
    """
    rng = np.random.default_rng(seed)
    faults = faults or Faults()
    extended, newborns = with_newborns(instance, faults, rng)
    wanted = np.full(len(extended.vms), -1, dtype=np.int32)
    wanted[: len(instance.vms)] = plan.target.host_of
    surprises = draw_surprises(extended, newborns, faults, within_s=plan.makespan_s, rng=rng)
    return _Executor(Site(extended), wanted, replan, faults, rng).run(plan, surprises)


def _ends(move: Migration | Save | Restore) -> tuple[int, int]:
    """Return the hosts that a VM leaves and comes to; -1 is the storage."""
    if isinstance(move, Migration):
        return move.source, move.target
    return (move.host, -1) if isinstance(move, Save) else (-1, move.host)


class _Executor:
    def __init__(
        self,
        site: Site,
        wanted: NDArray[np.int32],
        replan: Replanner,
        faults: Faults,
        rng: np.random.Generator,
    ) -> None:
        self.site, self.wanted, self.replan = site, wanted, replan
        self.faults, self.rng = faults, rng
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.sequence = 0
        self.waiting: list[Action] = []
        self.done: set[int] = set()
        self.busy = 0
        self.changed = False
        self.stuck = False
        self.plans = 0
        self.tries = np.zeros(len(wanted), dtype=np.int64)
        self.boots = np.zeros(len(site.power), dtype=np.int64)

    # -- the loop ------------------------------------------------------------------------------

    def run(self, plan: MigrationPlan, surprises: list[Surprise]) -> Execution:
        for surprise in surprises:
            self._at(surprise.time_s, partial(self._surprise, surprise))
        self._take(plan)
        stopped = "everything is done"
        while True:
            self._begin_what_can()
            idle = not self.busy and not self._sleeps()
            if idle and (self.changed or self.waiting):
                if self.plans >= _MOST_PLANS:
                    stopped = f"given up after {self.plans} plans"
                    break
                self._plan_anew()
            elif not self.queue:
                break
            else:
                self._advance()
        existing = np.where(self.site.active, self.wanted, -1)
        if stopped == "everything is done" and ((existing >= 0) & (existing != self.site.host_of)).any():
            stopped = "no plan leads further"
        return Execution(
            instance=self.site.instance,
            events=tuple(self.site.events),
            placement=Placement(host_of=self.site.host_of, saved_on=self.site.saved_on),
            wanted=Placement(host_of=existing),
            plans=self.plans,
            stopped=stopped,
        )

    def _sleeps(self) -> bool:
        """Say whether an action only waits for its time, so that nothing is wrong yet."""
        return not self.changed and any(a.start_s > self.site.now for a in self.waiting)

    def _advance(self) -> None:
        self.site.now = self.queue[0][0]
        while self.queue and self.queue[0][0] == self.site.now:
            heapq.heappop(self.queue)[2]()

    def _at(self, time_s: int, call: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.queue, (time_s, self.sequence, call))

    def _take(self, plan: MigrationPlan) -> None:
        """Take on a plan whose times count from now."""
        now = self.site.now
        self.waiting = [replace(a, start_s=a.start_s + now, end_s=a.end_s + now) for a in plan.actions]
        for time_s in sorted({a.start_s for a in self.waiting if a.start_s > now}):
            self._at(time_s, lambda: None)
        self.done, self.changed = set(), False
        self.plans += 1

    def _plan_anew(self) -> None:
        plan = self.replan(self.site.as_instance(), self._wanted())
        # New VMs keep the host that was chosen for them.
        born = self.site.active & (self.wanted < 0)
        self.wanted[born] = plan.target.host_of[born]
        self.site.log("note", detail=f"plan {self.plans + 1}: {len(plan.actions)} actions")
        self._take(plan)
        self.stuck = not self.waiting

    def _wanted(self) -> Placement:
        return Placement(host_of=np.where(self.site.active, self.wanted, -1))

    def _chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    # -- actions -------------------------------------------------------------------------------

    def _begin_what_can(self) -> None:
        if self.changed:
            return
        for action in list(self.waiting):
            due = action.start_s <= self.site.now and self.done.issuperset(action.after)
            if due and self._possible(action):
                self.waiting.remove(action)
                self.busy += 1
                self._begin(action)

    def _possible(self, action: Action) -> bool:
        site = self.site
        if isinstance(action, Migration | Save | Restore):
            return action.vm not in site.flights and self._may_move(action)
        if isinstance(action, Start):
            absent = site.host_of[action.vm] < 0 and site.saved_on[action.vm] < 0
            exists = bool(site.active[action.vm]) and action.vm not in site.flights
            return bool(absent and exists and site.has_room(action.vm, action.host))
        if isinstance(action, Boot):
            return bool(site.power[action.host] == OFF)
        return bool(site.power[action.host] == ON and site.is_empty(action.host))

    def _may_move(self, move: Migration | Save | Restore) -> bool:
        """Say whether a VM is where it has to be, and where it goes there is room for it."""
        site, (source, target) = self.site, _ends(move)
        here = site.host_of[move.vm] == source and (source >= 0 or site.saved_on[move.vm] >= 0)
        on = source < 0 or site.power[source] == ON
        room = target < 0 or site.has_room(move.vm, target)
        return bool(here and on and room and self._slots(source, target))

    def _slots(self, source: int, target: int) -> bool:
        """Say whether both hosts may take part in one more move; -1 is the storage, which always may."""
        settings, site = self.site.instance.moves, self.site
        both = [site.coming[h] + site.going[h] for h in (source, target) if h >= 0]
        return bool(
            (source < 0 or site.going[source] < settings.moves_out)
            and (target < 0 or site.coming[target] < settings.moves_in)
            and (not settings.moves_per_host or max(both) < settings.moves_per_host)
            and (not settings.moves_at_once or len(site.flights) < settings.moves_at_once)
        )

    def _begin(self, action: Action) -> None:
        end_s = self.site.now + action.end_s - action.start_s
        if isinstance(action, Migration | Save | Restore):
            self._begin_move(action, end_s)
        elif isinstance(action, Start):
            flight = self.site.take_off(action.vm, action.host)
            self._at(end_s, lambda: self._moved(action, flight))
        elif isinstance(action, Boot):
            self._begin_boot(action, end_s)
        else:
            self._begin_shutdown(action, end_s)

    def _end(self, action: Action) -> None:
        """Count an action as done, as the executor knows now."""
        self.done.add(action.id)
        self.busy -= 1

    def _broken_off(self) -> None:
        self.busy -= 1
        self.changed = True

    def _not_as_planned(self) -> None:
        # What comes later was planned beside this one: beside a late one it need not be allowed.
        self.changed = True

    def _begin_move(self, move: Migration | Save | Restore, end_s: int) -> None:
        flight = self.site.take_off(move.vm, _ends(move)[1])
        now = self.site.now
        if self._chance(self.faults.setup):
            setup_s = max(1, math.ceil(self.site.instance.moves.setup_s))
            self._at(now + setup_s, lambda: self._failed(flight, "at set-up"))
        elif self._chance(self.faults.mid_copy):
            half_s = max(1, (end_s - now) // 2)
            self._at(now + half_s, lambda: self._failed(flight, "half-way"))
        elif self._chance(self.faults.lost_ack):
            self._at(end_s, lambda: self._arrive(flight, "nobody is told"))
            self._at(end_s, self._not_as_planned)
            self._at(end_s + PATIENCE_S, lambda: self._ask(move))
        else:
            self._at(end_s, lambda: self._moved(move, flight))

    def _is_under_way(self, flight: Flight) -> bool:
        return self.site.flights.get(flight.vm) is flight

    def _arrive(self, flight: Flight, detail: str = "") -> None:
        if self._is_under_way(flight):
            self.site.land(flight, arrived=True, detail=detail)

    def _moved(self, action: Action, flight: Flight) -> None:
        self._arrive(flight)
        self._end(action)

    def _failed(self, flight: Flight, where: str) -> None:
        if self._is_under_way(flight):
            self.site.land(flight, arrived=False, detail=where)
            # Who is in storage has to come back, however often that fails.
            self.tries[flight.vm] += flight.what != "restore"
            if self.tries[flight.vm] >= _MOST_TRIES and flight.what != "restore":
                self.site.movable[flight.vm] = False
                self.site.log("note", vm=flight.vm, detail="left where it is after repeated failures")
        self._broken_off()

    def _ask(self, move: Migration | Save | Restore) -> None:
        host = int(self.site.host_of[move.vm])
        self.site.log("note", vm=move.vm, target=host, detail="no answer; the hosts say where it is")
        if host == _ends(move)[1] and (host >= 0 or self.site.saved_on[move.vm] >= 0):
            self._end(move)
        else:
            self._broken_off()

    def _begin_boot(self, boot: Boot, end_s: int) -> None:
        site, host = self.site, boot.host
        site.power[host] = BOOTING
        site.log("boot_begin", target=host)
        if self._chance(self.faults.boot):
            self._at(end_s, lambda: self._boot_failed(host))
            return
        if self._chance(self.faults.late_boot):
            self._at(end_s, self._not_as_planned)
            end_s += max(1, int((end_s - site.now) * self.rng.uniform(1, 3)))
        self._at(end_s, lambda: self._booted(boot))

    def _booted(self, boot: Boot) -> None:
        self.site.power[boot.host] = ON
        late = self.site.now > boot.end_s and self.site.now - boot.end_s
        self.site.log("boot_end", target=boot.host, detail=f"{late} s late" if late else "")
        self._end(boot)

    def _boot_failed(self, host: int) -> None:
        site = self.site
        site.power[host] = OFF
        site.log("boot_fail", target=host)
        self.boots[host] += 1
        if self.boots[host] >= _MOST_BOOTS:
            site.control[host] = PowerControl.NO_WAKE
            site.log("note", target=host, detail="no longer counted on after repeated failures")
        self._broken_off()

    def _begin_shutdown(self, off: Shutdown, end_s: int) -> None:
        site, host = self.site, off.host
        site.power[host] = STOPPING
        site.log("off_begin", target=host)
        if not self._chance(self.faults.power_off):
            self._at(end_s, lambda: self._switched_off(host, ""))
            self._at(end_s, lambda: self._end(off))
        elif self._chance(0.5):
            self._at(end_s, lambda: self._switched_off(host, "nobody is told"))
            self._at(end_s + PATIENCE_S, lambda: self._end(off))
        else:
            self._at(end_s + PATIENCE_S, lambda: self._not_switched_off(host))

    def _switched_off(self, host: int, detail: str) -> None:
        self.site.power[host] = OFF
        self.site.log("off_end", target=host, detail=detail)

    def _not_switched_off(self, host: int) -> None:
        self.site.power[host] = ON
        self.site.log("off_fail", target=host, detail="not confirmed; the host never got the order")
        self._broken_off()

    # -- what happens meanwhile ----------------------------------------------------------------

    def _surprise(self, surprise: Surprise) -> None:
        site, v = self.site, surprise.vm
        if surprise.kind == "created":
            site.create(v)
        elif not site.active[v]:
            return
        elif surprise.kind == "deleted":
            site.delete(v)
        elif surprise.kind == "resized" and v in site.flights:
            # No platform resizes a VM that is on its way.
            self._at(site.now + PATIENCE_S, lambda: self._surprise(surprise))
            return
        else:
            before, need = site.need[v].copy(), surge_need(site, surprise)
            site.change_need(v, need, detail=surprise.kind)
            if surprise.kind == "surge":
                self._at(site.now + surprise.lasts_s, lambda: self._calm(v, int(need[0] - before[0])))
        self.changed = True

    def _calm(self, vm: int, less_mcores: int) -> None:
        if self.site.active[vm]:
            need = self.site.need[vm].copy()
            need[0] -= less_mcores
            self.site.change_need(vm, need, detail="the surge is over")
            # Who found no way then may find one now.
            self.changed = self.changed or self.stuck
