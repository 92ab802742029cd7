"""Where a placement breaks capacity or rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, fits, occupy, rules_allow

__all__ = ["faulty_hosts", "send_one_away"]


@kernel
def faulty_hosts(p: Problem, s: State) -> NDArray[np.bool_]:
    """Say of each host whether it is too full, or has a VM that may not be there."""
    faulty = np.zeros(len(s.n_vms), dtype=np.bool_)
    for h in range(len(s.n_vms)):
        if s.n_vms[h] > 0:
            for r in range(s.room.shape[1]):
                faulty[h] |= s.room[h, r] < 0
    for v in range(len(s.host_of)):
        home = np.int64(s.host_of[v])
        if home < 0 or faulty[home]:
            continue
        occupy(p, s, v, home, OUT)
        faulty[home] = not rules_allow(p, s, v, home)
        occupy(p, s, v, home, IN)
    return faulty


@kernel
def send_one_away(p: Problem, s: State, v: Any) -> bool:
    """Put a VM where one that no rule about company names can go elsewhere instead; say whether it did."""
    for u in range(len(s.host_of)):
        h = np.int64(s.host_of[u])
        if h < 0 or p.limits.named[u]:
            continue
        enough = True
        for r in range(s.room.shape[1]):
            enough = enough and p.need[v, r] <= s.room[h, r] + p.need[u, r]
        if not enough:
            continue
        occupy(p, s, u, h, OUT)
        if fits(p, s, v, h):
            occupy(p, s, v, h, IN)
            # Hosts in use first.
            for unused in range(2):
                for other in range(len(s.n_vms)):
                    if (s.n_vms[other] == 0) == (unused == 1) and other != h and fits(p, s, u, other):
                        occupy(p, s, u, other, IN)
                        return True
            occupy(p, s, v, h, OUT)
        occupy(p, s, u, h, IN)
    return False
