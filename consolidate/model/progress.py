"""How long work tells where it stands."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called from time to time while something long runs."""

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        """Take note that ``done`` of ``total`` units of ``stage`` are over; a total of 0 is unknown."""
        ...


def silent(stage: str, done: int = 0, total: int = 0) -> None:
    """Take no note."""
