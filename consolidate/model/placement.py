"""Which VM is on which host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen

if TYPE_CHECKING:
    from consolidate.model.action import Action

__all__ = ["Placement"]


_NOBODY: NDArray[np.int32] = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Host of each VM, and who waits in storage.

    Parameters
    ----------
    host_of
        Host index of each VM, -1 for on no host, shape ``(vms,)``.
    saved_on
        Host on which each VM was written to storage that is there now, -1 for not in storage, shape ``(vms,)``;
        default nobody. Such a VM is on no host.
    """

    host_of: NDArray[np.int32]
    saved_on: NDArray[np.int32] = field(default_factory=lambda: _NOBODY)

    def __post_init__(self) -> None:
        values = frozen(self.host_of, np.int32, ndim=1)
        object.__setattr__(self, "host_of", values)
        if values.size and values.min() < -1:
            vm = int(values.argmin())
            msg = f"needs a host index or -1, got {values[vm]}"
            raise InstanceError([Issue(path=f"placement.host_of[{vm}]", message=msg)])
        saved = frozen(self.saved_on, np.int32, ndim=1)
        if self.saved_on is _NOBODY:
            saved = np.broadcast_to(np.int32(-1), values.shape)
        object.__setattr__(self, "saved_on", saved)
        if saved.shape != values.shape:
            msg = f"needs {values.size} values, got {saved.size}"
            raise InstanceError([Issue(path="placement.saved_on", message=msg)])
        if self.saved_on is not _NOBODY and ((saved < -1) | ((saved >= 0) & (values >= 0))).any():
            msg = "needs -1 for a VM that is on a host, else -1 or the host on which it was saved"
            raise InstanceError([Issue(path="placement.saved_on", message=msg)])

    def used_hosts(self) -> NDArray[np.int32]:
        """Return the hosts that carry at least one VM, ascending."""
        return np.unique(self.host_of[self.host_of >= 0])

    def after(self, actions: Iterable[Action]) -> Placement:
        """Return who is where when actions of a plan, in the order of their ends, have ended.

        Parameters
        ----------
        actions
            The actions; of one VM, the one that starts later counts.
        """
        host_of, saved_on = np.array(self.host_of), np.array(self.saved_on)
        for action in sorted(actions, key=lambda a: (a.start_s, a.id)):
            if action.kind == "migration":
                host_of[action.vm] = action.target
            elif action.kind in ("start", "restore"):
                host_of[action.vm], saved_on[action.vm] = action.host, -1
            elif action.kind == "save":
                host_of[action.vm], saved_on[action.vm] = -1, action.host
        return Placement(host_of=host_of, saved_on=saved_on)

    def moved_from(self, other: Placement) -> NDArray[np.int64]:
        """Return the VMs on a host here and there, but not the same, or there in storage, ascending."""
        both = (self.host_of >= 0) & ((other.host_of >= 0) | (other.saved_on >= 0))
        return np.flatnonzero(both & (self.host_of != other.host_of))
