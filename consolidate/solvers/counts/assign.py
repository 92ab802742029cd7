"""From counts to names: as many VMs as the counts allow stay where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.solvers.bounds.aggregate import Aggregate

__all__ = ["assign"]


def assign(aggregate: Aggregate, problem: Problem, counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give every VM of a class one of the places that the counts have for it.

    VMs of a class cost the same to move, so it does not matter which of them stay.

    Parameters
    ----------
    aggregate, problem
        Classes and kinds, and the kernel view that they were collected from.
    counts
        VMs of each class on each usable host, shape ``(hosts, classes)``.

    Returns
    -------
    host_of
        Host of each VM, -1 for one that is not active, shape ``(vms,)``.
    """
    host_of = np.full(len(aggregate.vm_class), -1, dtype=np.int32)
    free = counts.copy()
    position = np.full(problem.empty_mj.shape[0], -1, dtype=np.int64)
    position[aggregate.hosts] = np.arange(len(aggregate.hosts))
    homed = np.flatnonzero((aggregate.vm_class >= 0) & (problem.home >= 0))
    homed = homed[problem.masks[problem.mask_of[homed], problem.home[homed]]]
    at, f = position[problem.home[homed]], aggregate.vm_class[homed]
    # The first of each class on each host stay, as many as there are places.
    order = np.lexsort((homed, f, at))
    same = np.r_[False, (np.diff(at[order]) == 0) & (np.diff(f[order]) == 0)]
    start = np.flatnonzero(~same)
    rank = np.arange(len(order)) - np.repeat(start, np.diff(np.r_[start, len(order)]))
    stays = order[rank < free[at[order], f[order]]]
    host_of[homed[stays]] = problem.home[homed[stays]]
    np.subtract.at(free, (at[stays], f[stays]), 1)
    for c in range(free.shape[1]):
        moving = np.flatnonzero((aggregate.vm_class == c) & (host_of < 0))
        host_of[moving] = np.repeat(aggregate.hosts, free[:, c])
    return host_of
