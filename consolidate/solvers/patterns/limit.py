"""What ends an exact solver: wall time, and its own measure of work where the result has to repeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from consolidate.solvers.patterns.packed import Packed

__all__ = ["Limit", "Within", "anyway"]

#: Does work that can be told a wall limit, and returns ``None`` where the time ended meanwhile.
Within = Callable[[Callable[[float | None], Packed | None]], Packed | None]


class Limit(NamedTuple):
    """Wall seconds, ``None`` for any, and whether a measure of work that repeats ends the solver as well."""

    seconds: float | None = None
    repeats: bool = True


def anyway(work: Callable[[float | None], Packed | None]) -> Packed | None:
    """Do work without a limit of time."""
    return work(None)
