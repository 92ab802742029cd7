"""The hosts of a generated private cloud."""

from __future__ import annotations

import math

import numpy as np

from consolidate.model import (
    Fleet,
    HostType,
    Hypervisor,
    PowerControl,
    Site,
    SpecPower,
    WattTable,
    spec_servers,
)
from consolidate.units import gib_to_mib

__all__ = ["SERVERS", "build_fleet", "mean_usable", "slowest_core_mcores"]

#: Built-in SPECpower server, share of the hosts, memory in GiB.
SERVERS: tuple[tuple[str, float, int], ...] = (
    ("dell-r740-8280", 0.4, 384),
    ("lenovo-sr665-epyc-7763", 0.3, 512),
    ("dell-r730-e5-2699v4", 0.3, 256),
)
LEAST_HOSTS = 6
OFF_W = 12.0
BOOT_S = 300
SHUTDOWN_S = 60
NIC_MBIT_PER_S = 10_000.0
CPU_ALLOCATION_RATIO = 4.0
RESERVED_CORES = 1.0
BACKGROUND_CORES = 0.25
RESERVED_MEMORY_MIB = 4_096
PER_VM_MEMORY_MIB = 128


def slowest_core_mcores() -> int:
    """Return what one core of the slowest host type gives, in mcores."""
    return min(t.core_mcores for t in _types())


def mean_usable() -> tuple[float, float]:
    """Return usable mcores and MiB of the average host."""
    types = _types()
    shares = [share for _, share, _ in SERVERS]
    return (
        sum(share * t.usable_mcores for share, t in zip(shares, types, strict=True)),
        sum(share * t.usable_memory_mib for share, t in zip(shares, types, strict=True)),
    )


def build_fleet(n_hosts: int, *, zone: str, source: str) -> Fleet:
    """Return hosts of three generations, some with limits that a plan has to respect.

    The first host keeps storage and has to stay on, the second cannot be woken remotely, and the last is
    in maintenance.

    Parameters
    ----------
    n_hosts
        Number of hosts, at least 6.
    zone
        Grid zone of the only site.
    source
        What the fleet belongs to.
    """
    ends = np.round(np.cumsum([share for _, share, _ in SERVERS]) * n_hosts).astype(int)
    control = np.full(n_hosts, PowerControl.MANAGED, dtype=np.int8)
    control[0], control[1] = PowerControl.KEEP_ON, PowerControl.NO_WAKE
    maintenance = np.zeros(n_hosts, dtype=np.bool_)
    maintenance[-1] = True
    return Fleet(
        host_ids=tuple(f"host-{h:04d}" for h in range(n_hosts)),
        host_type=np.searchsorted(ends, np.arange(n_hosts), side="right").astype(np.int32),
        types=_types(),
        sites=(Site(name="site", zone=zone, pue=1.0),),
        power_control=control,
        maintenance=maintenance,
        source=source,
    )


def _types() -> tuple[HostType, ...]:
    return tuple(_host_type(name, memory_gib) for name, _, memory_gib in SERVERS)


def _host_type(name: str, memory_gib: int) -> HostType:
    server = spec_servers()[name]
    ghz = server.nominal_ghz
    power = WattTable.sample(SpecPower(server=name))
    return HostType(
        name=name,
        cores=server.cores,
        core_speed=ghz,
        memory_mib=gib_to_mib(memory_gib),
        power=power,
        power_source=server.citation(),
        off_w=OFF_W,
        boot_s=BOOT_S,
        boot_j=power.points_mw[4] / 1_000 * BOOT_S,
        shutdown_s=SHUTDOWN_S,
        shutdown_j=power.points_mw[1] / 1_000 * SHUTDOWN_S,
        nic_mbit_per_s=NIC_MBIT_PER_S,
        cpu_allocation_ratio=CPU_ALLOCATION_RATIO,
        memory_allocation_ratio=1.0,
        hypervisor=Hypervisor(
            kind="type1",
            reserved_mcores=math.ceil(RESERVED_CORES * ghz * 1_000 - 1e-6),
            reserved_memory_mib=RESERVED_MEMORY_MIB,
            per_vm_memory_mib=PER_VM_MEMORY_MIB,
            background_mcores=math.ceil(BACKGROUND_CORES * ghz * 1_000 - 1e-6),
            moves=frozenset({"live", "saved_state"}),
        ),
    )
