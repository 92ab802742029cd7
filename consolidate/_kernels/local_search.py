"""Improving a packing: emptying hosts, single moves, and repair after a ruin.

Everything works on the exact integer objective. No randomness inside: orders come as arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import (
    IN,
    OUT,
    Problem,
    State,
    fits,
    host_energy,
    move_cost,
    occupy,
    shift,
)

__all__ = ["improve", "ruin_and_recreate", "total_energy"]


@kernel
def total_energy(p: Problem, s: State) -> Any:
    """Return the objective of a complete packing."""
    total = np.int64(0)
    for h in range(s.room.shape[0]):
        total += host_energy(p, h, s.load[h], s.n_vms[h])
    for v in range(p.need.shape[0]):
        if s.host_of[v] >= 0 and p.home[v] >= 0 and s.host_of[v] != p.home[v]:
            total += p.move_mj[v]
    return total


@inner
def _rise(p, s, v, h):
    """Return how much the energy rises when ``v`` joins host ``h``."""
    rise = host_energy(p, h, s.load[h] + p.load[v], s.n_vms[h] + 1)
    return rise - host_energy(p, h, s.load[h], s.n_vms[h]) + move_cost(p, v, h)


@inner
def _best_host(p, s, v, avoid, hosts):
    """Return which of ``hosts`` takes ``v`` at the least cost, or -1.

    Tight hosts win ties, so that room stays in one piece.
    """
    best = np.int64(-1)
    least = np.int64(0)
    tightest = np.int64(0)
    for h in hosts:
        if h == avoid or not fits(p, s, v, h):
            continue
        rise = _rise(p, s, v, h)
        left = s.room[h, 0]
        if best < 0 or rise < least or (rise == least and left < tightest):
            best = h
            least = rise
            tightest = left
    return best


@inner
def _tightest_host(p, s, v, hosts, weight):
    """Return the host in use with the least weighted room left, else the first other that fits.

    -1 if there is none.
    """
    best = np.int64(-1)
    least = np.inf
    spare = np.int64(-1)
    for h in hosts:
        if not fits(p, s, v, h):
            continue
        if s.n_vms[h] == 0:
            if spare < 0:
                spare = h
            continue
        left = 0.0
        for r in range(s.room.shape[1]):
            left += weight[r] * s.room[h, r]
        if left < least:
            least = left
            best = h
    return best if best >= 0 else spare


@inner
def _in_use(s):
    return np.flatnonzero(s.n_vms > 0)


@inner
def _candidates(s, class_of, n_classes):
    """Return the hosts in use, and one unused host of each class."""
    seen = np.zeros(n_classes, dtype=np.bool_)
    found = np.empty(len(s.n_vms), dtype=np.int64)
    n = 0
    for h in range(len(s.n_vms)):
        if s.n_vms[h] == 0:
            if seen[class_of[h]]:
                continue
            seen[class_of[h]] = True
        found[n] = h
        n += 1
    return found[:n]


@inner
def _swap_fits(p, s, v, w, h):
    """Say whether ``v`` fits on ``h`` once ``w``, smaller in some resource, has left it."""
    smaller = False
    for r in range(p.need.shape[1]):
        if p.need[v, r] > s.room[h, r] + p.need[w, r]:
            return False
        if p.need[w, r] < p.need[v, r]:
            smaller = True
    return smaller


@inner
def _eject(p, s, v, avoid, hosts, on_host, first, log, n_log, delta):
    """Make room for ``v`` by sending one VM of another host elsewhere; return the log length.

    ``on_host``/``first`` list the VMs by host as they were before; entries that moved are passed over.
    Returns -1 when no exchange works. ``delta[0]`` collects the change of the objective.
    """
    for h in hosts:
        if h == avoid or not p.masks[p.mask_of[v], h]:
            continue
        for i in range(first[h], first[h + 1]):
            w = on_host[i]
            if s.host_of[w] != h or not _swap_fits(p, s, v, w, h):
                continue
            change = shift(p, s, w, h, OUT)
            if fits(p, s, v, h):
                change += shift(p, s, v, h, IN)
                other = _best_host(p, s, w, avoid, hosts)
                if other >= 0 and other != h:
                    delta[0] += change + shift(p, s, w, other, IN)
                    log[n_log, 0], log[n_log, 1] = w, h
                    return n_log + 1
                occupy(p, s, v, h, OUT)
            occupy(p, s, w, h, IN)
    return -1


@inner
def _by_host(s):
    """List VMs by host: the VMs of ``h`` are ``on_host[first[h]:first[h + 1]]``."""
    n_hosts = s.room.shape[0]
    first = np.zeros(n_hosts + 1, dtype=np.int64)
    for v in range(len(s.host_of)):
        if s.host_of[v] >= 0:
            first[s.host_of[v] + 1] += 1
    for h in range(n_hosts):
        first[h + 1] += first[h]
    fill = first[:-1].copy()
    on_host = np.empty(first[-1], dtype=np.int64)
    for v in range(len(s.host_of)):
        h = np.int64(s.host_of[v])
        if h >= 0:
            on_host[fill[h]] = v
            fill[h] += 1
    return on_host, first


@inner
def _try_empty(p, s, h, hosts, size, ejections, on_host, first):
    """Send all VMs of ``h`` elsewhere if that lowers the objective; else leave everything as it was."""
    mine = on_host[first[h] : first[h + 1]]
    mine = mine[np.argsort(-size[mine], kind="mergesort")]
    log = np.empty((2 * len(mine), 2), dtype=np.int64)
    n_log = 0
    delta = np.zeros(1, dtype=np.int64)
    done = True
    for v in mine:
        delta[0] += shift(p, s, v, h, OUT)
        log[n_log, 0], log[n_log, 1] = v, h
        n_log += 1
        best = _best_host(p, s, v, h, hosts)
        if best >= 0:
            delta[0] += shift(p, s, v, best, IN)
            continue
        longer = _eject(p, s, v, h, hosts, on_host, first, log, n_log, delta) if ejections else -1
        if longer < 0:
            done = False
            break
        n_log = longer
    if done and delta[0] < 0:
        return True
    for i in range(n_log - 1, -1, -1):
        v = log[i, 0]
        if s.host_of[v] >= 0:
            occupy(p, s, v, np.int64(s.host_of[v]), OUT)
        occupy(p, s, v, log[i, 1], IN)
    return False


@inner
def _single_moves(p, s, order):
    """Move each VM to its cheapest host if that lowers the objective; return how many moved."""
    moved = 0
    hosts = _in_use(s)
    for v in order:
        h = np.int64(s.host_of[v])
        if h < 0:
            continue
        left = shift(p, s, v, h, OUT)
        best = _best_host(p, s, v, h, hosts)
        if best >= 0 and left + _rise(p, s, v, best) < 0:
            occupy(p, s, v, best, IN)
            moved += 1
        else:
            occupy(p, s, v, h, IN)
    return moved


@kernel
def improve(
    p: Problem,
    s: State,
    size: NDArray[np.float64],
    order: NDArray[np.int64],
    ejections: bool,
    max_rounds: int,
) -> int:
    """Empty hosts and move single VMs until nothing improves; return the rounds used.

    Hosts with the least load come first: they are the cheapest to empty.
    """
    for round_number in range(max_rounds):
        changed = False
        by_load = np.argsort(s.load.astype(np.float64), kind="mergesort")
        on_host, first = _by_host(s)
        hosts = _in_use(s)
        for h in by_load:
            if s.n_vms[h] > 0 and _try_empty(p, s, h, hosts, size, ejections, on_host, first):
                changed = True
                on_host, first = _by_host(s)
                hosts = _in_use(s)
        if _single_moves(p, s, order) > 0:
            changed = True
        if not changed:
            return round_number + 1
    return max_rounds


@kernel
def ruin_and_recreate(
    p: Problem,
    s: State,
    size: NDArray[np.float64],
    weight: NDArray[np.float64],
    class_of: NDArray[np.int64],
    n_classes: int,
    picks: NDArray[np.float64],
    noise: NDArray[np.float64],
    threshold_mj: int,
) -> Any:
    """Empty a few hosts, put their VMs back, keep what is hardly worse; repeat.

    VMs go back, in turns of iterations, where they cost least and where the fit is tightest.

    ``picks`` holds, per iteration, random numbers that choose among the hosts in use; ``noise``
    perturbs the order in which VMs go back; ``class_of`` says which hosts are alike, as one unused host
    of a kind is enough to try. A step may raise the objective by ``threshold_mj``. Returns the total
    change.
    """
    n_hosts, n_vms, width = s.room.shape[0], len(s.host_of), picks.shape[1]
    change = np.int64(0)
    in_use = np.empty(n_hosts, dtype=np.int64)
    chosen = np.zeros(n_hosts, dtype=np.bool_)
    removed = np.empty(n_vms, dtype=np.int64)
    was_on = np.empty(n_vms, dtype=np.int64)
    for iteration in range(picks.shape[0]):
        n_used = 0
        for h in range(n_hosts):
            chosen[h] = False
            if s.n_vms[h] > 0:
                in_use[n_used] = h
                n_used += 1
        if n_used == 0:
            break
        for k in range(width):
            chosen[in_use[int(picks[iteration, k] * n_used)]] = True
        n = 0
        delta = np.int64(0)
        for v in range(n_vms):
            home = np.int64(s.host_of[v])
            if home >= 0 and chosen[home]:
                removed[n], was_on[n] = v, home
                delta += shift(p, s, v, home, OUT)
                n += 1
        order = removed[:n]
        key = np.empty(n)
        for i in range(n):
            key[i] = -size[order[i]] * (1.0 + noise[(order[i] + 97 * iteration) % n_vms])
        complete = True
        hosts = _candidates(s, class_of, n_classes)
        for i in np.argsort(key, kind="mergesort"):
            if iteration % 2 == 0:
                best = _best_host(p, s, order[i], np.int64(-1), hosts)
            else:
                best = _tightest_host(p, s, order[i], hosts, weight)
            if best < 0:
                complete = False
                break
            delta += shift(p, s, order[i], best, IN)
        if complete and delta <= threshold_mj:
            change += delta
            continue
        for i in range(n):
            if s.host_of[order[i]] >= 0:
                occupy(p, s, order[i], np.int64(s.host_of[order[i]]), OUT)
        for i in range(n):
            occupy(p, s, order[i], was_on[i], IN)
    return change
