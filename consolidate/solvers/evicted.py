"""Packing who lost the host: by a table of patterns where sizes repeat, by alignment where they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.centric import Cells, pack_by_host
from consolidate._kernels.filling import Classes, fill
from consolidate._kernels.problem import Problem, State
from consolidate._kernels.residents import residents
from consolidate.model import Instance
from consolidate.solvers.classes import alike, vm_cells
from consolidate.solvers.clock import Clock
from consolidate.solvers.onset import OnSet

__all__ = ["pack_evicted"]

#: A table has at most so many cells, times classes.
_LARGEST_TABLE = 60_000_000
_MOST_CLASSES = 120
_SENT_AWAY = 4
#: Scarcity counts with this power: what is nearly used up decides, what is plentiful hardly counts.
_SCARCITY = 12
#: Larger VMs are worth a little more for their size, so that small ones are left for the gaps.
_LARGE_FIRST = 0.004
#: The same for alignment, where too little weight on what is plentiful would leave odd shapes to the end.
_ALIGNED_SCARCITY = 4.0
#: So many hosts are filled between two looks at the clock.
_BATCH = 500
#: Size does not count beside alignment: large VMs first would use up what goes with the scarce room.
_SIZE_BONUS = 0.0


def pack_evicted(
    instance: Instance,
    problem: Problem,
    state: State,
    vms: NDArray[np.int64],
    on_set: OnSet,
    *,
    send_away: bool,
    tables: bool = True,
    clock: Clock,
) -> None:
    """Pack VMs that are on no host into the room on the chosen hosts, in place, as far as they fit.

    Parameters
    ----------
    vms
        VMs to pack.
    on_set
        Where to, in the order in which hosts are filled.
    send_away
        Whether VMs that waste room may leave the host that they are on.
    tables
        Whether sizes that repeat get a table: better patterns, and as long for a thousand VMs as for a hundred
        thousand.
    """
    takes = instance.fleet.may_receive()[on_set.hosts]
    hosts, kind = on_set.hosts[takes], on_set.kind[takes]
    if not len(vms) or not len(hosts):
        return
    on_mj = max(
        1.0, float((problem.table[hosts, 0] * problem.horizon_s - problem.empty_mj[hosts]).sum())
    )
    classes = _classes(instance, problem, hosts, on_mj) if tables else None
    if classes is None:
        _by_alignment(instance, problem, state, vms, hosts, kind, on_set.plan, clock)
    else:
        lists = residents(state)
        cells = instance.capacity[hosts][:, classes.axes] // classes.unit + 1
        shapes = np.maximum.accumulate(cells[::-1])[::-1].copy()
        fill(problem, state, lists, classes, vms, hosts, shapes, _SENT_AWAY if send_away else 0)


def _by_alignment(
    instance: Instance,
    problem: Problem,
    state: State,
    vms: NDArray[np.int64],
    hosts: NDArray[np.int64],
    kind: NDArray[np.int64],
    plan: NDArray[np.float64],
    clock: Clock,
) -> None:
    weight = 1.0 / np.maximum(instance.capacity[hosts].mean(axis=0), 1.0)
    shares = instance.need[vms] * weight
    cell_of = vm_cells(shares, problem.mask_of[vms].astype(np.int64))
    order = np.lexsort((vms, -shares.sum(axis=1), cell_of))
    numbers = np.arange(int(cell_of.max(initial=-1)) + 1)
    cells = Cells(
        members=vms[order],
        need=instance.need[vms[order]],
        first=np.searchsorted(cell_of[order], numbers),
        last=np.searchsorted(cell_of[order], numbers, side="right"),
    )
    rest = np.zeros(plan.shape[1])
    for k in dict.fromkeys(kind.tolist()):
        mine = hosts[kind == k]
        room = state.room[mine].sum(axis=0).astype(np.float64)
        there = instance.capacity[mine].sum(axis=0) - room
        # What one kind of hosts could not take is left to the next.
        rest = np.maximum(plan[k] - there, 0.0) + np.maximum(rest, 0.0)
        for start in range(0, len(mine), _BATCH):
            if clock.is_over():
                return
            batch = mine[start : start + _BATCH]
            pack_by_host(problem, state, cells, batch, rest, room, _ALIGNED_SCARCITY, _SIZE_BONUS)


def _classes(
    instance: Instance,
    problem: Problem,
    hosts: NDArray[np.int64],
    on_mj: float,
) -> Classes | None:
    """Return the classes for a table, or ``None`` where VMs or hosts differ too much for one."""
    active = np.flatnonzero(instance.active)
    overhead = instance.vm_overhead[hosts]
    if (overhead != overhead[0]).any():
        return None
    sample = instance.need[active[:: max(1, len(active) // 20_000)]]
    if len(np.unique(sample, axis=0)) > _MOST_CLASSES:
        return None
    if not (problem.masks[:, hosts].all(axis=1) | (problem.masks[:, hosts].sum(axis=1) <= 1)).all():
        return None
    number = alike([*instance.need[active].T, problem.mask_of[active]])
    n = int(number.max()) + 1
    first = np.zeros(n, dtype=np.int64)
    first[number[::-1]] = active[::-1]
    need = instance.need[first] + overhead[0]
    demand, room = instance.need[active].sum(axis=0), instance.capacity[hosts].sum(axis=0)
    scarcity = demand / np.maximum(room, 1)
    axes = np.sort(np.argsort(-scarcity, kind="stable")[:2])
    axes = np.array([axes[0], axes[-1]])
    unit = np.array([max(1, int(np.gcd.reduce(need[:, axis]))) for axis in axes])
    cells = need[:, axes] // unit
    if len(instance.resources) == 1:
        cells[:, 1] = 0
    size = np.prod(instance.capacity[hosts][:, axes].max(axis=0) // unit + 1)
    if n > _MOST_CLASSES or size * n > _LARGEST_TABLE:
        return None
    weight = scarcity**_SCARCITY / np.maximum(room, 1)
    share = (need @ weight) / float(room @ weight)
    fixed = problem.masks[problem.mask_of[first]][:, hosts].sum(axis=1) <= 1
    larger = 1.0 + _LARGE_FIRST * np.log2(share / max(float(share[share > 0].min(initial=1.0)), 1e-30))
    value = np.where(fixed, 0.0, on_mj * share * np.maximum(larger, 1.0))
    class_of = np.zeros(len(instance.vms), dtype=np.int64)
    class_of[active] = number
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
