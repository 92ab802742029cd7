"""Placing VMs one by one: the constructive kernels.

A VM that finds no host stays at -1; each kernel returns how many did.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.problem import Problem, State, fits, host_energy, occupy

__all__ = ["best_fit", "dot_product", "first_fit", "least_energy", "on_emptiest"]


@kernel
def on_emptiest(p: Problem, s: State, order: NDArray[np.int64]) -> int:
    """Put each VM on the host whose fullest resource is least full; lowest index wins ties."""
    n_hosts, n_resources = s.room.shape
    capacity = s.room.copy()
    fullness = np.zeros(n_hosts)
    failed = 0
    for v in order:
        best = -1
        for h in range(n_hosts):
            if (best < 0 or fullness[h] < fullness[best]) and fits(p, s, v, h):
                best = h
        if best < 0:
            failed += 1
            continue
        occupy(p, s, v, best, 1)
        fullest = 0.0
        for r in range(n_resources):
            if capacity[best, r] > 0:
                fullest = max(fullest, 1.0 - s.room[best, r] / capacity[best, r])
        fullness[best] = fullest
    return failed


@kernel
def first_fit(p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64]) -> int:
    """Put each VM on the first of ``hosts`` that has room."""
    failed = 0
    for v in order:
        placed = False
        for h in hosts:
            if fits(p, s, v, h):
                occupy(p, s, v, h, 1)
                placed = True
                break
        failed += not placed
    return failed


@kernel
def best_fit(
    p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64], weight: NDArray[np.float64]
) -> int:
    """Put each VM on the host in use that is left with the least room; open the next only if none fits.

    ``weight`` turns each resource into a share of the fleet, so that they can be added.
    """
    n_resources = s.room.shape[1]
    failed = 0
    for v in order:
        best = -1
        least = np.inf
        for h in hosts:
            if s.n_vms[h] == 0 or not fits(p, s, v, h):
                continue
            left = 0.0
            for r in range(n_resources):
                left += weight[r] * s.room[h, r]
            if left < least:
                least = left
                best = h
        if best < 0:
            for h in hosts:
                if s.n_vms[h] == 0 and fits(p, s, v, h):
                    best = h
                    break
        if best < 0:
            failed += 1
        else:
            occupy(p, s, v, best, 1)
    return failed


@kernel
def least_energy(p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64]) -> int:
    """Put each VM where the energy over the horizon rises least, switching a host on included.

    Moving away from home costs its migration energy; the first in ``hosts`` wins ties.
    """
    failed = 0
    for v in order:
        best = -1
        least = np.int64(0)
        for h in hosts:
            if not fits(p, s, v, h):
                continue
            rise = host_energy(p, h, s.load[h] + p.load[v], s.n_vms[h] + 1)
            rise -= host_energy(p, h, s.load[h], s.n_vms[h])
            if p.home[v] >= 0 and p.home[v] != h:
                rise += p.move_mj[v]
            if best < 0 or rise < least:
                best = h
                least = rise
        if best < 0:
            failed += 1
        else:
            occupy(p, s, v, best, 1)
    return failed


@kernel
def dot_product(
    p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64], weight: NDArray[np.float64]
) -> int:
    """Fill host after host, each time with the VM best aligned with the room that is left.

    ``weight`` makes resources comparable; alignment is the weighted dot product of need and room.
    """
    n_resources = s.room.shape[1]
    pending = order.copy()
    n_pending = len(pending)
    for h in hosts:
        while n_pending > 0:
            best = -1
            most = -1.0
            for i in range(n_pending):
                v = pending[i]
                if not fits(p, s, v, h):
                    continue
                score = 0.0
                for r in range(n_resources):
                    score += weight[r] * weight[r] * p.need[v, r] * s.room[h, r]
                if score > most:
                    most = score
                    best = i
            if best < 0:
                break
            occupy(p, s, pending[best], h, 1)
            # Closing the hole by shifting keeps the order, which decides ties.
            for i in range(best, n_pending - 1):
                pending[i] = pending[i + 1]
            n_pending -= 1
        if n_pending == 0:
            break
    return n_pending
