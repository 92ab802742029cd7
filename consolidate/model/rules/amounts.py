"""Rules about amounts: what licences cover, what one host may carry, and what several may together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.model.rules.base import HostRule, HostsOnlyRule

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["LicenceGroup", "ResourceCapacity", "SharedCapacity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceGroup(HostRule):
    """The VMs touch hosts with at most a stated number of hosts or cores in all, while they move included.

    Vendors count every host on which the software ever ran. So the hosts that the VMs are on before a plan
    count, those where they stop on their way, and those of the target. A discrete rule counts the target
    alone.

    Parameters
    ----------
    most
        Hosts or cores that the licences cover.
    unit
        What is counted.
    hosts
        Hosts that count already, from the past; none by default.
    """

    name: ClassVar[str] = "licence_group"
    most: int
    unit: Literal["hosts", "cores"] = "hosts"

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        HostRule.__post_init__(self)
        if self.most < 0 or self.unit not in ("hosts", "cores"):
            msg = f"needs a limit of 0 or more hosts or cores, got {self.most} {self.unit}"
            raise InstanceError([Issue(path="rule.most", message=msg)])

    def touched(self, placement: Placement, instance: Instance | None) -> set[int]:
        """Return the hosts that count in a placement; before it is left, the present one counts as well."""
        hosts = set(self.hosts_of(placement).values()) | set(self.hosts)
        if self.continuous and instance is not None:
            hosts |= set(self.hosts_of(instance.current).values())
        return hosts

    def size(self, host: int, instance: Instance | None) -> int:
        """Return how much a host counts; without the instance nobody knows its cores, and it counts 0."""
        if self.unit == "hosts":
            return 1
        if instance is None:
            return 0
        return instance.fleet.types[int(instance.fleet.host_type[host])].cores

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence when the hosts that the VMs touch are too many or too large."""
        total = sum(self.size(h, instance) for h in self.touched(placement, instance))
        if total <= self.most:
            return ()
        return (f"licence_group: its VMs touch {total} {self.unit}, at most {self.most} are covered",)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AmountOnHosts(HostsOnlyRule):
    """A limit on how much of a resource hosts carry."""

    resource: str = ""
    most: int = 0

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        HostsOnlyRule.__post_init__(self)
        if not self.resource or self.most < 0:
            msg = f"needs a resource and a limit of 0 or more, got {self.resource!r} and {self.most}"
            raise InstanceError([Issue(path="rule.most", message=msg)])


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCapacity(_AmountOnHosts):
    """The VMs on the host take at most a stated amount of a resource; it names one host only.

    Every policy honours it, because the limit is part of the host's capacity.
    """

    name: ClassVar[str] = "resource_capacity"

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        _AmountOnHosts.__post_init__(self)
        if len(self.hosts) > 1:
            msg = (
                f"needs one host, got {len(self.hosts)}; a limit for several together is shared_capacity"
            )
            raise InstanceError([Issue(path="rule.hosts", message=msg)])

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per host that is too full; without the instance nobody knows."""
        if instance is None:
            return ()
        used = instance.usage(placement)[:, instance.resources.index(self.resource)]
        return tuple(
            f"resource_capacity: {used[h]} {self.resource} on host {h}, at most {self.most} may be"
            for h in self.hosts
            if used[h] > self.most
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedCapacity(_AmountOnHosts):
    """The VMs on the hosts take at most a stated amount of a resource, all hosts together."""

    name: ClassVar[str] = "shared_capacity"

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence when the hosts carry too much; without the instance nobody knows."""
        if instance is None:
            return ()
        used = instance.usage(placement)[list(self.hosts), instance.resources.index(self.resource)]
        if (total := int(used.sum())) <= self.most:
            return ()
        return (
            f"shared_capacity: {total} {self.resource} on its {len(self.hosts)} hosts, "
            f"at most {self.most} may be",
        )
