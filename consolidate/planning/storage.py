"""The storage of each site as a place where a VM may be left on its way, stopped and without taking room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Gather, Instance, Root, Running

__all__ = ["may_be_stored", "places_of", "with_storage"]

#: Continuous rules that a VM in storage does not keep: it is on no host, and comes back to one.
_AGAINST = (Gather, Root, Running)


def may_be_stored(instance: Instance) -> NDArray[np.bool_]:
    """Say of each VM whether a plan may leave it in storage for a while, shape ``(vms,)``.

    None without a price of downtime: a plan stops nobody unasked. A VM that is not to be stopped at any price
    is named by a continuous rule ``running``. Containers have no state that their engine would write.
    """
    if instance.moves.downtime_j_per_s is None:
        return np.zeros(len(instance.vms), dtype=np.bool_)
    allowed: NDArray[np.bool_] = instance.active & instance.movable & ~instance.vms.is_container
    for rule in instance.rules:
        if isinstance(rule, _AGAINST) and rule.continuous:
            allowed[list(rule.vms)] = False
    return allowed


def places_of(instance: Instance) -> NDArray[np.int64]:
    """Return the host of each VM, or behind the hosts the storage of its site; -1 = nowhere."""
    fleet, current = instance.fleet, instance.current
    site = fleet.host_site[np.maximum(current.saved_on, 0)]
    return np.where(current.saved_on >= 0, fleet.n_hosts + site, current.host_of).astype(np.int64)


def with_storage(
    instance: Instance, mask_of: NDArray[np.int32], masks: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the rows of hosts on which VMs may be, with the storages behind the hosts."""
    stored = may_be_stored(instance).astype(np.int64)
    known, row_of = np.unique(2 * mask_of.astype(np.int64) + stored, return_inverse=True)
    sites = np.repeat((known % 2 == 1)[:, None], len(instance.fleet.sites), axis=1)
    return row_of.reshape(-1).astype(np.int32), np.concatenate([masks[known // 2], sites], axis=1)
