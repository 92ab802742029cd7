"""Which VMs are on a host: doubly linked lists, so that a VM leaves and joins in constant time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, occupy

__all__ = ["Residents", "evict", "residents", "roll", "settle"]


class Residents(NamedTuple):
    """The VMs of host ``h``: ``head[h]``, then ``after[v]`` of each until -1."""

    head: NDArray[np.int32]  # (hosts,)
    after: NDArray[np.int32]  # (vms,)
    before: NDArray[np.int32]  # (vms,)


@kernel
def residents(s: State) -> Residents:
    """List the VMs of each host, ascending."""
    n_vms, n_hosts = len(s.host_of), len(s.n_vms)
    lists = Residents(
        np.full(n_hosts, -1, dtype=np.int32),
        np.full(n_vms, -1, dtype=np.int32),
        np.full(n_vms, -1, dtype=np.int32),
    )
    for v in range(n_vms - 1, -1, -1):
        if s.host_of[v] >= 0:
            _link(lists, v, np.int64(s.host_of[v]))
    return lists


@inner
def _link(lists: Residents, v: Any, h: Any) -> None:
    first = lists.head[h]
    lists.after[v] = first
    lists.before[v] = -1
    if first >= 0:
        lists.before[first] = v
    lists.head[h] = v


@kernel
def settle(p: Problem, s: State, lists: Residents, v: Any, h: Any) -> None:
    """Put VM ``v``, which is on no host, on host ``h``."""
    occupy(p, s, v, h, IN)
    _link(lists, v, h)


@kernel
def evict(p: Problem, s: State, lists: Residents, v: Any) -> None:
    """Take VM ``v`` off its host."""
    h = np.int64(s.host_of[v])
    occupy(p, s, v, h, OUT)
    a, b = lists.before[v], lists.after[v]
    if a >= 0:
        lists.after[a] = b
    else:
        lists.head[h] = b
    if b >= 0:
        lists.before[b] = a


@kernel
def roll(dice: NDArray[np.uint64], n: Any) -> Any:
    """Return a number from 0 to ``n - 1`` and move the dice on.

    Xorshift, Marsaglia 2003, doi:10.18637/jss.v008.i14.
    """
    x = dice[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    dice[0] = x
    return np.int64((x >> np.uint64(11)) % np.uint64(n))
