"""When a host counts as overloaded: the detectors of Beloglazov and Buyya (doi:10.1002/cpe.1867).

Each takes the past of the VMs that are on a host now, in parts of its capacity, the newest first, shape
``(hosts, samples)``, and the present, shape ``(hosts,)``; each says whether it is overloaded. Where a host has
too little past, a fixed threshold of 0.7 stands in, as in CloudSim. These follow the paper; what the program
makes of them, to the last digit, is in the mode ``cloudsim``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["DETECTORS", "SAMPLES"]

Past = NDArray[np.float64]
Verdict = NDArray[np.bool_]

#: Samples of the past that are looked at.
SAMPLES = 30
_FALLBACK = 0.7
_LEAST_SPREAD, _LEAST_LINE = 12, 10


def threshold(past: Past, present: Past, parameter: float) -> Verdict:  # noqa: ARG001
    """Overloaded above a fixed part of the capacity."""
    return present > parameter


def median_deviation(past: Past, present: Past, parameter: float) -> Verdict:
    """Overloaded above one less the median absolute deviation, times the safety parameter."""
    if past.shape[1] < _LEAST_SPREAD:
        return present > _FALLBACK
    middle = np.median(past, axis=1, keepdims=True)
    return present > 1.0 - parameter * np.median(np.abs(past - middle), axis=1)


def quartile_range(past: Past, present: Past, parameter: float) -> Verdict:
    """Overloaded above one less the interquartile range, times the safety parameter."""
    n = past.shape[1]
    if n < _LEAST_SPREAD:
        return present > _FALLBACK
    ordered = np.sort(past, axis=1)
    low, high = (int(part * (n + 1) + 0.5) - 1 for part in (0.25, 0.75))
    return present > 1.0 - parameter * (ordered[:, high] - ordered[:, low])


def local_regression(past: Past, present: Past, parameter: float) -> Verdict:
    """Overloaded when a line through the last ten samples, tricube weights, reaches the capacity."""
    return _regress(past, present, parameter, robust=False)


def robust_regression(past: Past, present: Past, parameter: float) -> Verdict:
    """As local regression, with outliers weighted down once by bisquare weights."""
    return _regress(past, present, parameter, robust=True)


def _regress(past: Past, present: Past, parameter: float, *, robust: bool) -> Verdict:
    n = _LEAST_LINE
    if past.shape[1] < n:
        return present > _FALLBACK
    y = past[:, n - 1 :: -1] if past.shape[1] == n else past[:, :n][:, ::-1]
    x = np.arange(1.0, n + 1)
    weight = np.broadcast_to((1.0 - ((n - x) / (n - 1)) ** 3) ** 3, y.shape)
    slope, at_zero = _line(x, y, weight)
    if robust:
        rest = y - at_zero[:, np.newaxis] - slope[:, np.newaxis] * x
        scale = 6.0 * np.median(np.abs(rest), axis=1, keepdims=True)
        part = np.divide(rest, scale, out=np.zeros_like(rest), where=scale > 0)
        slope, at_zero = _line(x, y, weight * np.clip(1.0 - part**2, 0.0, None) ** 2)
    return parameter * (at_zero + slope * (n + 1)) >= 1.0


def _line(x: Past, y: Past, weight: Past) -> tuple[Past, Past]:
    """Return slope and value at zero of the weighted line through each row."""
    total = np.maximum(weight.sum(axis=1), 1e-300)
    middle = (weight * x).sum(axis=1) / total
    height = (weight * y).sum(axis=1) / total
    away = x - middle[:, np.newaxis]
    square = (weight * away**2).sum(axis=1)
    product = (weight * away * (y - height[:, np.newaxis])).sum(axis=1)
    slope = np.divide(product, square, out=np.zeros_like(product), where=square > 0)
    return slope, height - slope * middle


#: Name, detector, and the parameter of the published runs.
DETECTORS: dict[str, tuple[Callable[[Past, Past, float], Verdict], float]] = {
    "thr": (threshold, 0.8),
    "iqr": (quartile_range, 1.5),
    "mad": (median_deviation, 2.5),
    "lr": (local_regression, 1.2),
    "lrr": (robust_regression, 1.2),
}
