"""Where an arriving VM goes: by allocation, which is all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import BOOTING, OFF, ON
from consolidate.model import (
    Fleet,
    Interference,
    Lonely,
    Placement,
    PowerControl,
    Quarantine,
    Rule,
    VMs,
)

__all__ = ["Admission"]


class Admission:
    """Allocations of every host, and the choice of a host for a VM that arrives.

    A VM goes to the emptiest host that is on, takes VMs, is not about to be switched off, has room for
    its allocation, and breaks no rule: what schedulers of private clouds do by default.

    Parameters
    ----------
    vms, fleet
        VMs and hosts.
    rules
        Rules to honour.
    host_of
        Host of each VM; the engine keeps it up to date.
    """

    def __init__(
        self, vms: VMs, fleet: Fleet, rules: tuple[Rule, ...], host_of: NDArray[np.int32]
    ) -> None:
        self._vms, self._fleet, self._host_of = vms, fleet, host_of
        types = fleet.types
        offer = [
            (
                int(t.usable_mcores * t.cpu_allocation_ratio + 1e-9),
                int(t.usable_memory_mib * t.memory_allocation_ratio + 1e-9),
            )
            for t in types
        ]
        extra = [(t.hypervisor.per_vm_mcores, t.hypervisor.per_vm_memory_mib) for t in types]
        self._capacity = np.array(offer, dtype=np.int64)[fleet.host_type]
        self._extra = np.array(extra, dtype=np.int64)[fleet.host_type]
        self._need = np.column_stack([vms.cpu_mcores, vms.memory_mib])
        self._room = self._capacity.copy()
        self._kind_ok = np.array(
            [[t.hypervisor.hosts(kind) for t in types] for kind in ("vm", "container")]
        )[:, fleet.host_type]
        self._shut = {h for rule in rules if isinstance(rule, Quarantine) for h in rule.hosts}
        self._rules_of: dict[int, list[Rule]] = {}
        for rule in rules:
            for v in self._concerned(rule):
                self._rules_of.setdefault(v, []).append(rule)
        self._coming: dict[int, list[int]] = {}
        self._bound = [0] * fleet.n_hosts
        self.closed = np.zeros(fleet.n_hosts, dtype=np.bool_)
        here = np.flatnonzero(host_of >= 0)
        np.subtract.at(self._room, host_of[here], self._need[here] + self._extra[host_of[here]])

    def enter(self, v: int, host: int) -> None:
        """Charge a VM to a host."""
        self._room[host] -= self._need[v] + self._extra[host]

    def leave(self, v: int, host: int) -> None:
        """Take a VM's allocation off a host."""
        self._room[host] += self._need[v] + self._extra[host]

    def reserve(self, v: int, host: int) -> None:
        """Keep room for a planned move at its target, from the moment the plan is accepted."""
        self.enter(v, host)
        self._coming.setdefault(v, []).append(host)
        self._bound[host] += 1

    def unreserve(self, v: int, host: int) -> None:
        """Give that room back: the move has ended, or will not be made."""
        self.leave(v, host)
        self._coming[v].remove(host)
        self._bound[host] -= 1

    def is_expected(self, host: int) -> bool:
        """Say whether a planned move to the host is still to come or under way."""
        return bool(self._bound[host])

    def choose(self, v: int, state: NDArray[np.int8], *, fullest: bool = False) -> int:
        """Return the emptiest host, or the fullest, that takes the VM now, or -1."""
        open_now = (state == ON) & ~self.closed & ~self._fleet.maintenance
        return self._find(v, open_now, fullest=fullest)

    def wake_for(self, v: int, state: NDArray[np.int8], may_boot: NDArray[np.bool_]) -> int:
        """Return a host to boot for the VM; -1 when one that would do boots already, or none exists."""
        closed = self._fleet.maintenance | self.closed
        if self._find(v, (state == BOOTING) & ~closed) >= 0:
            return -1
        asleep = (state == OFF) & (self._fleet.power_control != PowerControl.NO_WAKE) & may_boot
        host = self._find(v, asleep & ~self._fleet.maintenance)
        if host >= 0:
            self.closed[host] = False
        return host

    def _find(self, v: int, open_now: NDArray[np.bool_], *, fullest: bool = False) -> int:
        kind = int(self._vms.is_container[v])
        fits = (self._need[v] + self._extra <= self._room).all(axis=1)
        candidates = np.flatnonzero(open_now & self._kind_ok[kind] & fits)
        if candidates.size == 0:
            return -1
        fill = (1 - self._room[candidates] / self._capacity[candidates]).max(axis=1)
        order = np.argsort(-fill if fullest else fill, kind="stable")
        for host in candidates[order].tolist():
            if self._allowed(v, host):
                return int(host)
        return -1

    def _concerned(self, rule: Rule) -> Iterable[int]:
        """Return the VMs whose arrival may break a rule."""
        if isinstance(rule, Lonely):
            return range(len(self._vms))
        others = rule.others if isinstance(rule, Interference) else ()
        return sorted({*rule.vms, *others})

    def _allowed(self, v: int, host: int) -> bool:
        if host in self._shut:
            return False
        rules = self._rules_of.get(v)
        if not rules:
            return True
        return all(
            self._adds_nothing(rule, v, host, where)
            for rule in rules
            for where in self._whereabouts(rule)
        )

    def _whereabouts(self, rule: Rule) -> Iterator[NDArray[np.int32]]:
        """Yield where VMs are, and where they are once one of the rule has made its next move."""
        yield self._host_of
        for mate in self._concerned(rule):
            for target in self._coming.get(mate, ()):
                moved = self._host_of.copy()
                moved[mate] = target
                yield moved

    @staticmethod
    def _adds_nothing(rule: Rule, v: int, host: int, where: NDArray[np.int32]) -> bool:
        tried = where.copy()
        tried[v] = host
        before = rule.violations(Placement(host_of=where))
        return set(rule.violations(Placement(host_of=tried))).issubset(before)
