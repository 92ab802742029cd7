"""CloudSim's hosts: the lists of VMs, and sharing the MIPS of a host among them.

The program keeps requests in Java's hash tables and, when one is taken out or there are too many, goes
through them in the order of the table. Sums then differ in the last digit, which decides now and then, so
that the order is kept: by bucket, within a bucket by arrival.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import Machines, State
from consolidate._kernels.jit import inner

__all__ = ["allocate_all", "append", "drop", "join", "leave", "place_of", "reallocate"]

#: A VM that moves gets 0.9 of its MIPS at the source and holds 0.1 of them at the target.
_KEPT, _RESERVED = 0.9, 0.1


@inner
def allocate_all(m: Machines, s: State, h: Any) -> None:
    """Share the MIPS of host ``h`` among its VMs, in the order of its list."""
    left, core = m.host[h, 0], m.host[h, 1]
    for i in range(s.filled[h]):
        need = _give(s, h, i, core)
        if left < need:
            _scale(m, s, h)
            left = 0.0
            break
        left -= need
    s.mips[h, 0] = left
    s.table[h, 1] = 0


@inner
def reallocate(m: Machines, s: State, h: Any) -> None:
    """Share the MIPS of host ``h`` among its VMs, in the order of its hash table."""
    left, core = m.host[h, 0], m.host[h, 1]
    for i in _table_order(m, s, h):
        need = _give(s, h, i, core)
        if left < need:
            _scale(m, s, h)
            left = 0.0
            break
        left -= need
    s.mips[h, 0] = left
    s.table[h, 1] = 1


@inner
def append(s: State, v: Any, h: Any) -> None:
    """Let VM ``v`` join host ``h``, where there is room for it, and give it MIPS."""
    join(s, v, h, False)
    s.given[s.filled[h] - 1, h] = s.wanted[v]
    s.mips[h, 0] -= s.wanted[v]
    s.table[h, 1] = 0


@inner
def drop(m: Machines, s: State, v: Any, h: Any) -> None:
    """Let VM ``v`` leave host ``h``; the others share anew."""
    leave(s, v, h)
    reallocate(m, s, h)


@inner
def join(s: State, v: Any, h: Any, incoming: Any) -> None:
    """Put VM ``v`` at the end of the list of host ``h``."""
    s.listed[s.filled[h], h] = v
    s.incoming[s.filled[h], h] = incoming
    s.filled[h] += 1
    s.table[h, 0] = max(s.table[h, 0], s.filled[h])


@inner
def leave(s: State, v: Any, h: Any) -> None:
    """Take VM ``v`` from the list of host ``h``."""
    for j in range(place_of(s, v, h), s.filled[h] - 1):
        s.listed[j, h] = s.listed[j + 1, h]
        s.incoming[j, h] = s.incoming[j + 1, h]
    s.filled[h] -= 1


@inner
def place_of(s: State, v: Any, h: Any) -> Any:
    """Return where VM ``v`` stands in the list of host ``h``; the length of the list if it does not."""
    i = np.int64(0)
    while i < s.filled[h] and s.listed[i, h] != v:
        i += 1
    return i


@inner
def _give(s: State, h: Any, i: Any, core: Any) -> Any:
    """Give the VM at place ``i`` what it asks for, up to a core; return what that takes from the host."""
    v = s.listed[i, h]
    capped = min(s.wanted[v], core)
    if s.incoming[i, h]:
        s.given[i, h] = capped * _RESERVED
        return s.given[i, h]
    s.given[i, h] = capped * _KEPT if s.moving[v] else capped
    return capped


@inner
def _scale(m: Machines, s: State, h: Any) -> None:
    """Scale all VMs to what the host has, in whole MIPS.

    The program does so with each VM that finds too little; the last time, with all of them, stands.
    """
    needed, core = 0.0, m.host[h, 1]
    for j in _table_order(m, s, h):
        capped = min(s.wanted[s.listed[j, h]], core)
        needed += capped * _RESERVED if s.incoming[j, h] else capped
    factor = m.host[h, 0] / needed
    for j in range(s.filled[h]):
        v = s.listed[j, h]
        capped = min(s.wanted[v], core)
        if s.incoming[j, h]:
            s.given[j, h] = np.floor(capped * _RESERVED * factor)
        elif s.moving[v]:
            s.given[j, h] = np.floor(capped * factor * _KEPT)
        else:
            s.given[j, h] = np.floor(capped * factor)


@inner
def _table_order(m: Machines, s: State, h: Any) -> NDArray[np.int64]:
    """Return the places in the list of host ``h`` in the order of its hash table.

    A table of 16 buckets doubles when it holds more than three quarters of them, and never shrinks.
    """
    n, size = s.filled[h], 16
    while 4 * s.table[h, 0] > 3 * size:
        size *= 2
    order = np.empty(n, dtype=np.int64)
    for i in range(n):
        bucket, j = m.hashed[s.listed[i, h]] & (size - 1), i
        while j > 0 and m.hashed[s.listed[order[j - 1], h]] & (size - 1) > bucket:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    return order
