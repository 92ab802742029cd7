"""Rules that keep sets of VMs within one zone of hosts: among, and split_among.

A flock is a set of VMs that has to be in one zone; of rules that keep their flocks apart, no two flocks
may be in the same. Zones of a rule are disjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.jit import kernel
from consolidate._kernels.limits import (
    APART,
    FIRST_FLOCK,
    FLOCK,
    FLOCK_POINTER,
    ZONE,
    ZONE_RULE,
    Limits,
    Taken,
    groups_allow,
    join_groups,
)

__all__ = ["IN", "OUT", "company_allows", "join_company"]

#: Signs; of a fixed width, as every width of an argument is compiled apart.
IN, OUT = np.int64(1), np.int64(-1)


@kernel
def company_allows(q: Limits, t: Taken, v: Any, h: Any) -> bool:
    """Say whether groups and flocks of VM ``v``, which is on no host, let it join host ``h``.

    Behind the hosts are storages, where VMs do not meet.
    """
    if h >= len(q.counted):
        return True
    d, b = q.data, q.start
    for k in range(d[b[FLOCK_POINTER] + v], d[b[FLOCK_POINTER] + v + 1]):
        f = d[b[FLOCK] + k]
        rule = d[b[ZONE_RULE] + f]
        at = d[b[ZONE] + rule * len(q.counted) + h]
        if at < 0 or t.in_zone[f, -1] != t.in_zone[f, at]:
            return False
        if d[b[APART] + rule] and t.in_zone[f, at] == 0:
            for g in range(d[b[FIRST_FLOCK] + rule], d[b[FIRST_FLOCK] + rule + 1]):
                if t.in_zone[g, at] > 0:
                    return False
    return groups_allow(q, t, v, h)


@kernel
def join_company(q: Limits, t: Taken, v: Any, h: Any, sign: Any) -> None:
    """Count VM ``v`` in (sign 1) or out (sign -1) on host ``h``, and in its zones; storages do not count."""
    if h >= len(q.counted):
        return
    d, b = q.data, q.start
    for k in range(d[b[FLOCK_POINTER] + v], d[b[FLOCK_POINTER] + v + 1]):
        f = d[b[FLOCK] + k]
        at = d[b[ZONE] + d[b[ZONE_RULE] + f] * len(q.counted) + h]
        t.in_zone[f, -1] += sign
        if at >= 0:
            t.in_zone[f, at] += sign
    join_groups(q, t, v, h, sign)
