"""What a peer is: a foreign way to place VMs, judged by our objective and our checks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

import consolidate as cs

__all__ = ["MEMORY_LIMIT_MIB", "Peer", "Placing", "Stopwatch", "not_plain", "not_two_resources"]

#: A peer that takes more memory than this is stopped.
MEMORY_LIMIT_MIB = 8_192.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """What a peer answered.

    Parameters
    ----------
    host_of
        Host of each VM, or ``None`` when it gave no placement; shape ``(vms,)``.
    wall_s, cpu_s : s
        Time of the decision: model building and search, without start, imports and reading.
    peak_mib : MiB
        Largest memory of the program that decided; ``None`` for the calling process.
    bound_mj : mJ
        Lower bound on our objective that the peer claims.
    note
        What it says of itself, or why there is no placement.
    """

    host_of: NDArray[np.int32] | None
    wall_s: float
    cpu_s: float
    peak_mib: float | None = None
    bound_mj: int | None = None
    note: str = ""


@runtime_checkable
class Peer(Protocol):
    """A foreign placer. The fields of the dataclass are its parameters."""

    name: ClassVar[str]
    licence: ClassVar[str]
    decided_in: ClassVar[str]
    """Language of the code that decides."""
    minimises: ClassVar[str]
    """Its own objective."""
    translated: ClassVar[str]
    """How an instance becomes its input."""
    lost: ClassVar[str]
    """What its input cannot say."""
    install: ClassVar[str]
    """Command that installs it."""
    seeded: ClassVar[bool]
    """Whether the seed reaches it; otherwise one run per snapshot says all."""

    def version(self) -> str:
        """Return its version, or that of the solver underneath."""
        ...

    def available(self) -> str | None:
        """Return why it cannot run here, or ``None``."""
        ...

    def refuses(self, instance: cs.Instance) -> str | None:
        """Return why it cannot take this instance, or ``None``."""
        ...

    def place(self, instance: cs.Instance, *, seed: int, limit_s: float) -> Placing:
        """Place every VM within a time limit."""
        ...


@dataclass(slots=True)
class Stopwatch:
    """Wall and CPU seconds of this process since it was made."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def wall_s(self) -> float:
        """Return the wall seconds so far."""
        return time.perf_counter() - self.wall

    def cpu_s(self) -> float:
        """Return the CPU seconds so far."""
        return time.process_time() - self.cpu


def not_plain(instance: cs.Instance) -> str | None:
    """Return what keeps an instance from being the plain problem that every peer can be told of.

    Plain means: no rules, every VM is there and can move, every host is on and may be switched off, and
    a host takes nothing for itself per VM.
    """
    fleet = instance.fleet
    for fault, reason in (
        (bool(instance.rules), "has rules"),
        (not instance.active.all(), "has VMs that do not exist"),
        (bool((instance.current.host_of < 0).any()), "has VMs that are on no host"),
        (not instance.movable.all(), "has VMs that cannot move"),
        (not instance.may_switch_off().all(), "has hosts that stay on or are off"),
        (not fleet.may_receive().all(), "has hosts that take no VMs"),
        (bool(instance.vm_overhead.any()), "has hosts with an overhead per VM"),
        (any(t.hypervisor.per_vm_mcores for t in fleet.types), "has hosts with a load per VM"),
    ):
        if fault:
            return f"the instance {reason}"
    return None


def not_two_resources(instance: cs.Instance) -> str | None:
    """Return why a peer that knows CPU and memory alone cannot take an instance."""
    n = len(instance.resources)
    return not_plain(instance) or (None if n == 2 else f"{n} resources, it knows CPU and memory")
