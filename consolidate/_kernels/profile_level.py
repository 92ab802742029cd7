"""Placing VMs so that all hosts have the same curve; :mod:`profile_relief` takes off what is too much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, occupy, rules_allow, shift
from consolidate._kernels.profile import Curves, Room, curves_fit, curves_occupy

__all__ = ["go_home", "level", "stay"]


@kernel
def level(
    p: Problem,
    s: State,
    c: Curves,
    q: Room,
    order: NDArray[np.int64],
    hosts: NDArray[np.int64],
    shape: NDArray[np.float32],
    scale: NDArray[np.float32],
    width: int,
) -> int:
    """Put each VM of ``order`` where its curve meets the least load; return how many the rules kept out.

    ``shape`` is ``(classes, k)``: the curve of each class in few points; ``scale`` is ``(kinds, k)``, one
    over the squared capacity there, so that the rise of the squared relative loads is what is least. Each VM
    looks at ``width`` hosts, starting one further each time, and at more only while it has found none.
    """
    n_hosts, n_points = len(hosts), shape.shape[1]
    # Point after point, so that the sums over hosts run through memory in one piece.
    loads = np.zeros((n_points, n_hosts), dtype=np.float32)
    at = np.full(len(s.n_vms), -1, dtype=np.int64)
    for i in range(n_hosts):
        at[hosts[i]] = i
    for v in range(len(s.host_of)):
        h = np.int64(s.host_of[v])
        if h >= 0 and at[h] >= 0:
            _add_load(loads, at[h], shape[c.class_of[v]], scale[c.kind_of[h]])
    scores = np.empty(min(width, n_hosts), dtype=np.float32)
    failed, start = 0, 0
    for v in order:
        mine = shape[c.class_of[v]]
        best = np.int64(-1)
        for first in range(0, n_hosts, len(scores)):
            best = _least_met(p, s, v, hosts, mine, loads, scores, start + first)
            if best >= 0:
                break
        start = (start + 1) % n_hosts if len(scores) < n_hosts else 0
        if best < 0:
            failed += 1
            continue
        curves_occupy(p, s, c, q, v, hosts[best], IN)
        _add_load(loads, best, mine, scale[c.kind_of[hosts[best]]])
    return failed


@inner
def _add_load(loads, i, curve, scale):
    for k in range(len(curve)):
        loads[k, i] += curve[k] * scale[k]


@inner
def _least_met(p, s, v, hosts, curve, loads, scores, start):
    """Return which of ``len(scores)`` hosts from ``start`` on, in a circle, ``v`` meets the least load on."""
    n_hosts, n = len(hosts), len(scores)
    first = start % n_hosts
    straight = min(n, n_hosts - first)
    scores[:] = 0
    for k in range(len(curve)):
        for i in range(straight):
            scores[i] += curve[k] * loads[k, first + i]
        for i in range(straight, n):
            scores[i] += curve[k] * loads[k, i - straight]
    best = np.int64(-1)
    least = np.float32(np.inf)
    for i in range(n):
        h = (first + i) % n_hosts
        if scores[i] < least and rules_allow(p, s, v, hosts[h]):
            best = h
            least = scores[i]
    return best


@kernel
def go_home(p: Problem, s: State, c: Curves, q: Room, order: NDArray[np.int64]) -> Any:
    """Bring VMs back to the hosts that they come from, where there is room and the energy falls.

    Returns how many went.
    """
    gone = 0
    for v in order:
        h, home = np.int64(s.host_of[v]), np.int64(p.home[v])
        if h < 0 or home < 0 or h == home or s.n_vms[home] == 0 or not curves_fit(p, s, c, q, v, home):
            continue
        change = shift(p, s, v, h, OUT) + shift(p, s, v, home, IN)
        # The shifts keep the books of the objective; the curves have theirs.
        shift(p, s, v, home, OUT)
        shift(p, s, v, h, IN)
        if change < 0:
            curves_occupy(p, s, c, q, v, h, OUT)
            curves_occupy(p, s, c, q, v, home, IN)
            gone += 1
    return gone


@kernel
def stay(p: Problem, s: State, order: NDArray[np.int64]) -> int:
    """Put VMs on the hosts that they come from as far as the rules allow, whatever the room; count them."""
    stayed = 0
    for v in order:
        home = np.int64(p.home[v])
        if home >= 0 and rules_allow(p, s, v, home):
            occupy(p, s, v, home, IN)
            stayed += 1
    return stayed
