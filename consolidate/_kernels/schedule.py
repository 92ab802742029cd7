"""List scheduling of moves, with room made for those that wait: many detours at once.

At each event every move that fits starts, in the order of a given rank. Then hosts are opened: a host is
kept free for a waiting VM, the one with the best rank first, as long as what is kept free stays within a
share of all room; and VMs that take little room for a short time are sent from there to other hosts. They
go on to their targets later. If nothing is under way, the VM that lacks least room is served alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.jit import inlined, inner, kernel
from consolidate._kernels.moves import ON, Moves, Now, end_move, level_for, pop_event
from consolidate._kernels.opening import (
    LATER,
    Log,
    Style,
    make_company,
    make_room,
    open_hosts,
    pass_through,
    start_move,
    waits,
)

__all__ = ["run_schedule"]


@inlined
def _level(p: Moves, s: Now, c: Style, v: Any) -> Any:
    """Return the level at which a VM can go to its target now, or -1; larger ones go first there."""
    if not waits(p.target[v], s.position[v], s.flying[v]):
        return np.int64(-1)
    t = p.target[v]
    if c.gate > 0.0 and s.hold[t] != v:
        for i in range(p.into_pointer[t], p.into_pointer[t + 1]):
            u = p.into[i]
            if waits(p.target[u], s.position[u], s.flying[u]):
                if c.weight[v] < c.gate * c.weight[u]:
                    return np.int64(-1)
                break
    return level_for(p, s, v, t)


@inner
def _try(p: Moves, s: Now, c: Style, log: Log, v: Any, now: Any) -> bool:
    level = _level(p, s, c, v)
    if level < 0:
        return False
    start_move(p, s, log, v, p.target[v], level, now, np.int64(0))
    return True


@inner
def _try_around(p: Moves, s: Now, c: Style, log: Log, h: Any, now: Any) -> None:
    """Start what waits to come to or to leave a host, in the order of rank."""
    least = p.stored.shape[2] - 1
    if s.power[h] == ON:
        for i in range(p.into_pointer[h], p.into_pointer[h + 1]):
            if s.slots[h, 0] >= p.network.moves_in:
                break
            v = p.into[i]
            at, t = s.position[v], p.target[v]
            # Whoever cannot start is left out here: every call hands over all arrays, which takes longer.
            if at == t or s.flying[v] >= 0:
                continue
            k = p.pair[p.kind_of[at], p.kind_of[t]]
            if k < 0 or p.stored[v, k, least] <= s.storage[p.site_of[at]]:
                _try(p, s, c, log, v, now)
    while s.slots[h, 1] < p.network.moves_out:
        best, best_level = np.int64(-1), np.int64(-1)
        v = s.first[h]
        while v >= 0:
            t = p.target[v]
            k = p.pair[p.kind_of[h], p.kind_of[t]] if t >= 0 and t != h else np.int64(-1)
            able = k >= 0 and p.stored[v, k, least] <= s.storage[p.site_of[h]]
            if able and (best < 0 or c.rank[v] < c.rank[best]):
                level = _level(p, s, c, v)
                if level >= 0:
                    best, best_level = v, level
            v = s.after[v]
        if best < 0:
            break
        start_move(p, s, log, best, p.target[best], best_level, now, np.int64(0))


@inner
def _unblock(p: Moves, s: Now, c: Style, log: Log, now: Any) -> bool:
    """Serve one VM alone when nothing is under way; hosts that are off are booted only here."""
    for h in range(len(s.hold)):
        s.hold[h] = -1
    for i in range(len(c.order)):
        v = c.order[i]
        if waits(p.target[v], s.position[v], s.flying[v]):
            level = level_for(p, s, v, p.target[v])
            if level >= 0:
                start_move(p, s, log, v, p.target[v], level, now, np.int64(0))
                return True
    for only_on in (np.int64(1), np.int64(0)):
        for i in range(len(c.order) - 1, -1, -1):
            v = c.order[i]
            if not waits(p.target[v], s.position[v], s.flying[v]):
                continue
            if pass_through(p, s, c, log, v, now, only_on):
                return True
            t = p.target[v]
            s.hold[t] = v
            if make_room(p, s, c, log, t, now, only_on):
                return True
            if make_company(p, s, c, log, t, now, only_on):
                return True
            s.hold[t] = -1
    return False


@kernel
def run_schedule(p: Moves, s: Now, c: Style, log: Log) -> int:
    """Schedule all moves; return how many VMs are not at their targets when nothing more can be done.

    Where a VM goes by way of a host, its target changes when it has come there.
    """
    n_hosts = len(p.kind_of)
    touched = np.zeros(n_hosts, dtype=np.bool_)
    waiting = 0
    for v in range(len(p.target)):
        if p.target[v] >= 0 and s.position[v] != p.target[v]:
            waiting += 1
    now = np.int64(0)
    head = np.int64(0)
    retry = np.zeros(n_hosts, dtype=np.int64)
    touched[:] = True
    if c.open_share == 0.0:
        # At first every host is free, so the order may decide over all of them and not host by host.
        for i in range(len(c.order)):
            _try(p, s, c, log, c.order[i], now)
    everywhere = p.network.moves_at_once < n_hosts * p.network.moves_in or p.network.uplink_kbit > 0
    while s.tally[4] + 4 * n_hosts <= len(log.rows):
        if c.open_share > 0.0:
            for h in range(n_hosts):
                if touched[h]:
                    retry[h] = 0
                due = s.hold[h] >= 0 and retry[h] <= s.tally[1]
                if due and not make_room(p, s, c, log, h, now, np.int64(1)):
                    retry[h] = s.tally[1] + LATER
            head = open_hosts(p, s, c, log, now, head, retry)
        for h in range(n_hosts):
            if touched[h] or everywhere:
                _try_around(p, s, c, log, h, now)
        if s.tally[0] == 0 and (waiting == 0 or not _unblock(p, s, c, log, now)):
            return waiting
        now = s.heap[0, 0]
        touched[:] = False
        while s.tally[0] > 0 and s.heap[0, 0] == now:
            key = pop_event(s)
            if key < 0:
                s.power[-1 - key] = ON
                touched[-1 - key] = True
                continue
            source, goal = s.position[key], s.flying[key]
            end_move(p, s, key)
            touched[source] = touched[goal] = True
            if s.stored[key] > 0:
                # Who waits for the storage may be on any host.
                touched[:] = True
            if source == p.target[key]:
                waiting += 1
            if goal == p.target[key]:
                waiting -= 1
                if c.then[key] >= 0:
                    p.target[key] = c.then[key]
                    c.then[key] = -1
                    c.rank[key] += len(c.order)
                    waiting += 1
    return waiting
