"""Rules about the state of hosts and VMs: what they say is part of fleet and needs.

Every policy honours them, because the instance does: a host that must stay on may not be switched off, one
that must be off takes no VM, and what a VM is promised is part of its need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.model.rules.base import HostsOnlyRule, VmRule

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["Offline", "Online", "Preserve", "Ready", "Running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Online(HostsOnlyRule):
    """The hosts, which are on, stay on whatever they carry."""

    name: ClassVar[str] = "online"

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per host that is off."""
        on = set(self.online(placement, instance))
        return tuple(f"online: host {h} is off" for h in self.hosts if h not in on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline(HostsOnlyRule):
    """The hosts carry nothing and are off in the end."""

    name: ClassVar[str] = "offline"

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per host that is on."""
        return tuple(f"offline: host {h} is on" for h in self.online(placement, instance))


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(VmRule):
    """Each of the VMs is on a host in the end; one that is on none yet is started."""

    name: ClassVar[str] = "running"
    continuous: bool = False

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per VM on no host."""
        here = self.hosts_of(placement)
        return tuple(f"running: VM {v} is on no host" for v in self.vms if v not in here)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(VmRule):
    """None of the VMs is on a host: they wait to be started some other day."""

    name: ClassVar[str] = "ready"
    continuous: bool = False

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per VM on a host."""
        return tuple(f"ready: VM {v} is on host {h}" for v, h in self.hosts_of(placement).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Preserve(VmRule):
    """Each of the VMs, wherever it is, has at least a stated amount of a resource for itself."""

    name: ClassVar[str] = "preserve"
    continuous: bool = False
    resource: str = ""
    least: int = 0

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        VmRule.__post_init__(self)
        if not self.resource or self.least < 0:
            msg = f"needs a resource and an amount of 0 or more, got {self.resource!r} and {self.least}"
            raise InstanceError([Issue(path="rule.least", message=msg)])

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per VM that is given less; without the instance nobody knows."""
        if instance is None:
            return ()
        need = instance.need[:, instance.resources.index(self.resource)]
        return tuple(
            f"preserve: VM {v} is given {need[v]} {self.resource}, it needs {self.least}"
            for v in self.hosts_of(placement)
            if need[v] < self.least
        )
