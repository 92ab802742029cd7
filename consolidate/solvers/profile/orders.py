"""In which order curves are placed and hosts are used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.model.limits_view import lists_of
from consolidate.solvers.profile.bound import fewest_hosts
from consolidate.solvers.profile.view import CurveView

__all__ = ["fill_order", "scarce_first"]

#: VMs whose rules may close more than this part of the hosts to them are placed before the others.
_DANGER = 0.08


def fill_order(instance: Instance, problem: Problem) -> NDArray[np.int64]:
    """Return the usable hosts, those first that cost least for their room.

    Hosts that some VM cannot do without, or that stay on whatever happens, come before all others. The
    cost is that of a full host over an empty one, less the migration energy that is spared if its VMs
    stay; room counts for more in the fuller columns.
    """
    need = instance.need[instance.active].sum(axis=0)
    offered = np.maximum(instance.capacity.sum(axis=0), 1).astype(np.float64)
    room = instance.capacity @ (need / offered / offered)
    full_mj = problem.table[:, 10] * problem.horizon_s + problem.boot_mj
    stay_mj = np.zeros(instance.fleet.n_hosts)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    np.add.at(stay_mj, instance.current.host_of[here], instance.move_mj[here])
    ratio = (full_mj - problem.empty_mj - stay_mj) / np.maximum(room, 1e-12)
    rows = np.unique(problem.mask_of[instance.active])
    hosts = np.flatnonzero(problem.masks[rows].any(axis=0))
    only = problem.masks[rows[problem.masks[rows].sum(axis=1) == 1]].any(axis=0)
    first = (only | instance.stays_on())[hosts]
    keys = (hosts, -room[hosts], ratio[hosts], ~first, ~only[hosts])
    return hosts[np.lexsort(keys)]


def scarce_first(instance: Instance, view: CurveView) -> NDArray[np.int64]:
    """Return the active VMs: those with few hosts or strict rules first, then by the height of their peak."""
    problem, curves = view.narrow, view.curves
    active = np.flatnonzero(instance.active)
    mean = np.maximum(view.capacity.mean(axis=0), 1.0)
    height = (curves.rows / mean).max(axis=1)[curves.class_of]
    choices = np.minimum(problem.masks.sum(axis=1), fewest_hosts(instance))[problem.mask_of]
    wanted = _hosts_wanted(view, len(instance.vms))
    danger = np.where(wanted > _DANGER * choices, wanted, 0.0)
    keys = (active, -height[active], -danger[active], choices[active] > 1)
    return active[np.lexsort(keys)]


def _hosts_wanted(view: CurveView, n_vms: int) -> NDArray[np.float64]:
    """Return, per VM, how many hosts its group needs and may find closed by groups that exclude it."""
    lists = lists_of(view.narrow.limits)
    n_groups = len(lists["most"])
    size = np.bincount(lists["group"], minlength=n_groups)[:n_groups]
    wanted = size / np.minimum(np.maximum(lists["most"], 1), np.maximum(size, 1))
    for side in ("with", "under"):
        pointer, other, most = (lists[f"{side}_{name}"] for name in ("pointer", "group", "most"))
        group = np.repeat(np.arange(n_groups), np.diff(pointer))
        strict = most == 0
        np.add.at(wanted, group[strict], size[other[strict]])
    per_vm = np.zeros(n_vms)
    vm_of = np.repeat(np.arange(n_vms), np.diff(lists["pointer"]))
    np.maximum.at(per_vm, vm_of, wanted[lists["group"]])
    return per_vm
