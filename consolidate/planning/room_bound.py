"""The makespan bound by room: a large VM waits until its target is empty enough, and others wait for it.

Before VM ``v`` starts to host ``t``, residents of ``t`` have left that together make room for it; after it
has left host ``s``, VMs have still to come there that had no room beside it. Which ones is not known, so the
ones that take least time for their room count, by the linear relaxation of a knapsack cover; whoever cannot
be on the host beside ``v`` at all counts in full. A VM may stop at a third host, where the same holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance, Placement
from consolidate.planning.estimates import Estimates

__all__ = ["room_bound"]

#: VMs looked at, those with the most memory first.
_WAITERS = 64
_NEVER = 2**40


class _Crowd:
    """VMs of which some have to pass through the slots of one host, with their needs and seconds.

    Parameters
    ----------
    need : shape (members, resources)
        What each takes on the host.
    seconds : s, shape (members,)
        Least time of each.
    slots
        How many pass at a time.
    """

    def __init__(self, need: NDArray[np.int64], seconds: NDArray[np.int64], slots: int) -> None:
        self.slots, self.total = slots, need.sum(axis=0)
        self.cover, self.large = [], []
        zero = np.zeros(1, dtype=np.int64)
        for r in range(need.shape[1]):
            amount = need[:, r]
            useful = np.flatnonzero(amount > 0)
            cheap = useful[np.argsort(seconds[useful] / amount[useful], kind="stable")]
            amounts = np.concatenate([zero, np.cumsum(amount[cheap])])
            self.cover.append((amounts, np.concatenate([zero, np.cumsum(seconds[cheap])])))
            by_size = useful[np.argsort(-amount[useful], kind="stable")]
            sums = np.concatenate([zero, np.cumsum(seconds[by_size])])
            most = np.concatenate([zero, np.maximum.accumulate(seconds[by_size])])
            self.large.append((-amount[by_size], sums, most))

    def least_s(self, lack: NDArray[np.int64], beside: NDArray[np.int64]) -> int:
        """Return the least time until members that take ``lack`` and all larger than ``beside`` have passed."""
        best = 0
        for r in range(len(lack)):
            amounts, seconds = self.cover[r]
            if lack[r] > 0:
                k = int(np.searchsorted(amounts, lack[r], side="left"))
                if k == len(amounts):
                    return _NEVER
                amount, second = int(amounts[k] - amounts[k - 1]), int(seconds[k] - seconds[k - 1])
                part = second * int(lack[r] - amounts[k - 1])
                best = max(best, -(-(int(seconds[k - 1]) * amount + part) // (amount * self.slots)))
            sizes, sums, most = self.large[r]
            larger = int(np.searchsorted(sizes, -beside[r], side="left"))
            best = max(best, -(-int(sums[larger]) // self.slots), int(most[larger]))
        return best


def room_bound(
    instance: Instance, target: Placement, estimates: Estimates, off_lag_s: NDArray[np.int64]
) -> tuple[int, int]:
    """Return the bound in seconds and the VM on which it rests, -1 without one.

    Parameters
    ----------
    instance, target
        The problem, and where every VM shall be.
    estimates
        What each move takes.
    off_lag_s : s
        Shutdown of each host after its last VM has left, shape ``(hosts,)``.
    """
    return _Rooms(instance, target, estimates, off_lag_s).bound()


class _Rooms:
    def __init__(
        self, instance: Instance, target: Placement, estimates: Estimates, off_lag_s: NDArray[np.int64]
    ) -> None:
        self.instance, self.estimates, self.off_lag_s = instance, estimates, off_lag_s
        self.current = instance.current.host_of
        # VMs that are on no host yet pass through no slots.
        self.goal = np.where(self.current >= 0, target.host_of, -1)
        fleet = instance.fleet
        self.boot_s = np.where(fleet.powered_on, 0, fleet.per_host("boot_s"))
        self.used = instance.usage(instance.current)
        self.crowds: dict[tuple[bool, int], _Crowd] = {}

    def _seconds(self, vms: NDArray[np.int64], h: int) -> NDArray[np.int64]:
        kind = int(self.estimates.kind_of[h])
        return np.array([self.estimates.least_s(v, kind) for v in vms.tolist()], dtype=np.int64)

    def bound(self) -> tuple[int, int]:
        moved = np.flatnonzero((self.current != self.goal) & (self.current >= 0) & (self.goal >= 0))
        memory = self.instance.carried_mib()[moved]
        longest = moved[np.lexsort((moved, -memory))][:_WAITERS]
        best, which = 0, -1
        for v in longest.tolist():
            found = self._of(v)
            if found > best:
                best, which = found, v
        return best, which

    def _of(self, v: int) -> int:
        source, goal = int(self.current[v]), int(self.goal[v])
        kinds = self.estimates.kind_of
        out_s = self.estimates.least_s(v, int(kinds[source]))
        in_s = self.estimates.least_s(v, int(kinds[goal]))
        head, tail = self._head(v, goal), self._tail(v, source)
        anywhere = head
        for h in range(self.instance.fleet.n_hosts):
            if anywhere == 0:
                break
            if h != source:
                anywhere = min(anywhere, self._head(v, h))
        if anywhere >= _NEVER or head >= _NEVER or tail >= _NEVER:
            return 0
        direct = head + max(out_s, in_s) + tail
        with_stop = max(head, anywhere + out_s) + in_s
        return max(anywhere + out_s + tail, min(direct, with_stop))

    def _crowd(self, h: int, *, leaving: bool) -> _Crowd:
        key = (leaving, h)
        if key not in self.crowds:
            settings = self.instance.moves
            members = np.flatnonzero((self.current if leaving else self.goal) == h)
            self.crowds[key] = _Crowd(
                self.instance.need[members] + self.instance.vm_overhead[h],
                self._seconds(members, h),
                settings.moves_out if leaving else settings.moves_in,
            )
        return self.crowds[key]

    def _head(self, v: int, h: int) -> int:
        """Return the earliest start of a move of VM ``v`` to host ``h``."""
        need = self.instance.need[v] + self.instance.vm_overhead[h]
        capacity = self.instance.capacity[h]
        if (need > capacity).any():
            return _NEVER
        lack = need - (capacity - self.used[h])
        beside = capacity - need
        if (lack <= 0).all():
            return int(self.boot_s[h])
        return max(int(self.boot_s[h]), self._crowd(h, leaving=True).least_s(lack, beside))

    def _tail(self, v: int, h: int) -> int:
        """Return the least time from VM ``v`` having left host ``h`` to the end of all that follows there."""
        need = self.instance.need[v] + self.instance.vm_overhead[h]
        # A host that is too full now may go on being so while VMs only leave.
        beside = np.maximum(self.instance.capacity[h], self.used[h]) - need
        crowd = self._crowd(h, leaving=False)
        return max(int(self.off_lag_s[h]), crowd.least_s(crowd.total - beside, beside))
