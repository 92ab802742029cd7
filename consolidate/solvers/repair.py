"""A feasible start: whoever is where it may not be, or where it is too full, is placed again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.faults import faulty_hosts
from consolidate._kernels.problem import Problem, State, fits, occupy, rules_allow
from consolidate.model import Instance
from consolidate.solvers.orders import vm_sizes

__all__ = ["repair"]


def repair(instance: Instance, problem: Problem, state: State) -> list[int]:
    """Take VMs off hosts where they may not be or that are too full, and place all without a host.

    The present placement may break capacity or rules; a target placement may not. VMs that are on no host
    yet are placed as well. Returns the VMs that found no host.
    """
    size = vm_sizes(instance)
    # Whoever can only stay leaves last, and is the first to come back.
    stuck = problem.masks.sum(axis=1)[problem.mask_of] <= 1
    homeless = np.flatnonzero(instance.active & (state.host_of < 0)).tolist()
    faulty = np.flatnonzero(faulty_hosts(problem, state))
    on_faulty = np.flatnonzero(np.isin(state.host_of, faulty))
    for h in faulty:
        mine = on_faulty[state.host_of[on_faulty] == h]
        for v in mine[np.lexsort((mine, -size[mine], stuck[mine]))]:
            helps = (state.room[h] < 0) & (instance.need[v] + instance.vm_overhead[h] > 0)
            occupy(problem, state, v, h, -1)
            if helps.any() or not rules_allow(problem, state, v, h):
                homeless.append(int(v))
            else:
                occupy(problem, state, v, h, 1)
    # Whoever rules keep out of most places chooses before those who can go anywhere.
    homeless.sort(key=lambda v: (not stuck[v], not problem.limits.named[v], -size[v]))
    missing = []
    for v in homeless:
        host = _first_host(problem, state, v)
        if host >= 0:
            occupy(problem, state, v, host, 1)
        elif not _send_one_away(problem, state, v):
            missing.append(v)
    return missing


def _send_one_away(problem: Problem, state: State, v: int) -> bool:
    """Place a VM where one that no rule about company names can go elsewhere instead; say whether it did."""
    for h in np.flatnonzero(problem.masks[problem.mask_of[v]]):
        if not rules_allow(problem, state, v, h):
            continue
        lacks = problem.need[v] + problem.overhead[h] - state.room[h]
        there = np.flatnonzero((state.host_of == h) & ~problem.limits.named)
        gives = problem.need[there] + problem.overhead[h]
        for u in there[(gives >= lacks).all(axis=1)]:
            occupy(problem, state, u, h, -1)
            if fits(problem, state, v, h):
                occupy(problem, state, v, h, 1)
                other = _first_host(problem, state, int(u))
                if other >= 0:
                    occupy(problem, state, u, other, 1)
                    return True
                occupy(problem, state, v, h, -1)
            occupy(problem, state, u, h, 1)
    return False


def _first_host(problem: Problem, state: State, v: int) -> int:
    """Return home if it has room, else the first host in use that has, else any that has."""
    candidates: NDArray[np.int64] = np.flatnonzero(problem.masks[problem.mask_of[v]])
    home = int(problem.home[v])
    in_use = state.n_vms[candidates] > 0
    for h in [home, *candidates[in_use].tolist(), *candidates[~in_use].tolist()]:
        if h >= 0 and fits(problem, state, v, h):
            return int(h)
    return -1
