"""Identical hosts are interchangeable: each group of VMs goes to the host that most of it is on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.orders import host_classes

__all__ = ["relabel"]

#: Above this size of a class, matching is greedy instead of optimal.
_MATCHING_LIMIT = 1_500


def relabel(instance: Instance, problem: Problem, host_of: NDArray[np.int32]) -> NDArray[np.int32]:
    """Permute hosts within classes of identical ones so that the migration energy is least.

    Hosts are identical when type, power state, control and maintenance agree and every mask allows
    either both or none of them. Capacity, rules and the energy of hosts are unchanged by construction.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    host_of
        A complete placement, shape ``(vms,)``.

    Returns
    -------
    host_of
        The permuted placement.
    """
    fleet, class_of = instance.fleet, host_classes(instance, problem)
    renamed = np.arange(fleet.n_hosts, dtype=np.int32)
    moved = np.flatnonzero((host_of >= 0) & (problem.home >= 0))
    same_class = class_of[host_of[moved]] == class_of[problem.home[moved]]
    moved = moved[same_class]
    for kind in np.unique(class_of[host_of[moved]]):
        mine = moved[class_of[host_of[moved]] == kind]
        hosts = np.flatnonzero(class_of == kind)
        renamed[hosts] = _match(hosts, host_of[mine], problem.home[mine], instance.move_mj[mine])
    result = host_of.copy()
    result[host_of >= 0] = renamed[host_of[host_of >= 0]]
    return result


def _match(
    hosts: NDArray[np.int64],
    packed: NDArray[np.int32],
    home: NDArray[np.int32],
    stay_mj: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Return the new name of each host of a class."""
    position = {int(h): i for i, h in enumerate(hosts)}
    value: dict[tuple[int, int], int] = {}
    # First the energy of moves, then their number: staying counts even if its energy rounds to nothing.
    weight = len(packed) + 1
    for a, b, mj in zip(packed.tolist(), home.tolist(), stay_mj.tolist(), strict=True):
        key = (position[a], position[b])
        value[key] = value.get(key, 0) + mj * weight + 1
    pairs = sorted(value.items(), key=lambda item: (-item[1], item[0]))
    if len(hosts) <= _MATCHING_LIMIT:
        chosen = _optimal(len(hosts), pairs)
    else:
        chosen = {}
        used: set[int] = set()
        for (a, b), _ in pairs:
            if a not in chosen and b not in used:
                chosen[a] = b
                used.add(b)
    if sum(value.get(pair, 0) for pair in chosen.items()) < sum(
        gain for (a, b), gain in value.items() if a == b
    ):
        # The greedy matching may be worse than no change at all.
        chosen = {}
    taken = set(chosen.values())
    kept = [a for a in range(len(hosts)) if a not in chosen and a not in taken]
    chosen.update((a, a) for a in kept)
    taken.update(kept)
    free = iter([b for b in range(len(hosts)) if b not in taken])
    for a in range(len(hosts)):
        if a not in chosen:
            chosen[a] = next(free)
    return np.array([hosts[chosen[a]] for a in range(len(hosts))], dtype=np.int32)


def _optimal(n: int, pairs: list[tuple[tuple[int, int], int]]) -> dict[int, int]:
    """Solve the assignment on the pairs that keep something, with a free way out for each group."""
    from ortools.graph.python import linear_sum_assignment

    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    # Group a may take host b (gain) or stay unmatched: its own dummy n + a, and dummy rows for hosts.
    for (a, b), gain in pairs:
        solver.add_arc_with_cost(a, b, -gain)
    for i in range(n):
        solver.add_arc_with_cost(i, n + i, 0)
        solver.add_arc_with_cost(n + i, i, 0)
    for (a, b), _ in pairs:
        solver.add_arc_with_cost(n + b, n + a, 0)
    if solver.solve() != solver.OPTIMAL:
        return {}
    matched = {a: solver.right_mate(a) for a in range(n)}
    return {a: b for a, b in matched.items() if b < n}
