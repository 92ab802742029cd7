"""A feasible start: whoever is where it may not be, or where it is too full, is placed again."""

from __future__ import annotations

import numpy as np

from consolidate._kernels.faults import faulty_hosts, send_one_away
from consolidate._kernels.packing import first_fit
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
    for v in homeless:
        home = int(problem.home[v])
        if home >= 0 and fits(problem, state, v, home):
            occupy(problem, state, v, home, 1)
    left = np.array([v for v in homeless if state.host_of[v] < 0], dtype=np.int64)
    first_fit(problem, state, left, np.argsort(state.n_vms == 0, kind="stable"))
    missing = left[state.host_of[left] < 0]
    # What rules allow only in a few places is worth sending somebody else away.
    for v in missing[problem.limits.named[missing]].tolist():
        send_one_away(problem, state, v)
    return [v for v in missing.tolist() if state.host_of[v] < 0]
