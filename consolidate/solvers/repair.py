"""A feasible start: whoever is where it may not be, or where it is too full, is placed again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.faults import faulty_hosts, send_one_away
from consolidate._kernels.packing import first_fit
from consolidate._kernels.problem import Problem, State, fits, occupy, rules_allow
from consolidate.model import Instance
from consolidate.model.limits_view import lists_of
from consolidate.solvers.orders import vm_sizes

__all__ = ["repair"]


def repair(instance: Instance, problem: Problem, state: State) -> list[int]:
    """Take VMs off hosts where they may not be or that are too full, and place all without a host.

    The present placement may break capacity or rules; a target placement may not. VMs that are on no host
    yet are placed as well, and where more hosts are online than a rule allows, some are emptied. Returns the
    VMs that found no host, or that cannot leave one that is too much.
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
    missing = missing[state.host_of[missing] < 0]
    return missing.tolist() or _empty_surplus(problem, state, size)


def _empty_surplus(problem: Problem, state: State, size: NDArray[np.float64]) -> list[int]:
    """Empty hosts of which too many are online, those with the fewest VMs first; return the VMs that stick."""
    lists, online = lists_of(problem.limits), state.taken.online
    host_of_entry = np.repeat(np.arange(len(state.n_vms)), np.diff(lists["set_pointer"]))
    stuck: list[int] = []
    for k in np.flatnonzero(online > lists["set_most"]).tolist():
        hosts = host_of_entry[lists["host_set"] == k]
        hosts = hosts[state.n_vms[hosts] > 0]
        for h in hosts[np.argsort(state.n_vms[hosts], kind="stable")].tolist():
            if online[k] <= lists["set_most"][k]:
                break
            mine = np.flatnonzero(state.host_of == h)
            if not _emptied(problem, state, h, mine[np.argsort(-size[mine], kind="stable")]):
                stuck += mine.tolist()
        if online[k] <= lists["set_most"][k]:
            stuck = []
        elif stuck:
            return stuck
    return []


def _emptied(problem: Problem, state: State, h: int, mine: NDArray[np.int64]) -> bool:
    """Place the VMs of host ``h`` on others; if some find no place, put all back and say no."""
    for v in mine:
        occupy(problem, state, v, h, -1)
    others = np.argsort(state.n_vms == 0, kind="stable")
    first_fit(problem, state, mine, others[others != h])
    if (state.host_of[mine] >= 0).all():
        return True
    for v in mine[state.host_of[mine] >= 0]:
        occupy(problem, state, v, int(state.host_of[v]), -1)
    for v in mine:
        occupy(problem, state, v, h, 1)
    return False
