"""What an executor did, judged event by event: nobody lost or doubled, nothing dark used, nothing overfull.

A VM is on one host from its start to its end, or in storage from the end of its saving to the start of its
restoring; during a move it is on its source until the move ends, and its target holds room for it. A host
takes whom it has room for: what comes in never brings it above its capacity. A surge or a new size may do
that, which is nobody's decision; then no one may come until there is room again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import PlacementCase
from consolidate.checks.rules import Stay, disturbed_rules
from consolidate.checks.verdict import Violation

__all__ = ["HistoryCase", "Happened", "check_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event; fields as in :class:`consolidate.engine.execution.Event`."""

    time_s: int
    kind: str
    vm: int = -1
    source: int = -1
    target: int = -1
    need: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCase:
    """A history from ``placement.current`` on; ``placement.target`` is who is where in the end, as claimed.

    ``stored`` are the VMs that are in storage at the beginning.
    """

    placement: PlacementCase
    events: tuple[Happened, ...]
    stored: tuple[int, ...] = ()


def check_history(case: HistoryCase) -> tuple[Violation, ...]:
    """Judge a history.

    Returns
    -------
    tuple
        Violations; empty when no VM was ever lost or on two hosts, no host was off while a VM was there or
        on its way, no arrival exceeded a capacity, and every continuous rule that held went on holding.
    """
    return tuple(_Witness(case).judge())


