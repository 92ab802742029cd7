"""What a verdict is made of while a run folder is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from consolidate.checks.carbon import Intensity
from consolidate.checks.hashes import file_hashes
from consolidate.checks.loader import Problems
from consolidate.checks.verdict import Verdict, Violation

__all__ = ["IDLE_ARM", "PLANNED_ARM", "Docket"]

#: The arm that executes the plan.
PLANNED_ARM = "consolidated"
#: The arm that does nothing but take in VMs that arrive.
IDLE_ARM = "baseline"

_T = TypeVar("_T")


class Docket:
    """Collects the parts of one verdict.

    Parameters
    ----------
    folder, printed
        The run folder, and the folder of its report.
    name
        What the user calls the run.
    """

    def __init__(self, folder: Path, name: str, printed: Path) -> None:
        self.folder, self.name, self.printed = folder, name, printed
        self.violations: list[Violation] = []
        self.proven: list[str] = []
        self.checked: dict[str, int] = {}
        self.absent: list[str] = []
        self.notes: list[str] = []
        self.bound = ""
        #: Intensities of the run, once they are judged to cover the replay.
        self.intensity: Intensity | None = None
        self._problems = Problems()

    def attempt(self, load: Callable[[], _T]) -> _T | None:
        """Return what a loader gives, or ``None`` and keep the violation."""
        return self._problems.attempt(load)

    def add(self, violations: Sequence[Violation], proven: str) -> bool:
        """Keep violations; where there are none, say what that proves."""
        self.violations += violations
        if not violations:
            self.proven.append(proven)
        return not violations

    def verdict(self) -> Verdict:
        """Return the verdict on everything that was judged."""
        return Verdict(
            run=self.name,
            violations=(*self._problems.violations, *self.violations),
            proven=tuple(self.proven),
            checked=self.checked,
            absent=tuple(self.absent),
            notes=tuple(self.notes),
            bound_verdict=self.bound,
            hashes=file_hashes(self.folder),
        )
