"""One decision of the risk controller: relieve hosts that are overloaded, empty hosts, even out what has grown.

A host is either a source or a target within one decision, so that no move waits for another and the moves may
start in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.control_drain import empty, in_turn
from consolidate._kernels.control_exchange import exchange
from consolidate._kernels.control_room import (
    ASLEEP,
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
from consolidate._kernels.control_settle import settle
from consolidate._kernels.jit import inner, kernel

__all__ = ["decide", "learn"]

#: Hosts that cannot be emptied before the search ends.
_MISSES = 12
#: A host that has grown so far beyond its best fill gives guests to others, and so many at most in one step.
_GROWN, _SHARED = 1.03, 4


@kernel
def learn(mean: Any, var: Any, seen: Any, sample: Any, alive: Any, least: Any, prior: Any) -> None:
    """Take one sample of each VM into its level and its variance around it, in place.

    The weight of a sample is one over the number seen, ``least`` at least; ``prior`` is the number of samples
    that the starting values count for.
    """
    for v in range(len(mean)):
        if not alive[v]:
            continue
        weight = max(1.0 / (seen[v] + 1.0 + prior), least)
        error = sample[v] - mean[v]
        mean[v] += weight * error
        var[v] += weight * (error * error - var[v])
        seen[v] += 1


@inner
def _wake(g: Guests, m: Machines, v: Any) -> Any:
    """Return the best host without a guest for VM ``v``, one that is on if possible; -1 if there is none."""
    best: Any = np.int64(-1)
    least = np.inf
    for t in range(len(m.capacity)):
        if m.n_vms[t] != 0 or not m.takes[t] or t == g.host[v]:
            continue
        if m.state[t] != AWAKE and m.state[t] != ASLEEP:
            continue
        if g.now[v] > m.capacity[t] or not may_join(g, m, v, t):
            continue
        cost = m.merit[t] * (1.0 + (0.001 if m.state[t] == ASLEEP else 0.0))
        if cost < least:
            best, least = t, cost
    return best


@inner
def _pair(
    g: Guests,
    m: Machines,
    c: Guard,
    h: Any,
    over: Any,
    order: Any,
    first: Any,
    role: Any,
    hosts: Any,
    longest: Any,
) -> Any:
    """Return the guest of host ``h`` and the target that leave the least risk for the least disturbance."""
    best_v, best_t, least = np.int64(-1), np.int64(-1), np.inf
    risk_before = risk(m, c, h, 0.0, 0.0)
    for i in range(first[h], first[h + 1]):
        v = order[i]
        if g.host[v] != h or not g.free[v] or g.now[v] <= 0.0:
            continue
        if m.busy[h, 1] + g.seconds[v] > c.step_s:
            continue
        # Moves run side by side: a host is disturbed for as long as the longest of them lasts.
        here = max(0.0, g.seconds[v] - longest[h])
        here += c.patience * (risk(m, c, h, -g.mean[v], -g.var[v]) - risk_before)
        if g.now[v] < over:
            here += c.short_s * (2.0 - g.now[v] / over)
        if here - c.patience > least:
            continue
        for t in hosts:
            if role[t] == 1 or t == h or not m.takes[t]:
                continue
            if not calm(m, c, t, g.now[v], g.noise[v], c.landing):
                continue
            cost = here + c.patience * (risk(m, c, t, g.mean[v], g.var[v]) - risk(m, c, t, 0.0, 0.0))
            cost += c.share * max(0.0, g.seconds[v] - longest[t]) + c.step_s * 10.0 * m.merit[t]
            if cost >= least or room(m, c, t, g.mean[v], g.var[v], c.z_relief) < 0.0:
                continue
            if m.busy[t, 0] + g.seconds[v] > c.step_s or not may_join(g, m, v, t):
                continue
            best_v, best_t, least = v, t, cost
    return best_v, best_t


@inner
def _relieve(
    g: Guests, m: Machines, c: Guard, order: Any, first: Any, role: Any, longest: Any, out: Any, n: Any
) -> Any:
    woken = 0
    hosts = np.flatnonzero((m.state == AWAKE) & (m.n_vms > 0))
    for h in hosts[np.argsort(m.capacity[hosts] - m.sums[hosts, 0], kind="mergesort")]:
        while role[h] != 2 and m.n_vms[h] > 1 and not calm(m, c, h, 0.0, 0.0, c.trigger):
            over = m.sums[h, 0] + c.z_now * np.sqrt(max(0.0, m.sums[h, 1])) - c.trigger * m.capacity[h]
            v, t = _pair(g, m, c, h, over, order, first, role, hosts, longest)
            if v < 0:
                v, t = _escape(g, m, c, h, over, order, first)
                woken += 1 if t >= 0 else 0
            if t < 0:
                break
            role[h], role[t] = 1, 2
            shift(g, m, v, t)
            longest[t] = max(longest[t], g.seconds[v])
            longest[h] = max(longest[h], g.seconds[v])
            out[n, 0], out[n, 1] = v, t
            n += 1
            if m.state[t] != AWAKE or m.n_vms[t] == 1:
                m.state[t] = AWAKE
                hosts = np.flatnonzero((m.state == AWAKE) & (m.n_vms > 0))
    return n, woken


@inner
def _escape(g: Guests, m: Machines, c: Guard, h: Any, over: Any, order: Any, first: Any) -> Any:
    """Return the smallest guest that relieves host ``h``, else the largest, and an empty host for it."""
    best, least = np.int64(-1), np.inf
    for i in range(first[h], first[h + 1]):
        v = order[i]
        if g.host[v] == h and g.free[v] and g.now[v] > 0.0:
            cost = g.now[v] if g.now[v] >= over else m.capacity[h] * 2.0 - g.now[v]
            if cost < least:
                best, least = v, cost
    if best < 0:
        return np.int64(-1), np.int64(-1)
    return best, _wake(g, m, best)


@inner
def _lighter(g: Guests, m: Machines, c: Guard, h: Any, role: Any) -> Any:
    """Return the host that is least filled, by its best fill; -1 if none takes guests of host ``h``."""
    best: Any = np.int64(-1)
    least = np.inf
    for t in range(len(m.capacity)):
        if m.state[t] != AWAKE or not m.takes[t] or role[t] == 1 or t == h or m.n_vms[t] == 0:
            continue
        filled = m.sums[t, 2] / m.fill[t]
        if m.merit[t] <= m.merit[h] and filled < least:
            best, least = t, filled
    return best


@inner
def _even(
    g: Guests, m: Machines, c: Guard, h: Any, order: Any, first: Any, role: Any, out: Any, n: Any
) -> Any:
    """Bring a host that has grown beyond its best fill back to it: there, work costs more than elsewhere."""
    begin = n
    while m.sums[h, 2] > m.fill[h] and n - begin < _SHARED:
        t = _lighter(g, m, c, h, role)
        if t < 0:
            break
        best: Any = np.int64(-1)
        for i in range(first[h], first[h + 1]):
            v = order[i]
            if g.host[v] != h or not g.free[v] or (best >= 0 and g.mean[v] <= g.mean[best]):
                continue
            # Never so much that the two change places.
            if (m.sums[t, 2] + g.mean[v]) / m.fill[t] > (m.sums[h, 2] - g.mean[v]) / m.fill[h]:
                continue
            if m.busy[t, 0] + g.seconds[v] > c.step_s or m.busy[h, 1] + g.seconds[v] > c.step_s:
                continue
            if room(m, c, t, g.mean[v], g.var[v], c.z_relief) < 0.0:
                continue
            if calm(m, c, t, g.now[v], g.noise[v], c.landing) and may_join(g, m, v, t):
                best = v
        if best < 0:
            break
        role[h], role[t] = 1, 2
        shift(g, m, best, t)
        out[n, 0], out[n, 1] = best, t
        n += 1
    return n


@kernel
def decide(g: Guests, m: Machines, c: Guard, out: Any) -> Any:
    """Write rows (VM, target) into ``out`` and return how many they are, and how many hosts were woken."""
    n_hosts = len(m.capacity)
    placed = np.flatnonzero(g.host >= 0)
    order = placed[np.argsort(g.host[placed], kind="mergesort")]
    first = np.zeros(n_hosts + 1, dtype=np.int64)
    for v in placed:
        first[g.host[v] + 1] += 1
    first = np.cumsum(first)
    role = np.zeros(n_hosts, dtype=np.int8)  # 1 gives, 2 takes
    longest = np.zeros(n_hosts)
    n, woken = _relieve(g, m, c, order, first, role, longest, out, np.int64(0))
    if woken > 0 or c.drains == 0:
        n = settle(g, m, c, order, first, role, longest, out, n)
        return exchange(g, m, c, order, first, role, out, n), woken
    emptied = misses = 0
    for h in in_turn(m, c):
        if m.state[h] != AWAKE or not m.gives[h] or role[h] != 0 or m.n_vms[h] == 0:
            continue
        made = empty(g, m, c, h, order, first, role, out, n)
        if made > n:
            n = made
            emptied += 1
        else:
            misses += 1
        if emptied >= c.drains or misses >= _MISSES:
            break
    for h in range(n_hosts):
        if m.state[h] == AWAKE and role[h] != 2 and m.sums[h, 2] > _GROWN * m.fill[h]:
            n = _even(g, m, c, h, order, first, role, out, n)
    for k in range(n):
        longest[out[k, 1]] = max(longest[out[k, 1]], g.seconds[out[k, 0]])
    n = settle(g, m, c, order, first, role, longest, out, n)
    return exchange(g, m, c, order, first, role, out, n), woken