@dataclass(slots=True)
class _Witness:
    """Follows a history with books of its own."""

    case: HistoryCase
    found: list[Violation] = field(default_factory=list)
    at: NDArray[np.int64] = field(init=False)
    need: NDArray[np.int64] = field(init=False)
    exists: NDArray[np.bool_] = field(init=False)
    power: list[str] = field(init=False)
    on_the_way: dict[int, tuple[int, int]] = field(default_factory=dict)
    stored: set[int] = field(default_factory=set)
    stays: dict[int, list[Stay]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        placement = self.case.placement
        self.at, self.need = placement.current.copy(), placement.need.copy()
        self.exists = placement.active.copy()
        self.stored = set(self.case.stored)
        self.power = ["on" if on else "off" for on in placement.hosts.powered_on.tolist()]

    def judge(self) -> list[Violation]:
        last_s = 0
        for event in self.case.events:
            if event.time_s < last_s:
                self._blame("V16.time", event, f"the event before is at {last_s} s")
            last_s = event.time_s
            handler = getattr(self, f"_{event.kind}", None)
            if handler is not None:
                handler(event)
            elif event.kind != "note":
                self._blame("V16.kind", event, "nobody knows what that is")
        self._end(last_s)
        return self.found

    def _blame(self, code: str, event: Happened, reason: str) -> None:
        vms, hosts = self.case.placement.vms, self.case.placement.hosts
        who = f" of VM {vms.name(event.vm)}" if event.vm >= 0 else ""
        where = f" on host {hosts.name(event.target)}" if event.target >= 0 else ""
        witness: dict[str, object] = {"time_s": event.time_s, "kind": event.kind, "reason": reason}
        message = f"{event.kind}{who}{where} at {event.time_s} s: {reason}"
        self.found.append(Violation(code=code, message=message, witness=witness))

    # -- VMs -----------------------------------------------------------------------------------

    def _holds(self, host: int) -> NDArray[np.int64]:
        """Return what a host holds now, arrivals on their way included."""
        comers = [v for v, (_, target) in self.on_the_way.items() if target == host]
        there = [*np.flatnonzero(self.at == host).tolist(), *comers]
        overhead = self.case.placement.overhead[host]
        total: NDArray[np.int64] = self.need[there].sum(axis=0) + len(there) * overhead
        return total

    def _may_come(self, event: Happened) -> None:
        if not self.exists[event.vm]:
            self._blame("V16.lost", event, "the VM does not exist")
        if event.vm in self.on_the_way:
            self._blame("V16.two-hosts", event, "another move of it is under way")
        if self.power[event.target] != "on":
            self._blame("V16.power", event, f"the host is {self.power[event.target]}")
        used, limit = self._holds(event.target), self.case.placement.capacity[event.target]
        mine = self.need[event.vm] + self.case.placement.overhead[event.target]
        for k in np.flatnonzero(used + mine > limit).tolist():
            what = self.case.placement.resources[k]
            reason = f"it would hold {int(used[k] + mine[k])} of {what}, its capacity is {int(limit[k])}"
            self._blame("V16.capacity", event, reason)

    def _move_begin(self, event: Happened) -> None:
        if self.at[event.vm] != event.source:
            self._blame("V16.two-hosts", event, "the VM runs elsewhere: it would be on two hosts")
        if self.power[event.source] != "on":
            self._blame("V16.power", event, f"its source is {self.power[event.source]}")
        self._may_come(event)
        self._is_on(event.vm, event.time_s, {event.source, event.target})
        self.on_the_way[event.vm] = (event.source, event.target)

    def _move_end(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (event.source, event.target):
            self._blame("V16.lost", event, "no such move is under way")
        self.at[event.vm] = event.target
        self._is_on(event.vm, event.time_s, {event.target})

    def _move_fail(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (event.source, event.target):
            self._blame("V16.lost", event, "no such move is under way")
        self._is_on(event.vm, event.time_s, {event.source})

    def _start_begin(self, event: Happened) -> None:
        if self.at[event.vm] >= 0 or event.vm in self.stored:
            self._blame("V16.two-hosts", event, "the VM runs already")
        self._may_come(event)
        self.at[event.vm] = event.target
        self._is_on(event.vm, event.time_s, {event.target})

    def _start_end(self, event: Happened) -> None:
        if self.at[event.vm] != event.target:
            self._blame("V16.lost", event, "it was not started there")

    def _save_begin(self, event: Happened) -> None:
        if self.at[event.vm] != event.source or event.vm in self.stored:
            self._blame("V16.two-hosts", event, "the VM runs elsewhere")
        if event.vm in self.on_the_way:
            self._blame("V16.two-hosts", event, "another move of it is under way")
        if not self.exists[event.vm]:
            self._blame("V16.lost", event, "the VM does not exist")
        if self.power[event.source] != "on":
            self._blame("V16.power", event, f"its host is {self.power[event.source]}")
        self.on_the_way[event.vm] = (event.source, -1)

    def _save_end(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (event.source, -1):
            self._blame("V16.lost", event, "no such saving is under way")
        self.at[event.vm] = -1
        self.stored.add(event.vm)
        self._is_on(event.vm, event.time_s, set())

    def _save_fail(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (event.source, -1):
            self._blame("V16.lost", event, "no such saving is under way")

    def _restore_begin(self, event: Happened) -> None:
        if event.vm not in self.stored or self.at[event.vm] >= 0:
            self._blame("V16.two-hosts", event, "the VM is not in storage")
        self._may_come(event)
        self.on_the_way[event.vm] = (-1, event.target)
        self._is_on(event.vm, event.time_s, {event.target})

    def _restore_end(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (-1, event.target):
            self._blame("V16.lost", event, "no such restoring is under way")
        self.at[event.vm] = event.target
        self.stored.discard(event.vm)

    def _restore_fail(self, event: Happened) -> None:
        if self.on_the_way.pop(event.vm, None) != (-1, event.target):
            self._blame("V16.lost", event, "no such restoring is under way")
        self._is_on(event.vm, event.time_s, set())

    def _need(self, event: Happened) -> None:
        if not self.exists[event.vm]:
            self._blame("V16.lost", event, "the VM does not exist")
        self.need[event.vm] = event.need

    def _created(self, event: Happened) -> None:
        if self.exists[event.vm]:
            self._blame("V16.two-hosts", event, "the VM exists already")
        self.exists[event.vm] = True
        self.need[event.vm] = event.need

    def _deleted(self, event: Happened) -> None:
        if event.vm in self.on_the_way:
            self._blame("V16.lost", event, "a move of it is under way")
        self.exists[event.vm] = False
        self.at[event.vm] = -1
        self.stored.discard(event.vm)
        self._is_on(event.vm, event.time_s, set())

    def _is_on(self, vm: int, since_s: int, hosts: set[int]) -> None:
        """Note where a VM is from a time on."""
        home = int(self.case.placement.current[vm])
        path = self.stays.setdefault(vm, [(0, None, frozenset({home} - {-1}))])
        start, _, before = path[-1]
        path[-1] = (start, since_s, before)
        path.append((since_s, None, frozenset(hosts)))

    # -- hosts ---------------------------------------------------------------------------------

    def _power(self, event: Happened, before: str, after: str) -> None:
        if self.power[event.target] != before:
            reason = f"the host is {self.power[event.target]}, not {before}"
            self._blame("V16.power", event, reason)
        self.power[event.target] = after

    def _boot_begin(self, event: Happened) -> None:
        self._power(event, "off", "booting")

    def _boot_end(self, event: Happened) -> None:
        self._power(event, "booting", "on")

    def _boot_fail(self, event: Happened) -> None:
        self._power(event, "booting", "off")

    def _off_begin(self, event: Happened) -> None:
        host = event.target
        if (self.at == host).any():
            v = int(np.flatnonzero(self.at == host)[0])
            reason = f"VM {self.case.placement.vms.name(v)} is there and would be on no host"
            self._blame("V16.resident", event, reason)
        if any(host in pair for pair in self.on_the_way.values()):
            self._blame("V16.inbound", event, "a VM is on its way to it or from it")
        self._power(event, "on", "going off")

    def _off_end(self, event: Happened) -> None:
        self._power(event, "going off", "off")

    def _off_fail(self, event: Happened) -> None:
        self._power(event, "going off", "on")

    # -- the end -------------------------------------------------------------------------------

    def _end(self, last_s: int) -> None:
        placement = self.case.placement
        final = Happened(time_s=last_s, kind="end")
        for v in self.on_the_way:
            self._blame("V16.lost", final, f"the move of VM {placement.vms.name(v)} has no end")
        for v in np.flatnonzero(self.exists & (self.at < 0)).tolist():
            if v not in self.stored and placement.current[v] >= 0:
                self._blame(
                    "V16.lost", final, f"VM {placement.vms.name(v)} is on no host nor in storage"
                )
        for v in np.flatnonzero(self.at != placement.target)[:20].tolist():
            name = placement.vms.name(v)
            self._blame("V16.final", final, f"VM {name} is not where the executor says it is")
        if self.found:
            return
        for rule, message, witness in disturbed_rules(placement, self.stays):
            text = f"rule {rule}: {message}"
            self.found.append(Violation(code="V3.rule-moment", message=text, witness=witness))
