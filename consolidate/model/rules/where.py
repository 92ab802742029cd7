"""Rules about where VMs run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.model.rules.base import HostRule, HostsOnlyRule, VmRule, sorted_parts

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["Among", "Ban", "Fence", "Quarantine", "Root", "SplitAmong"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Root(VmRule):
    """The VMs stay where they are."""

    name: ClassVar[str] = "root"
    hosts: tuple[int, ...] = ()
    """Host of each VM, in the order of ``vms``."""

    def __post_init__(self) -> None:
        pairs = sorted({(int(v), int(h)) for v, h in zip(self.vms, self.hosts, strict=False)})
        if len(self.hosts) != len(self.vms) or len({v for v, _ in pairs}) != len(pairs):
            msg = f"needs one host for each of {len(self.vms)} VMs, got {len(self.hosts)}"
            raise InstanceError([Issue(path="rule.hosts", message=msg)])
        # The explicit form: a zero-argument super() does not survive slots=True.
        VmRule.__post_init__(self)
        # Sorting the VMs must not part them from their hosts.
        object.__setattr__(self, "hosts", tuple(h for _, h in pairs))

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per VM that left."""
        here = self.hosts_of(placement)
        return tuple(
            f"root: VM {v} left host {home} for host {here[v]}"
            for v, home in zip(self.vms, self.hosts, strict=True)
            if v in here and here[v] != home
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence(HostRule):
    """The VMs run only on the listed hosts."""

    name: ClassVar[str] = "fence"

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per VM outside."""
        allowed = set(self.hosts)
        return tuple(
            f"fence: VM {v} is on host {h}, outside"
            for v, h in self.hosts_of(placement).items()
            if h not in allowed
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban(HostRule):
    """The VMs never run on the listed hosts."""

    name: ClassVar[str] = "ban"

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per VM on a banned host."""
        banned = set(self.hosts)
        return tuple(
            f"ban: VM {v} is on banned host {h}"
            for v, h in self.hosts_of(placement).items()
            if h in banned
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(HostsOnlyRule):
    """Nobody leaves the hosts, and nobody comes to them."""

    name: ClassVar[str] = "quarantine"
    continuous: bool = True

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence per VM that crossed the border; without the instance nobody did."""
        if instance is None:
            return ()
        shut = set(self.hosts)
        before, after = instance.current.host_of.tolist(), placement.host_of.tolist()
        return tuple(
            f"quarantine: VM {v} went from host {a} to host {b}"
            for v, (a, b) in enumerate(zip(before, after, strict=True))
            if b >= 0 and a != b and (a in shut or b in shut)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Among(VmRule):
    """All of the VMs run within one of the zones."""

    name: ClassVar[str] = "among"
    zones: tuple[tuple[int, ...], ...] = ()
    """Disjoint sets of hosts."""

    def __post_init__(self) -> None:
        VmRule.__post_init__(self)
        object.__setattr__(self, "zones", sorted_parts(self.zones, least=1, path="rule.zones"))

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence when the VMs are in several zones, and one per VM outside all."""
        found, outside = zones_of(self.zones, self.hosts_of(placement))
        sentences = [f"among: VM {v} is on host {h}, outside" for v, h in outside]
        if len(found) > 1:
            sentences.append(f"among: its VMs are in zones {sorted(found)}")
        return tuple(sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitAmong:
    """Each part runs within one of the zones, and no two parts in the same."""

    name: ClassVar[str] = "split_among"
    parts: tuple[tuple[int, ...], ...]
    zones: tuple[tuple[int, ...], ...]
    continuous: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", sorted_parts(self.parts, least=1, path="rule.parts"))
        object.__setattr__(self, "zones", sorted_parts(self.zones, least=1, path="rule.zones"))

    @property
    def vms(self) -> tuple[int, ...]:
        """All VMs of the parts, ascending."""
        return tuple(sorted(v for part in self.parts for v in part))

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per part that is apart, VM outside, and zone with several parts."""
        sentences, parts_in = [], dict[int, list[int]]()
        for k, part in enumerate(self.parts):
            at = {v: int(h) for v in part if (h := placement.host_of[v]) >= 0}
            found, outside = zones_of(self.zones, at)
            sentences += [f"split_among: VM {v} is on host {h}, outside" for v, h in outside]
            if len(found) > 1:
                sentences.append(f"split_among: part {k} is in zones {sorted(found)}")
            for zone in found:
                parts_in.setdefault(zone, []).append(k)
        return (
            *sentences,
            *(
                f"split_among: parts {parts} are in zone {zone}"
                for zone, parts in sorted(parts_in.items())
                if len(parts) > 1
            ),
        )


def zones_of(
    zones: tuple[tuple[int, ...], ...], at: dict[int, int]
) -> tuple[set[int], list[tuple[int, int]]]:
    """Return the zones that VMs are in, and the VMs outside all of them with their hosts."""
    zone_of = {h: k for k, zone in enumerate(zones) for h in zone}
    found = {zone_of[h] for h in at.values() if h in zone_of}
    return found, [(v, h) for v, h in at.items() if h not in zone_of]
