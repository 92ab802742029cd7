"""Room made for moves that wait: hosts kept free for them, and VMs sent from there on detours.

A VM may stand in the way by its size, or by a rule that keeps it apart from the VM that waits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inlined, inner
from consolidate._kernels.moves import BOOTING, OFF, ON, Moves, Now, begin_move, level_for, push_event
from consolidate._kernels.zones import IN, OUT, company_allows, join_company

__all__ = [
    "BEFORE_BOOTS",
    "FIRST",
    "LAST",
    "LATER",
    "Log",
    "Style",
    "make_company",
    "make_room",
    "open_hosts",
    "pass_through",
    "start_move",
    "waits",
]

_FAR = 1e300
#: When a storage is chosen: where no host is left, where one would have to be booted, before all hosts.
LAST, BEFORE_BOOTS, FIRST = 0, 1, 2
#: Events after which a host that could not be opened is tried again.
LATER = 20


class Style(NamedTuple):
    """How a schedule is made."""

    order: NDArray[np.int64]  # VMs that move, best first
    rank: NDArray[np.int64]  # (vms,), place in the order
    weight: NDArray[np.float64]  # (vms,), share of all room that a VM takes
    unit: NDArray[np.float64]  # (resources,), share of all room that one unit of a resource is
    middle: float  # weight above which a VM is large to send away
    misses: int
    gate: float  # part of the first waiting VM's weight below which others do not go before it
    open_share: float  # of all room, kept free at once
    stay_cost: float  # factor on sending away a VM that is at its target
    then: NDArray[np.int64]  # (vms,), target after the present one, for VMs sent by way of a host, or -1
    storage: int  # when VMs are left in storage: LAST, rather than boot, or FIRST


class Log(NamedTuple):
    """What was done: VM (or -1 - host for a boot), source, target, start, end, level, detour."""

    rows: NDArray[np.int64]


@inner
def _record(
    s: Now, log: Log, v: Any, source: Any, target: Any, start: Any, end: Any, level: Any, detour: Any
) -> None:
    row = log.rows[s.tally[4]]
    row[0], row[1], row[2], row[3], row[4], row[5], row[6] = v, source, target, start, end, level, detour
    s.tally[4] += 1


@inner
def start_move(p: Moves, s: Now, log: Log, v: Any, h: Any, level: Any, now: Any, detour: Any) -> None:
    source = s.position[v]
    end = begin_move(p, s, v, h, level, now)
    _record(s, log, v, source, h, now, end, level, detour)


@inlined
def waits(target: Any, position: Any, flying: Any) -> Any:
    """Say whether a VM with this target, place and goal of a move under way has still to start there."""
    return target >= 0 and flying < 0 and position != target


@inlined
def _lack(p: Moves, s: Now, c: Style, v: Any, h: Any) -> float:
    """Return the share of all room that VM ``v`` lacks on ``h`` once all that is leaving has left."""
    most = 0.0
    for r in range(p.need.shape[1]):
        lack = p.need[v, r] + p.overhead[h, r] - s.room[h, r] - s.leaving[h, r]
        most = max(most, lack * c.unit[r])
    return most


@inner
def _find_refuge(p: Moves, s: Now, c: Style, v: Any, only_on: Any) -> Any:
    """Return the host on which a VM in passing leaves least room over, and the level of the move.

    A storage, behind the hosts, has its place among them by when VMs are left there.
    """
    at = s.position[v]
    goal = p.target[v] if p.target[v] >= 0 else at
    found: Any = np.int64(-1)
    found_level, least = np.int64(-1), _FAR
    hosts = len(p.limits.counted)
    for h in range(len(p.kind_of)):
        if h in (at, goal) or not p.helper[h] or not p.masks[p.mask_of[v], h]:
            continue
        if s.power[h] != ON and (only_on == 1 or s.power[h] == BOOTING):
            continue
        on = p.pair[p.kind_of[h], p.kind_of[goal]]
        if on < 0 or p.seconds[v, on, 0] == 0:
            continue
        left = 0.0
        for r in range(p.need.shape[1]):
            rest = s.room[h, r] - p.need[v, r] - p.overhead[h, r]
            if rest < 0:
                left = _FAR
                break
            left += rest / (p.need[v, r] + 1.0)
        if s.power[h] == OFF:
            left += 1e200
        if h >= hosts:
            if c.storage == LAST:
                if only_on == 1:
                    continue
                left = 1e250
            else:
                left = 1e150 if c.storage == BEFORE_BOOTS else -1.0
        if left >= least:
            continue
        power = s.power[h]
        s.power[h] = ON
        level = level_for(p, s, v, h)
        s.power[h] = power
        if level >= 0:
            found, found_level, least = h, level, left
    return found, found_level


@inner
def _find_leaver(p: Moves, s: Now, c: Style, h: Any, only_on: Any) -> Any:
    """Return which VM to send away from a host that is kept free, where to, and at which level."""
    kept = s.hold[h]
    best, best_to, best_level, best_cost = np.int64(-1), np.int64(-1), np.int64(-1), _FAR
    u = s.first[h]
    while u >= 0:
        v, u = u, s.after[u]
        frees = 0.0
        for r in range(p.need.shape[1]):
            lack = p.need[kept, r] + p.overhead[h, r] - s.room[h, r] - s.leaving[h, r]
            if lack > 0:
                frees += min(1.0, (p.need[v, r] + p.overhead[h, r]) / lack)
        if frees <= 0.0:
            continue
        home = p.target[v] < 0 or p.target[v] == h
        if not home and s.hold[p.target[v]] == v:
            continue
        k = p.pair[p.kind_of[h], p.kind_of[h]]
        seconds = p.seconds[v, max(k, 0), 0]
        cost = seconds * (1.0 + c.weight[v] / c.middle) / frees * (c.stay_cost if home else 1.0)
        if cost >= best_cost:
            continue
        to, level = _find_refuge(p, s, c, v, only_on)
        if to >= 0:
            best, best_to, best_level, best_cost = v, to, level, cost
    return best, best_to, best_level


@inner
def make_room(p: Moves, s: Now, c: Style, log: Log, h: Any, now: Any, only_on: Any) -> bool:
    """Send VMs away from a host that is kept free until the room will do; say whether one started."""
    some = False
    while s.hold[h] >= 0 and _lack(p, s, c, s.hold[h], h) > 0.0 and s.slots[h, 1] < p.network.moves_out:
        v, to, level = _find_leaver(p, s, c, h, only_on)
        if v < 0:
            break
        if _send_away(p, s, log, v, to, level, now):
            return True
        some = True
    return some


@inner
def _send_away(p: Moves, s: Now, log: Log, v: Any, to: Any, level: Any, now: Any) -> bool:
    """Start a detour, or the boot of the host that it needs; say whether it was the boot."""
    if s.power[to] == OFF:
        s.power[to] = BOOTING
        push_event(s, now + p.boot_s[to], -1 - to)
        _record(s, log, -1 - to, np.int64(-1), to, now, now + p.boot_s[to], np.int64(0), np.int64(0))
        return True
    start_move(p, s, log, v, to, level, now, np.int64(1))
    return False


@inner
def pass_through(p: Moves, s: Now, c: Style, log: Log, v: Any, now: Any, only_on: Any) -> bool:
    """Send a VM that cannot go straight to its target to a host from which it can; say whether it goes."""
    k = p.pair[p.kind_of[s.position[v]], p.kind_of[p.target[v]]]
    if k >= 0 and p.seconds[v, k, 0] > 0:
        return False
    to, level = _find_refuge(p, s, c, v, only_on)
    if to >= 0:
        _send_away(p, s, log, v, to, level, now)
    return bool(to >= 0)


@inner
def make_company(p: Moves, s: Now, c: Style, log: Log, h: Any, now: Any, only_on: Any) -> bool:
    """Send away one VM that a rule keeps apart from the one that the host is kept for; say whether it goes.

    VMs of a spread rule that change places among each other wait for each other although there is room.
    """
    kept = s.hold[h]
    u = s.first[h]
    while u >= 0:
        v, u = u, s.after[u]
        join_company(p.limits, s.taken, v, h, OUT)
        helps = company_allows(p.limits, s.taken, kept, h)
        join_company(p.limits, s.taken, v, h, IN)
        if helps:
            to, level = _find_refuge(p, s, c, v, only_on)
            if to >= 0:
                _send_away(p, s, log, v, to, level, now)
                return True
    return False


@inner
def _room_budget(p: Moves, s: Now, c: Style) -> float:
    """Return the share of all room that may still be promised to waiting VMs."""
    free, promised = 0.0, 0.0
    for h in range(len(p.limits.counted)):
        if s.hold[h] >= 0:
            promised += _lack(p, s, c, s.hold[h], h)
        elif s.power[h] == ON and p.helper[h]:
            least = _FAR
            for r in range(p.need.shape[1]):
                least = min(least, s.room[h, r] * c.unit[r])
            free += max(0.0, least)
    return c.open_share * free - promised


@inner
def open_hosts(
    p: Moves, s: Now, c: Style, log: Log, now: Any, head: Any, retry: NDArray[np.int64]
) -> Any:
    """Keep hosts free for the first waiting VMs of the order; return where the waiting ones begin."""
    budget = _room_budget(p, s, c)
    n = len(c.order)
    while (
        head < n and s.position[c.order[head]] == p.target[c.order[head]] and s.flying[c.order[head]] < 0
    ):
        head += 1
    misses = 0
    for i in range(head, n):
        v = c.order[i]
        t = p.target[v]
        if budget <= 0.0 or misses > c.misses:
            break
        if s.hold[t] >= 0 or retry[t] > s.tally[1] or not waits(p.target[v], s.position[v], s.flying[v]):
            continue
        if s.power[t] != ON or s.slots[t, 0] >= p.network.moves_in:
            continue
        lack = _lack(p, s, c, v, t)
        if lack > budget:
            # Smaller ones would take the room in small pieces, and the large ones would come last.
            break
        s.hold[t] = v
        if not make_room(p, s, c, log, t, now, np.int64(1)) and lack > 0.0:
            s.hold[t] = -1
            misses += 1
            retry[t] = s.tally[1] + LATER
        else:
            budget -= lack
    return head
