"""An instance as the bare arrays that kernels read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.model.limits_view import kernel_limits, kernel_taken

if TYPE_CHECKING:
    from consolidate._kernels.problem import Problem, State
    from consolidate.model.instance import Instance

__all__ = ["kernel_problem", "kernel_state"]


def kernel_problem(instance: Instance) -> Problem:
    """Return the fixed arrays of an instance; see :class:`consolidate._kernels.problem.Problem`."""
    from consolidate._kernels.problem import Problem

    fleet, horizon_s = instance.fleet, instance.objective.horizon_s
    mask_of, masks = instance.host_masks()
    types = fleet.types
    per_type = {
        "cpu": [t.cpu_mcores for t in types],
        "background": [t.hypervisor.background_mcores for t in types],
        "per_vm": [t.hypervisor.per_vm_mcores for t in types],
        "boot": [t.boot_mw * t.boot_s for t in types],
        "off": [t.off_mw * horizon_s for t in types],
        "shutdown": [t.shutdown_mw * t.shutdown_s for t in types],
        "on_empty": [
            t.power.power_mw(t.hypervisor.background_mcores, t.cpu_mcores, hosting=False) * horizon_s
            for t in types
        ],
    }
    by_host = {k: np.array(v, dtype=np.int64)[fleet.host_type] for k, v in per_type.items()}
    stays_on = instance.stays_on()
    off_mj = by_host["off"] + np.where(fleet.powered_on, by_host["shutdown"], 0)
    return Problem(
        need=instance.need,
        overhead=instance.vm_overhead,
        mask_of=mask_of,
        masks=masks,
        limits=kernel_limits(instance),
        load=instance.load_mcores,
        home=instance.current.host_of,
        move_mj=instance.move_mj,
        draw=np.column_stack(
            [
                np.array([t.power.hosting_mw for t in types], dtype=np.int64)[fleet.host_type],
                by_host["cpu"],
                by_host["background"],
                by_host["per_vm"],
                np.where(stays_on, by_host["on_empty"], off_mj),
                np.where(fleet.powered_on, 0, by_host["boot"]),
            ]
        ),
        horizon_s=horizon_s,
    )


def kernel_state(
    instance: Instance, host_of: NDArray[np.int32] | None = None, *, problem: Problem | None = None
) -> State:
    """Return the arrays that a packing changes, for a placement (default: nothing placed).

    With many rules, handing in the problem spares collecting them again.
    """
    from consolidate._kernels.problem import State

    n_hosts, n_vms = instance.fleet.n_hosts, instance.need.shape[0]
    limits = kernel_limits(instance) if problem is None else problem.limits
    if host_of is None:
        host_of = np.full(n_vms, -1, dtype=np.int32)
    state = State(
        host_of=host_of.astype(np.int32, copy=True),
        room=instance.capacity.copy(),
        taken=kernel_taken(instance, limits, host_of),
        load=np.zeros(n_hosts, dtype=np.int64),
        n_vms=np.zeros(n_hosts, dtype=np.int32),
    )
    placed = np.flatnonzero(host_of >= 0)
    hosts = host_of[placed]
    np.subtract.at(state.room, hosts, instance.need[placed] + instance.vm_overhead[hosts])
    np.add.at(state.load, hosts, instance.load_mcores[placed])
    np.add.at(state.n_vms, hosts, 1)
    return state
