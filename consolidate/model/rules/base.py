"""What a placement rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import numpy as np

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["HostRule", "HostsOnlyRule", "Rule", "VmRule", "sorted_parts"]


@runtime_checkable
class Rule(Protocol):
    """What a placement has to satisfy."""

    name: ClassVar[str]

    @property
    def vms(self) -> tuple[int, ...]:
        """Indices of the VMs that the rule speaks of."""
        ...

    @property
    def continuous(self) -> bool:
        """Whether the rule must hold at every moment of a plan."""
        ...

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per violation; indices stand for VMs and hosts.

        The instance says which hosts are on although they carry nothing, who is where now, and who else
        there is; without it, rules that need to know that count what they can see.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VmRule:
    """A rule that names VMs."""

    vms: tuple[int, ...]
    continuous: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "vms", tuple(sorted(int(v) for v in set(self.vms))))
        if not self.vms or self.vms[0] < 0:
            msg = "needs at least one VM, all of them known"
            raise InstanceError([Issue(path="rule.vms", message=msg)])

    def hosts_of(self, placement: Placement) -> dict[int, int]:
        """Return VM -> host for the VMs of the rule that are on a host."""
        return {v: int(h) for v in self.vms if (h := placement.host_of[v]) >= 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRule(VmRule):
    """A rule that names VMs and hosts."""

    hosts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        VmRule.__post_init__(self)
        object.__setattr__(self, "hosts", tuple(sorted(int(h) for h in set(self.hosts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsOnlyRule:
    """A rule that names hosts and no VM."""

    hosts: tuple[int, ...]
    continuous: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hosts", tuple(sorted({int(h) for h in self.hosts})))
        if not self.hosts:
            raise InstanceError([Issue(path="rule.hosts", message="needs at least one host")])

    @property
    def vms(self) -> tuple[int, ...]:
        """No VM is named: the rule speaks of hosts."""
        return ()

    def online(self, placement: Placement, instance: Instance | None) -> list[int]:
        """Return those of the hosts that carry a VM or may not be switched off."""
        on = set(placement.used_hosts().tolist())
        if instance is not None:
            on |= set(np.flatnonzero(instance.stays_on()).tolist())
        return [h for h in self.hosts if h in on]


def sorted_parts(
    parts: tuple[tuple[int, ...], ...], *, least: int, path: str
) -> tuple[tuple[int, ...], ...]:
    """Return disjoint parts, each ascending.

    Raises
    ------
    InstanceError
        When there are fewer than ``least``, one is empty, or two share a member.
    """
    found = tuple(tuple(sorted({int(x) for x in part})) for part in parts)
    members = [x for part in found for x in part]
    if len(found) < least or not all(found) or min(members) < 0:
        msg = f"needs at least {least} parts, none of them empty"
        raise InstanceError([Issue(path=path, message=msg)])
    if len(set(members)) < len(members):
        raise InstanceError([Issue(path=path, message="no two parts may share a member")])
    return found
