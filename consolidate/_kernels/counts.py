"""How many members of a group are on a host, in a hash table: most groups are on few hosts.

A dense table of groups times hosts outgrows memory long before the VMs do. Linear probing, and deletion
that shifts back, so that the table never fills with graves. Its size is a power of two of at least twice
the number of memberships, which also bounds the entries at any moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel

__all__ = ["add_count", "count_of", "empty_table"]

_FREE = -1


def empty_table(n_memberships: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return keys and counts of an empty table that holds up to ``n_memberships`` entries."""
    size = 16
    while size < 2 * n_memberships:
        size *= 2
    return np.full(size, _FREE, dtype=np.int64), np.zeros(size, dtype=np.int32)


@inner
def _home(key: Any, mask: Any) -> Any:
    """Return the slot at which the search for a key begins."""
    mixed = key * np.int64(-7046029254386353131)
    return (mixed ^ (mixed >> 32)) & mask


@inner
def _slot(keys: NDArray[np.int64], key: Any) -> Any:
    """Return the slot of a key, or the free slot where it would go."""
    mask = len(keys) - 1
    at = _home(key, mask)
    while keys[at] != _FREE and keys[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def count_of(keys: NDArray[np.int64], counts: NDArray[np.int32], key: Any) -> Any:
    """Return the count of a key; 0 if it is not in the table."""
    at = _slot(keys, key)
    return counts[at] if keys[at] == key else np.int32(0)


@kernel
def add_count(keys: NDArray[np.int64], counts: NDArray[np.int32], key: Any, change: int) -> None:
    """Add to the count of a key; an entry that reaches 0 leaves the table."""
    at = _slot(keys, key)
    if keys[at] == _FREE:
        keys[at] = key
        counts[at] = 0
    counts[at] += change
    if counts[at] != 0:
        return
    mask = len(keys) - 1
    hole = at
    at = (at + 1) & mask
    while keys[at] != _FREE:
        # An entry may fill the hole if its search begins at or before it.
        if ((at - _home(keys[at], mask)) & mask) >= ((at - hole) & mask):
            keys[hole] = keys[at]
            counts[hole] = counts[at]
            hole = at
        at = (at + 1) & mask
    keys[hole] = _FREE
    counts[hole] = 0
