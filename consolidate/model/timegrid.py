"""Regular time steps in UTC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import HorizonError, InstanceError, Issue

__all__ = ["TimeGrid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeGrid:
    """Half-open steps ``[start + k * step_s, start + (k + 1) * step_s)``.

    Parameters
    ----------
    start
        Start of the first step, UTC, whole seconds.
    step_s : s
        Length of a step.
    n_steps
        Number of steps.
    """

    start: np.datetime64
    step_s: int
    n_steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", np.asarray(self.start, dtype="datetime64[s]")[()])
        issues = []
        if np.isnat(self.start):
            issues.append(Issue(path="grid.start", message="needs an instant, got none"))
        if self.step_s <= 0:
            issues.append(Issue(path="grid.step_s", message=f"needs at least 1 s, got {self.step_s}"))
        if self.n_steps <= 0:
            issues.append(
                Issue(path="grid.n_steps", message=f"needs at least 1 step, got {self.n_steps}")
            )
        if issues:
            raise InstanceError(issues)

    @property
    def duration_s(self) -> int:
        """Length of all steps together, in seconds."""
        return self.step_s * self.n_steps

    @property
    def stop(self) -> np.datetime64:
        """End of the last step (exclusive)."""
        return self.start + np.timedelta64(self.duration_s, "s")

    def times(self) -> NDArray[np.datetime64]:
        """Return the start of each step, shape ``(n_steps,)``."""
        return self.start + np.arange(self.n_steps, dtype=np.int64) * np.timedelta64(self.step_s, "s")

    def window(self, first: int, stop: int) -> TimeGrid:
        """Return the steps ``first`` to ``stop`` (exclusive).

        Raises
        ------
        HorizonError
            When they are not all inside this grid.
        """
        if not 0 <= first < stop <= self.n_steps:
            msg = "steps outside the grid"
            raise HorizonError(msg, asked=f"[{first}, {stop})", covered=f"[0, {self.n_steps})")
        start = self.start + np.timedelta64(first * self.step_s, "s")
        return TimeGrid(start=start, step_s=self.step_s, n_steps=stop - first)

    def starting(self, start: np.datetime64) -> TimeGrid:
        """Return the same steps, starting at another instant."""
        return TimeGrid(start=start, step_s=self.step_s, n_steps=self.n_steps)

    def __str__(self) -> str:
        return f"{self.n_steps} x {self.step_s} s from {self.start}Z to {self.stop}Z"
