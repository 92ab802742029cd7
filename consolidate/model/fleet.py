"""Hosts: types, hypervisors, sites, and the fleet made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen
from consolidate.model.power import WattTable
from consolidate.units import w_to_mw

__all__ = ["Default", "Fleet", "HostType", "Hypervisor", "MoveMode", "PowerControl", "Site"]

MoveMode = Literal["live", "saved_state", "restart"]


class PowerControl(IntEnum):
    """What may be done to a host's power."""

    MANAGED = 0
    """May be switched off and woken again."""
    KEEP_ON = 1
    """Must not be switched off (storage, quorum, by order)."""
    NO_WAKE = 2
    """Nothing can wake it remotely: never switched off by a plan, of no use while it is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """A value that was not given and was assumed instead; printed wherever it was used."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor:
    """What runs the guests, what it keeps for itself, and how it can move them.

    Parameters
    ----------
    kind
        ``type1`` (on the metal, with a privileged VM), ``type2`` (on a host OS) or
        ``container_engine``.
    reserved_mcores : mcores
        CPU that guests never get.
    reserved_memory_mib : MiB
        Memory that guests never get.
    per_vm_mcores, per_vm_memory_mib : mcores, MiB
        Overhead of each guest on top of its own need.
    background_mcores : mcores
        Part of the reserved CPU that is in use whenever the host is on; it counts for power.
    moves
        Ways in which a guest can change its host.
    """

    kind: Literal["type1", "type2", "container_engine"] = "type1"
    reserved_mcores: int = 0
    reserved_memory_mib: int = 0
    per_vm_mcores: int = 0
    per_vm_memory_mib: int = 0
    background_mcores: int = 0
    moves: frozenset[MoveMode] = frozenset({"live"})

    def hosts(self, guest: str) -> bool:
        """Say whether a guest of this kind (``vm`` or ``container``) can run here."""
        return (guest == "container") == (self.kind == "container_engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostType:
    """A class of identical hosts.

    Parameters
    ----------
    name
        Name of the type.
    cores
        Physical cores.
    core_speed
        Speed of one core in reference cores; demand in mcores counts reference cores.
    memory_mib : MiB
        Installed memory.
    power
        Watts by utilisation.
    power_source
        Where the curve comes from, for the report.
    off_w : W
        Draw while switched off (management controller).
    boot_s, boot_j : s, J
        Time and energy from power-on until guests can run.
    shutdown_s, shutdown_j : s, J
        Time and energy from the order until the host is off.
    min_on_s, min_off_s : s
        Least time that a host stays on before it is switched off, and off before it is booted.
    max_cycles_per_day
        How often it may be switched off within any 24 hours; 0 = no limit.
    nic_mbit_per_s : Mbit/s
        Network interface that migrations use.
    cpu_allocation_ratio, memory_allocation_ratio
        Allocation that may be promised per unit of usable capacity.
    embodied_kg : kg
        Manufacturing emissions, if known; a memo, never a saving.
    """

    name: str
    cores: int
    memory_mib: int
    power: WattTable
    power_source: str = "given"
    core_speed: float = 1.0
    off_w: float = 12.0
    boot_s: int = 300
    boot_j: float = 0.0
    shutdown_s: int = 60
    shutdown_j: float = 0.0
    nic_mbit_per_s: float = 10_000.0
    cpu_allocation_ratio: float = 4.0
    memory_allocation_ratio: float = 1.0
    hypervisor: Hypervisor = field(default_factory=Hypervisor)
    embodied_kg: float | None = None
    min_on_s: int = 0
    min_off_s: int = 0
    max_cycles_per_day: int = 0

    def __post_init__(self) -> None:
        issues = [
            Issue(path=f"host_types[{self.name}].{key}", message=f"needs more than 0, got {value}")
            for key, value in (
                ("cores", self.cores),
                ("memory_mib", self.memory_mib),
                ("core_speed", self.core_speed),
                ("nic_mbit_per_s", self.nic_mbit_per_s),
                ("cpu_allocation_ratio", self.cpu_allocation_ratio),
                ("memory_allocation_ratio", self.memory_allocation_ratio),
            )
            if not value > 0
        ]
        issues += [
            Issue(path=f"host_types[{self.name}].{key}", message=f"needs 0 or more, got {value}")
            for key, value in (
                ("off_w", self.off_w),
                ("boot_s", self.boot_s),
                ("boot_j", self.boot_j),
                ("shutdown_s", self.shutdown_s),
                ("shutdown_j", self.shutdown_j),
                ("min_on_s", self.min_on_s),
                ("min_off_s", self.min_off_s),
                ("max_cycles_per_day", self.max_cycles_per_day),
            )
            if not value >= 0
        ]
        issues += [
            Issue(
                path=f"host_types[{self.name}].{key}_j",
                message=f"needs {key}_s > 0 to spend {energy_j} J",
            )
            for key, time_s, energy_j in (
                ("boot", self.boot_s, self.boot_j),
                ("shutdown", self.shutdown_s, self.shutdown_j),
            )
            if energy_j > 0 and time_s == 0
        ]
        if self.hypervisor.background_mcores > self.hypervisor.reserved_mcores:
            msg = (
                f"needs at most what is reserved ({self.hypervisor.reserved_mcores} mcores), "
                f"got {self.hypervisor.background_mcores}"
            )
            path = f"host_types[{self.name}].hypervisor.background_mcores"
            issues.append(Issue(path=path, message=msg))
        whole = math.isfinite(self.cores) and math.isfinite(self.core_speed)
        for key, usable in (
            ("reserved_mcores", self.usable_mcores if whole else 0),
            ("reserved_memory_mib", self.usable_memory_mib),
        ):
            if not usable > 0:
                msg = "the hypervisor keeps the whole host"
                issues.append(Issue(path=f"host_types[{self.name}].hypervisor.{key}", message=msg))
        if issues:
            raise InstanceError(issues)

    @property
    def off_mw(self) -> int:
        """Draw while off, in whole mW."""
        return w_to_mw(self.off_w)

    @property
    def boot_mw(self) -> int:
        """Mean power during a boot, in whole mW."""
        return round(self.boot_j * 1_000 / self.boot_s) if self.boot_s else 0

    @property
    def shutdown_mw(self) -> int:
        """Mean power during a shutdown, in whole mW."""
        return round(self.shutdown_j * 1_000 / self.shutdown_s) if self.shutdown_s else 0

    @property
    def break_even_off_s(self) -> float:
        """Shortest off time that saves energy, transitions included; infinite if none does."""
        gain_mw = self.power.points_mw[0] - self.off_mw
        if gain_mw <= 0:
            return math.inf
        spent_mj = self.shutdown_s * (self.shutdown_mw - self.off_mw)
        spent_mj += self.boot_s * (self.boot_mw - self.off_mw)
        return max(0.0, spent_mj / gain_mw)

    @property
    def cpu_mcores(self) -> int:
        """CPU of the whole host in reference mcores, rounded down."""
        return int(self.cores * self.core_speed * 1_000 + 1e-6)

    @property
    def core_mcores(self) -> int:
        """Most CPU that one virtual CPU can get here, in reference mcores."""
        return int(self.core_speed * 1_000 + 1e-6)

    @property
    def usable_mcores(self) -> int:
        """CPU left for guests, in mcores."""
        return self.cpu_mcores - self.hypervisor.reserved_mcores

    @property
    def usable_memory_mib(self) -> int:
        """Memory left for guests, in MiB."""
        return self.memory_mib - self.hypervisor.reserved_memory_mib


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A data centre.

    Parameters
    ----------
    name
        Name of the site.
    zone
        Grid zone that feeds it.
    pue
        Facility energy per IT energy; at least 1.
    tags
        Words that rules may ask for, such as a country or a jurisdiction.
    latency_ms : ms
        Round trip to groups of users, as pairs of their name and the time.
    """

    name: str = "site"
    zone: str = ""
    pue: float = 1.0
    tags: tuple[str, ...] = ()
    latency_ms: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not 1.0 <= self.pue <= 3.0:
            msg = f"needs a value between 1 and 3, got {self.pue}"
            raise InstanceError([Issue(path=f"sites[{self.name}].pue", message=msg)])
        for users, value in self.latency_ms:
            if not (math.isfinite(value) and value >= 0):
                path = f"sites[{self.name}].latency_ms.{users}"
                raise InstanceError([Issue(path=path, message=f"needs 0 ms or more, got {value}")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Hosts, in struct-of-arrays form; the index of a host is its identity in every array.

    Parameters
    ----------
    host_ids
        Unique names.
    host_type, host_site
        Index into ``types`` and ``sites``, shape ``(hosts,)``.
    types, sites
        The host types and sites.
    power_control
        :class:`PowerControl` of each host.
    maintenance
        Whether a host takes no further VM; its residents may leave or stay, its power is not touched.
    powered_on
        Whether a host is on at the start.
    defaults
        What was assumed while the fleet was read.
    source
        Where the fleet comes from.
    """

    host_ids: tuple[str, ...]
    host_type: NDArray[np.int32]
    types: tuple[HostType, ...]
    sites: tuple[Site, ...] = (Site(),)
    # None stands for "all at site 0", "all managed", "none in maintenance", "all on"; arrays then.
    host_site: NDArray[np.int32] = None  # type: ignore[assignment]
    power_control: NDArray[np.int8] = None  # type: ignore[assignment]
    maintenance: NDArray[np.bool_] = None  # type: ignore[assignment]
    powered_on: NDArray[np.bool_] = None  # type: ignore[assignment]
    defaults: tuple[Default, ...] = ()
    source: str = "given"

    def __post_init__(self) -> None:
        n = len(self.host_ids)
        filled = {
            "host_type": (self.host_type, np.int32),
            "host_site": (_or(self.host_site, n, 0), np.int32),
            "power_control": (_or(self.power_control, n, 0), np.int8),
            "maintenance": (_or(self.maintenance, n, 0), np.bool_),
            "powered_on": (_or(self.powered_on, n, 1), np.bool_),
        }
        issues = []
        for name, (values, dtype) in filled.items():
            array = frozen(np.asarray(values), dtype, ndim=1)
            object.__setattr__(self, name, array)
            if array.shape != (n,):
                msg = f"needs {n} values, got {array.shape[0]}"
                issues.append(Issue(path=f"fleet.{name}", message=msg))
        if n == 0:
            issues.append(Issue(path="fleet.host_ids", message="needs at least one host"))
        if len(set(self.host_ids)) != n:
            seen: set[str] = set()
            twice = next(h for h in self.host_ids if h in seen or seen.add(h))  # type: ignore[func-returns-value]
            issues.append(Issue(path=f"hosts[{twice}]", message="the name is used twice"))
        for name, limit in (
            ("host_type", len(self.types)),
            ("host_site", len(self.sites)),
            ("power_control", len(PowerControl)),
        ):
            array = getattr(self, name)
            if array.size and not (array.min() >= 0 and array.max() < limit):
                msg = f"needs values from 0 to {limit - 1}"
                issues.append(Issue(path=f"fleet.{name}", message=msg))
        if issues:
            raise InstanceError(issues)

    @property
    def n_hosts(self) -> int:
        """Number of hosts."""
        return len(self.host_ids)

    def per_host(self, attribute: str, dtype: type = np.int64) -> NDArray[Any]:
        """Return an attribute of each host's type, shape ``(hosts,)``."""
        by_type: NDArray[Any] = np.array([getattr(t, attribute) for t in self.types], dtype=dtype)
        return by_type[self.host_type]

    def may_switch_off(self) -> NDArray[np.bool_]:
        """Say of each host whether a plan may switch it off."""
        managed = self.power_control == PowerControl.MANAGED
        may: NDArray[np.bool_] = managed & ~self.maintenance & self.powered_on
        return may

    def may_receive(self) -> NDArray[np.bool_]:
        """Say of each host whether a VM may be moved to it (booting it first, if it is off)."""
        can_run = self.powered_on | (self.power_control != PowerControl.NO_WAKE)
        may: NDArray[np.bool_] = can_run & ~self.maintenance
        return may


def _or(values: NDArray[Any] | None, n: int, default: int) -> NDArray[Any]:
    return np.full(n, default) if values is None else values
