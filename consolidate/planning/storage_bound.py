"""The makespan bound by storage: what only the saved state moves passes through the storage of its site."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance
from consolidate.planning.estimates import Estimates

__all__ = ["storage_bound"]

#: Rates are rounded, so together they may exceed what a storage gives by less than this part.
_ROUNDING = 2e-6


def storage_bound(instance: Instance, moved: NDArray[np.int64], estimates: Estimates) -> tuple[int, str]:
    """Return the bound by the busiest storage, in seconds, and its name.

    A VM that no mode but the saved state takes off its host is written to the storage of its site and read from
    there, once at least. It takes less time on none: rates add up to what the storage gives, at most.

    Parameters
    ----------
    instance
        The problem.
    moved
        VMs with another host as target, shape ``(n,)``.
    estimates
        What each move takes.
    """
    fleet, settings = instance.fleet, instance.moves
    hosts = instance.current.host_of[moved]
    kinds = estimates.kind_of[hosts].tolist()
    stored = [estimates.only_stored(v, kind) for v, kind in zip(moved.tolist(), kinds, strict=True)]
    mib = 2 * instance.carried_mib()[moved] * np.array(stored, dtype=np.int64)
    by_site = np.bincount(fleet.host_site[hosts], mib, len(fleet.sites))
    site = int(by_site.argmax())
    seconds = float(by_site[site]) / (settings.storage_mib_per_s * (1 + _ROUNDING))
    return math.ceil(seconds), f"storage of {fleet.sites[site].name}"
