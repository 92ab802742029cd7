"""Packing who lost the host: by a table of patterns where sizes repeat, by alignment where they do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.centric import Cells, pack_by_host
from consolidate._kernels.filling import fill
from consolidate._kernels.problem import Problem, State
from consolidate._kernels.residents import residents
from consolidate.model import Instance
from consolidate.solvers.classes import vm_cells
from consolidate.solvers.clock import Clock
from consolidate.solvers.onset import OnSet
from consolidate.solvers.table_classes import table_classes

__all__ = ["pack_evicted"]

_SENT_AWAY = 4
#: Scarcity counts with this power, less than for tables: too little weight on what is plentiful would leave odd
#: shapes to the end.
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
    send_away: float | None,
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
        What it must bring beyond the move, in hosts, that a VM that wastes room leaves the host that it is on;
        ``None`` if nobody may.
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
    classes = table_classes(instance, problem, hosts, on_mj) if tables else None
    if classes is None:
        _by_alignment(instance, problem, state, vms, hosts, kind, on_set.plan, clock)
    else:
        lists = residents(state)
        cells = instance.capacity[hosts][:, classes.axes] // classes.unit + 1
        shapes = np.maximum.accumulate(cells[::-1])[::-1].copy()
        leavers, gain_mj = (0, 0) if send_away is None else (_SENT_AWAY, send_away * on_mj / len(hosts))
        fill(problem, state, lists, classes, vms, hosts, shapes, leavers, round(gain_mj))


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
