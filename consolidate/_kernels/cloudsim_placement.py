"""CloudSim's power-aware best fit: the host whose power rises least, seen through its quirks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_detectors import overloaded
from consolidate._kernels.cloudsim_scheduler import append, drop, reallocate
from consolidate._kernels.cloudsim_state import (
    HISTORY,
    Machines,
    Rules,
    State,
    host_share,
    power_w,
)
from consolidate._kernels.jit import inner, kernel

__all__ = ["find_host", "place_first", "put", "recall", "summarise"]


@inner
def find_host(
    m: Machines, s: State, r: Rules, v: Any, excluded: NDArray[np.bool_], step: Any, ram: Any
) -> Any:
    """Return the host for VM ``v``, or -1: the least rise of power, the lowest number of those."""
    best, least, wanted = -1, np.inf, s.wanted[v]
    # Empty hosts of a kind that were off rise alike, so the first of each kind stands for all.
    fresh = np.ones(2, dtype=np.bool_)
    for h in range(len(m.kind)):
        if excluded[h] or wanted > m.host[h, 1] or wanted > s.mips[h, 0]:
            continue
        if ram and s.mips[h, 6] + m.vm[v, 1] > m.host[h, 2]:
            continue
        load = s.mips[h, 1] if r.stale_load else s.mips[h, 3]
        if load == 0:
            if s.mips[h, 1] == 0:
                if not fresh[m.kind[h]]:
                    continue
                fresh[m.kind[h]] = False
        else:
            # Here the program asks whether the host would be overloaded, and so puts the VM into its hash
            # table and takes it out again.
            s.table[h, 0] = max(s.table[h, 0], s.filled[h] + 1)
            if s.table[h, 1] == 0:
                reallocate(m, s, h)
        after = (load + wanted) / m.host[h, 0]
        if after > 1:
            # Rounding alone leads here: the table ends at 100 %.
            continue
        rise = power_w(m.host, h, after) - s.mips[h, 5]
        # The costly question comes last; its answer matters for the best host only.
        if rise < least and (load == 0 or not overloaded(m, s, r, h, v, step)):
            best, least = h, rise
    return best


@inner
def _baseline_w(m: Machines, s: State, r: Rules, h: Any) -> Any:
    """Return the power from which a rise counts: that of the last accounting, in the program."""
    mips = s.mips[h, 3] if r.fresh_baseline else s.mips[h, 1]
    if mips == 0 and r.off_costs_all:
        return 0.0
    return power_w(m.host, h, host_share(mips, m.host[h, 0]))


@inner
def summarise(m: Machines, s: State, r: Rules, h: Any, step: Any) -> None:
    """Sum what the VMs of a host get, ask for and asked for in the past."""
    s.mips[h, 3] = s.mips[h, 4] = s.mips[h, 6] = 0.0
    s.past[h] = 0.0
    for i in range(s.filled[h]):
        v = s.listed[i, h]
        s.mips[h, 3] += s.given[i, h]
        s.mips[h, 4] += s.wanted[v]
        s.mips[h, 6] += m.vm[v, 1]
        for t in range(min(step, HISTORY)):
            s.past[h, t] += m.past[m.kind[h], v, step - t]
    s.mips[h, 5] = _baseline_w(m, s, r, h)


@inner
def put(m: Machines, s: State, r: Rules, v: Any, h: Any, step: Any) -> None:
    """Add VM ``v`` to host ``h`` while planning."""
    append(s, v, h)
    # What fits leaves the shares of the others as they are, so the sums go on from the left.
    s.mips[h, 3] += s.wanted[v]
    s.mips[h, 4] += s.wanted[v]
    s.mips[h, 6] += m.vm[v, 1]
    for t in range(min(step, HISTORY)):
        s.past[h, t] += m.past[m.kind[h], v, step - t]
    if r.fresh_baseline:
        s.mips[h, 5] = _baseline_w(m, s, r, h)


@inner
def recall(m: Machines, s: State, r: Rules, v: Any, h: Any, step: Any) -> None:
    """Take VM ``v`` from host ``h`` while planning."""
    drop(m, s, v, h)
    summarise(m, s, r, h, step)


@kernel
def place_first(m: Machines, s: State, r: Rules, by_power: bool, most_per_host: int) -> int:
    """Place all VMs before the start; return the first that finds no host, -1 if all do.

    Each asks for all its MIPS, for RAM and for a share of the link, of which a host has ``most_per_host``.
    """
    full = np.zeros(len(m.kind), dtype=np.bool_)
    for h in range(len(m.kind)):
        summarise(m, s, r, h, 0)
    for v in range(len(m.vm)):
        s.wanted[v] = m.vm[v, 0]
        target = -1
        if by_power:
            target = find_host(m, s, r, v, full, 0, True)
        else:
            for h in range(len(m.kind)):
                room = s.mips[h, 6] + m.vm[v, 1] <= m.host[h, 2] and not full[h]
                if room and s.wanted[v] <= min(m.host[h, 1], s.mips[h, 0]):
                    target = h
                    break
        if target < 0:
            return v
        put(m, s, r, v, target, 0)
        s.host_of[v] = target
        full[target] = s.filled[target] == most_per_host
        # Placed, it asks for nothing until it is processed, but keeps its MIPS.
        s.mips[target, 4] = s.wanted[v] = 0.0
    return -1
