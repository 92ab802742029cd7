"""Wall time of one solve, and the answers it gave, so that what it cut short can be cut there again.

A search asks its clock now and then whether the time is over. The number of the question that was answered
yes says all: a clock that is told it gives the same answers on any machine. Parts of a search that have
deadlines of their own ask clocks of their own, whose answers are kept beside.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from consolidate.errors import ConfigError

__all__ = ["Answers", "Clock"]

T = TypeVar("T")

_TRIFLE_S = 0.05
_TOKEN = re.compile(r"\d+|[\[\],]")


class Answers(NamedTuple):
    """What a clock answered: the number of the question at which time was over, 0 for never, and its parts.

    As text ``12``, or ``12[0,3]`` with the parts in brackets in the order in which they were started.
    """

    over_at: int = 0
    parts: tuple[Answers, ...] = ()

    def __str__(self) -> str:
        inner = ",".join(str(part) for part in self.parts)
        return f"{self.over_at}[{inner}]" if inner else str(self.over_at)

    @classmethod
    def parse(cls, text: str) -> Answers:
        """Read the text form.

        Raises
        ------
        ConfigError
            When the text has another form.
        """
        tokens = _TOKEN.findall(text)
        found = cls._read(tokens) if "".join(tokens) == text else None
        if found is None or tokens:
            msg = f"needs a form like 12 or 12[0,3], got {text!r}"
            raise ConfigError(msg, path="budget.repeat")
        return found

    @classmethod
    def _read(cls, tokens: list[str]) -> Answers | None:
        """Take one clock's answers off the front."""
        if not tokens or not tokens[0].isdigit():
            return None
        over_at, parts = int(tokens.pop(0)), []
        if tokens and tokens[0] == "[":
            while tokens and tokens[0] in "[,":
                tokens.pop(0)
                part = cls._read(tokens)
                if part is None:
                    return None
                parts.append(part)
            if not tokens or tokens.pop(0) != "]":
                return None
        return cls(over_at, tuple(parts))


class Clock:
    """Says whether a solve's time is over.

    Parameters
    ----------
    limit_s : s
        Wall time from now on; ``None`` for no limit.
    repeat
        Answers of an earlier clock, to be given again instead of looking at the time.
    """

    __slots__ = ("_asked", "_over_at", "_parts", "_repeat", "limit_s", "started")

    def __init__(self, limit_s: float | None = None, *, repeat: Answers | None = None) -> None:
        self.limit_s = limit_s
        self.started = time.monotonic()
        self._repeat = repeat
        self._asked = 0
        self._over_at = 0
        self._parts: list[Clock] = []

    def elapsed_s(self) -> float:
        """Return wall seconds since the start."""
        return time.monotonic() - self.started

    def is_over(self) -> bool:
        """Ask whether the time is over; once it is, it stays so, and the question is not counted."""
        if self._over_at:
            return True
        self._asked += 1
        if self._repeat is not None:
            over = self._asked == self._repeat.over_at
        else:
            over = self.limit_s is not None and self.elapsed_s() >= self.limit_s
        if over:
            self._over_at = self._asked
        return over

    def end(self) -> None:
        """Let the time be over from the next question on."""
        self.limit_s = 0.0

    def part(self, share: float) -> Clock:
        """Return a clock for the next part of the work, which may take this share of the time left."""
        limit_s = self.remaining_s()
        repeat = None
        if self._repeat is not None:
            earlier = self._repeat.parts
            repeat = earlier[len(self._parts)] if len(self._parts) < len(earlier) else Answers()
        clock = Clock(None if limit_s is None else share * max(0.0, limit_s), repeat=repeat)
        self._parts.append(clock)
        return clock

    def within(self, work: Callable[[float | None], T]) -> T | None:
        """Do work that can be told a wall limit; ``None`` where the time ended meanwhile.

        What a solver has found when its time ends depends on the machine, so nothing is made of it.
        """
        next_is_over = self._repeat is not None and self._repeat.over_at == self._asked + 1
        if self._over_at or next_is_over:
            self.is_over()
            return None
        found = work(self.remaining_s())
        return None if self.is_over() else found

    def answers(self) -> Answers:
        """Return the answers so far."""
        parts = [part.answers() for part in self._parts]
        while parts and parts[-1] == Answers():
            parts.pop()
        return Answers(self._over_at, tuple(parts))

    def remaining_s(self) -> float | None:
        """Return the wall time that a solver may take, ``None`` for any.

        It is a trifle more than what is left, so that time is over for this clock when it is for the solver.
        """
        return None if self.limit_s is None else max(0.0, self.limit_s - self.elapsed_s()) + _TRIFLE_S
