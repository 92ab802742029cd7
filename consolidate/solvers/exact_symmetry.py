"""Like VMs and like hosts in order: placements that differ only in names are looked at once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Ban, Fence, Instance, Root
from consolidate.solvers.orders import host_classes

__all__ = ["Symmetry"]


class Symmetry:
    """Which VMs and which hosts are interchangeable, and in what order they are used.

    VMs are alike when needs, load, present host, cost of a move and possible hosts agree and no rule names
    them but those that are in the possible hosts already. Hosts are alike when they differ in nothing, nobody
    is on them now, and no rule names hosts beyond possible hosts.
    """

    def __init__(self, instance: Instance, problem: Problem) -> None:
        self._problem = problem
        others = [rule for rule in instance.rules if not isinstance(rule, Fence | Ban | Root)]
        self.vms = self._like_vms(instance, _named(others))
        self.hosts = [] if others else self._like_hosts(instance)

    def _like_vms(self, instance: Instance, named: set[int]) -> list[list[int]]:
        p = self._problem
        classes: dict[tuple[object, ...], list[int]] = {}
        for v in np.flatnonzero(instance.active).tolist():
            if v not in named:
                hosts = p.masks[p.mask_of[v]].tobytes()
                amounts = (int(p.load[v]), int(p.move_mj[v]), int(p.home[v]))
                classes.setdefault((p.need[v].tobytes(), *amounts, hosts), []).append(v)
        return [vms for vms in classes.values() if len(vms) > 1]

    def _like_hosts(self, instance: Instance) -> list[list[int]]:
        class_of = host_classes(instance, self._problem)
        home = self._problem.home
        taken = set(home[home >= 0].tolist())
        free = [h for h in range(instance.fleet.n_hosts) if h not in taken]
        classes: dict[int, list[int]] = {}
        for h in free:
            classes.setdefault(int(class_of[h]), []).append(h)
        return [hosts for hosts in classes.values() if len(hosts) > 1]

    def _places(self, vms: list[int]) -> dict[int, int]:
        """Return the place of each possible host in the order of like VMs: home first."""
        p, v = self._problem, vms[0]
        hosts = np.flatnonzero(p.masks[p.mask_of[v]]).tolist()
        return {h: i for i, h in enumerate(sorted(hosts, key=lambda h: (h != p.home[v], h)))}

    def constrain(self, model: Any, x: dict[tuple[int, int], Any], hosting_of: dict[int, Any]) -> None:
        """Keep one placement of all that differ only in the names of like VMs and hosts."""
        for vms in self.vms:
            places = self._places(vms)
            at = [sum(i * x[v, h] for h, i in places.items()) for v in vms]
            for one, other in pairwise(at):
                model.add(one <= other)
        for hosts in self.hosts:
            for one, other in pairwise(h for h in hosts if h in hosting_of):
                model.add_implication(hosting_of[other], hosting_of[one])

    def in_order(self, host_of: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the placement of the same worth that keeps the order."""
        ordered = host_of.copy()
        for hosts in self.hosts:
            used = [h for h in hosts if (host_of == h).any()]
            for new, old in zip(hosts, used, strict=False):
                ordered[host_of == old] = new
        for vms in self.vms:
            places = self._places(vms)
            ordered[vms] = sorted(ordered[vms].tolist(), key=lambda h: places[h])
        return ordered


def _named(rules: list[Any]) -> set[int]:
    """Return the VMs that rules name, in whatever part of them."""
    named: set[int] = set()
    for rule in rules:
        named.update(getattr(rule, "vms", ()), getattr(rule, "others", ()))
        for part in getattr(rule, "parts", ()):
            named.update(part)
    return named
