"""The least that running a host costs beside what its load earns, over all whole loads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["least_net"]


@kernel
def least_net(
    points_mw: NDArray[np.int64],
    cpu: Any,
    background: Any,
    factor: Any,
    price: Any,
    tops: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return, for each of ``tops``, the least of ``power(load) * factor - load * price`` up to that load.

    ``tops`` are loads of the guests in mcores, ascending; power is that of ``background`` more, between eleven
    points, rounded to whole mW half up. The caller sees to it that no product exceeds 62 bits. The remainder of
    the one division goes along from load to load, so that there is one division for a tenth of the curve.
    """
    least = np.empty(len(tops), dtype=np.int64)
    best, k, load, segment = np.int64(2**62), 0, np.int64(0), -1
    double, low, whole, rest, step = 2 * cpu, np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    while k < len(tops):
        at = min(background + load, cpu)
        now = min(10 * at // cpu, 9) if segment < 0 or 10 * at >= (segment + 1) * cpu else segment
        if now != segment:
            segment = now
            low = points_mw[segment]
            step = 20 * (points_mw[segment + 1] - low)
            above = step * at - 2 * (points_mw[segment + 1] - low) * segment * cpu + cpu
            whole = above // double
            rest = above - whole * double
        best = min(best, (low + whole) * factor - load * price)
        while k < len(tops) and tops[k] <= load:
            least[k] = best
            k += 1
        load += 1
        if at < cpu:
            rest += step
            while rest >= double:
                rest -= double
                whole += 1
            while rest < 0:
                rest += double
                whole -= 1
    return least
