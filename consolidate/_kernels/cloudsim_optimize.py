"""CloudSim's plan of one step: relieve overloaded hosts, then empty the least used, and take it all back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_detectors import overloaded
from consolidate._kernels.cloudsim_placement import find_host, put, recall, summarise
from consolidate._kernels.cloudsim_scheduler import allocate_all
from consolidate._kernels.cloudsim_selection import selected
from consolidate._kernels.cloudsim_state import Machines, Rules, State, host_share
from consolidate._kernels.jit import inner, kernel

__all__ = ["optimize"]


@kernel
def optimize(
    m: Machines, s: State, r: Rules, step: int, draws: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the moves (VM, source, target), in order, and counts: overloaded, selected, placed.

    ``placed`` is also where the moves that relieve end and those that empty hosts begin. The state is as
    before, but for sums that each plan makes anew.
    """
    n_hosts = len(m.kind)
    over = np.zeros(n_hosts, dtype=np.bool_)
    for h in range(n_hosts):
        summarise(m, s, r, h, step)
        over[h] = overloaded(m, s, r, h, -1, step)
    saved, first = _save(s)
    moves = np.empty((2 * len(m.vm) + 1, 3), dtype=np.int64)
    n_selected, n_placed = _relieve(m, s, r, over, moves, step, draws)
    n_moves = _empty(m, s, r, over, moves, n_placed, step)
    _restore(m, s, saved, first)
    return moves[:n_moves].copy(), np.array([over.sum(), n_selected, n_placed])


@inner
def _save(s: State) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lists of VMs, one after the other, and where each starts."""
    n_hosts = len(s.filled)
    first = np.zeros(n_hosts + 1, dtype=np.int64)
    for h in range(n_hosts):
        first[h + 1] = first[h] + s.filled[h]
    saved = np.empty(first[n_hosts], dtype=np.int64)
    for h in range(n_hosts):
        for i in range(s.filled[h]):
            saved[first[h] + i] = s.listed[i, h]
    return saved, first


@inner
def _restore(m: Machines, s: State, saved: NDArray[np.int64], first: NDArray[np.int64]) -> None:
    for h in range(len(s.filled)):
        s.filled[h] = first[h + 1] - first[h]
        for i in range(s.filled[h]):
            s.listed[i, h] = saved[first[h] + i]
            s.incoming[i, h] = False
        allocate_all(m, s, h)


@inner
def _relieve(
    m: Machines,
    s: State,
    r: Rules,
    over: NDArray[np.bool_],
    moves: NDArray[np.int64],
    step: Any,
    draws: NDArray[np.float64],
) -> tuple[Any, Any]:
    """Take VMs from overloaded hosts until they are not, and place them, the largest demand first."""
    leaving, n = np.empty(len(m.vm), dtype=np.int64), 0
    for h in np.flatnonzero(over):
        while True:
            v = selected(m, s, r, h, step, draws[n])
            leaving[n] = v
            n += 1
            recall(m, s, r, v, h, step)
            if s.filled[h] == 0 or not overloaded(m, s, r, h, -1, step):
                break
    n_placed = 0
    _descend(leaving, n, s.wanted)
    for i in range(n):
        v = leaving[i]
        h = find_host(m, s, r, v, over, step, r.ram_binds)
        if h >= 0:
            put(m, s, r, v, h, step)
            moves[n_placed, 0], moves[n_placed, 1], moves[n_placed, 2] = v, s.host_of[v], h
            n_placed += 1
    return n, n_placed


@inner
def _empty(
    m: Machines,
    s: State,
    r: Rules,
    over: NDArray[np.bool_],
    moves: NDArray[np.int64],
    n_moves: Any,
    step: Any,
) -> Any:
    """Empty hosts, the least used first, each whole or not at all; return how many moves there are now."""
    no_source = over.copy()
    for h in range(len(over)):
        if host_share(s.mips[h, 1], m.host[h, 0]) == 0:
            no_source[h] = True
    no_target = no_source.copy()
    if r.shield_targets:
        no_source[moves[:n_moves, 2]] = True
    while True:
        source, least = -1, 1.0
        for h in range(len(over)):
            share = host_share(s.mips[h, 1], m.host[h, 0])
            if not no_source[h] and 0 < share < least and s.filled[h] > 0:
                source, least = h, share
        if source < 0:
            return n_moves
        no_source[source] = no_target[source] = True
        n = _empty_one(m, s, r, source, no_target, moves, n_moves, step)
        for i in range(n_moves, n_moves + n):
            no_source[moves[i, 2]] = True
        n_moves += n


@inner
def _empty_one(
    m: Machines,
    s: State,
    r: Rules,
    source: Any,
    no_target: NDArray[np.bool_],
    moves: NDArray[np.int64],
    n_moves: Any,
    step: Any,
) -> Any:
    """Place all VMs of a host elsewhere, or none; return how many."""
    n = s.filled[source]
    vms = s.listed[:n, source].copy()
    _descend(vms, n, s.wanted)
    for k in range(n):
        v = vms[k]
        h = find_host(m, s, r, v, no_target, step, r.ram_binds)
        if h < 0:
            for i in range(n_moves, n_moves + k):
                recall(m, s, r, moves[i, 0], moves[i, 2], step)
            return 0
        put(m, s, r, v, h, step)
        moves[n_moves + k, 0], moves[n_moves + k, 1], moves[n_moves + k, 2] = v, s.host_of[v], h
    return n


@inner
def _descend(vms: NDArray[np.int64], n: Any, demand: NDArray[np.float64]) -> None:
    """Sort the first ``n`` VMs by demand, the largest first; equals keep their order."""
    for i in range(1, n):
        v, j = vms[i], i
        while j > 0 and demand[vms[j - 1]] < demand[v]:
            vms[j] = vms[j - 1]
            j -= 1
        vms[j] = v
