"""Half-open intervals of whole seconds, many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cover", "by_steps", "misfits"]


def by_steps(
    start_s: NDArray[np.int64], end_s: NDArray[np.int64], step_s: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut intervals at the boundaries of steps.

    Parameters
    ----------
    start_s, end_s : s
        Intervals with ``start < end``, shape ``(n,)``; empty ones vanish.
    step_s : s
        Length of a step.

    Returns
    -------
    tuple
        Interval, step, start and end of each piece.
    """
    first = start_s // step_s
    count = np.where(end_s > start_s, (end_s - 1) // step_s - first + 1, 0)
    row = np.repeat(np.arange(start_s.size), count)
    step = first[row] + np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
    begin = np.maximum(start_s[row], step * step_s)
    end = np.minimum(end_s[row], (step + 1) * step_s)
    return row, step, begin, end


def misfits(
    key: NDArray[np.int64], start_s: NDArray[np.int64], end_s: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find intervals of the same key that do not follow each other seamlessly.

    Parameters
    ----------
    key, start_s, end_s
        Intervals, shape ``(n,)``.

    Returns
    -------
    tuple
        Order of the intervals by key and start; positions in that order whose predecessor of the same
        key ends later (overlap); and those whose predecessor ends earlier (gap).
    """
    order = np.lexsort((end_s, start_s, key))
    k, s, e = key[order], start_s[order], end_s[order]
    same = k[1:] == k[:-1]
    overlap = np.flatnonzero(same & (s[1:] < e[:-1])) + 1
    gap = np.flatnonzero(same & (s[1:] > e[:-1])) + 1
    return order, overlap, gap


class Cover:
    """Intervals per key, merged where they touch, to ask whether others lie inside one of them."""

    def __init__(
        self, key: NDArray[np.int64], start_s: NDArray[np.int64], end_s: NDArray[np.int64]
    ) -> None:
        order = np.lexsort((start_s, key))
        k, s, e = key[order], start_s[order], end_s[order]
        starts_run = np.ones(k.size, dtype=np.bool_)
        starts_run[1:] = (k[1:] != k[:-1]) | (s[1:] != e[:-1])
        first = np.flatnonzero(starts_run)
        last = np.append(first[1:], k.size)[: first.size] - 1
        self._key, self._start, self._end = k[first], s[first], e[last]

    def holds(
        self, key: NDArray[np.int64], start_s: NDArray[np.int64], end_s: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say of each interval whether it lies inside one of the same key."""
        if not self._key.size or not key.size:
            return np.zeros(key.shape, dtype=np.bool_)
        span = int(max(self._end.max(), end_s.max())) + 1
        at = np.searchsorted(self._key * span + self._start, key * span + start_s, side="right") - 1
        at = np.maximum(at, 0)
        out: NDArray[np.bool_] = (
            (self._key[at] == key) & (self._start[at] <= start_s) & (end_s <= self._end[at])
        )
        return out
