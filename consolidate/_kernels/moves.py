"""Moves under way: what hosts, network and rules allow at a moment, with both ends charged.

A move holds its VM's need on both hosts, a slot on each, and its share of the interfaces from start to
end; one by way of storage also its share of the throughput of the storage at its source. Numbers are whole:
seconds, kbit/s, bytes per second of storages, the units of each resource.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inlined, inner, kernel
from consolidate._kernels.limits import Limits, Taken
from consolidate._kernels.zones import IN, OUT, company_allows, join_company

__all__ = ["Moves", "Network", "Now", "begin_move", "end_move", "level_for", "pop_event", "push_event"]

ON, OFF, BOOTING = 1, 0, 2


class Network(NamedTuple):
    """Limits of concurrency and bandwidth."""

    moves_in: int
    moves_out: int
    moves_per_host: int
    moves_at_once: int
    uplink_kbit: int


class Moves(NamedTuple):
    """What does not change."""

    need: NDArray[np.int64]  # (vms, resources)
    overhead: NDArray[np.int64]  # (hosts, resources)
    target: NDArray[np.int64]  # (vms,), -1 = does not move
    kind_of: NDArray[np.int64]  # (hosts,), type and site
    pair: NDArray[np.int64]  # (kinds, kinds), class of the two ends, -1 = no mode in common
    apart: NDArray[np.bool_]  # (classes,), the ends are at different sites
    seconds: NDArray[np.int64]  # (vms, classes, levels), 0 = not possible
    kbit: NDArray[np.int64]  # (vms, classes, levels)
    stored: NDArray[np.int64]  # (vms, classes, levels), B/s of the storage, 0 = by way of none
    site_of: NDArray[np.int64]  # (hosts,)
    mask_of: NDArray[np.int64]  # (vms,)
    masks: NDArray[np.bool_]  # (rows, hosts)
    helper: NDArray[np.bool_]  # (hosts,), may be used by VMs that only pass through
    boot_s: NDArray[np.int64]  # (hosts,)
    into_pointer: NDArray[np.int64]  # (hosts + 1,), VMs by target host
    into: NDArray[np.int64]
    limits: Limits
    network: Network


class Now(NamedTuple):
    """What changes in place."""

    position: NDArray[np.int64]  # (vms,)
    flying: NDArray[np.int64]  # (vms,), host to which a VM is on its way, -1 = settled
    room: NDArray[np.int64]  # (hosts, resources)
    power: NDArray[np.int8]  # (hosts,)
    slots: NDArray[np.int64]  # (hosts, 2): moves in, moves out
    nic: NDArray[np.int64]  # (hosts, 2): kbit/s left, in and out
    hold: NDArray[np.int64]  # (hosts,), VM for which the host is kept free, -1 = none
    first: NDArray[np.int64]  # (hosts,), settled VMs as linked lists
    after: NDArray[np.int64]  # (vms,)
    before: NDArray[np.int64]  # (vms,)
    heap: NDArray[np.int64]  # (vms + hosts, 3): time, sequence, VM or -1 - host
    tally: NDArray[np.int64]  # events, sequence, moves at once, uplink kbit/s left, moves made
    leaving: NDArray[np.int64]  # (hosts, resources), room that moves under way will free
    kbit: NDArray[np.int64]  # (vms,), bandwidth of the move under way
    stored: NDArray[np.int64]  # (vms,), throughput of storage that it has
    storage: NDArray[np.int64]  # (sites,), throughput left
    taken: Taken


@inner
def link(s: Now, v: Any, h: Any) -> None:
    """Put a settled VM into the list of its host."""
    s.before[v] = -1
    s.after[v] = s.first[h]
    if s.first[h] >= 0:
        s.before[s.first[h]] = v
    s.first[h] = v


@inner
def unlink(s: Now, v: Any, h: Any) -> None:
    """Take a VM out of the list of its host."""
    if s.before[v] >= 0:
        s.after[s.before[v]] = s.after[v]
    else:
        s.first[h] = s.after[v]
    if s.after[v] >= 0:
        s.before[s.after[v]] = s.before[v]


@inner
def _copy_event(s: Now, source: Any, target: Any) -> None:
    for k in range(3):
        s.heap[target, k] = s.heap[source, k]


@kernel
def push_event(s: Now, time: Any, key: Any) -> None:
    """Add an event to the heap; earlier first, then in order of pushing."""
    i = s.tally[0]
    s.tally[0] += 1
    s.tally[1] += 1
    sequence = s.tally[1]
    # The new sequence number is the highest, so equal times stay in order.
    while i > 0:
        parent = (i - 1) // 2
        if s.heap[parent, 0] <= time:
            break
        _copy_event(s, parent, i)
        i = parent
    s.heap[i, 0], s.heap[i, 1], s.heap[i, 2] = time, sequence, key


@kernel
def pop_event(s: Now) -> Any:
    """Remove the first event and return its key."""
    key = s.heap[0, 2]
    s.tally[0] -= 1
    n = s.tally[0]
    time, sequence, last = s.heap[n, 0], s.heap[n, 1], s.heap[n, 2]
    i = np.int64(0)
    while 2 * i + 1 < n:
        child = 2 * i + 1
        right = child + 1
        if right < n and (
            s.heap[right, 0] < s.heap[child, 0]
            or (s.heap[right, 0] == s.heap[child, 0] and s.heap[right, 1] < s.heap[child, 1])
        ):
            child = right
        if time < s.heap[child, 0] or (time == s.heap[child, 0] and sequence < s.heap[child, 1]):
            break
        _copy_event(s, child, i)
        i = child
    s.heap[i, 0], s.heap[i, 1], s.heap[i, 2] = time, sequence, last
    return key


@inlined
def has_room(need: Any, overhead: Any, room: Any, kept: Any, v: Any, h: Any) -> Any:
    """Say whether host ``h`` has room for VM ``v`` on top of what it holds, and of what it is kept for."""
    beside = kept >= 0 and kept != v
    for r in range(need.shape[1]):
        wanted = need[v, r] + overhead[h, r]
        if beside:
            wanted += need[kept, r] + overhead[h, r]
        if wanted > room[h, r]:
            return False
    return True


@inlined
def slots_free(n: Network, slots: Any, source: Any, target: Any) -> Any:
    """Say whether both hosts may take part in one more move."""
    return (
        slots[source, 1] < n.moves_out
        and slots[target, 0] < n.moves_in
        and slots[source, 0] + slots[source, 1] < n.moves_per_host
        and slots[target, 0] + slots[target, 1] < n.moves_per_host
    )


@kernel
def level_for(p: Moves, s: Now, v: Any, h: Any) -> Any:
    """Return the share of bandwidth with which VM ``v`` can start to host ``h`` now, or -1."""
    at = s.position[v]
    if s.power[h] != ON or s.tally[2] >= p.network.moves_at_once:
        return -1
    k = p.pair[p.kind_of[at], p.kind_of[h]]
    if k < 0 or not slots_free(p.network, s.slots, at, h):
        return -1
    if not has_room(p.need, p.overhead, s.room, s.hold[h], v, h):
        return -1
    if p.limits.named[v] and not company_allows(p.limits, s.taken, v, h):
        return -1
    apart = p.apart[k]
    for level in range(p.seconds.shape[2]):
        kbit = p.kbit[v, k, level]
        if p.seconds[v, k, level] == 0 or kbit > s.nic[at, 1] or kbit > s.nic[h, 0]:
            continue
        if p.stored[v, k, level] > s.storage[p.site_of[at]]:
            continue
        if not apart or kbit <= s.tally[3]:
            return level
    return np.int64(-1)


@kernel
def begin_move(p: Moves, s: Now, v: Any, h: Any, level: Any, now: Any) -> Any:
    """Charge the target, the network and the storage; return the end of the move."""
    at = s.position[v]
    k = p.pair[p.kind_of[at], p.kind_of[h]]
    unlink(s, v, at)
    s.flying[v] = h
    for r in range(p.need.shape[1]):
        s.room[h, r] -= p.need[v, r] + p.overhead[h, r]
        s.leaving[at, r] += p.need[v, r] + p.overhead[at, r]
    join_company(p.limits, s.taken, v, h, IN)
    s.kbit[v], s.stored[v] = p.kbit[v, k, level], p.stored[v, k, level]
    _charge(p, s, v, h, IN)
    if s.hold[h] == v:
        s.hold[h] = -1
    end = now + p.seconds[v, k, level]
    push_event(s, end, v)
    return end


@kernel
def end_move(p: Moves, s: Now, v: Any) -> None:
    """Release the source, the network and the storage."""
    h = s.flying[v]
    at = s.position[v]
    _charge(p, s, v, h, OUT)
    for r in range(p.need.shape[1]):
        s.room[at, r] += p.need[v, r] + p.overhead[at, r]
        s.leaving[at, r] -= p.need[v, r] + p.overhead[at, r]
    join_company(p.limits, s.taken, v, at, OUT)
    s.position[v] = h
    s.flying[v] = -1
    link(s, v, h)


@inner
def _charge(p: Moves, s: Now, v: Any, h: Any, sign: Any) -> None:
    at = s.position[v]
    kbit = s.kbit[v]
    s.slots[at, 1] += sign
    s.slots[h, 0] += sign
    s.nic[at, 1] -= sign * kbit
    s.nic[h, 0] -= sign * kbit
    s.storage[p.site_of[at]] -= sign * s.stored[v]
    s.tally[2] += sign
    if p.apart[p.pair[p.kind_of[at], p.kind_of[h]]]:
        s.tally[3] -= sign * kbit
