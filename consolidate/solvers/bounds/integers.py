"""Whole-number arithmetic on arrays that never wraps around.

numpy's 64-bit integers wrap around silently. Everything here checks the largest result first and falls back on
Python's integers, which are slow and always right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Whole", "like_rows", "plus", "times", "total"]

#: Whole numbers: int64, or Python integers where those are needed.
Whole = NDArray[np.int64] | NDArray[np.object_]

_EXACT = 2**62
_MIXERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


def _largest(values: Whole) -> int:
    return max(abs(int(values.max())), abs(int(values.min()))) if values.size else 0


def times(values: Whole, factor: int) -> Whole:
    """Return ``values * factor``, exactly."""
    exact = max(_largest(values), 1) * abs(factor) < _EXACT
    product: Whole = (values if exact else values.astype(object)) * factor
    return product


def plus(one: Whole, other: Whole) -> Whole:
    """Return the sum of two arrays, exactly."""
    if _largest(one) + _largest(other) < _EXACT:
        return one + other
    added: Whole = one.astype(object) + other.astype(object)
    return added


def total(values: Whole) -> int:
    """Return the sum of all values, exactly."""
    if values.dtype == np.object_:
        return sum(int(x) for x in values.tolist())
    # Halves of 32 bits: sums of fewer than 2**31 of them cannot wrap around.
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def like_rows(
    columns: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give equal rows of a table, which is given by columns, equal numbers.

    Returns
    -------
    first
        Position of one row of each class, shape ``(classes,)``.
    class_of
        Class of each row, shape ``(rows,)``.
    count
        Rows of each class.
    """
    mixed = np.zeros(columns[0].shape[0], dtype=np.uint64)
    for column in columns:
        for mixer in _MIXERS:
            mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) * np.uint64(mixer)
            mixed ^= mixed >> np.uint64(29)
    _, first, class_of, count = np.unique(
        mixed, return_index=True, return_inverse=True, return_counts=True
    )
    if not all(bool((column == column[first][class_of]).all()) for column in columns):
        # Two rows of one hash: as good as impossible, and slow but right all the same.
        _, first, class_of, count = np.unique(
            np.column_stack(columns), axis=0, return_index=True, return_inverse=True, return_counts=True
        )
    return first, class_of, count
