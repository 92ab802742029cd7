"""Search for an order of moves, one at a time; for small problems it also proves that there is none.

If moves can run at the same time, they can also be made one after the other in the order of their starts,
so one at a time decides whether a target can be reached.
"""

from __future__ import annotations

import heapq
import math
from functools import cached_property

import numpy as np

from consolidate._kernels.zones import company_allows
from consolidate.model.limits_view import kernel_taken
from consolidate.planning.problem import Problem

__all__ = ["Search"]

#: Placements looked at before the search gives up.
_PLACEMENTS = 3_000
#: Where there are no more placements than this in all, every one is looked at.
_ALL = 10_000
#: More VMs than this are left to the list schedulers: the search would not come far.
_MOST_VMS = 60
#: What saving a VM counts for, in VMs astray.
_SAVED = 3


class Search:
    """The search for one problem, made when it is first asked for.

    Placements with few VMs astray are looked at first. A host that is too full takes nobody.

    Parameters
    ----------
    problem
        What is searched; with too many VMs nothing is found.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.too_large = len(problem.target.host_of) > _MOST_VMS

    @cached_property
    def order(self) -> list[tuple[int, int]] | None:
        """VM and host of each move of a way to the target, or ``None`` when none was found."""
        return None if self.too_large else self._places.run()

    @property
    def hopeless(self) -> bool:
        """Whether no way exists, proven by looking at every placement that can be reached."""
        return not self.too_large and self.order is None and self._places.exhausted

    @cached_property
    def _places(self) -> _Places:
        return _Places(self.problem)


class _Places:
    def __init__(self, problem: Problem) -> None:
        instance, moves = problem.instance, problem.moves
        self.instance, self.limits = instance, moves.limits
        self.n_hosts = instance.fleet.n_hosts
        stores = problem.n_places - self.n_hosts
        self.goal = tuple(moves.target.tolist())
        self.start = tuple(problem.places.tolist())
        # What each VM takes at each place, shape (vms, places, resources); a storage has room for all.
        self.takes = instance.need[:, None, :] + moves.overhead
        self.takes[:, self.n_hosts :] = 0
        none = np.zeros((stores, instance.capacity.shape[1]), dtype=np.int64)
        self.capacity = np.concatenate([instance.capacity, none])
        mask_of, masks = problem.masks
        may_move = (problem.places >= 0) & instance.movable & instance.active
        usable = moves.helper | np.append(problem.stays_used, np.zeros(stores, dtype=np.bool_))
        self.open = masks[mask_of] & usable & may_move[:, None]
        kind_of, pair = moves.kind_of, moves.pair
        some = (moves.seconds[:, :, 0] > 0)[:, pair] & (pair >= 0)
        # Whether a VM can go from a kind of host to a host, shape (kinds, vms, hosts).
        self.ways = some[:, :, kind_of].transpose(1, 0, 2)
        self.kind_of = kind_of
        everything = math.prod(self.open[may_move].sum(axis=1).tolist())
        self.most = _ALL if everything <= _ALL else _PLACEMENTS
        #: Whether there is no further placement to look at.
        self.exhausted = False

    def run(self) -> list[tuple[int, int]] | None:
        came_from: dict[tuple[int, ...], tuple[tuple[int, ...], int, int] | None] = {self.start: None}
        # A VM that is saved counts more than one astray, and goes on counting: rather move others twice.
        astray = sum(a != b for a, b in zip(self.start, self.goal, strict=True))
        queue = [(astray, 0, self.start)]
        looked_at = 0
        while queue and looked_at < self.most:
            astray, _, where = heapq.heappop(queue)
            looked_at += 1
            if where == self.goal:
                return self._way(where, came_from)
            for v, h in self._moves(where):
                after = (*where[:v], h, *where[v + 1 :])
                if after not in came_from:
                    came_from[after] = (where, v, h)
                    left = astray - (where[v] != self.goal[v]) + (h != self.goal[v])
                    left += _SAVED * (h >= self.n_hosts)
                    heapq.heappush(queue, (left, len(came_from), after))
        self.exhausted = not queue
        return None

    def _moves(self, where: tuple[int, ...]) -> list[tuple[int, int]]:
        at = np.array(where, dtype=np.int32)
        placed = np.flatnonzero(at >= 0)
        hosts = at[placed]
        room = self.capacity.copy()
        np.subtract.at(room, hosts, self.takes[placed, hosts])
        fits = self.open & (self.takes <= room).all(axis=2)
        fits[placed] &= self.ways[self.kind_of[hosts], placed]
        fits[placed, hosts] = False
        found = [(int(v), int(h)) for v, h in np.argwhere(fits)]
        if not self.limits.named.any():
            return found
        on_hosts = np.where(at < self.n_hosts, at, -1).astype(np.int32)
        taken = kernel_taken(self.instance, self.limits, on_hosts, times=2)
        return [
            (v, h)
            for v, h in found
            if not self.limits.named[v] or company_allows(self.limits, taken, np.int64(v), np.int64(h))
        ]

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
