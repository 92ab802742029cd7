"""Random numbers and acceptance for kernels that anneal: the whole random state is one array.

A search of billions of steps cannot be handed its random numbers ready-made; it is handed the state of
a generator instead, so that the same state gives the same steps (xorshift, Marsaglia 2003,
doi:10.18637/jss.v008.i14).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import kernel

__all__ = ["allowed_rise", "below", "random_state"]

_A, _B, _C = np.uint64(13), np.uint64(7), np.uint64(17)
_HALF = np.uint64(32)
_TWO_53 = 2.0**-53


def random_state(seed: int) -> NDArray[np.uint64]:
    """Return the state of a generator, never zero."""
    words = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    return np.maximum(words, 1).astype(np.uint64)


@kernel
def below(state: NDArray[np.uint64], n: Any) -> Any:
    """Return a whole number from 0 to ``n - 1``; ``n`` is at most 2**31."""
    x = state[0]
    x ^= x << _A
    x ^= x >> _B
    x ^= x << _C
    state[0] = x
    return np.int64(((x >> _HALF) * np.uint64(n)) >> _HALF)


@kernel
def allowed_rise(state: NDArray[np.uint64], temperature: float) -> Any:
    """Return the largest rise of the cost that this step accepts (Metropolis et al. 1953).

    Drawing it first lets a kernel stop as soon as a move is known to be worse.
    """
    x = state[0]
    x ^= x << _A
    x ^= x >> _B
    x ^= x << _C
    state[0] = x
    uniform = (np.float64(x >> np.uint64(11)) + 1.0) * _TWO_53
    return -temperature * np.log(uniform)
