"""Which VM is on which host."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen

__all__ = ["Placement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Host of each VM.

    Parameters
    ----------
    host_of
        Host index of each VM, -1 for on no host, shape ``(vms,)``.
    """

    host_of: NDArray[np.int32]

    def __post_init__(self) -> None:
        values = frozen(self.host_of, np.int32, ndim=1)
        object.__setattr__(self, "host_of", values)
        if values.size and values.min() < -1:
            vm = int(values.argmin())
            msg = f"needs a host index or -1, got {values[vm]}"
            raise InstanceError([Issue(path=f"placement.host_of[{vm}]", message=msg)])

    def used_hosts(self) -> NDArray[np.int32]:
        """Return the hosts that carry at least one VM, ascending."""
        return np.unique(self.host_of[self.host_of >= 0])

    def moved_from(self, other: Placement) -> NDArray[np.int64]:
        """Return the VMs that are on a host in both placements, but not on the same, ascending."""
        both = (self.host_of >= 0) & (other.host_of >= 0)
        return np.flatnonzero(both & (self.host_of != other.host_of))
