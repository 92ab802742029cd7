"""The makespan bound of a plan, derived again: no plan between the two placements can be shorter.

Each VM with another host as target leaves its host once at least and comes to its target once at least,
in no less time than its fastest move from or to there takes. A host has so many slots, works between
boot and shutdown, and all moves together take no more room than all hosts have free. What only the saved
state moves passes through the storage of its site. A large VM also waits for room. A plan without detours is
bounded further: its moves are one work for both their ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from consolidate.checks.cases import MANAGED, MOVE, NO_WAKE, PlanCase
from consolidate.checks.placement import usage
from consolidate.checks.plan_bound_room import direct_bound_s, room_bound_s
from consolidate.checks.plan_moves import memory_need_mib
from consolidate.checks.precopy import least_move
from consolidate.checks.verdict import Violation

__all__ = ["bound_violations", "derived_bound_s", "derived_direct_s"]


def bound_violations(case: PlanCase) -> list[Violation]:
    """Return what is wrong with the claimed makespan bound."""
    found = []
    makespan = int(case.actions.end_s.max(initial=0))
    if case.makespan_bound_s > 0:
        found += _too_much(case.makespan_bound_s, makespan, derived_bound_s(case), "makespan bound")
    if case.direct_bound_s > 0:
        # A plan with detours may be shorter than any without.
        moved = case.actions.vm[case.actions.of_kind(MOVE)]
        ends = makespan if len(set(moved.tolist())) == len(moved) else 2**62
        derived = max(derived_bound_s(case), derived_direct_s(case))
        found += _too_much(case.direct_bound_s, ends, derived, "makespan bound without detours")
    return found


def _too_much(claimed: int, makespan: int, derived: int, name: str) -> list[Violation]:
    found = []
    if claimed > makespan:
        message = f"the {name} is {claimed} s, the plan itself ends at {makespan} s"
        witness: dict[str, object] = {"bound_s": claimed, "makespan_s": makespan}
        found.append(Violation(code="V6.bound", message=message, witness=witness))
    if claimed > derived:
        message = f"the {name} is {claimed} s, only {derived} s can be derived"
        witness = {"bound_s": claimed, "derived_s": derived}
        found.append(Violation(code="V6.bound", message=message, witness=witness))
    return found


def derived_bound_s(case: PlanCase) -> int:
    """Return the makespan bound that follows from the case alone, in seconds."""
    moved, fastest = _moved(case), _fastest(case)
    p = case.placement
    ends = {v: (fastest(v, int(p.current[v])), fastest(v, int(p.target[v]))) for v in moved}
    boot, off = _boot_and_off(case)
    room = room_bound_s(case, moved, fastest, boot, off)
    return max(_busiest(case, moved, ends), _crowded(case, moved, ends), _stored(case, moved), room)


def derived_direct_s(case: PlanCase) -> int:
    """Return the makespan bound of plans that move every VM at most once, in seconds."""
    boot, off = _boot_and_off(case)
    return direct_bound_s(case, _moved(case), _fastest(case), boot, off)


def _moved(case: PlanCase) -> list[int]:
    placement = case.placement
    return [
        int(v)
        for v in np.flatnonzero(placement.current != placement.target)
        if placement.current[v] >= 0 and placement.target[v] >= 0
    ]


def _fastest(case: PlanCase) -> Callable[[int, int], int]:
    """Return what tells the least time in which a VM leaves a host or comes to it, in seconds."""
    hosts, vms = case.placement.hosts, case.placement.vms
    memory = memory_need_mib(case)
    known: dict[tuple[int, int, float], int] = {}
    present = [hosts.kinds[k] for k in np.unique(hosts.kind_of).tolist()]

    def fastest(v: int, host: int) -> int:
        kind = int(hosts.kind_of[host])
        key = (kind, int(memory[v]), float(vms.dirty_mib_per_s[v]))
        if key not in known:
            one, best = hosts.kinds[kind], math.inf
            ways = {
                (mode, min(one.nic_mbit_per_s, other.nic_mbit_per_s))
                for other in present
                for mode in one.moves & other.moves
            }
            for mode, nic in ways:
                least = least_move(
                    mode, key[1], dirty_mib_per_s=key[2], nic_mbit_per_s=nic, limits=case.limits
                )
                if not least.problem:
                    best = min(best, least.duration_s)
            known[key] = 0 if best == math.inf else int(best)
        return known[key]

    return fastest


def _boot_and_off(case: PlanCase) -> tuple[list[int], list[int]]:
    """Return how long each host boots before its first guest, and shuts down after its last one."""
    placement, hosts = case.placement, case.placement.hosts
    in_the_end = set(placement.target[placement.target >= 0].tolist())
    may_off = placement.may_switch_off()
    boot = [0 if hosts.powered_on[h] else hosts.kind(h).boot_s for h in range(hosts.n)]
    off = [
        hosts.kind(h).shutdown_s
        if h not in in_the_end and (may_off[h] or not hosts.powered_on[h])
        else 0
        for h in range(hosts.n)
    ]
    return boot, off


def _busiest(case: PlanCase, moved: list[int], ends: dict[int, tuple[int, int]]) -> int:
    placement, limits = case.placement, case.limits
    boot, off = _boot_and_off(case)
    n = placement.hosts.n
    out, into, longest = [0] * n, [0] * n, [0] * n
    for v in moved:
        source, target = int(placement.current[v]), int(placement.target[v])
        out[source] += ends[v][0]
        into[target] += ends[v][1]
        longest[source] = max(longest[source], ends[v][0])
        longest[target] = max(longest[target], ends[v][1])
    best = 0
    for h in range(n):
        work = max(-(-out[h] // limits.moves_out), -(-into[h] // limits.moves_in), longest[h])
        if limits.moves_per_host:
            work = max(work, -(-(out[h] + into[h]) // limits.moves_per_host))
        if work:
            best = max(best, work + boot[h] + off[h])
        elif off[h] and placement.hosts.powered_on[h]:
            best = max(best, off[h])
    if limits.moves_at_once:
        best = max(best, -(-sum(max(pair) for pair in ends.values()) // limits.moves_at_once))
    return best


def _stored(case: PlanCase, moved: list[int]) -> int:
    """Return the bound by storages: what nothing but the saved state moves is written there, and read again."""
    placement, hosts, memory = case.placement, case.placement.hosts, memory_need_mib(case)
    present = [hosts.kinds[k] for k in np.unique(hosts.kind_of).tolist()]
    known: dict[tuple[int, int, float], bool] = {}
    mib: dict[int, int] = {}
    for v in moved:
        host = int(placement.current[v])
        one = hosts.kind(host)
        key = (int(hosts.kind_of[host]), int(memory[v]), float(placement.vms.dirty_mib_per_s[v]))
        if key not in known:
            # A restart carries no state, so it is a way round storage wherever it is offered.
            known[key] = any("saved_state" in one.moves & other.moves for other in present) and all(
                least_move(
                    mode,
                    key[1],
                    dirty_mib_per_s=key[2],
                    nic_mbit_per_s=min(one.nic_mbit_per_s, other.nic_mbit_per_s),
                    limits=case.limits,
                ).problem
                for other in present
                for mode in (one.moves & other.moves) - {"saved_state"}
            )
        if known[key]:
            site = 0 if hosts.site is None else int(hosts.site[host])
            mib[site] = mib.get(site, 0) + 2 * key[1]
    # Rates of an accepted plan may exceed a storage by a millionth.
    return math.ceil(max(mib.values(), default=0) / (case.limits.storage_mib_per_s * (1 + 1e-6)))


def _crowded(case: PlanCase, moved: list[int], ends: dict[int, tuple[int, int]]) -> int:
    """Return the bound by free space: a VM in a move is on two hosts."""
    placement, hosts = case.placement, case.placement.hosts
    boot, off = _boot_and_off(case)
    in_the_end = set(placement.target[placement.target >= 0].tolist())
    takes = [
        h
        for h in range(hosts.n)
        if not hosts.maintenance[h]
        and (hosts.powered_on[h] or hosts.control[h] != NO_WAKE)
        and (hosts.powered_on[h] or hosts.control[h] == MANAGED or h in in_the_end)
    ]
    if not takes or not moved:
        return 0
    now = usage(placement, placement.current)
    inside = np.flatnonzero(np.isin(placement.current, takes))
    best = 0
    for r in range(len(placement.resources)):
        light = int(placement.overhead[takes, r].min())
        settled = int(placement.need[inside, r].sum()) + light * len(inside)
        work = sum(int(placement.need[v, r]) * max(ends[v]) for v in moved)
        rooms = [(boot[h] + off[h], max(int(placement.capacity[h, r]), int(now[h, r]))) for h in takes]

        def enough(t: int, rooms: list[tuple[int, int]] = rooms, settled: int = settled) -> int:
            return sum(size * max(0, t - lag) for lag, size in rooms) - settled * t

        last = max(lag for lag, _ in rooms)
        slope = sum(size for _, size in rooms) - settled
        if work <= 0 or (slope <= 0 and enough(last) < work):
            continue
        # Convex in time, and not above 0 at the beginning: once enough, always enough.
        low, high = 0, last + (-(-(work - min(0, enough(last))) // slope) if slope > 0 else 0)
        while low < high:
            middle = (low + high) // 2
            if enough(middle) >= work:
                high = middle
            else:
                low = middle + 1
        best = max(best, low)
    return best
