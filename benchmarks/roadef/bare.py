"""The decorator of this benchmark's inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

__all__ = ["bare"]

F = TypeVar("F", bound=Callable)


def bare(function: F) -> F:
    """Compile to machine code that counts no references to its arrays, which takes longer than the work here.

    For functions that neither allocate nor raise; the caller in Python holds the arrays meanwhile.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True)(
        function
    )
