"""Rules about which hosts are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from consolidate.errors import InstanceError, Issue
from consolidate.model.placement import Placement
from consolidate.model.rules.base import HostsOnlyRule

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["MaxOnline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxOnline(HostsOnlyRule):
    """At most a stated number of the hosts are on.

    A host is on when it carries a VM or may not be switched off. Discrete by default: a plan may have
    more of them on while it works.
    """

    name: ClassVar[str] = "max_online"
    most: int

    def __post_init__(self) -> None:
        # The explicit form: a zero-argument super() does not survive slots=True.
        HostsOnlyRule.__post_init__(self)
        if self.most < 0:
            msg = f"needs a limit of 0 or more, got {self.most}"
            raise InstanceError([Issue(path="rule.most", message=msg)])

    def violations(self, placement: Placement, *, instance: Instance | None = None) -> tuple[str, ...]:
        """Return one sentence when too many of the hosts are on."""
        online = self.online(placement, instance)
        if len(online) <= self.most:
            return ()
        return (f"max_online: {len(online)} of its hosts are on, at most {self.most} may be",)
