"""Classes of VMs for a table of patterns: alike where sizes repeat, nearly so where the scarce one repeats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.filling import Classes
from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.classes import alike

__all__ = ["table_classes"]

#: A table has at most so many cells, times classes.
_LARGEST_TABLE = 60_000_000
#: Of VMs that are alike.
_MOST_CLASSES = 120
#: Of VMs that need as much of the scarce resource.
_MOST_SIZES = 60
#: Steps of the other resource for each of them, and cells of it on the largest host: fine enough to waste
#: little, few enough for a table in a hundredth of a second.
_STEPS = 20
_COARSE_CELLS = 256
_SAMPLE = 20_000
#: Scarcity counts with this power: what is nearly used up decides, what is plentiful hardly counts.
_SCARCITY = 12
#: Larger VMs are worth a little more for their size, so that small ones are left for the gaps.
_LARGE_FIRST = 0.004


def table_classes(
    instance: Instance, problem: Problem, hosts: NDArray[np.int64], on_mj: float
) -> Classes | None:
    """Return the classes for a table, or ``None`` where VMs or hosts differ too much for one.

    Where too many VMs differ, those that need as much of the scarcer of two resources are put together in
    steps of the other one, and each step is counted with the most that one of its members needs.

    Parameters
    ----------
    hosts
        Hosts to fill.
    on_mj : mJ
        What all of them cost when on: the worth of all their room.
    """
    active = np.flatnonzero(instance.active)
    overhead = instance.vm_overhead[hosts]
    if (overhead != overhead[0]).any():
        return None
    if not (problem.masks[:, hosts].all(axis=1) | (problem.masks[:, hosts].sum(axis=1) <= 1)).all():
        return None
    need = instance.need[active]
    scarcity = need.sum(axis=0) / np.maximum(instance.capacity[hosts].sum(axis=0), 1)
    scarcest = np.argsort(-scarcity, kind="stable")[:2]
    found = _alike(instance, problem, active) or _nearly_alike(instance, problem, active, scarcest)
    if found is None:
        return None
    number, coarse = found
    n = int(number.max()) + 1
    most = np.zeros((n, need.shape[1]), dtype=np.int64)
    np.maximum.at(most, number, need)
    members = np.bincount(number, minlength=n)[:, np.newaxis]
    mean = np.stack([np.bincount(number, column, n) for column in need.T], axis=1) / members
    axes = np.sort(scarcest)
    axes = np.array([axes[0], axes[-1]])
    unit = np.array([max(1, int(np.gcd.reduce(most[:, axis] + overhead[0, axis]))) for axis in axes])
    largest = instance.capacity[hosts][:, axes].max(axis=0)
    if coarse:
        other = int(axes[0] == scarcest[0])
        unit[other] *= -(-int(largest[other]) // (_COARSE_CELLS * int(unit[other])))
    cells = -(-(most[:, axes] + overhead[0, axes]) // unit)
    if len(instance.resources) == 1:
        cells[:, 1] = 0
    if n * np.prod(largest // unit + 1) > _LARGEST_TABLE:
        return None
    class_of = np.zeros(len(instance.vms), dtype=np.int64)
    class_of[active] = number
    room = instance.capacity[hosts].sum(axis=0)
    weight = scarcity**_SCARCITY / np.maximum(room, 1)
    share = ((mean + overhead[0]) @ weight) / float(room @ weight)
    larger = 1.0 + _LARGE_FIRST * np.log2(share / max(float(share[share > 0].min(initial=1.0)), 1e-30))
    first = np.zeros(n, dtype=np.int64)
    first[number[::-1]] = active[::-1]
    fixed = problem.masks[problem.mask_of[first]][:, hosts].sum(axis=1) <= 1
    value = np.where(fixed, 0.0, on_mj * share * np.maximum(larger, 1.0))
    return Classes(
        class_of=class_of,
        value=np.round(value).astype(np.int64),
        cells=cells,
        unit=unit,
        axes=axes,
        waiting=np.zeros(n, dtype=np.int64),
        head=np.full(n, -1, dtype=np.int64),
        after=np.full(len(instance.vms), -1, dtype=np.int64),
    )


def _sampled(active: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return some of many VMs: enough to see that they differ."""
    return active[:: max(1, len(active) // _SAMPLE)]


def _alike(
    instance: Instance, problem: Problem, active: NDArray[np.int64]
) -> tuple[NDArray[np.int64], bool] | None:
    """Return a number for each VM, the same for those that are alike; ``None`` if there are too many."""
    if len(np.unique(instance.need[_sampled(active)], axis=0)) > _MOST_CLASSES:
        return None
    number = alike([*instance.need[active].T, problem.mask_of[active]])
    return None if int(number.max()) >= _MOST_CLASSES else (number, False)


def _nearly_alike(
    instance: Instance, problem: Problem, active: NDArray[np.int64], scarcest: NDArray[np.int64]
) -> tuple[NDArray[np.int64], bool] | None:
    """Return a number for each VM by its need of the scarce resource and its step of the other one."""
    if len(instance.resources) != 2:
        return None
    scarce, other = scarcest.tolist()
    if len(np.unique(instance.need[_sampled(active), scarce])) > _MOST_SIZES:
        return None
    size = alike([instance.need[active, scarce], problem.mask_of[active]])
    if int(size.max()) >= _MOST_SIZES:
        return None
    order = np.lexsort((active, instance.need[active, other], size))
    members = np.bincount(size)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(members) - members, members)
    step = np.empty_like(size)
    step[order] = rank * np.minimum(_STEPS, members)[size[order]] // members[size[order]]
    return alike([size, step]), True
