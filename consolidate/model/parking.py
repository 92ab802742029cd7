"""Writing idle VMs to storage: the policy, and what each saving and restoring comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from consolidate.errors import InstanceError, Issue
from consolidate.model.fleet import HostType

__all__ = ["Parking"]

#: An off period that is worth having, in break-even times and in seconds, as for plans.
_BREAK_EVENS, _LEAST_OFF_S = 4, 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """When idle VMs are written to storage, and how long that takes.

    A VM is idle in a step in which it asks for no more CPU than the threshold. One that has been idle
    for long enough is stopped and written to storage; its host then has its memory for others. The first
    demand above the threshold wakes it.

    Parameters
    ----------
    vms
        Indices of the VMs that may be parked; ``None`` for all.
    threshold_fraction
        Share of its CPU allocation up to which a VM is idle.
    after_s : s
        How long it has to be idle first; rounded up to whole steps.
    rule
        ``break-even``: only where, by the idle times seen so far, what is still to come frees a host
        for long enough to be switched off with a gain (see :meth:`worth_s`); ``always``; or ``asked``:
        only when a plan says so.
    write_mib_per_s, read_mib_per_s : MiB/s
        Throughput of the storage for one VM.
    state_mib, disk_delta_mib : MiB
        What is written besides the memory in use: registers and devices, and changed blocks of disks.
    setup_s : s
        Fixed time of each saving and each restoring.
    overhead_mcores : mcores
        CPU that saving or restoring takes on the host.
    switch_off
        Whether a managed host that a saving has left empty is switched off at the next step.
    """

    vms: tuple[int, ...] | None = None
    threshold_fraction: float = 0.01
    after_s: int = 3_600
    rule: Literal["break-even", "always", "asked"] = "break-even"
    write_mib_per_s: float = 500.0
    read_mib_per_s: float = 500.0
    state_mib: int = 16
    disk_delta_mib: int = 64
    setup_s: int = 1
    overhead_mcores: int = 420
    switch_off: bool = True

    def __post_init__(self) -> None:
        least = {
            "after_s": 1, "state_mib": 0, "disk_delta_mib": 0, "setup_s": 0, "overhead_mcores": 0,
        }  # fmt: skip
        issues = [
            Issue(path=f"parking.{key}", message=f"needs {low} or more, got {getattr(self, key)}")
            for key, low in least.items()
            if not getattr(self, key) >= low
        ]
        if not 0 <= self.threshold_fraction < 1:
            msg = f"needs 0 or more and less than 1, got {self.threshold_fraction}"
            issues.append(Issue(path="parking.threshold_fraction", message=msg))
        issues += [
            Issue(path=f"parking.{key}", message=f"needs more than 0, got {getattr(self, key)}")
            for key in ("write_mib_per_s", "read_mib_per_s")
            if not 0 < getattr(self, key) < math.inf
        ]
        if self.rule not in ("break-even", "always", "asked"):
            msg = f"needs break-even, always or asked, got {self.rule!r}"
            issues.append(Issue(path="parking.rule", message=msg))
        if issues:
            raise InstanceError(issues)

    def threshold_mcores(self, cpu_mcores: int) -> int:
        """Return up to which demand a VM with this allocation is idle, rounded down."""
        return int(self.threshold_fraction * cpu_mcores + 1e-9)

    def image_mib(self, memory_mib: int) -> int:
        """Return what a VM that uses so much memory takes in storage."""
        return memory_mib + self.state_mib + self.disk_delta_mib

    def save_s(self, image_mib: int) -> int:
        """Return how long writing takes, in whole seconds, 1 at least."""
        return max(1, math.ceil(image_mib / self.write_mib_per_s) + self.setup_s)

    def restore_s(self, image_mib: int) -> int:
        """Return how long reading takes, in whole seconds, 1 at least."""
        return max(1, math.ceil(image_mib / self.read_mib_per_s) + self.setup_s)

    def worth_s(self, memory_mib: int, kind: HostType) -> int | None:
        """Return how long a VM has to stay away for parking it to pay; ``None`` if it never does.

        The longest of: the time for which a host has to be off to gain by it, four break-even times
        and an hour at least, as for plans; and the time in which the VM's share of the host's memory, at
        the host's idle power less its power when off, is worth the energy of saving and restoring.

        Parameters
        ----------
        memory_mib : MiB
            Memory allocation of the VM.
        kind
            Type of its host.
        """
        idle_mw, full_mw = kind.power.hosting_idle_mw, kind.power.points_mw[-1]
        gain_mw = idle_mw - kind.off_mw
        if gain_mw <= 0 or memory_mib <= 0 or kind.break_even_off_s == math.inf:
            return None
        image = self.image_mib(memory_mib)
        busy_s = self.save_s(image) + self.restore_s(image)
        spent = self.overhead_mcores * (full_mw - idle_mw) * busy_s * kind.usable_memory_mib
        repaid_s = -(-spent // (kind.cpu_mcores * memory_mib * gain_mw))
        return max(_LEAST_OFF_S, math.ceil(_BREAK_EVENS * kind.break_even_off_s), repaid_s)
