"""Taking the overload off a placement by exchanging VMs between two hosts.

All VMs are placed and rules hold throughout; only capacity may be exceeded. A VM of an overloaded host goes
to a random other host, alone or against one VM of that host, if the overload of both together does not rise.
On curves this meets what packing host by host cannot: the VMs of a host must peak at different times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, occupy, rules_allow
from consolidate._kernels.profile import Curves, Room, curves_occupy, overload

__all__ = ["relieve"]


@inner
def _without(base, row, weight):
    """Return the overload when ``row`` takes its part of the room ``base``."""
    total = np.int32(0)
    for r in range(len(base)):
        total += max(np.int32(0), row[r] - base[r]) * weight[r]
    return total


@inner
def _with(base, row, weight):
    """Return the overload when ``row`` gives its part back to the room ``base``."""
    total = np.int32(0)
    for r in range(len(base)):
        total += max(np.int32(0), -(base[r] + row[r])) * weight[r]
    return total


@inner
def _may_swap(p, s, v, h, w, g):
    """Say whether the rules let ``v``, taken off ``h``, and ``w`` on ``g`` change places."""
    occupy(p, s, w, g, OUT)
    allowed = rules_allow(p, s, v, g) and rules_allow(p, s, w, h)
    occupy(p, s, w, g, IN)
    return allowed


@inner
def _best_exchange(p, s, c, q, v, h, g, on_host, cost, left, taken):
    """Return the VM of ``g`` to exchange ``v`` with for the least joint overload; -1 for none, -2 for no way.

    ``v`` has been taken off the books of ``h`` but not off its curve. ``left`` and ``taken`` are scratch: the
    room of ``h`` without ``v`` and that of ``g`` with it.
    """
    mine = c.rows[c.class_of[v]]
    before = np.int64(cost[h]) + cost[g]
    for r in range(len(mine)):
        left[r] = q.free[h, r] + mine[r]
        taken[r] = q.free[g, r] - mine[r]
    least, partner = before + 1, -2
    for i in range(s.n_vms[g]):
        w = on_host[g, i]
        if c.class_of[w] == c.class_of[v]:
            continue
        row = c.rows[c.class_of[w]]
        joint = np.int64(_without(left, row, c.weight))
        if joint >= least:
            continue
        joint += _with(taken, row, c.weight)
        if joint < least and _may_swap(p, s, v, h, w, g):
            least, partner = joint, w
    if s.n_vms[g] < on_host.shape[1]:
        # Alone, the VM takes its overhead along.
        for r in range(len(mine)):
            left[r] += c.extra[c.kind_of[h], r]
            taken[r] -= c.extra[c.kind_of[g], r]
        joint = np.int64(overload(left, c.weight)) + overload(taken, c.weight)
        if joint < least and rules_allow(p, s, v, g):
            least, partner = joint, -1
    return partner


@inner
def _list_by_host(s, width):
    """Return the VMs on each host and the position of each VM there."""
    on_host = np.full((len(s.n_vms), width), -1, dtype=np.int32)
    place = np.zeros(len(s.host_of), dtype=np.int32)
    fill = np.zeros(len(s.n_vms), dtype=np.int32)
    for v in range(len(s.host_of)):
        h = np.int64(s.host_of[v])
        if h >= 0:
            on_host[h, fill[h]] = v
            place[v] = fill[h]
            fill[h] += 1
    return on_host, place


@inner
def _relist(s, v, h, sign, on_host, place):
    """Enter ``v`` into the list of ``h`` before it is occupied, or strike it out before it is left."""
    n = s.n_vms[h]
    if sign > 0:
        on_host[h, n] = v
        place[v] = n
    else:
        last = on_host[h, n - 1]
        on_host[h, place[v]] = last
        place[last] = place[v]


@inner
def _move(p, s, c, q, v, h, g, on_host, place):
    _relist(s, v, h, -1, on_host, place)
    curves_occupy(p, s, c, q, v, h, OUT)
    _relist(s, v, g, 1, on_host, place)
    curves_occupy(p, s, c, q, v, g, IN)


@kernel
def relieve(
    p: Problem, s: State, c: Curves, q: Room, hosts: NDArray[np.int64], picks: NDArray[np.float64]
) -> Any:
    """Exchange VMs until no host is overloaded or ``picks`` are used up; return the overload that is left.

    ``hosts`` are those that may be used; each row of ``picks`` holds three random numbers below 1 that choose
    the overloaded host, one of its VMs and the other host. Returns the overload, in the prices of
    ``c.weight``, and the number of rows used.
    """
    n_hosts, n_columns = len(s.n_vms), c.rows.shape[1]
    cost = np.zeros(n_hosts, dtype=np.int32)
    over = np.empty(n_hosts, dtype=np.int64)
    where = np.full(n_hosts, -1, dtype=np.int64)
    n_over, total, most = 0, np.int64(0), 0
    for h in hosts:
        most = max(most, s.n_vms[h])
        cost[h] = overload(q.free[h], c.weight)
        total += cost[h]
        if cost[h] > 0:
            over[n_over], where[h] = h, n_over
            n_over += 1
    on_host, place = _list_by_host(s, 2 * most + 8)
    left, taken = np.empty(n_columns, dtype=np.int32), np.empty(n_columns, dtype=np.int32)
    for step in range(picks.shape[0]):
        if n_over == 0:
            return total, step
        h = over[int(picks[step, 0] * n_over)]
        v = on_host[h, int(picks[step, 1] * s.n_vms[h])]
        g = hosts[int(picks[step, 2] * len(hosts))]
        if g == h:
            continue
        occupy(p, s, v, h, OUT)
        partner = _best_exchange(p, s, c, q, v, h, g, on_host, cost, left, taken)
        occupy(p, s, v, h, IN)
        if partner == -2:
            continue
        _move(p, s, c, q, v, h, g, on_host, place)
        if partner >= 0:
            _move(p, s, c, q, partner, g, h, on_host, place)
        for i in range(2):
            k = h if i == 0 else g
            now = overload(q.free[k], c.weight)
            total += np.int64(now) - cost[k]
            if cost[k] > 0 and now == 0:
                n_over -= 1
                last = over[n_over]
                over[where[k]], where[last] = last, where[k]
                where[k] = -1
            elif cost[k] == 0 and now > 0:
                over[n_over], where[k] = k, n_over
                n_over += 1
            cost[k] = now
    return total, picks.shape[0]
