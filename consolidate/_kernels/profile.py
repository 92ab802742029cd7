"""Demand curves: many resource columns per VM, held against the capacity in each of them.

Rows are 32-bit integers and VMs with equal needs share one, so that a host's curve and a VM's stay in the
cache. Columns come in blocks (the slots of one resource), the fullest of each block first: most tests end
there. Rules, masks and energy are those of :mod:`consolidate._kernels.problem`, read from a problem without
columns of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.problem import Problem, State, occupy, rules_allow

__all__ = ["Curves", "Room", "curves_fit", "curves_occupy", "dominated", "overload"]


class Curves(NamedTuple):
    """What does not change. ``r`` columns in ``b`` blocks."""

    rows: NDArray[np.int32]  # (classes, r), need of each class of VMs
    peaks: NDArray[np.int32]  # (classes, b), largest need in each block
    class_of: NDArray[np.int32]  # (vms,)
    extra: NDArray[np.int32]  # (kinds, r), what a host of the kind takes on top for each VM
    extra_peaks: NDArray[np.int32]  # (kinds, b)
    kind_of: NDArray[np.int32]  # (hosts,)
    block: NDArray[np.int64]  # (b + 1,), first column of each block
    weight: NDArray[np.int32]  # (r,), price of one unit above the capacity


class Room(NamedTuple):
    """What a packing changes in place; negative room is overload."""

    free: NDArray[np.int32]  # (hosts, r)
    least: NDArray[np.int32]  # (hosts, b), least free room over each block


@kernel
def curves_fit(p: Problem, s: State, c: Curves, q: Room, v: Any, h: Any) -> bool:
    """Say whether VM ``v`` may be put on host ``h``.

    Where the VM's peak fits into the least room of a block, its slots need no look.
    """
    k, kind = c.class_of[v], c.kind_of[h]
    for b in range(c.peaks.shape[1]):
        if c.peaks[k, b] + c.extra_peaks[kind, b] <= q.least[h, b]:
            continue
        for r in range(c.block[b], c.block[b + 1]):
            if c.rows[k, r] + c.extra[kind, r] > q.free[h, r]:
                return False
    return rules_allow(p, s, v, h)


@kernel
def curves_occupy(p: Problem, s: State, c: Curves, q: Room, v: Any, h: Any, sign: Any) -> None:
    """Put VM ``v`` on host ``h`` (sign 1) or take it away (sign -1)."""
    k, kind = c.class_of[v], c.kind_of[h]
    for b in range(c.peaks.shape[1]):
        least = np.int32(2**31 - 1)
        for r in range(c.block[b], c.block[b + 1]):
            q.free[h, r] -= np.int32(sign) * (c.rows[k, r] + c.extra[kind, r])
            least = min(least, q.free[h, r])
        q.least[h, b] = least
    occupy(p, s, v, h, sign)


@kernel
def overload(free: NDArray[np.int32], weight: NDArray[np.int32]) -> Any:
    """Return what is above the capacity of one host, summed over the columns at their prices."""
    total = np.int32(0)
    for r in range(len(free)):
        total += max(np.int32(0), -free[r]) * weight[r]
    return total


@kernel
def dominated(
    rows: NDArray[np.int64], extra: NDArray[np.int64], capacity: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say which columns can never bind: another takes as much of every VM and offers as little.

    ``rows`` is ``(classes, r)``, ``extra`` and ``capacity`` are ``(kinds, r)``. Of equal columns the first
    stays.
    """
    n = rows.shape[1]
    out = np.zeros(n, dtype=np.bool_)
    for r in range(n):
        for t in range(n):
            if t == r or out[t]:
                continue
            under, equal = True, True
            for k in range(capacity.shape[0]):
                if capacity[k, r] < capacity[k, t] or extra[k, r] > extra[k, t]:
                    under = False
                    break
                equal &= capacity[k, r] == capacity[k, t] and extra[k, r] == extra[k, t]
            if not under:
                continue
            for i in range(rows.shape[0]):
                if rows[i, r] > rows[i, t]:
                    under = False
                    break
                equal &= rows[i, r] == rows[i, t]
            if under and (not equal or t < r):
                out[r] = True
                break
    return out
