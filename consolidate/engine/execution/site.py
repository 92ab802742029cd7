"""The hosts and VMs themselves: who runs where, what is promised, what is on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from consolidate.engine.execution.history import Event, EventKind
from consolidate.model import Instance, Placement, Running

__all__ = ["BOOTING", "OFF", "ON", "STOPPING", "Flight", "Site"]

ON, OFF, BOOTING, STOPPING = range(4)


@dataclass(frozen=True, slots=True)
class Flight:
    """A move under way, or the start of a VM (source -1)."""

    vm: int
    source: int
    target: int


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
        """Begin a move or a start: the target holds what the VM needs from now on."""
        flight = Flight(vm, int(self.host_of[vm]), target)
        self.flights[vm] = flight
        self.used[target] += self._amount(vm, target)
        self.coming[target] += 1
        if flight.source >= 0:
            self.going[flight.source] += 1
        self.log(
            "move_begin" if flight.source >= 0 else "start_begin",
            vm=vm,
            source=flight.source,
            target=target,
        )
        return flight

    def land(self, flight: Flight, *, arrived: bool, detail: str = "") -> None:
        """End a move or a start: the VM is at its target, or where it was; the other host has its room back."""
        vm, source, target = flight.vm, flight.source, flight.target
        del self.flights[vm]
        self.coming[target] -= 1
        leaves = source if arrived else target
        if source >= 0:
            self.going[source] -= 1
        if leaves >= 0:
            self.used[leaves] -= self._amount(vm, leaves)
        if arrived:
            self.host_of[vm] = target
            self.n_vms[target] += 1
            if source >= 0:
                self.n_vms[source] -= 1
        kind: EventKind = ("move_end" if arrived else "move_fail") if source >= 0 else "start_end"
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
        """Let a VM cease to exist; a move of it ends."""
        flight = self.flights.get(vm)
        if flight is not None:
            self.land(flight, arrived=flight.source < 0, detail="the VM is deleted")
        host = int(self.host_of[vm])
        if host >= 0:
            self.used[host] -= self._amount(vm, host)
            self.n_vms[host] -= 1
        self.host_of[vm], self.active[vm] = -1, False
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
            current=Placement(host_of=np.array(self.host_of)),
            active=np.array(self.active),
            movable=np.array(self.movable),
            rules=rules,
        )
