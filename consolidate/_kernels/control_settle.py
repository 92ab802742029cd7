"""Moves that even out how likely hosts are to be overloaded, where they disturb less than they save."""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.control_room import (
    AWAKE,
    Guard,
    Guests,
    Machines,
    calm,
    may_join,
    risk,
    room,
    shift,
)
from consolidate._kernels.jit import inner

__all__ = ["settle"]

#: Hosts that are looked at on either side.
_SOURCES, _TARGETS = 6, 8


@inner
def _extremes(m: Machines, role: Any, not_role: Any, count: Any, sign: Any) -> Any:
    """Return the hosts with the least (``sign`` 1) or the most (-1) deviations of room, at most ``count``."""
    some = np.flatnonzero((m.state == AWAKE) & (m.n_vms > 0) & (role != not_role))
    spare = (m.capacity[some] - m.sums[some, 2]) / np.sqrt(np.maximum(1e-9, m.sums[some, 3]))
    return some[np.argsort(sign * spare, kind="mergesort")[:count]]


@inner
def _best(
    g: Guests, m: Machines, c: Guard, sources: Any, targets: Any, order: Any, first: Any, longest: Any
) -> Any:
    best_v, best_t, least = np.int64(-1), np.int64(-1), -c.settle_s
    for h in sources:
        if m.n_vms[h] < 2:
            continue
        before = risk(m, c, h, 0.0, 0.0)
        for i in range(first[h], first[h + 1]):
            v = order[i]
            if g.host[v] != h or not g.free[v] or m.busy[h, 1] + g.seconds[v] > c.step_s:
                continue
            here = c.patience * (risk(m, c, h, -g.mean[v], -g.var[v]) - before)
            if here >= least:
                continue
            for t in targets:
                if t == h or not m.takes[t] or m.merit[t] > m.merit[h]:
                    continue
                cost = here + c.share * max(0.0, g.seconds[v] - longest[t])
                if cost >= least:
                    continue
                cost += c.patience * (risk(m, c, t, g.mean[v], g.var[v]) - risk(m, c, t, 0.0, 0.0))
                if cost >= least or not calm(m, c, t, g.now[v], g.noise[v], c.landing):
                    continue
                if room(m, c, t, g.mean[v], g.var[v], c.z_relief) < 0.0:
                    continue
                if m.busy[t, 0] + g.seconds[v] > c.step_s or not may_join(g, m, v, t):
                    continue
                best_v, best_t, least = v, t, cost
    return best_v, best_t


@inner
def settle(
    g: Guests, m: Machines, c: Guard, order: Any, first: Any, role: Any, longest: Any, out: Any, n: Any
) -> Any:
    """Move guests from hosts that are likely to be overloaded to hosts that are not.

    A host that receives already is disturbed for as long as its longest move lasts; more moves of that length
    cost it nothing.
    """
    for _ in range(c.settles):
        sources = _extremes(m, role, 2, _SOURCES, 1.0)
        targets = _extremes(m, role, 1, _TARGETS, -1.0)
        taking = np.flatnonzero(role == 2)
        v, t = _best(g, m, c, sources, np.concatenate((taking, targets)), order, first, longest)
        if v < 0:
            break
        h = g.host[v]
        role[h], role[t] = 1, 2
        shift(g, m, v, t)
        longest[t] = max(longest[t], g.seconds[v])
        out[n, 0], out[n, 1] = v, t
        n += 1
    return n
