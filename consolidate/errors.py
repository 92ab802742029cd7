"""Exceptions that the package raises, as one tree.

::

    ConsolidateError
    |-- InputError (ValueError)
    |   |-- TraceError        file, line, column
    |   |-- InstanceError     every issue at once
    |   |-- ConfigError       dotted path of the key
    |   `-- UnknownNameError  known names, nearest one
    |-- SolveError
    |   |-- InfeasibleError   blocking VMs and hosts
    |   |-- SolverFailedError backend, status, tail of its log
    |   `-- UnsupportedError  feature, who has it
    |-- PlanError
    |   `-- DeadlockError     VMs of the cycle, helper space needed
    |-- ReplayError
    |   `-- HorizonError      asked and covered window
    |-- CheckError            violations found by the independent checks
    |-- MissingExtraError (ImportError)
    `-- InternalError         an invariant of ours broke

A message says what was found, with value and unit, which limit it broke, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "CheckError",
    "ConfigError",
    "ConsolidateError",
    "DeadlockError",
    "HorizonError",
    "InfeasibleError",
    "InputError",
    "InstanceError",
    "InternalError",
    "Issue",
    "MissingExtraError",
    "PlanError",
    "ReplayError",
    "SolveError",
    "SolverFailedError",
    "TraceError",
    "UnknownNameError",
    "UnsupportedError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One problem found in an input, with the dotted path of its place."""

    path: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConsolidateError(Exception):
    """Root of every error that the package raises on purpose."""

    exit_code = 1


class InputError(ConsolidateError, ValueError):
    """What was given cannot be used as it is."""

    exit_code = 2


class TraceError(InputError):
    """A trace or table file is wrong at a place that can be named.

    Parameters
    ----------
    message
        What was found, the limit, and what to do next.
    file
        Name of the file as the user gave it.
    line
        Line number, counted from 1; ``None`` when the whole file is meant.
    column
        Name (or number, counted from 1) of the column.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str,
        line: int | None = None,
        column: str | int | None = None,
    ) -> None:
        self.file, self.line, self.column = file, line, column
        place = file
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {message}")


class InstanceError(InputError):
    """An instance, fleet or trace breaks its own invariants; lists all issues at once."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = tuple(issues)
        shown = [str(issue) for issue in self.issues[:20]]
        if len(self.issues) > len(shown):
            shown.append(f"... and {len(self.issues) - len(shown)} more")
        super().__init__("\n".join(shown))


class ConfigError(InputError):
    """A configuration value is wrong; ``path`` is the dotted path of its key."""

    def __init__(self, message: str, *, path: str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}")


class UnknownNameError(InputError):
    """A name is not in a registry; carries the known names and the nearest one."""

    def __init__(self, kind: str, name: str, *, known: Sequence[str], nearest: str | None) -> None:
        self.kind, self.name, self.known, self.nearest = kind, name, tuple(known), nearest
        hint = f"; did you mean {nearest!r}?" if nearest else "."
        super().__init__(f"no {kind} named {name!r}{hint} Known: {', '.join(known) or 'none'}")


class SolveError(ConsolidateError):
    """No placement could be returned."""


class InfeasibleError(SolveError):
    """No placement satisfies capacity and rules; names what blocks it."""

    exit_code = 3

    def __init__(self, message: str, *, vms: Sequence[str] = (), hosts: Sequence[str] = ()) -> None:
        self.vms, self.hosts = tuple(vms), tuple(hosts)
        super().__init__(message)


class SolverFailedError(SolveError):
    """A backend ended without an answer that can be used."""

    exit_code = 3

    def __init__(self, backend: str, status: str, *, log_tail: str = "") -> None:
        self.backend, self.status, self.log_tail = backend, status, log_tail
        super().__init__(f"{backend} ended with status {status}. {log_tail}".rstrip())


class UnsupportedError(SolveError):
    """A solver was asked for a feature that it does not have."""

    exit_code = 2

    def __init__(self, feature: str, *, who: str, supported_by: Sequence[str]) -> None:
        self.feature, self.who, self.supported_by = feature, who, tuple(supported_by)
        others = ", ".join(supported_by) or "no solver yet"
        super().__init__(f"{who} does not support {feature}; supported by: {others}")


class PlanError(ConsolidateError):
    """No executable plan could be made."""

    exit_code = 3


class DeadlockError(PlanError):
    """Moves block each other and no spare host can break the cycle.

    Parameters
    ----------
    vms
        Ids of the VMs that wait for each other.
    helper_space
        Smallest free capacity per resource, on one further host, that would break the cycle.
    storage_helps
        Whether leaving VMs in storage would, if that were allowed.
    """

    def __init__(
        self, vms: Sequence[str], *, helper_space: dict[str, int], storage_helps: bool = False
    ) -> None:
        self.vms, self.helper_space = tuple(vms), dict(helper_space)
        self.storage_helps = storage_helps
        space = ", ".join(f"{value} {name}" for name, value in helper_space.items())
        shown = ", ".join(self.vms[:10]) + (" ..." if len(self.vms) > 10 else "")
        super().__init__(
            f"{len(self.vms)} moves block each other ({shown}); "
            f"a spare host with {space} free would break the cycle"
            + (
                "; so would leaving VMs in storage for a while, which moves.downtime_j_per_s allows"
                if storage_helps
                else ""
            )
        )


class ReplayError(ConsolidateError):
    """A trace could not be replayed."""

    exit_code = 2


class HorizonError(ReplayError):
    """A value was asked for outside the time that its source covers."""

    def __init__(self, message: str, *, asked: str, covered: str) -> None:
        self.asked, self.covered = asked, covered
        super().__init__(f"{message}: asked {asked}, covered {covered}")


class CheckError(ConsolidateError):
    """The independent checks refused a result."""

    exit_code = 4


class MissingExtraError(ConsolidateError, ImportError):
    """An optional dependency is absent; the message is the command that installs it."""

    exit_code = 2


class InternalError(ConsolidateError):
    """An invariant of ours broke: a bug, never the user's fault."""
