"""Emptying hosts: which, and whither with their guests."""

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
    tightest,
    unshift,
)
from consolidate._kernels.jit import inner

__all__ = ["empty", "in_turn"]


@inner
def in_turn(m: Machines, c: Guard) -> Any:
    """Return the hosts in the order in which they are tried: the dearest type, then the least load.

    In the first decision every host may be emptied. Where hard resources bind more than CPU those that hold
    most of them then come first, so that large guests are packed before small ones, which fill what is left.
    """
    n_hosts = len(m.capacity)
    size = m.sums[:, 2] / m.fill
    tight = np.zeros(n_hosts)
    for h in range(n_hosts):
        for k in range(m.whole.shape[1]):
            if m.whole[h, k] > 0:
                tight[h] = max(tight[h], 1.0 - m.room[h, k] / m.whole[h, k])
    if c.drains >= n_hosts and tight.sum() > size.sum():
        size = -tight
    return np.argsort(size / (1.0 + np.max(np.abs(size))) - 10.0 * m.merit, kind="mergesort")


@inner
def _drain_target(g: Guests, m: Machines, c: Guard, v: Any, source: Any, role: Any) -> Any:
    best: Any = np.int64(-1)
    least = np.inf
    steady = np.sqrt(g.var[v] / max(1e-9, g.mean[v]))
    for t in range(len(m.capacity)):
        if m.state[t] != AWAKE or not m.takes[t] or role[t] == 1 or t == source or m.n_vms[t] == 0:
            continue
        if m.merit[t] > m.merit[source] or m.busy[t, 0] + g.seconds[v] > c.step_s:
            continue
        free = room(m, c, t, g.mean[v], g.var[v], c.z_relief if c.pooled > 0.0 else c.z_fill)
        if free < 0.0 or not calm(m, c, t, g.now[v], g.noise[v], c.landing):
            continue
        if not may_join(g, m, v, t):
            continue
        unlike = abs(np.sqrt(m.sums[t, 3] / max(1e-9, m.sums[t, 2])) - steady)
        value = tightest(g, m, v, t, free / m.capacity[t]) + c.alike * unlike / np.sqrt(m.capacity[t])
        if c.pooled > 0.0:
            value = risk(m, c, t, g.mean[v], g.var[v]) - risk(m, c, t, 0.0, 0.0)
        if role[t] != 2:
            value += c.company
        value += 100.0 * m.merit[t]
        if value < least:
            best, least = t, value
    return best


@inner
def _fleet_risk(m: Machines, c: Guard) -> Any:
    """Return the mean risk of the hosts that carry guests."""
    total, n = 0.0, 0
    for h in range(len(m.capacity)):
        if m.n_vms[h] > 0 and m.state[h] == AWAKE:
            total += risk(m, c, h, 0.0, 0.0)
            n += 1
    return total / max(1, n)


@inner
def empty(
    g: Guests, m: Machines, c: Guard, h: Any, order: Any, first: Any, role: Any, out: Any, n: Any
) -> Any:
    """Find a host for every guest of host ``h``, the largest first; all or none. Return the moves so far."""
    guests = order[first[h] : first[h + 1]]
    size = np.empty(len(guests))
    cost = 0.0
    for i in range(len(guests)):
        v = guests[i]
        if not g.free[v]:
            return n
        cost += g.joules[v]
        size[i] = -(g.mean[v] + 0.5 * np.sqrt(g.var[v]))
    if cost >= m.saving[h]:
        return n
    begin = n
    before = role.copy()
    for i in np.argsort(size, kind="mergesort"):
        v = guests[i]
        t = np.int64(-1)
        if m.busy[h, 1] + g.seconds[v] <= c.step_s:
            t = _drain_target(g, m, c, v, h, role)
        if t < 0:
            for k in range(n - 1, begin - 1, -1):
                unshift(g, m, out[k, 0], h)
            role[:] = before
            return begin
        role[t] = 2
        shift(g, m, v, t)
        out[n, 0], out[n, 1] = v, t
        n += 1
    if c.pooled > 0.0 and _fleet_risk(m, c) > c.pooled:
        for k in range(n - 1, begin - 1, -1):
            unshift(g, m, out[k, 0], h)
        role[:] = before
        return begin
    role[h] = 1
    return n
