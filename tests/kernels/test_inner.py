"""Kernels that only kernels call."""

from __future__ import annotations

import numba
import pytest

from consolidate._kernels.jit import inlined, inner, kernel


@inner
def half(x):
    return x // 2


@inlined
def double(x):
    return 2 * x


@kernel
def quarter(x):
    return half(half(x))


@kernel
def fourfold(x):
    return double(double(x))


def test_kernels_call_inner_ones():
    """Compiled code needs no entry for Python."""
    assert quarter(9) == 2
    assert fourfold(9) == 36


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_python_is_told_that_it_cannot():
    """A call without an entry would end the process."""
    for one in (half, double):
        with pytest.raises(TypeError, match="is called by kernels only"):
            one(9)
