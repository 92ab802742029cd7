"""Work that may wait: it has a time from which it can run, a deadline, a length and a draw."""

from __future__ import annotations

from dataclasses import dataclass

from consolidate.errors import InstanceError, Issue

__all__ = ["Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a batch VM, without interruption, on a host that is on for other reasons.

    Parameters
    ----------
    id
        Unique name.
    cpu_mcores, memory_mib : mcores, MiB
        What it takes while it runs.
    power_mw : mW
        What its host draws more while it runs.
    earliest_s, deadline_s : s
        Time from which it can run, and time by which it has ended, from the start of the replay.
    duration_s : s
        How long it runs.
    """

    id: str
    cpu_mcores: int
    memory_mib: int
    power_mw: int
    earliest_s: int
    deadline_s: int
    duration_s: int

    def __post_init__(self) -> None:
        path = f"jobs[{self.id}]"
        issues = [
            Issue(path=f"{path}.{key}", message=f"needs {least} or more, got {value}")
            for key, value, least in (
                ("cpu_mcores", self.cpu_mcores, 0),
                ("memory_mib", self.memory_mib, 0),
                ("power_mw", self.power_mw, 0),
                ("earliest_s", self.earliest_s, 0),
                ("duration_s", self.duration_s, 1),
            )
            if value < least
        ]
        if not issues and self.deadline_s - self.earliest_s < self.duration_s:
            msg = (
                f"runs for {self.duration_s} s, but has {self.deadline_s - self.earliest_s} s between "
                "its earliest start and its deadline"
            )
            issues.append(Issue(path=f"{path}.deadline_s", message=msg))
        if issues:
            raise InstanceError(issues)

    @property
    def energy_mj(self) -> int:
        """Energy of the whole run, in millijoules."""
        return self.power_mw * self.duration_s
