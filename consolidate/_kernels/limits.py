"""The rules that depend on who else is there: group limits, interference, zones, hosts online.

Groups are sets of VMs. At most so many of a group are on a host (spread: one). Where a VM of a group is, at
most a stated number of another group may be (interference), listed once by either side. Of each set of hosts
at most a stated number is online. Zones are in :mod:`consolidate._kernels.zones`.

All lists lie in one array, one after the other: what a compiled function is handed costs compile time for
every array, and these go through every function there is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.counts import add_count, count_of
from consolidate._kernels.jit import inner, kernel

__all__ = [
    "LISTS",
    "Limits",
    "Taken",
    "count_host",
    "groups_allow",
    "host_may_open",
    "join_groups",
    "switch",
]

#: The lists, in the order in which they lie. Lists of lists are compressed rows: a pointer and the values.
LISTS = (
    "pointer",  # (vms + 1,), groups of each VM
    "group",
    "most",  # (groups,), members on one host
    "with_pointer",  # (groups + 1,): where this group is, of with_group at most with_most
    "with_group",
    "with_most",
    "under_pointer",  # (groups + 1,): where under_group is, of this group at most under_most
    "under_group",
    "under_most",
    "set_pointer",  # (hosts + 1,), sets of each host
    "host_set",
    "set_most",  # (sets,), hosts online
    "flock_pointer",  # (vms + 1,), flocks of each VM
    "flock",
    "zone_rule",  # (flocks,), rule of each flock
    "first_flock",  # (rules + 1,), flocks of a rule follow each other
    "apart",  # (rules,), whether two flocks may not share a zone
    "zone",  # (rules * hosts,), -1 outside all zones
)
POINTER, GROUP, MOST, WITH_POINTER, WITH_GROUP, WITH_MOST = range(6)
UNDER_POINTER, UNDER_GROUP, UNDER_MOST, SET_POINTER, HOST_SET, SET_MOST = range(6, 12)
FLOCK_POINTER, FLOCK, ZONE_RULE, FIRST_FLOCK, APART, ZONE = range(12, 18)


class Limits(NamedTuple):
    """What does not change."""

    named: NDArray[np.bool_]  # (vms,), whether any of these rules names the VM
    counted: NDArray[np.bool_]  # (hosts,), whether going online counts against a set
    data: NDArray[np.int32]  # the lists
    start: NDArray[np.int64]  # (lists + 1,), where each begins


class Taken(NamedTuple):
    """What a packing changes in place."""

    keys: NDArray[np.int64]  # group * hosts + host
    counts: NDArray[np.int32]
    online: NDArray[np.int32]  # (sets,)
    in_zone: NDArray[np.int32]  # (flocks, zones + 1), the last column is the total


@inner
def count_host(q: Limits, t: Taken, g: Any, h: Any) -> Any:
    """Return how many members of group ``g`` are on host ``h``."""
    return count_of(t.keys, t.counts, np.int64(g) * len(q.counted) + h)


@inner
def _in_group(q: Limits, v: Any, g: Any) -> Any:
    at = q.start[POINTER] + v
    for k in range(q.data[at], q.data[at + 1]):
        if q.data[q.start[GROUP] + k] == g:
            return np.int32(1)
    return np.int32(0)


@inner
def groups_allow(q: Limits, t: Taken, v: Any, h: Any) -> bool:
    """Say whether the groups of VM ``v``, which is not on host ``h``, let it join."""
    d, b = q.data, q.start
    for k in range(d[b[POINTER] + v], d[b[POINTER] + v + 1]):
        g = d[b[GROUP] + k]
        n = count_host(q, t, g, h)
        if n + 1 > d[b[MOST] + g]:
            return False
        for i in range(d[b[UNDER_POINTER] + g], d[b[UNDER_POINTER] + g + 1]):
            if n + 1 > d[b[UNDER_MOST] + i] and count_host(q, t, d[b[UNDER_GROUP] + i], h) > 0:
                return False
        # Asked again of a group that is there already: nobody joins a host where the rule is broken.
        for i in range(d[b[WITH_POINTER] + g], d[b[WITH_POINTER] + g + 1]):
            other = d[b[WITH_GROUP] + i]
            if count_host(q, t, other, h) + _in_group(q, v, other) > d[b[WITH_MOST] + i]:
                return False
    return True


@inner
def host_may_open(q: Limits, t: Taken, h: Any) -> bool:
    """Say whether host ``h``, empty so far and counted, may go online."""
    d, b = q.data, q.start
    for i in range(d[b[SET_POINTER] + h], d[b[SET_POINTER] + h + 1]):
        which = d[b[HOST_SET] + i]
        if t.online[which] >= d[b[SET_MOST] + which]:
            return False
    return True


@inner
def join_groups(q: Limits, t: Taken, v: Any, h: Any, sign: Any) -> None:
    """Count VM ``v`` in (sign 1) or out (sign -1) on host ``h``."""
    at = q.start[POINTER] + v
    for k in range(q.data[at], q.data[at + 1]):
        g = q.data[q.start[GROUP] + k]
        add_count(t.keys, t.counts, np.int64(g) * len(q.counted) + h, sign)


@kernel
def switch(q: Limits, t: Taken, h: Any, sign: Any) -> None:
    """Count host ``h``, which is a counted one, as going online (sign 1) or offline (sign -1)."""
    at = q.start[SET_POINTER] + h
    for i in range(q.data[at], q.data[at + 1]):
        t.online[q.data[q.start[HOST_SET] + i]] += sign
