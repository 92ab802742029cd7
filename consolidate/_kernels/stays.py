"""What a host is worth when VMs that are on it now may stay: every subset of them, and a table for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["stay_values"]


@kernel
def stay_values(
    table: NDArray[np.int64],
    offer: NDArray[np.int64],
    pointer: NDArray[np.int64],
    worth: NDArray[np.int64],
    cells: NDArray[np.int64],
    most: Any,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the best value of each host, and which of its VMs stay then.

    Parameters
    ----------
    table
        Best value of other VMs for each room in cells, as of
        :func:`consolidate._kernels.knapsack_table.value_table`.
    offer
        Cells of each host, shape ``(hosts, 2)``.
    pointer
        Start of each host's VMs, shape ``(hosts + 1,)``.
    worth
        Worth of each VM that stays, shape ``(stays,)``.
    cells
        What it takes, shape ``(stays, 2)``.
    most
        Most VMs of any host.

    Returns
    -------
    best, mask
        Shape ``(hosts,)``; bit ``i`` of the mask stands for the host's VM ``i``.
    """
    n = len(offer)
    best, mask = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    width = 1 << most
    value = np.zeros(width, dtype=np.int64)
    a, b = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64)
    for h in range(n):
        start, m = pointer[h], pointer[h + 1] - pointer[h]
        best[h], mask[h] = table[offer[h, 0], offer[h, 1]], 0
        for i in range(m):
            half = 1 << i
            for s in range(half):
                t = s + half
                value[t] = value[s] + worth[start + i]
                a[t] = a[s] + cells[start + i, 0]
                b[t] = b[s] + cells[start + i, 1]
                if a[t] <= offer[h, 0] and b[t] <= offer[h, 1]:
                    total = value[t] + table[offer[h, 0] - a[t], offer[h, 1] - b[t]]
                    if total > best[h]:
                        best[h], mask[h] = total, t
    return best, mask
