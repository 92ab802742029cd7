"""Exchanges of two guests between hosts, where the risks of both together fall by more than that disturbs.

What is kept free on a host grows with the root of the variance there, so that restless guests cost least
together and steady ones among themselves. Single moves rarely find that: a host that is full takes no guest
unless it gives one.
"""

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
    shift,
)
from consolidate._kernels.jit import inner

__all__ = ["exchange"]

#: Role of a host whose guests change places: it gives and takes.
_BOTH = 3
#: Hosts of which one guest at least changes its place: those with the most risk.
_HOTTEST = 8
#: Guests of a host that are looked at; of more than twice so many, every second, every third, and so on.
_LOOKED = 40


@inner
def _lands(g: Guests, m: Machines, c: Guard, v: Any, u: Any, h: Any) -> bool:
    """Say whether host ``h`` takes guest ``v`` while its guest ``u`` leaves."""
    level = m.sums[h, 2] + g.mean[v] - g.mean[u]
    if level > m.fill[h] and level > m.sums[h, 2]:
        return False
    if m.busy[h, 0] + g.seconds[v] > c.step_s or m.busy[h, 1] + g.seconds[u] > c.step_s:
        return False
    if g.now[v] > g.now[u]:
        now, noise = g.now[v] - g.now[u], g.noise[v] - g.noise[u]
        if not calm(m, c, h, now, noise, c.landing):
            return False
    return may_join(g, m, v, h)


@inner
def _best(g: Guests, m: Machines, c: Guard, a: Any, b: Any, order: Any, first: Any, risks: Any) -> Any:
    """Return the guests of two hosts whose exchange gains most, -1 for none, and the gain in seconds."""
    best_v, best_u, most = np.int64(-1), np.int64(-1), c.exchange_s
    before = c.patience * (risks[a] + risks[b])
    if a == b or before < most:
        return best_v, best_u, 0.0
    some = max(1, (first[a + 1] - first[a]) // _LOOKED)
    every = max(1, (first[b + 1] - first[b]) // _LOOKED)
    for i in range(first[a], first[a + 1], some):
        v = order[i]
        if g.host[v] != a or not g.free[v]:
            continue
        for j in range(first[b], first[b + 1], every):
            u = order[j]
            mean, var = g.mean[u] - g.mean[v], g.var[u] - g.var[v]
            gain = before - c.patience * risk(m, c, a, mean, var)
            if gain < most or g.host[u] != b or not g.free[u]:
                continue
            gain -= c.patience * risk(m, c, b, -mean, -var)
            if gain >= most and _lands(g, m, c, u, v, a) and _lands(g, m, c, v, u, b):
                best_v, best_u, most = v, u, gain
    return best_v, best_u, most if best_v >= 0 else 0.0


@inner
def exchange(
    g: Guests, m: Machines, c: Guard, order: Any, first: Any, role: Any, out: Any, n: Any
) -> Any:
    """Exchange guests of hosts that neither give nor take otherwise, the best pair first."""
    hosts = np.flatnonzero((m.state == AWAKE) & m.takes & (m.n_vms > 1) & (role == 0))
    if c.exchanges == 0 or len(hosts) < 2:
        return n
    risks = np.zeros(len(m.capacity))
    for h in hosts:
        risks[h] = risk(m, c, h, 0.0, 0.0)
    hot = hosts[np.argsort(-risks[hosts], kind="mergesort")[:_HOTTEST]]
    gains = np.zeros((len(hot), len(hosts)))
    guests = np.zeros((len(hot), len(hosts), 2), dtype=np.int64)
    changed = np.ones(len(m.capacity), dtype=np.bool_)
    for _ in range(c.exchanges):
        for i in range(len(hot)):
            for j in range(len(hosts)):
                if changed[hot[i]] or changed[hosts[j]]:
                    v, u, gain = _best(g, m, c, hot[i], hosts[j], order, first, risks)
                    guests[i, j, 0], guests[i, j, 1], gains[i, j] = v, u, gain
        at = int(np.argmax(gains))
        i, j = at // len(hosts), at % len(hosts)
        if gains[i, j] <= 0.0:
            break
        changed[:] = False
        a, b = hot[i], hosts[j]
        shift(g, m, guests[i, j, 0], b)
        shift(g, m, guests[i, j, 1], a)
        out[n, 0], out[n, 1] = guests[i, j, 0], b
        out[n + 1, 0], out[n + 1, 1] = guests[i, j, 1], a
        n += 2
        for h in (a, b):
            role[h], changed[h], risks[h] = _BOTH, True, risk(m, c, h, 0.0, 0.0)
    return n
