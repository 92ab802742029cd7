"""CloudSim's hosts: sharing MIPS among the VMs of a host, and the lists of VMs."""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.cloudsim_state import INCOMING, LEAVING, RESIDENT, Machines, State
from consolidate._kernels.jit import kernel

__all__ = ["allocate_all", "append", "drop", "place_of"]

#: A VM that moves gets 0.9 of its MIPS at the source and holds 0.1 of them at the target.
_KEPT, _RESERVED = 0.9, 0.1


@kernel
def allocate_all(m: Machines, s: State, h: Any) -> None:
    """Share the MIPS of host ``h`` among its VMs anew, in the order of its list."""
    s.mips[h, 0] = m.host[h, 0]
    for i in range(s.count[h]):
        _allocate(m, s, h, i)


@kernel
def append(m: Machines, s: State, v: Any, h: Any, role: Any) -> None:
    """Add VM ``v`` at the end of the list of host ``h`` and give it MIPS."""
    i = s.count[h]
    s.listed[h, i] = v
    s.role[h, i] = role
    s.count[h] = i + 1
    _allocate(m, s, h, i)


@kernel
def drop(m: Machines, s: State, v: Any, h: Any) -> None:
    """Take VM ``v`` from the list of host ``h``; the others share anew."""
    for j in range(place_of(s, v, h), s.count[h] - 1):
        s.listed[h, j] = s.listed[h, j + 1]
        s.role[h, j] = s.role[h, j + 1]
    s.count[h] -= 1
    allocate_all(m, s, h)


@kernel
def place_of(s: State, v: Any, h: Any) -> Any:
    """Return where VM ``v`` stands in the list of host ``h``; the length of the list if it does not."""
    i = np.int64(0)
    while i < s.count[h] and s.listed[h, i] != v:
        i += 1
    return i


@kernel
def _allocate(m: Machines, s: State, h: Any, i: Any) -> None:
    """Give the VM at place ``i`` its MIPS, or scale all VMs up to it when they are too many."""
    v = s.listed[h, i]
    if s.role[h, i] != INCOMING:
        s.role[h, i] = LEAVING if s.moving[v] else RESIDENT
    capped = min(s.wanted[v], m.host[h, 1])
    need = capped * _RESERVED if s.role[h, i] == INCOMING else capped
    if s.mips[h, 0] < need:
        _scale(m, s, h, i + 1)
        return
    s.given[h, i] = capped
    if s.role[h, i] == LEAVING:
        s.given[h, i] = capped * _KEPT
    elif s.role[h, i] == INCOMING:
        s.given[h, i] = capped * _RESERVED
    s.mips[h, 0] -= need


@kernel
def _scale(m: Machines, s: State, h: Any, n: Any) -> None:
    """Scale the first ``n`` VMs to what the host has, in whole MIPS."""
    needed = 0.0
    for j in range(n):
        capped = min(s.wanted[s.listed[h, j]], m.host[h, 1])
        needed += capped * _RESERVED if s.role[h, j] == INCOMING else capped
    factor = m.host[h, 0] / needed
    for j in range(n):
        capped = min(s.wanted[s.listed[h, j]], m.host[h, 1])
        if s.role[h, j] == LEAVING:
            s.given[h, j] = np.floor(capped * factor * _KEPT)
        elif s.role[h, j] == INCOMING:
            s.given[h, j] = np.floor(capped * _RESERVED * factor)
        else:
            s.given[h, j] = np.floor(capped * factor)
    s.mips[h, 0] = 0.0
