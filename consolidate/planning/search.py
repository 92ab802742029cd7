"""Search for an order of moves, one at a time; for small problems it also proves that there is none.

If moves can run at the same time, they can also be made one after the other in the order of their starts,
so one at a time decides whether a target can be reached.
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from consolidate._kernels.zones import company_allows
from consolidate.model.limits_view import kernel_taken
from consolidate.planning.problem import Problem

__all__ = ["find_order"]

#: Placements looked at before the search gives up.
_PLACEMENTS = 3_000
#: Where there are no more placements than this in all, every one is looked at.
_ALL = 10_000
#: More VMs than this are left to the list schedulers: the search would not come far.
_MOST_VMS = 60


def find_order(problem: Problem) -> list[tuple[int, int]] | None:
    """Return VM and host of each move of a way to the target, or ``None`` when none was found.

    Placements with few VMs astray are looked at first. A host that is too full takes nobody.
    """
    if len(problem.target.host_of) > _MOST_VMS:
        return None
    return _Search(problem).run()


class _Search:
    def __init__(self, problem: Problem) -> None:
        instance = problem.instance
        self.moves = problem.moves
        self.overhead = instance.vm_overhead
        self.need = instance.need
        self.capacity = instance.capacity
        self.goal = tuple(self.moves.target.tolist())
        mask_of, masks = problem.masks
        hosts = np.flatnonzero(self.moves.helper | problem.stays_used)
        self.hosts_of = [
            [h for h in hosts.tolist() if masks[mask_of[v], h]] for v in range(len(self.goal))
        ]
        self.instance = instance
        self.start = tuple(instance.current.host_of.tolist())
        self.movable = [
            v for v, h in enumerate(self.start) if h >= 0 and instance.movable[v] and instance.active[v]
        ]
        everything = math.prod(len(self.hosts_of[v]) for v in self.movable)
        self.most = _ALL if everything <= _ALL else _PLACEMENTS

    def run(self) -> list[tuple[int, int]] | None:
        came_from: dict[tuple[int, ...], tuple[tuple[int, ...], int, int] | None] = {self.start: None}
        queue = [(self._astray(self.start), 0, self.start)]
        looked_at = 0
        while queue and looked_at < self.most:
            _, _, where = heapq.heappop(queue)
            looked_at += 1
            if where == self.goal:
                return self._way(where, came_from)
            for v, h in self._moves(where):
                after = (*where[:v], h, *where[v + 1 :])
                if after not in came_from:
                    came_from[after] = (where, v, h)
                    heapq.heappush(queue, (self._astray(after), len(came_from), after))
        return None

    def _astray(self, where: tuple[int, ...]) -> int:
        return sum(a != b for a, b in zip(where, self.goal, strict=True))

    def _moves(self, where: tuple[int, ...]) -> list[tuple[int, int]]:
        room = self.capacity.copy()
        placed = [v for v, h in enumerate(where) if h >= 0]
        hosts = [where[v] for v in placed]
        np.subtract.at(room, hosts, self.need[placed] + self.overhead[hosts])
        limits = self.moves.limits
        taken = kernel_taken(self.instance, limits, np.array(where, dtype=np.int32), times=2)
        found = []
        for v in self.movable:
            fits = (self.need[v] + self.overhead <= room).all(axis=1)
            found += [
                (v, h)
                for h in self.hosts_of[v]
                if h != where[v]
                and fits[h]
                and self._possible(v, where[v], h)
                and (not limits.named[v] or company_allows(limits, taken, np.int64(v), np.int64(h)))
            ]
        return found

    def _possible(self, v: int, source: int, target: int) -> bool:
        k = self.moves.pair[self.moves.kind_of[source], self.moves.kind_of[target]]
        return bool(k >= 0 and self.moves.seconds[v, k, 0] > 0)

    @staticmethod
    def _way(
        where: tuple[int, ...],
        came_from: dict[tuple[int, ...], tuple[tuple[int, ...], int, int] | None],
    ) -> list[tuple[int, int]]:
        way = []
        while (step := came_from[where]) is not None:
            where, v, h = step
            way.append((v, h))
        return way[::-1]
