"""CloudSim's detectors of overloaded hosts: threshold, MAD, IQR and local regression.

What a host's past is here: for each step the sum over the VMs that it has now. Names and parameters as in
Beloglazov and Buyya 2012, doi:10.1002/cpe.1867; what is computed is what the program does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import HISTORY, Machines, Rules, State
from consolidate._kernels.jit import inner

__all__ = ["IQR", "LOCAL", "MAD", "THRESHOLD", "overloaded"]

THRESHOLD, MAD, IQR, LOCAL = range(4)
#: Threshold of all but THRESHOLD while the past is short, and how long it has to be.
_FALLBACK, _FOR_SPREAD, _FOR_LOCAL = 0.7, 12, 10


@inner
def overloaded(m: Machines, s: State, r: Rules, h: Any, extra: Any, step: Any) -> Any:
    """Say whether host ``h`` is overloaded, with VM ``extra`` besides those it has (-1 for none)."""
    wanted = s.mips[h, 4] + (s.wanted[extra] if extra >= 0 else 0.0)
    share = wanted / m.host[h, 0]
    if r.detector == THRESHOLD:
        return share > r.parameter
    past = np.empty(HISTORY)
    length = _past(m, s, h, extra, step, past)
    if r.detector == LOCAL:
        if length < _FOR_LOCAL:
            return share > _FALLBACK
        return _predicted(past, r.weight) * r.parameter >= 1
    if length < _FOR_SPREAD:
        return share > _FALLBACK
    spread = _mad(past, length) if r.detector == MAD else _iqr(past, length)
    return share > 1 - r.parameter * spread


@inner
def _past(m: Machines, s: State, h: Any, extra: Any, step: Any, past: NDArray[np.float64]) -> Any:
    """Fill in the past of a host, newest first; return its length without the oldest zeros."""
    length = 1
    for i in range(min(step, HISTORY)):
        past[i] = s.past[h, i]
        if extra >= 0:
            past[i] += m.past[m.kind[h], extra, step - i]
        if past[i] != 0:
            length = i + 1
    return length


@inner
def _predicted(past: NDArray[np.float64], weight: NDArray[np.float64]) -> Any:
    """Return the value one step ahead of a straight line through the ten newest samples.

    Least squares by updating means and co-moments sample by sample; the last digit depends on it.
    """
    total, mean_x, mean_y, square, product, sum_x, sum_y = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(_FOR_LOCAL):
        x, y, w = float(i + 1), past[_FOR_LOCAL - 1 - i], weight[i]
        if w == 0:
            continue
        if total == 0:
            mean_x, mean_y = x, y
        else:
            dx, dy, factor = x - mean_x, y - mean_y, w * total / (total + w)
            square += dx * dx * factor
            product += dx * dy * factor
            mean_x += dx / ((total + w) / w)
            mean_y += dy / ((total + w) / w)
        total += w
        sum_x += w * x
        sum_y += w * y
    slope = product / square
    # The time that a migration takes is less than one step for every size of VM.
    return (sum_y - slope * sum_x) / total + slope * (_FOR_LOCAL + 1)


@inner
def _mad(past: NDArray[np.float64], n: Any) -> Any:
    """Return the median absolute deviation; ``past`` is overwritten."""
    _ascend(past, n)
    middle = _median(past, n)
    for i in range(n):
        past[i] = abs(middle - past[i])
    _ascend(past, n)
    return _median(past, n)


@inner
def _median(ordered: NDArray[np.float64], n: Any) -> Any:
    if n % 2 == 1:
        return ordered[n // 2]
    low = ordered[n // 2 - 1]
    return low + 0.5 * (ordered[n // 2] - low)


@inner
def _iqr(past: NDArray[np.float64], n: Any) -> Any:
    """Return the distance of the quartiles, each the nearest value that occurs; ``past`` is sorted."""
    _ascend(past, n)
    first = int(np.floor(0.25 * (n + 1) + 0.5)) - 1
    third = int(np.floor(0.75 * (n + 1) + 0.5)) - 1
    return past[third] - past[first]


@inner
def _ascend(values: NDArray[np.float64], n: Any) -> None:
    """Sort the first few values in place by insertion."""
    for i in range(1, n):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
