"""How well the past of a VM follows from the pasts of others: multiple regression by Householder's QR.

Pasts are nearly collinear, so that the last digits decide; sums go from left to right and nothing is
pivoted. Householder 1958, doi:10.1145/320941.320947.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner

__all__ = ["determination"]


@inner
def determination(pasts: NDArray[np.float64], target: Any) -> Any:
    """Return R squared of row ``target`` on the other rows and a constant; -2 for a singular system.

    NaN where it is undefined. ``pasts`` has shape ``(vms, samples)``, no more VMs than samples.
    """
    n, samples = pasts.shape
    columns = np.empty((n, samples))
    columns[0] = 1.0
    k = 1
    for i in range(n):
        if i != target:
            columns[k] = pasts[i]
            k += 1
    reflected, diagonal = columns.copy(), np.zeros(n)
    for j in range(n):
        _reflect(reflected, diagonal, j)
    for j in range(n):
        if diagonal[j] == 0:
            return -2.0
    factors = _solve(reflected, diagonal, pasts[target].copy())
    rest = 0.0
    for t in range(samples):
        fitted = 0.0
        for j in range(n):
            fitted += columns[j, t] * factors[j]
        off = pasts[target, t] - fitted
        rest += off * off
    whole = _squares(pasts[target])
    if whole == 0:
        return np.nan if rest == 0 else -np.inf
    return 1 - rest / whole


@inner
def _reflect(columns: NDArray[np.float64], diagonal: NDArray[np.float64], j: Any) -> None:
    """Reflect column ``j`` onto its axis, and the later columns with it; the column keeps the mirror."""
    n, samples = columns.shape
    square = 0.0
    for t in range(j, samples):
        square += columns[j, t] * columns[j, t]
    length = -np.sqrt(square) if columns[j, j] > 0 else np.sqrt(square)
    diagonal[j] = length
    if length == 0:
        return
    columns[j, j] -= length
    for c in range(j + 1, n):
        along = 0.0
        for t in range(j, samples):
            along -= columns[c, t] * columns[j, t]
        along /= length * columns[j, j]
        for t in range(j, samples):
            columns[c, t] -= along * columns[j, t]


@inner
def _solve(
    columns: NDArray[np.float64], diagonal: NDArray[np.float64], right: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the coefficients of the least squares fit of ``right``, which is overwritten."""
    n, samples = columns.shape
    for j in range(n):
        along = 0.0
        for t in range(j, samples):
            along += right[t] * columns[j, t]
        along /= diagonal[j] * columns[j, j]
        for t in range(j, samples):
            right[t] += along * columns[j, t]
    for j in range(n - 1, -1, -1):
        right[j] /= diagonal[j]
        for i in range(j):
            right[i] -= right[j] * columns[j, i]
    return right[:n]


@inner
def _squares(values: NDArray[np.float64]) -> Any:
    """Return the sum of squares about the mean, both updated sample by sample (Welford 1962)."""
    mean, squares = 0.0, 0.0
    for i in range(len(values)):
        off = values[i] - mean
        step = off / (i + 1)
        mean += step
        squares += i * off * step
    return squares
