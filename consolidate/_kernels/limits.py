"""The rules that depend on who else is there: group limits, interference, hosts online.

Groups are sets of VMs. At most ``most[g]`` of group ``g`` are on a host (spread: one). Where a VM of ``g``
is, at most a stated number of another group may be (interference), listed once by either side. Of each
set of hosts at most a stated number is online.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.counts import add_count, count_of
from consolidate._kernels.jit import kernel
from consolidate._kernels.zones import InZone, Zones, join_zones, zones_allow

__all__ = ["Limits", "Taken", "count_host", "groups_allow", "host_may_open", "join_groups", "switch"]


class Limits(NamedTuple):
    """What does not change. Lists of lists are compressed rows: a pointer and the values."""

    pointer: NDArray[np.int32]  # (vms + 1,), groups of each VM
    group: NDArray[np.int32]
    most: NDArray[np.int32]  # (groups,), members on one host
    with_pointer: NDArray[
        np.int32
    ]  # (groups + 1,): where this group is, of with_group at most with_most
    with_group: NDArray[np.int32]
    with_most: NDArray[np.int32]
    under_pointer: NDArray[
        np.int32
    ]  # (groups + 1,): where under_group is, of this group at most under_most
    under_group: NDArray[np.int32]
    under_most: NDArray[np.int32]
    set_pointer: NDArray[np.int32]  # (hosts + 1,), sets of each host
    host_set: NDArray[np.int32]
    set_most: NDArray[np.int32]  # (sets,), hosts online
    named: NDArray[np.bool_]  # (vms,), whether any of these rules names the VM
    counted: NDArray[np.bool_]  # (hosts,), whether going online counts against a set
    stays_on: NDArray[np.bool_]  # (hosts,), online whatever happens
    zones: Zones


class Taken(NamedTuple):
    """What a packing changes in place."""

    keys: NDArray[np.int64]  # group * hosts + host
    counts: NDArray[np.int32]
    online: NDArray[np.int32]  # (sets,)
    in_zone: InZone


@kernel
def count_host(q: Limits, t: Taken, g: Any, h: Any) -> Any:
    """Return how many members of group ``g`` are on host ``h``."""
    return count_of(t.keys, t.counts, np.int64(g) * len(q.stays_on) + h)


@kernel
def _in_group(q: Limits, v: Any, g: Any) -> Any:
    for k in range(q.pointer[v], q.pointer[v + 1]):
        if q.group[k] == g:
            return np.int32(1)
    return np.int32(0)


@kernel
def groups_allow(q: Limits, t: Taken, v: Any, h: Any) -> bool:
    """Say whether the groups of VM ``v``, which is not on host ``h``, let it join."""
    for k in range(q.pointer[v], q.pointer[v + 1]):
        g = q.group[k]
        n = count_host(q, t, g, h)
        if n + 1 > q.most[g]:
            return False
        for i in range(q.under_pointer[g], q.under_pointer[g + 1]):
            if n + 1 > q.under_most[i] and count_host(q, t, q.under_group[i], h) > 0:
                return False
        if n > 0:
            continue  # what the group asks of others is in force already
        for i in range(q.with_pointer[g], q.with_pointer[g + 1]):
            other = q.with_group[i]
            if count_host(q, t, other, h) + _in_group(q, v, other) > q.with_most[i]:
                return False
    return zones_allow(q.zones, t.in_zone, v, h)


@kernel
def host_may_open(q: Limits, t: Taken, h: Any) -> bool:
    """Say whether host ``h``, empty so far and counted, may go online."""
    for i in range(q.set_pointer[h], q.set_pointer[h + 1]):
        if t.online[q.host_set[i]] >= q.set_most[q.host_set[i]]:
            return False
    return True


@kernel
def join_groups(q: Limits, t: Taken, v: Any, h: Any, sign: int) -> None:
    """Count VM ``v`` in (sign 1) or out (sign -1) on host ``h``."""
    for k in range(q.pointer[v], q.pointer[v + 1]):
        add_count(t.keys, t.counts, np.int64(q.group[k]) * len(q.stays_on) + h, sign)
    join_zones(q.zones, t.in_zone, v, h, sign)


@kernel
def switch(q: Limits, t: Taken, h: Any, sign: int) -> None:
    """Count host ``h``, which is a counted one, as going online (sign 1) or offline (sign -1)."""
    for i in range(q.set_pointer[h], q.set_pointer[h + 1]):
        t.online[q.host_set[i]] += sign
