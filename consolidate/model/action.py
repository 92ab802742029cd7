"""What a plan does: switch hosts, move VMs, start them, leave them in storage for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from consolidate.model.fleet import MoveMode

__all__ = [
    "Action",
    "Boot",
    "Migration",
    "Park",
    "Restore",
    "Save",
    "Shutdown",
    "Start",
    "Wake",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Switch a host on; guests can arrive from ``end_s`` on.

    Parameters
    ----------
    id
        Unique within the plan.
    host
        Index of the host.
    start_s, end_s : s
        Counted from the start of the plan, whole seconds.
    after
        Ids of the actions that must have ended before.
    """

    id: int
    host: int
    start_s: int
    end_s: int
    after: tuple[int, ...] = ()
    kind: Literal["boot"] = "boot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """Switch an empty host off; it draws its off power from ``end_s`` on. Fields as :class:`Boot`."""

    id: int
    host: int
    start_s: int
    end_s: int
    after: tuple[int, ...] = ()
    kind: Literal["shutdown"] = "shutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start a VM that is on no host; the host holds its memory and its CPU from ``start_s`` on.

    Fields as :class:`Boot`, and ``vm``, the index of the VM; it runs from ``end_s`` on.
    """

    id: int
    vm: int
    host: int
    start_s: int
    end_s: int
    after: tuple[int, ...] = ()
    kind: Literal["start"] = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Move a VM; both hosts hold its memory and its CPU from ``start_s`` to ``end_s``.

    Parameters
    ----------
    id
        Unique within the plan.
    vm, source, target
        Indices.
    mode
        How it is moved.
    start_s, end_s : s
        Counted from the start of the plan, whole seconds.
    downtime_ms : ms
        How long the VM does not run, at the end of the move.
    moved_mib : MiB
        Data sent over the network.
    rate_mib_per_s : MiB/s
        Bandwidth that the move has.
    overhead_mcores : mcores
        CPU that the move takes on each of the two hosts.
    parking
        Whether it is a temporary stop that breaks a cycle.
    after
        Ids of the actions that must have ended before.
    """

    id: int
    vm: int
    source: int
    target: int
    mode: MoveMode
    start_s: int
    end_s: int
    downtime_ms: int
    moved_mib: int
    rate_mib_per_s: float
    overhead_mcores: int
    parking: bool = False
    after: tuple[int, ...] = ()
    kind: Literal["migration"] = "migration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Write a VM to storage, wherever it is; its first demand wakes it.

    Parameters
    ----------
    vm
        Index of the VM.
    start_s : s
        Counted from the start of the plan; the replay says how long it takes.
    """

    vm: int
    start_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Restore a VM from storage before it is asked for. Fields as :class:`Park`."""

    vm: int
    start_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """Stop a VM and write its state to the storage of the host's site, where it stays until it is restored.

    The host holds its memory and its CPU until ``end_s``.

    Parameters
    ----------
    id
        Unique within the plan.
    vm, host
        Indices.
    start_s, end_s : s
        Counted from the start of the plan, whole seconds; the VM does not run from ``start_s`` on.
    image_mib : MiB
        What is written.
    rate_mib_per_s : MiB/s
        Bandwidth that the writing has.
    overhead_mcores : mcores
        CPU that it takes on the host.
    after
        Ids of the actions that must have ended before.
    """

    id: int
    vm: int
    host: int
    start_s: int
    end_s: int
    image_mib: int
    rate_mib_per_s: float
    overhead_mcores: int
    after: tuple[int, ...] = ()
    kind: Literal["save"] = "save"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Read the state of a VM from storage; the host holds its memory and its CPU from ``start_s`` on.

    Fields as :class:`Save`; the VM runs from ``end_s`` on.
    """

    id: int
    vm: int
    host: int
    start_s: int
    end_s: int
    image_mib: int
    rate_mib_per_s: float
    overhead_mcores: int
    after: tuple[int, ...] = ()
    kind: Literal["restore"] = "restore"


Action = Boot | Migration | Restore | Save | Shutdown | Start
