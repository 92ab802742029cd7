"""Rules that keep sets of VMs within one zone of hosts: among, and split_among.

A flock is a set of VMs that has to be in one zone; of rules that keep their flocks apart, no two flocks
may be in the same. Zones of a rule are disjoint.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["InZone", "Zones", "join_zones", "zones_allow"]


class Zones(NamedTuple):
    """What does not change."""

    pointer: NDArray[np.int32]  # (vms + 1,), flocks of each VM in compressed rows
    flock: NDArray[np.int32]
    rule_of: NDArray[np.int32]  # (flocks,)
    first: NDArray[np.int32]  # (rules + 1,), flocks of a rule follow each other
    apart: NDArray[np.bool_]  # (rules,), whether two flocks may not share a zone
    zone: NDArray[np.int16]  # (rules, hosts), -1 outside all zones


class InZone(NamedTuple):
    """What a packing changes in place."""

    members: NDArray[np.int32]  # (flocks, zones)
    total: NDArray[np.int32]  # (flocks,)


@kernel
def zones_allow(z: Zones, t: InZone, v: Any, h: Any) -> bool:
    """Say whether the flocks of VM ``v``, which is on no host, let it join host ``h``."""
    for k in range(z.pointer[v], z.pointer[v + 1]):
        f = z.flock[k]
        q = z.rule_of[f]
        at = z.zone[q, h]
        if at < 0 or t.total[f] != t.members[f, at]:
            return False
        if z.apart[q] and t.members[f, at] == 0:
            for g in range(z.first[q], z.first[q + 1]):
                if t.members[g, at] > 0:
                    return False
    return True


@kernel
def join_zones(z: Zones, t: InZone, v: Any, h: Any, sign: int) -> None:
    """Count VM ``v`` in (sign 1) or out (sign -1) in the zones of host ``h``."""
    for k in range(z.pointer[v], z.pointer[v + 1]):
        f = z.flock[k]
        at = z.zone[z.rule_of[f], h]
        t.total[f] += sign
        if at >= 0:
            t.members[f, at] += sign
