"""Where a placement breaks capacity or rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel
from consolidate._kernels.problem import IN, OUT, Problem, State, occupy, rules_allow

__all__ = ["faulty_hosts"]


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
