"""CloudSim's hosts: sharing MIPS among the VMs of a host, and the lists of VMs."""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.cloudsim_state import INCOMING, LEAVING, RESIDENT, Machines, State
from consolidate._kernels.jit import kernel

__all__ = ["allocate_all", "append", "drop", "join", "leave", "place_of"]

#: A VM that moves gets 0.9 of its MIPS at the source and holds 0.1 of them at the target.
_KEPT, _RESERVED = 0.9, 0.1


@kernel
def allocate_all(m: Machines, s: State, h: Any) -> None:
    """Share the MIPS of host ``h`` among its VMs anew, in the order of its list."""
    left, core = m.host[h, 0], m.host[h, 1]
    for i in range(s.count[h]):
        v = s.listed[i, h]
        capped = min(s.wanted[v], core)
        need = given = capped
        if s.role[i, h] == INCOMING:
            need = given = capped * _RESERVED
        elif s.moving[v]:
            s.role[i, h] = LEAVING
            given = capped * _KEPT
        else:
            s.role[i, h] = RESIDENT
        if left >= need:
            s.given[i, h] = given
            left -= need
        else:
            _scale(s, h, i + 1, m.host[h, 0], core)
            left = 0.0
    s.mips[h, 0] = left


@kernel
def append(s: State, v: Any, h: Any) -> None:
    """Let VM ``v`` join host ``h``, where there is room for it, and give it MIPS."""
    join(s, v, h, RESIDENT)
    s.given[s.count[h] - 1, h] = s.wanted[v]
    s.mips[h, 0] -= s.wanted[v]


@kernel
def drop(m: Machines, s: State, v: Any, h: Any) -> None:
    """Let VM ``v`` leave host ``h``; the others share anew."""
    leave(s, v, h)
    allocate_all(m, s, h)


@kernel
def join(s: State, v: Any, h: Any, role: Any) -> None:
    """Put VM ``v`` at the end of the list of host ``h``."""
    s.listed[s.count[h], h] = v
    s.role[s.count[h], h] = role
    s.count[h] += 1


@kernel
def leave(s: State, v: Any, h: Any) -> None:
    """Take VM ``v`` from the list of host ``h``."""
    for j in range(place_of(s, v, h), s.count[h] - 1):
        s.listed[j, h] = s.listed[j + 1, h]
        s.role[j, h] = s.role[j + 1, h]
    s.count[h] -= 1


@kernel
def place_of(s: State, v: Any, h: Any) -> Any:
    """Return where VM ``v`` stands in the list of host ``h``; the length of the list if it does not."""
    i = np.int64(0)
    while i < s.count[h] and s.listed[i, h] != v:
        i += 1
    return i


@kernel
def _scale(s: State, h: Any, n: Any, whole: Any, core: Any) -> None:
    """Scale the first ``n`` VMs to what the host has, in whole MIPS."""
    needed = 0.0
    for j in range(n):
        capped = min(s.wanted[s.listed[j, h]], core)
        needed += capped * _RESERVED if s.role[j, h] == INCOMING else capped
    factor = whole / needed
    for j in range(n):
        capped = min(s.wanted[s.listed[j, h]], core)
        if s.role[j, h] == LEAVING:
            s.given[j, h] = np.floor(capped * factor * _KEPT)
        elif s.role[j, h] == INCOMING:
            s.given[j, h] = np.floor(capped * _RESERVED * factor)
        else:
            s.given[j, h] = np.floor(capped * factor)
