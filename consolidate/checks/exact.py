"""Sums and products of whole-number arrays that are right or slow, never wrapped around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Wholes", "add", "multiply", "sum_of"]

#: 64-bit integers where every result is known to fit, else Python's own.
Wholes = NDArray[np.int64] | NDArray[np.object_]

_FITS = 2**62


def _reach(values: Wholes) -> int:
    """Return the largest distance of a value from 0."""
    return max(int(values.max()), -int(values.min()), 0) if values.size else 0


def multiply(values: Wholes, by: int) -> Wholes:
    """Return each value times ``by``."""
    narrow = abs(by) < _FITS and _reach(values) * abs(by) < _FITS
    return values * by if narrow else values.astype(object) * by


def add(left: Wholes, right: Wholes) -> Wholes:
    """Return the values added up pairwise."""
    narrow = _reach(left) + _reach(right) < _FITS
    total: Wholes = left + right if narrow else left.astype(object) + right.astype(object)
    return total


def sum_of(values: Wholes) -> int:
    """Return the sum of all values."""
    if _reach(values) * max(values.size, 1) < _FITS:
        return int(values.sum()) if values.size else 0
    return sum(int(value) for value in values.tolist())
