"""Placement rules: data, each with its own meaning as ``violations``.

Names and semantics are those of BtrPlace (Hermenier, Lawall, Muller 2013, doi:10.1109/TDSC.2013.5).
A rule is *continuous* when it must hold at every moment of a plan, *discrete* when the end state is
enough. The checks state the meaning of each rule again, in their own code.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.registry import Registry

__all__ = ["RULES", "Ban", "Fence", "Gather", "Root", "Rule", "Spread"]


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

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence per violation; indices stand for VMs and hosts."""
        ...


RULES: Registry[type[Rule]] = Registry(
    "rule",
    entry_point_group="consolidate.rules",
    builtin={
        name: f"consolidate.model.rules:{name.capitalize()}"
        for name in ("ban", "fence", "gather", "root", "spread")
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _VmRule:
    vms: tuple[int, ...]
    continuous: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "vms", tuple(sorted(int(v) for v in set(self.vms))))
        if not self.vms or self.vms[0] < 0:
            msg = "needs at least one VM, all of them known"
            raise InstanceError([Issue(path="rule.vms", message=msg)])

    def _hosts(self, placement: Placement) -> dict[int, int]:
        """Return VM -> host for the VMs of the rule that are on a host."""
        return {v: int(h) for v in self.vms if (h := placement.host_of[v]) >= 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(_VmRule):
    """No two of the VMs share a host (anti-affinity)."""

    name: ClassVar[str] = "spread"

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence per host with more than one of the VMs."""
        counts = Counter(self._hosts(placement).values())
        return tuple(f"spread: {k} of its VMs on host {h}" for h, k in sorted(counts.items()) if k > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather(_VmRule):
    """All of the VMs share one host (affinity)."""

    name: ClassVar[str] = "gather"

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence when the VMs are on more than one host."""
        hosts = sorted(set(self._hosts(placement).values()))
        return (f"gather: its VMs are on hosts {hosts}",) if len(hosts) > 1 else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Root(_VmRule):
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
        _VmRule.__post_init__(self)
        # Sorting the VMs must not part them from their hosts.
        object.__setattr__(self, "hosts", tuple(h for _, h in pairs))

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence per VM that left."""
        here = self._hosts(placement)
        return tuple(
            f"root: VM {v} left host {home} for host {here[v]}"
            for v, home in zip(self.vms, self.hosts, strict=True)
            if v in here and here[v] != home
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _HostRule(_VmRule):
    hosts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        _VmRule.__post_init__(self)
        object.__setattr__(self, "hosts", tuple(sorted(int(h) for h in set(self.hosts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence(_HostRule):
    """The VMs run only on the listed hosts."""

    name: ClassVar[str] = "fence"

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence per VM outside."""
        allowed = set(self.hosts)
        return tuple(
            f"fence: VM {v} is on host {h}, outside"
            for v, h in self._hosts(placement).items()
            if h not in allowed
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ban(_HostRule):
    """The VMs never run on the listed hosts."""

    name: ClassVar[str] = "ban"

    def violations(self, placement: Placement) -> tuple[str, ...]:
        """Return one sentence per VM on a banned host."""
        banned = set(self.hosts)
        return tuple(
            f"ban: VM {v} is on banned host {h}"
            for v, h in self._hosts(placement).items()
            if h in banned
        )
