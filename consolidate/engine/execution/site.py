"""The hosts and VMs themselves: who runs where, what is promised, what is on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from consolidate.engine.execution.history import Event, EventKind
from consolidate.model import Instance, Placement, Running

__all__ = ["BOOTING", "OFF", "ON", "STOPPING", "Flight", "Site"]

ON, OFF, BOOTING, STOPPING = range(4)
_KINDS: dict[tuple[str, str], EventKind] = {
    (what, stage): cast("EventKind", kind)
    for kind in get_args(EventKind)
    for what, _, stage in [kind.partition("_")]
}


@dataclass(frozen=True, slots=True)
class Flight:
    """A move of a VM under way, its start or its restoring (source -1), or its saving (target -1)."""

    vm: int
    source: int
    target: int
    what: Literal["move", "start", "save", "restore"]


class Site:
    """What is true, changed by what happens; every change is written down.

    Parameters
    ----------
    instance
        The problem at the start, VMs that will be created included.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.host_of = np.array(instance.current.host_of)
        self.saved_on = np.array(instance.current.saved_on)
        self.active = np.array(instance.active)
        self.movable = np.array(instance.movable)
        self.need = np.array(instance.need)
        self.control = np.array(instance.fleet.power_control)
        self.power = np.where(instance.fleet.powered_on, ON, OFF).astype(np.int8)
        self.used = np.array(instance.usage(instance.current))
        self.flights: dict[int, Flight] = {}
        self.coming = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
        self.going = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
        self.n_vms = np.bincount(self.host_of[self.host_of >= 0], minlength=len(self.power))
        self.events: list[Event] = []
        self.now = 0

    def log(
        self,
        kind: EventKind,
        *,
        vm: int = -1,
        source: int = -1,
        target: int = -1,
        need: NDArray[np.int64] | None = None,
        detail: str = "",
    ) -> None:
        """Write down what happens now."""
        amounts = () if need is None else tuple(need.tolist())
        self.events.append(
            Event(
                time_s=self.now,
                kind=kind,
                vm=vm,
                source=source,
                target=target,
                need=amounts,
                detail=detail,
            )
        )

    def _amount(self, vm: int, host: int) -> NDArray[np.int64]:
        amount: NDArray[np.int64] = self.need[vm] + self.instance.vm_overhead[host]
        return amount

    def has_room(self, vm: int, host: int) -> bool:
        """Say whether a host that is on has room for one more VM."""
        fits = self.used[host] + self._amount(vm, host) <= self.instance.capacity[host]
        return bool(self.power[host] == ON and fits.all())

    def is_empty(self, host: int) -> bool:
        """Say whether nobody is on a host, on the way to it or on the way from it."""
        return not (self.n_vms[host] or self.coming[host] or self.going[host])

    def take_off(self, vm: int, target: int) -> Flight:
        """Begin a move, a start, a restoring, or with the target -1 a saving.

        The target holds what the VM needs from now on.
        """
        source = int(self.host_of[vm])
        what: Literal["move", "start", "save", "restore"] = "move" if target >= 0 else "save"
        if source < 0:
            what = "restore" if self.saved_on[vm] >= 0 else "start"
        flight = self.flights[vm] = Flight(vm, source, target, what)
        if target >= 0:
            self.used[target] += self._amount(vm, target)
            self.coming[target] += 1
        if source >= 0:
            self.going[source] += 1
        self.log(_KINDS[what, "begin"], vm=vm, source=source, target=target)
        return flight

    def land(self, flight: Flight, *, arrived: bool, detail: str = "") -> None:
        """End what was begun: the VM is where it was to go, or where it was; the other host has room again."""
        vm, source, target = flight.vm, flight.source, flight.target
        del self.flights[vm]
        leaves = source if arrived else target
        if target >= 0:
            self.coming[target] -= 1
            self.n_vms[target] += arrived
        if source >= 0:
            self.going[source] -= 1
            self.n_vms[source] -= arrived
        if leaves >= 0:
            self.used[leaves] -= self._amount(vm, leaves)
        if arrived:
            self.host_of[vm] = target
            self.saved_on[vm] = source if target < 0 else -1
        kind = _KINDS[flight.what, "end" if arrived else "fail"]
        self.log(kind, vm=vm, source=source, target=target, detail=detail)

    def change_need(self, vm: int, need: NDArray[np.int64], *, detail: str) -> None:
        """Let a VM need something else, on both hosts if it is on its way."""
        flight = self.flights.get(vm)
        hosts = {int(self.host_of[vm])} | ({flight.target} if flight else set())
        for host in hosts - {-1}:
            self.used[host] += need - self.need[vm]
        self.need[vm] = need
        self.log("need", vm=vm, need=need, detail=detail)

    def create(self, vm: int) -> None:
        """Let a VM exist, on no host yet."""
        self.active[vm] = True
        self.log("created", vm=vm, need=self.need[vm])

    def delete(self, vm: int) -> None:
        """Let a VM cease to exist, and its state in storage; a move of it ends."""
        flight = self.flights.get(vm)
        if flight is not None:
            self.land(flight, arrived=flight.what == "start", detail="the VM is deleted")
        host = int(self.host_of[vm])
        if host >= 0:
            self.used[host] -= self._amount(vm, host)
            self.n_vms[host] -= 1
        self.host_of[vm], self.saved_on[vm], self.active[vm] = -1, -1, False
        self.log("deleted", vm=vm, source=host)

    def as_instance(self) -> Instance:
        """Return the problem as it is now; nothing may be under way."""
        rules = tuple(
            rule
            for rule in self.instance.rules
            if not isinstance(rule, Running) or self.active[list(rule.vms)].all()
        )
        fleet = replace(
            self.instance.fleet, powered_on=self.power == ON, power_control=np.array(self.control)
        )
        return replace(
            self.instance,
            fleet=fleet,
            need=np.array(self.need),
            load_mcores=np.minimum(self.instance.load_mcores, self.need[:, 0]),
            current=Placement(host_of=np.array(self.host_of), saved_on=np.array(self.saved_on)),
            active=np.array(self.active),
            movable=np.array(self.movable),
            rules=rules,
        )
