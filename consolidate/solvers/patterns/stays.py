"""From patterns to hosts and VMs, so that as much migration energy as possible is spared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance
from consolidate.solvers.patterns.problem import PatternSolution
from consolidate.solvers.patterns.view import PackingView

__all__ = ["placed"]

#: Patterns times hosts of one type that are compared at once.
_PAIRS = 4_000_000


def placed(instance: Instance, view: PackingView, solution: PatternSolution) -> NDArray[np.int32]:
    """Return a placement that uses the patterns, VMs staying where the pattern of their host has room.

    Patterns go to hosts greedily by the migration energy that is spared. Of like VMs on a host, the dearest
    to move stay; the others go wherever their class is still wanted.
    """
    host_of = np.full(len(instance.vms), -1, dtype=np.int32)
    residents = _residents(instance, view)
    wanted: dict[int, NDArray[np.int64]] = {}
    for kind, hosts in enumerate(view.hosts):
        mine = solution.kinds == kind
        if mine.any():
            wanted.update(
                _assigned(instance, hosts, solution.patterns[mine], solution.times[mine], residents)
            )
    open_slots: list[list[int]] = [[] for _ in range(view.problem.n_classes)]
    for h, counts in wanted.items():
        for c in np.flatnonzero(counts).tolist():
            staying = residents.get((h, c), [])[: int(counts[c])]
            host_of[staying] = h
            open_slots[c] += [h] * (int(counts[c]) - len(staying))
    for v, c in zip(view.vms.tolist(), view.vm_class.tolist(), strict=True):
        if host_of[v] < 0:
            host_of[v] = open_slots[c].pop()
    return host_of


def _residents(instance: Instance, view: PackingView) -> dict[tuple[int, int], list[int]]:
    """Return the VMs of each host and class, the dearest to move first."""
    home = instance.current.host_of
    order = np.lexsort((view.vms, -instance.move_mj[view.vms]))
    on: dict[tuple[int, int], list[int]] = {}
    for v, c in zip(view.vms[order].tolist(), view.vm_class[order].tolist(), strict=True):
        if home[v] >= 0:
            on.setdefault((int(home[v]), c), []).append(v)
    return on


def _assigned(
    instance: Instance,
    hosts: NDArray[np.int64],
    patterns: NDArray[np.int64],
    times: NDArray[np.int64],
    residents: dict[tuple[int, int], list[int]],
) -> dict[int, NDArray[np.int64]]:
    """Give each use of a pattern a host of its own."""
    number = np.zeros((len(hosts), patterns.shape[1]), dtype=np.int64)
    energy = np.zeros((len(hosts), patterns.shape[1]))
    place = {int(h): i for i, h in enumerate(hosts.tolist())}
    for (h, c), vms in residents.items():
        if h in place:
            number[place[h], c] = len(vms)
            energy[place[h], c] = instance.move_mj[vms].mean()
    left, free = times.copy(), np.ones(len(hosts), dtype=np.bool_)
    chosen: dict[int, NDArray[np.int64]] = {}
    rows = max(1, _PAIRS // len(hosts))
    spared = np.concatenate(
        [
            np.stack([(np.minimum(number, p) * energy).sum(axis=1) for p in patterns[a : a + rows]])
            for a in range(0, len(patterns), rows)
        ]
    )
    for pair in np.argsort(-spared, axis=None, kind="stable").tolist():
        p, i = divmod(pair, len(hosts))
        if free[i] and left[p] > 0:
            free[i] = False
            left[p] -= 1
            chosen[int(hosts[i])] = patterns[p]
    return chosen
