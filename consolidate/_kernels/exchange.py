"""Exchanges of two VMs that lower the energy: load goes to flatter power curves, VMs go home."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, fits, host_energy, move_cost, occupy

__all__ = ["bring_home", "exchange"]


@kernel
def exchange(
    p: Problem,
    s: State,
    order: NDArray[np.int64],
    slope: NDArray[np.float64],
    window: int,
    start: int,
    stop: int,
) -> Any:
    """Swap VMs that are near each other in ``order`` where that saves energy; return the change.

    Parameters
    ----------
    order
        VMs on hosts, by something that makes neighbours likely to fit in each other's place.
    slope
        What a mcore costs on each host, mJ, about: it tells which pairs are worth a closer look.
    window
        How many followers are looked at.
    start, stop
        Positions in ``order`` whose VMs have their turn.
    """
    total = np.int64(0)
    n = len(order)
    for i in range(start, min(stop, n)):
        v = order[i]
        a, home = np.int64(s.host_of[v]), np.int64(p.home[v])
        best, best_change = np.int64(-1), np.int64(0)
        for j in range(i + 1, min(n, i + window + 1)):
            w = order[j]
            b = np.int64(s.host_of[w])
            steeper = slope[b] - slope[a]
            if a == b or (steeper == 0.0 and home != b and p.home[w] != a):
                continue
            about = steeper * (p.load[v] - p.load[w])
            if about >= best_change and home != b and p.home[w] != a:
                continue
            if not _swap_has_room(p, s, v, w):
                continue
            change = _swap_change(p, s, v, w)
            if change < best_change:
                best, best_change = w, change
        if best >= 0 and _swap(p, s, v, best):
            total += best_change
    return total


@kernel
def bring_home(
    p: Problem, s: State, on: NDArray[np.bool_], head: Any, after: Any, start: int, stop: int
) -> Any:
    """Send VMs home where there is room, or in exchange for one that is not at home; return the change.

    ``head``, ``after`` list the VMs of each host as they were before; who has left since is passed over.
    VMs from ``start`` up to ``stop`` have their turn.
    """
    total = np.int64(0)
    for v in range(start, min(stop, len(s.host_of))):
        a, b = np.int64(s.host_of[v]), np.int64(p.home[v])
        if a < 0 or b < 0 or a == b or not on[b]:
            continue
        change = _relocation_change(p, s, v, b)
        if change < 0 and fits(p, s, v, b):
            occupy(p, s, v, a, OUT)
            occupy(p, s, v, b, IN)
            total += change
            continue
        best, best_change = np.int64(-1), np.int64(0)
        w = np.int64(head[b])
        while w >= 0:
            if s.host_of[w] == b and p.home[w] != b and _swap_has_room(p, s, v, w):
                change = _swap_change(p, s, v, w)
                if change < best_change:
                    best, best_change = w, change
            w = np.int64(after[w])
        if best >= 0 and _swap(p, s, v, best):
            total += best_change
    return total


@inner
def _relocation_change(p: Problem, s: State, v: Any, b: Any) -> Any:
    a = np.int64(s.host_of[v])
    change = move_cost(p, v, b) - move_cost(p, v, a)
    change += host_energy(p, a, s.load[a] - p.load[v], s.n_vms[a] - 1)
    change -= host_energy(p, a, s.load[a], s.n_vms[a])
    change += host_energy(p, b, s.load[b] + p.load[v], s.n_vms[b] + 1)
    return change - host_energy(p, b, s.load[b], s.n_vms[b])


@inner
def _swap_change(p: Problem, s: State, v: Any, w: Any) -> Any:
    """Return how the energy changes if ``v`` and ``w`` change places."""
    a, b = np.int64(s.host_of[v]), np.int64(s.host_of[w])
    change = move_cost(p, v, b) - move_cost(p, v, a) + move_cost(p, w, a) - move_cost(p, w, b)
    more = p.load[v] - p.load[w]
    if more != 0:
        change += host_energy(p, a, s.load[a] - more, s.n_vms[a])
        change -= host_energy(p, a, s.load[a], s.n_vms[a])
        change += host_energy(p, b, s.load[b] + more, s.n_vms[b])
        change -= host_energy(p, b, s.load[b], s.n_vms[b])
    return change


@inner
def _swap_has_room(p: Problem, s: State, v: Any, w: Any) -> bool:
    a, b = np.int64(s.host_of[v]), np.int64(s.host_of[w])
    for r in range(p.need.shape[1]):
        more = p.need[v, r] - p.need[w, r]
        if more > s.room[b, r] or -more > s.room[a, r]:
            return False
    return True


@inner
def _swap(p: Problem, s: State, v: Any, w: Any) -> bool:
    """Let ``v`` and ``w`` change places, or leave everything as it is where a rule forbids that."""
    a, b = np.int64(s.host_of[v]), np.int64(s.host_of[w])
    occupy(p, s, v, a, OUT)
    occupy(p, s, w, b, OUT)
    if fits(p, s, v, b):
        occupy(p, s, v, b, IN)
        if fits(p, s, w, a):
            occupy(p, s, w, a, IN)
            return True
        occupy(p, s, v, b, OUT)
    occupy(p, s, v, a, IN)
    occupy(p, s, w, b, IN)
    return False
