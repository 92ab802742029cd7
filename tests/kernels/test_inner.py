"""Kernels that only kernels call."""

from __future__ import annotations

import numba
import pytest

from consolidate._kernels.jit import inner, kernel


@inner
def half(x):
    return x // 2


@kernel
def quarter(x):
    return half(half(x))


def test_kernels_call_inner_ones():
    """Compiled code needs no entry for Python."""
    assert quarter(9) == 2


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_python_is_told_that_it_cannot():
    """A call without an entry would end the process."""
    with pytest.raises(TypeError, match="half is called by kernels only"):
        half(9)
