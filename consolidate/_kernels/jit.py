"""The decorators of all kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic

__all__ = ["inlined", "inner", "kernel", "lent"]

F = TypeVar("F", bound=Callable)  # type: ignore[type-arg]


class _Inner(CPUDispatcher):
    """A compiled function without an entry for Python: a call would end the process."""

    def __call__(self, *_args: object, **_named: object) -> object:
        name = self.py_func.__name__
        msg = f"{name} is called by kernels only; to call it from Python, decorate it with kernel"
        raise TypeError(msg)


def kernel(function: F) -> F:
    """Compile a function that Python calls to machine code, cached on disk where that is possible."""
    return _compiled(function)


def inner(function: F) -> F:
    """Compile a function that only other kernels call.

    What unpacks dozens of arrays of a Python call takes a third of the time to compile, so these have
    none.
    """
    return _without_entry(function)


def inlined(function: F) -> F:
    """Compile a small function into each kernel that calls it.

    A call hands over every array of its arguments: where there are dozens, that takes longer than the work.
    """
    return _without_entry(function, forceinline=True)


def _without_entry(function: F, **options: bool) -> F:
    compiled: Any = _compiled(function, no_cpython_wrapper=True, **options)
    if isinstance(compiled, CPUDispatcher):
        compiled.__class__ = _Inner
    return cast(F, compiled)


def _compiled(function: F, **options: bool) -> F:
    """Compile with the options that all have.

    Where neither the package nor a user cache directory can be written, numba raises as soon as a
    cached function is decorated (numba issue 4908); then the code is compiled at each start.
    """
    # Numba's stubs leave out the options of wrappers.
    njit: Any = numba.njit
    options |= {"nogil": True, "no_cfunc_wrapper": True}
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:
        compiled = njit(**options)(function)
    return cast(F, compiled)


def _same(array: Any) -> Any:
    return array


def _uncounted(_context: Any, array: Any) -> Any:
    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        made = context.make_array(array)(context, builder, args[0])
        for name in ("meminfo", "parent"):
            setattr(made, name, getattr(made, name).type(None))
        # That is how numba builds values; it has no public name for it.
        return made._getvalue()  # noqa: SLF001

    return array(array), code


_settings: Any = numba.config
#: Returns the same array without its count of references, for a kernel that ends before its caller does.
#: Functions that are not inlined count up and down at each call, with locked instructions, for every array of
#: their tuples: where a step takes less than a microsecond, that is most of the time.
lent: Any = _same if _settings.DISABLE_JIT else intrinsic(_uncounted)
