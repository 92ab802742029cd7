"""The one decorator of all kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable)  # type: ignore[type-arg]


def kernel(function: F) -> F:
    """Compile to machine code, cached on disk where that is possible.

    Where neither the package nor a user cache directory can be written, numba raises as soon as a
    cached function is decorated (numba issue 4908); then the code is compiled at each start.
    """
    try:
        compiled: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        compiled = numba.njit(nogil=True)(function)
    return cast(F, compiled)
