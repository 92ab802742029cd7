"""Placing VMs one by one: the constructive kernels.

Conventions of every kernel here: ``need`` is ``(vms, resources)``, ``room`` is what each host still
offers and is updated in place, ``overhead`` is what a host takes on top for each VM, ``mask_of`` and
``masks`` say which hosts a VM may use, ``pointer``/``group`` are the spread rules of each VM in
compressed rows. A VM that finds no host stops the kernel: its index comes back, else -1.
"""

from __future__ import annotations

import numpy as np

from consolidate._kernels.jit import kernel

__all__ = ["fits", "occupy", "place_on_emptiest"]


@kernel
def fits(v, h, need, room, overhead, mask_of, masks, pointer, group, taken):
    """Say whether VM ``v`` may be put on host ``h``."""
    if not masks[mask_of[v], h]:
        return False
    for r in range(need.shape[1]):
        if need[v, r] + overhead[h, r] > room[h, r]:
            return False
    for k in range(pointer[v], pointer[v + 1]):
        if taken[group[k], h] > 0:
            return False
    return True


@kernel
def occupy(v, h, sign, need, room, overhead, pointer, group, taken):
    """Put VM ``v`` on host ``h`` (sign 1) or take it away (sign -1)."""
    for r in range(need.shape[1]):
        room[h, r] -= sign * (need[v, r] + overhead[h, r])
    for k in range(pointer[v], pointer[v + 1]):
        taken[group[k], h] += sign


@kernel
def place_on_emptiest(order, need, room, overhead, mask_of, masks, pointer, group, n_groups):
    """Put each VM on the host whose fullest resource is least full."""
    n_hosts, n_resources = room.shape
    capacity = room.copy()
    host_of = np.full(need.shape[0], -1, dtype=np.int32)
    taken = np.zeros((n_groups, n_hosts), dtype=np.int16)
    fullness = np.zeros(n_hosts)
    for v in order:
        best = -1
        for h in range(n_hosts):
            if (best < 0 or fullness[h] < fullness[best]) and fits(
                v, h, need, room, overhead, mask_of, masks, pointer, group, taken
            ):
                best = h
        if best < 0:
            return host_of, v
        host_of[v] = best
        occupy(v, best, 1, need, room, overhead, pointer, group, taken)
        fullest = 0.0
        for r in range(n_resources):
            if capacity[best, r] > 0:
                fullest = max(fullest, 1.0 - room[best, r] / capacity[best, r])
        fullness[best] = fullest
    return host_of, -1
