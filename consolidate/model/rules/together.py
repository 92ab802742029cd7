"""Rules about who shares a host with whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.model.rules.base import VmRule, sorted_parts

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["Gather", "Interference", "Lonely", "Split", "Spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(VmRule):
    """No two of the VMs share a host (anti-affinity)."""

    name: ClassVar[str] = "spread"

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per host with more than one of the VMs."""
        counts = Counter(self.hosts_of(placement).values())
        return tuple(f"spread: {k} of its VMs on host {h}" for h, k in sorted(counts.items()) if k > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(VmRule):
    """All of the VMs share one host (affinity)."""

    name: ClassVar[str] = "gather"

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence when the VMs are on more than one host."""
        hosts = sorted(set(self.hosts_of(placement).values()))
        return (f"gather: its VMs are on hosts {hosts}",) if len(hosts) > 1 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interference(VmRule):
    """Where one of the VMs is, at most a stated number of the others are.

    The rule of the Alibaba Tianchi 2018 competition; with ``others`` equal to ``vms`` it limits how many
    of one application share a host.
    """

    name: ClassVar[str] = "interference"
    others: tuple[int, ...] = ()
    """VMs that are counted."""
    most: int = 0
    """How many of them a host may carry beside one of ``vms``."""

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        VmRule.__post_init__(self)
        object.__setattr__(self, "others", tuple(sorted({int(v) for v in self.others})))
        if not self.others or self.others[0] < 0 or self.most < 0:
            msg = f"needs at least one other VM and a limit of 0 or more, got {self.most}"
            raise InstanceError([Issue(path="rule.others", message=msg)])

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per host with too many of the others beside one of the VMs."""
        hosts = set(self.hosts_of(placement).values())
        counts = Counter(int(placement.host_of[v]) for v in self.others)
        return tuple(
            f"interference: {counts[h]} of its other VMs on host {h}, at most {self.most} may be"
            for h in sorted(hosts)
            if counts[h] > self.most
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lonely(VmRule):
    """The VMs share their hosts with nobody but each other."""

    name: ClassVar[str] = "lonely"

    def violations(
        self,
        placement: Placement,
        *,
        instance: Instance | None = None,  # noqa: ARG002 - the placement alone decides
    ) -> tuple[str, ...]:
        """Return one sentence per host with one of the VMs and a stranger."""
        own = set(self.vms)
        hosts = set(self.hosts_of(placement).values())
        strangers = Counter(
            h for v, h in enumerate(placement.host_of.tolist()) if h in hosts and v not in own
        )
        return tuple(f"lonely: {n} other VMs on host {h}" for h, n in sorted(strangers.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """No host carries VMs of two of the parts."""

    name: ClassVar[str] = "split"
    parts: tuple[tuple[int, ...], ...]
    continuous: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", sorted_parts(self.parts, least=2, path="rule.parts"))

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
        """Return one sentence per host with VMs of several parts."""
        parts_on: dict[int, set[int]] = {}
        for k, part in enumerate(self.parts):
            for v in part:
                if placement.host_of[v] >= 0:
                    parts_on.setdefault(int(placement.host_of[v]), set()).add(k)
        return tuple(
            f"split: VMs of parts {sorted(found)} on host {h}"
            for h, found in sorted(parts_on.items())
            if len(found) > 1
        )
