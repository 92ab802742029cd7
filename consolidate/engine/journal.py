"""What has changed: for the kernel that adds up, and as intervals for the reader of results."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

__all__ = ["Intervals", "Journal"]

_ABSENT = -1


class Journal:
    """The changes of one step, in the order of time."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def add(self, when: int, kind: int, index: int, value: int) -> int:
        """Note a change; return its number within the step."""
        number = len(self._numbers) // 4
        self._numbers.extend((when, kind, index, value))
        return number

    def take(self) -> NDArray[np.int64]:
        """Return rows ``(time, kind, index, value)`` and start anew."""
        rows = np.array(self._numbers, dtype=np.int64).reshape(-1, 4)
        self._numbers = array("q")
        return rows


class Intervals:
    """Values of many things over time, kept as closed intervals.

    Parameters
    ----------
    initial
        Value of each thing at the start; a negative one stands for a thing that is not there.
    """

    def __init__(self, initial: NDArray[np.int32] | NDArray[np.int8]) -> None:
        self._value: list[int] = initial.tolist()
        self._since = [0 if value >= 0 else _ABSENT for value in self._value]
        self._rows = array("q")

    def open(self, index: int, value: int, now: int) -> None:
        """Begin to keep a thing."""
        self._value[index], self._since[index] = value, now

    def change(self, index: int, value: int, now: int) -> None:
        """Give a thing another value from now on."""
        self.end(index, now)
        self.open(index, value, now)

    def end(self, index: int, now: int) -> None:
        """Cease to keep a thing."""
        since = self._since[index]
        if now > since:
            self._rows.extend((index, self._value[index], since, now))
        self._since[index] = _ABSENT

    def close(self, now: int) -> NDArray[np.int64]:
        """End every open interval; return rows ``(thing, value, start_s, end_s)``, by thing and start."""
        since, value = np.array(self._since), np.array(self._value)
        left = np.flatnonzero((since != _ABSENT) & (since < now))
        last = np.column_stack([left, value[left], since[left], np.full(left.size, now)])
        ended = np.array(self._rows, dtype=np.int64).reshape(-1, 4)
        rows = np.concatenate([ended, last])
        return rows[np.lexsort((rows[:, 2], rows[:, 0]))]
