"""Consistent-neighbourhood search: exchanges with the hosts until the VMs that are left over find room.

Buljubasic, Vasquez 2016 (doi:10.1016/j.cor.2016.06.004): every host stays within its capacity, what does not
fit waits in a pool, and the pool shrinks by swapping a VM of the pool against VMs that are worth less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import Problem, State, fits, rules_allow
from consolidate._kernels.residents import Residents, evict, roll, settle

__all__ = ["squeeze"]


@kernel
def squeeze(
    p: Problem,
    s: State,
    lists: Residents,
    pool: NDArray[np.int64],
    n_pool: int,
    hosts: NDArray[np.int64],
    worth: NDArray[np.float64],
    until: NDArray[np.int64],
    clock: int,
    dice: NDArray[np.uint64],
    steps: int,
    width: int,
    pairs: bool,
) -> int:
    """Shrink the pool; return how many VMs are left in it.

    Parameters
    ----------
    lists
        The VMs of each host; kept up to date.
    pool, n_pool
        VMs on no host, the first ``n_pool`` entries; as long as the VMs are many.
    hosts
        Where VMs may go.
    worth
        What leaving each VM in the pool costs; should grow faster than size, so that two small VMs are
        worth less than a large one.
    until
        Step up to which each VM may not leave its host; changed.
    clock
        Number of the first step.
    dice
        State of the random numbers, one entry; changed.
    steps
        Steps at most.
    width
        Hosts looked at in a step.
    pairs
        Whether two VMs may leave for one; that costs the square of the VMs on a host.
    """
    n_hosts = len(hosts)
    pair = np.empty(2, dtype=np.int64)
    best_pair = np.empty(2, dtype=np.int64)
    for step in range(clock, clock + steps):
        if n_pool == 0:
            break
        at = roll(dice, n_pool)
        v = pool[at]
        start = roll(dice, n_hosts)
        best, best_change = -1, np.inf
        for k in range(min(width, n_hosts)):
            h = hosts[(start + k) % n_hosts]
            if not p.masks[p.mask_of[v], h]:
                continue
            change = _cheapest_way(p, s, lists, v, h, worth, until, step, pairs, pair)
            if change < best_change:
                best, best_change = h, change
                best_pair[0], best_pair[1] = pair[0], pair[1]
            if change == -worth[v]:
                break
        # An exchange that makes the pool worse only helps to get out of a dead end, seldom.
        if best < 0 or (best_change > 0 and roll(dice, 20) > 0):
            continue
        for w in best_pair:
            if w >= 0:
                evict(p, s, lists, w)
        if not fits(p, s, v, best):
            for w in best_pair:
                if w >= 0:
                    settle(p, s, lists, w, best)
            continue
        settle(p, s, lists, v, best)
        until[v] = step + 1 + roll(dice, 5 + n_pool)
        n_pool -= 1
        pool[at] = pool[n_pool]
        for w in best_pair:
            if w >= 0:
                pool[n_pool] = w
                n_pool += 1
        n_pool = _drop_in(p, s, lists, pool, n_pool, best)
    return n_pool


@inner
def _drop_in(p, s, lists, pool, n_pool, h):
    """Put whatever of the pool fits on the host; return what is left of the pool."""
    i = 0
    while i < n_pool:
        v = pool[i]
        if fits(p, s, v, h):
            settle(p, s, lists, v, h)
            n_pool -= 1
            pool[i] = pool[n_pool]
        else:
            i += 1
    return n_pool


@inner
def _cheapest_way(p, s, lists, v, h, worth, until, step, pairs, pair):
    """Return the change of the pool's worth if ``v`` goes to ``h``, and who has to leave for it.

    Nobody, one VM, or two where no single one worth less does; infinite where none of that makes room.
    """
    n_resources = p.need.shape[1]
    pair[0], pair[1] = -1, -1
    lacking = False
    for r in range(n_resources):
        if p.need[v, r] + p.overhead[h, r] > s.room[h, r]:
            lacking = True
    if not lacking and rules_allow(p, s, v, h):
        return -worth[v]
    least = np.inf
    w = lists.head[h]
    while w >= 0:
        if until[w] <= step and worth[w] < least and _makes_room(p, s, v, w, np.int32(-1), h):
            least = worth[w]
            pair[0], pair[1] = w, -1
        w = lists.after[w]
    if least < worth[v] or not pairs:
        return least - worth[v]
    w = lists.head[h]
    while w >= 0:
        if until[w] <= step and worth[w] < least and worth[w] < worth[v]:
            u = lists.after[w]
            while u >= 0:
                if until[u] <= step and worth[w] + worth[u] < least and _makes_room(p, s, v, w, u, h):
                    least = worth[w] + worth[u]
                    pair[0], pair[1] = w, u
                u = lists.after[u]
        w = lists.after[w]
    return least - worth[v]


@inner
def _makes_room(p: Problem, s: State, v: Any, w: Any, u: Any, h: Any) -> bool:
    """Say whether ``v`` has room on ``h`` once ``w``, and ``u`` if there is one, have left."""
    for r in range(p.need.shape[1]):
        freed = p.need[w, r] + p.overhead[h, r]
        if u >= 0:
            freed += p.need[u, r] + p.overhead[h, r]
        if p.need[v, r] + p.overhead[h, r] > s.room[h, r] + freed:
            return False
    return True
