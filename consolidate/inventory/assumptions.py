"""What a fleet is assumed to be where its description is silent.

Every value here is overridable and every use is recorded as a :class:`~consolidate.model.Default`, to be
printed with the results. ``docs/reference/fleet-file.md`` repeats the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from consolidate.model import Default
from consolidate.model.fleet import MoveMode

__all__ = [
    "HYPERVISORS",
    "Assumptions",
    "HypervisorDefaults",
    "HypervisorKind",
]

T = TypeVar("T")

OFF_W = 12.0
BOOT_S = 300
BOOT_UTILIZATION = 0.4
SHUTDOWN_S = 60
SHUTDOWN_UTILIZATION = 0.1
NIC_MBIT_PER_S = 10_000.0
CPU_ALLOCATION_RATIO = 4.0
MEMORY_ALLOCATION_RATIO = 1.0
PUE = 1.0


HypervisorKind = Literal["type1", "type2", "container_engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorDefaults:
    """What a kind of hypervisor keeps, unless its description says otherwise.

    Parameters
    ----------
    reserved_share, reserved_least_cores
        CPU kept for itself: this share of the cores, but at least so many cores.
    reserved_memory_mib : MiB
        Memory kept for itself, at most a quarter of the host's.
    per_vm_memory_mib : MiB
        Memory that each guest takes on top of its own.
    background_share
        Share of the cores that it keeps busy whenever the host is on.
    moves
        Ways in which a guest can change its host.
    basis
        Where these values come from.
    """

    reserved_share: float
    reserved_least_cores: float
    reserved_memory_mib: int
    per_vm_memory_mib: int
    background_share: float
    moves: frozenset[MoveMode]
    basis: str


HYPERVISORS: dict[HypervisorKind, HypervisorDefaults] = {
    "type1": HypervisorDefaults(
        reserved_share=0.025,
        reserved_least_cores=0.25,
        reserved_memory_mib=4_096,
        per_vm_memory_mib=128,
        background_share=0.01,
        moves=frozenset({"live", "saved_state"}),
        basis="engineering judgement for a hypervisor on the metal: 1 to 4 cores and 1 to 8 GiB of its "
        "own on large hosts, 25 to 200 MiB for each VM, 1 to 3 % of the CPU busy",
    ),
    "type2": HypervisorDefaults(
        reserved_share=0.10,
        reserved_least_cores=0.5,
        reserved_memory_mib=6_144,
        per_vm_memory_mib=256,
        background_share=0.05,
        moves=frozenset({"saved_state"}),
        basis="engineering judgement for a hypervisor on a general host OS: 5 to 15 % of the CPU and "
        "2 to 8 GiB",
    ),
    "container_engine": HypervisorDefaults(
        reserved_share=0.025,
        reserved_least_cores=0.25,
        reserved_memory_mib=2_048,
        per_vm_memory_mib=0,
        background_share=0.01,
        moves=frozenset({"restart"}),
        basis="engineering judgement for one shared kernel: next to nothing for each container, and no "
        "live migration",
    ),
}


@dataclass(slots=True)
class Assumptions:
    """Collects the defaults that were used, in the order of use."""

    entries: list[Default] = field(default_factory=list)

    def take(self, key: str, given: T | None, default: T, *, source: str) -> T:
        """Return what was given, or else the default, which is recorded."""
        if given is not None:
            return given
        self.entries.append(Default(key=key, value=_text(default), source=source))
        return default


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{round(value, 3):.12g}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(sorted(map(str, value)))
    return str(value)
