"""CloudSim's choice of the VM that leaves an overloaded host."""

from __future__ import annotations

from typing import Any

import numpy as np

from consolidate._kernels.cloudsim_correlation import determination
from consolidate._kernels.cloudsim_state import HISTORY, Machines, Rules, State
from consolidate._kernels.jit import inner

__all__ = ["MOST_CORRELATED", "LEAST_TIME", "LEAST_USED", "RANDOM", "selected"]

LEAST_TIME, LEAST_USED, MOST_CORRELATED, RANDOM = range(4)


@inner
def selected(m: Machines, s: State, r: Rules, h: Any, step: Any, draw: Any) -> Any:
    """Return the VM that leaves host ``h``, which has one; ``draw`` in [0, 1) decides for RANDOM."""
    if r.selector == RANDOM:
        return s.listed[min(int(draw * s.filled[h]), s.filled[h] - 1), h]
    if r.selector == LEAST_USED:
        return _least_used(m, s, h, step)
    if r.selector == MOST_CORRELATED:
        n, samples = s.filled[h], min(step, HISTORY)
        if 1 < n <= samples:
            v = _most_correlated(m, s, h, step)
            if v >= 0:
                return v
    return _least_time(m, s, h)


@inner
def _least_time(m: Machines, s: State, h: Any) -> Any:
    """Return the VM of least RAM, the first in the list of those."""
    best = s.listed[0, h]
    for v in s.listed[: s.filled[h], h]:
        if m.vm[v, 1] < m.vm[best, 1]:
            best = v
    return best


@inner
def _least_used(m: Machines, s: State, h: Any, step: Any) -> Any:
    """Return the VM of least utilization, the first in the list of those."""
    best, least = s.listed[0, h], np.inf
    for v in s.listed[: s.filled[h], h]:
        # MIPS divided by MIPS again, as the program does: the last digit may break a tie.
        used = m.seen[v, step] * m.vm[v, 0] / m.vm[v, 0]
        if used < least:
            best, least = v, used
    return best


@inner
def _most_correlated(m: Machines, s: State, h: Any, step: Any) -> Any:
    """Return the VM whose past follows best from those of the others; -1 if one system is singular."""
    n, samples = s.filled[h], min(step, HISTORY)
    pasts = np.empty((n, samples))
    for i in range(n):
        for t in range(samples):
            pasts[i, t] = m.seen[s.listed[i, h], step - t]
    best, most = 0, 0.0
    for i in range(n):
        fit = determination(pasts, i)
        if fit == -2.0:
            return -1
        if fit > most:
            best, most = i, fit
    return s.listed[best, h]
