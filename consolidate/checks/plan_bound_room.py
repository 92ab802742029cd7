"""The makespan bound by room, derived again: who has to be gone before a large VM can come to a host.

A VM that finds no room on a host starts to it no sooner than residents have left that take as much as it
lacks, through so many slots at a time; nobody knows which, so the cheapest share of them counts. Residents
that do not fit beside it count whole. The same is true the other way round: what ends on the host that it
leaves, and had no room beside it, comes afterwards.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from consolidate.checks.cases import PlanCase
from consolidate.checks.placement import usage
from consolidate.checks.plan_moves import memory_need_mib

__all__ = ["direct_bound_s", "room_bound_s"]

#: Large VMs that are looked at, one by one.
_LOOKED_AT = 64

Fastest = Callable[[int, int], int]


class _Passers:
    """VMs that leave a host, or come to it, ordered so that questions are answered by bisection."""

    def __init__(self, amounts: list[int], seconds: list[int], slots: int) -> None:
        self.slots = slots
        useful = [(a, s) for a, s in zip(amounts, seconds, strict=True) if a > 0]
        self.cheap = sorted(useful, key=lambda one: (one[1] / one[0], one))
        self.upto, self.spent = [0], [0]
        for amount, second in self.cheap:
            self.upto.append(self.upto[-1] + amount)
            self.spent.append(self.spent[-1] + second)
        by_size = sorted(useful, reverse=True)
        self.sizes = [-a for a, _ in by_size]
        self.sums, self.most = [0], [0]
        for _, second in by_size:
            self.sums.append(self.sums[-1] + second)
            self.most.append(max(self.most[-1], second))

    def wait_s(self, lack: int, beside: int) -> int | None:
        """Return the least wait for ``lack`` and all that need more than ``beside``; ``None`` = for ever."""
        wait = 0
        if lack > 0:
            if lack > self.upto[-1]:
                return None
            k = bisect_left(self.upto, lack) - 1
            amount, second = self.cheap[k]
            # Seconds of the whole ones and of a part of the last one, over the slots, rounded up.
            wait = -(-(self.spent[k] * amount + second * (lack - self.upto[k])) // (amount * self.slots))
        whole = bisect_left(self.sizes, -beside)
        return max(wait, -(-self.sums[whole] // self.slots), self.most[whole])


class _Hosts:
    def __init__(self, case: PlanCase, fastest: Fastest, boot: list[int], off: list[int]) -> None:
        self.case, self.fastest, self.boot, self.off = case, fastest, boot, off
        p = case.placement
        self.before = [int(h) for h in p.current]
        self.after = [int(t) if c >= 0 else -1 for c, t in zip(p.current, p.target, strict=True)]
        self.now = usage(p, p.current)
        self.members: dict[tuple[bool, int], list[int]] = {}
        for v, (c, t) in enumerate(zip(self.before, self.after, strict=True)):
            self.members.setdefault((True, c), []).append(v)
            self.members.setdefault((False, t), []).append(v)
        self.known: dict[tuple[bool, int, int], _Passers] = {}

    def passers(self, h: int, r: int, *, leave: bool) -> _Passers:
        key = (leave, h, r)
        if key not in self.known:
            p, limits = self.case.placement, self.case.limits
            members = self.members.get((leave, h), [])
            self.known[key] = _Passers(
                [int(p.need[v, r] + p.overhead[h, r]) for v in members],
                [self.fastest(v, h) for v in members],
                limits.moves_out if leave else limits.moves_in,
            )
        return self.known[key]

    def earliest_s(self, v: int, h: int) -> int | None:
        """Return when a move of a VM to a host can start."""
        p = self.case.placement
        wait = self.boot[h]
        asked = [
            (int(p.need[v, r] + p.overhead[h, r]), int(p.capacity[h, r]), int(self.now[h, r]))
            for r in range(len(p.resources))
        ]
        if any(need > capacity for need, capacity, _ in asked):
            return None
        if all(need <= capacity - used for need, capacity, used in asked):
            return wait
        for r, (need, capacity, used) in enumerate(asked):
            more = self.passers(h, r, leave=True).wait_s(need + used - capacity, capacity - need)
            if more is None:
                return None
            wait = max(wait, more)
        return wait

    def rest_s(self, v: int, h: int) -> int | None:
        """Return what follows at least after a VM has left a host."""
        p = self.case.placement
        rest = self.off[h]
        for r in range(len(p.resources)):
            beside = max(int(p.capacity[h, r]), int(self.now[h, r])) - int(
                p.need[v, r] + p.overhead[h, r]
            )
            passers = self.passers(h, r, leave=False)
            more = passers.wait_s(passers.upto[-1] - beside, beside)
            if more is None:
                return None
            rest = max(rest, more)
        return rest


def room_bound_s(
    case: PlanCase, moved: list[int], fastest: Fastest, boot: list[int], off: list[int]
) -> int:
    """Return the bound in seconds.

    Parameters
    ----------
    case
        The plan.
    moved
        VMs whose target is another host.
    fastest : s
        Least time in which a VM leaves a host or comes to it.
    boot, off : s
        What each host needs before the first and after the last VM.
    """
    hosts = _Hosts(case, fastest, boot, off)
    memory = memory_need_mib(case)
    best = 0
    for v in sorted(moved, key=lambda v: (-int(memory[v]), v))[:_LOOKED_AT]:
        source, target = int(case.placement.current[v]), int(case.placement.target[v])
        leave_s, come_s = fastest(v, source), fastest(v, target)
        head, rest = hosts.earliest_s(v, target), hosts.rest_s(v, source)
        if head is None or rest is None:
            continue
        anywhere = head
        for h in range(case.placement.hosts.n):
            if anywhere == 0:
                break
            other = None if h == source else hosts.earliest_s(v, h)
            anywhere = anywhere if other is None else min(anywhere, other)
        straight = head + max(leave_s, come_s) + rest
        with_stop = max(head, anywhere + leave_s) + come_s
        best = max(best, anywhere + leave_s + rest, min(straight, with_stop))
    return best


def direct_bound_s(
    case: PlanCase, moved: list[int], fastest: Fastest, boot: list[int], off: list[int]
) -> int:
    """Return the bound for plans that move every VM once at most; parameters as for :func:`room_bound_s`."""
    best = 0
    jobs: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
    for v in moved:
        source, target = int(case.placement.current[v]), int(case.placement.target[v])
        job = (boot[target], max(fastest(v, source), fastest(v, target)), off[source])
        best = max(best, sum(job))
        jobs.setdefault(("out", source), []).append(job)
        jobs.setdefault(("in", target), []).append(job)
    for (side, _), mine in jobs.items():
        slots = case.limits.moves_out if side == "out" else case.limits.moves_in
        for last in {job[2] for job in mine}:
            some = [job for job in mine if job[2] >= last]
            work = -(-sum(job[1] for job in some) // slots)
            best = max(best, min(job[0] for job in some) + work + last)
    return best
