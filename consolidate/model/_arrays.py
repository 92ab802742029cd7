"""Read-only arrays for frozen values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["frozen"]


def frozen(values: ArrayLike, dtype: DTypeLike, *, ndim: int) -> NDArray[Any]:
    """Return a read-only, contiguous array of the stated type.

    An array that is already read-only, contiguous and of that type is shared instead of copied, unless
    it is a view of memory that can be written to.
    """
    given = np.asarray(values)
    if given.ndim != ndim:
        msg = f"expected {ndim} dimensions, got {given.ndim}"
        raise ValueError(msg)
    if given.dtype == np.dtype(dtype) and given.flags.c_contiguous and not _changeable(given):
        return given
    wanted = np.dtype(dtype)
    if wanted.kind == "i" and given.size and given.dtype.kind in "iuf":
        limits = np.iinfo(wanted)
        if not (limits.min <= given.min() and given.max() <= limits.max):
            msg = f"needs whole numbers from {limits.min} to {limits.max}, got up to {given.max()}"
            raise ValueError(msg)
    array = np.array(given, dtype=dtype, order="C", copy=True)
    if wanted.kind == "i" and given.dtype.kind == "f" and not np.array_equal(array, given):
        # Truncation would round demand down.
        msg = f"needs whole numbers, got {given[array != given].flat[0]}"
        raise ValueError(msg)
    array.flags.writeable = False
    return array


def _changeable(array: NDArray[Any]) -> bool:
    """Say whether anybody can still write to the memory of an array, through itself or what it views."""
    seen: object = array
    while isinstance(seen, np.ndarray):
        if seen.flags.writeable:
            return True
        seen = seen.base
    return False
