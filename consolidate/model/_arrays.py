"""Read-only arrays for frozen values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["frozen"]


def frozen(values: ArrayLike, dtype: DTypeLike, *, ndim: int) -> NDArray[Any]:
    """Return a read-only, contiguous array of the stated type.

    An array that is already read-only, contiguous and of that type is shared instead of copied.
    """
    given = np.asarray(values)
    if given.ndim != ndim:
        msg = f"expected {ndim} dimensions, got {given.ndim}"
        raise ValueError(msg)
    if given.dtype == np.dtype(dtype) and given.flags.c_contiguous and not given.flags.writeable:
        return given
    wanted = np.dtype(dtype)
    if wanted.kind == "i" and given.size and given.dtype.kind in "iuf":
        limits = np.iinfo(wanted)
        if not (limits.min <= given.min() and given.max() <= limits.max):
            msg = f"needs whole numbers from {limits.min} to {limits.max}, got up to {given.max()}"
            raise ValueError(msg)
    array = np.array(given, dtype=dtype, order="C", copy=True)
    array.flags.writeable = False
    return array
