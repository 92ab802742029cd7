"""Rules about which hosts are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["MaxOnline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxOnline:
    """At most a stated number of the hosts are on.

    A host is on when it carries a VM or may not be switched off. Discrete by default: a plan may have
    more of them on while it works.
    """

    name: ClassVar[str] = "max_online"
    hosts: tuple[int, ...]
    most: int
    continuous: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hosts", tuple(sorted({int(h) for h in self.hosts})))
        if not self.hosts or self.most < 0:
            msg = f"needs at least one host and a limit of 0 or more, got {self.most}"
            raise InstanceError([Issue(path="rule.hosts", message=msg)])

    @property
    def vms(self) -> tuple[int, ...]:
        """No VM is named: the rule speaks of hosts."""
        return ()

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence when too many of the hosts are on."""
        on = set(placement.used_hosts().tolist())
        if instance is not None:
            on |= set(np.flatnonzero(instance.stays_on()).tolist())
        online = [h for h in self.hosts if h in on]
        if len(online) <= self.most:
            return ()
        return (f"max_online: {len(online)} of its hosts are on, at most {self.most} may be",)
