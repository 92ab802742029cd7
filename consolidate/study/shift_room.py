"""What hosts that stay on have left for work that may wait."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, Replay, Trace

__all__ = ["room_of"]

#: On throughout: the state of a host in ``host_states``.
_ON = 0


def room_of(
    arm: Replay, trace: Trace, fleet: Fleet, *, cpu_limit_fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each host of an arm has left in each step, in mcores and MiB, shape ``(hosts, steps)``.

    A VM counts on a host in every step in which it is there for a moment, a move on both of its ends. A host
    that is not on throughout a step has -1.
    """
    step_s, n_steps, n_hosts = arm.grid.step_s, arm.grid.n_steps, fleet.n_hosts
    hypervisor = [t.hypervisor for t in fleet.types]
    kinds = fleet.host_type
    limit = [math.floor(cpu_limit_fraction * t.usable_mcores) for t in fleet.types]
    room = np.repeat(np.array(limit, dtype=np.int64)[kinds][:, None], n_steps, axis=1)
    mib = np.array([t.usable_memory_mib for t in fleet.types], dtype=np.int64)[kinds]
    left = np.repeat(mib[:, None], n_steps, axis=1)
    extra = np.array([(h.per_vm_mcores, h.per_vm_memory_mib) for h in hypervisor], dtype=np.int64)
    for vm, host, start_s, end_s in arm.residency.tolist():
        if host < 0 or end_s <= start_s:
            continue
        span = slice(start_s // step_s, -(-end_s // step_s))
        room[host, span] -= trace.cpu_mcores[vm, span] + extra[kinds[host], 0]
        left[host, span] -= trace.memory_mib[vm, span] + extra[kinds[host], 1]
    for move in (*arm.moves, *arm.broken_off):
        span = slice(move.start_s // step_s, -(-move.end_s // step_s))
        for host in (move.source, move.target):
            room[host, span] -= move.overhead_mcores
        # The target holds what arrives while the source still has it.
        left[move.target, span] -= trace.memory_mib[move.vm, span]
    on = np.zeros((n_hosts, n_steps), dtype=np.int64)
    for host, state, start_s, end_s in arm.host_states.tolist():
        if state == _ON:
            on[host, -(-start_s // step_s) : end_s // step_s] = 1
    return np.where(on == 1, room, -1), np.where(on == 1, left, -1)
