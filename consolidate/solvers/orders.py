"""In which order VMs are placed and hosts are filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.model.limits_view import lists_of
from consolidate.solvers.bounds import Relaxation, host_ratios

__all__ = ["host_classes", "host_order", "power_classes", "resource_weights", "vm_order", "vm_sizes"]


def resource_weights(instance: Instance) -> NDArray[np.float64]:
    """Return the scarcity of each resource per unit: total need over squared total capacity.

    A unit of a resource counts for more the larger the part of the fleet's capacity that is asked for.
    """
    capacity = np.maximum(instance.capacity.sum(axis=0), 1).astype(np.float64)
    need = instance.need[instance.active].sum(axis=0)
    weights: NDArray[np.float64] = need / capacity / capacity
    return weights if weights.any() else 1.0 / capacity


def vm_sizes(instance: Instance) -> NDArray[np.float64]:
    """Return one size per VM: its needs, weighted by scarcity."""
    return instance.need @ resource_weights(instance)


def vm_order(instance: Instance, problem: Problem) -> NDArray[np.int64]:
    """Return the active VMs, those with few possible hosts first, then by decreasing size."""
    choices = problem.masks.sum(axis=1)[problem.mask_of]
    few = choices <= 1
    active = np.flatnonzero(instance.active)
    keys = (active, -vm_sizes(instance)[active], ~few[active])
    return active[np.lexsort(keys)]


def host_classes(instance: Instance, problem: Problem) -> NDArray[np.int64]:
    """Return a class number per host; hosts of a class differ in nothing but their present VMs.

    That includes what masks and rules say of them: the zones that they are in, and the sets of hosts of
    which only so many may be online.
    """
    fleet = instance.fleet
    features = np.column_stack(
        [
            fleet.host_type,
            fleet.host_site,
            fleet.power_control,
            fleet.maintenance,
            fleet.powered_on,
            instance.capacity,
            instance.vm_overhead,
            np.packbits(problem.masks, axis=0).T,
            lists_of(problem.limits)["zone"].reshape(-1, fleet.n_hosts).T,
            _online_sets(problem),
        ]
    ).astype(np.int64)
    classes: NDArray[np.int64] = np.unique(features, axis=0, return_inverse=True)[1]
    return classes.reshape(-1)


def _online_sets(problem: Problem) -> NDArray[np.int64]:
    """Return a number per host: equal numbers, the same sets of hosts with a limit on those online."""
    lists = lists_of(problem.limits)
    pointer, sets = lists["set_pointer"], lists["host_set"]
    numbers: dict[tuple[int, ...], int] = {(): 0}
    result = np.zeros(len(pointer) - 1, dtype=np.int64)
    for h in np.flatnonzero(np.diff(pointer)):
        mine = tuple(sorted(sets[pointer[h] : pointer[h + 1]].tolist()))
        result[h] = numbers.setdefault(mine, len(numbers))
    return result


def power_classes(problem: Problem) -> NDArray[np.int64]:
    """Return a class number per host; hosts of a class draw alike, loaded or empty, and boot alike."""
    features = np.column_stack(
        [
            problem.table,
            problem.cpu,
            problem.background,
            problem.per_vm,
            problem.empty_mj,
            problem.boot_mj,
        ]
    )
    classes: NDArray[np.int64] = np.unique(features, axis=0, return_inverse=True)[1]
    return classes.reshape(-1)


def host_order(
    instance: Instance, problem: Problem, relaxation: Relaxation | None = None
) -> NDArray[np.int64]:
    """Return the hosts in the order in which to fill them.

    Hosts that stay on whatever happens come first, then those that cost least in the on-off relaxation for
    the worth of their room, VMs that need not move included; among about equals (1 %), large hosts, which
    leave less room unused. Handing in the relaxation, where it is known, spares solving it again.
    """
    stays_on = instance.stays_on()
    ratios = host_ratios(instance, problem) if relaxation is None else relaxation.ratios
    room = instance.capacity @ resource_weights(instance)
    keys = (np.arange(instance.fleet.n_hosts), ratios, -room, np.round(ratios, 2), ~stays_on)
    return np.lexsort(keys)
