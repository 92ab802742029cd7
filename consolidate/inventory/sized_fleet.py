"""A homogeneous fleet, sized for a trace that comes without one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, InfeasibleError, Issue
from consolidate.inventory.assumptions import PUE, Assumptions, HypervisorKind
from consolidate.inventory.host_type import build_host_type
from consolidate.inventory.toml_tables import refuse
from consolidate.model import Default, Fleet, HostType, Site, SpecPower, Trace, spec_servers
from consolidate.units import MCORES_PER_CORE, MIB_PER_GIB, gib_to_mib

__all__ = ["sized_fleet"]

MEMORY_GIB = 384
#: Sized demand fills a host to this part of its usable CPU at most, so a VM has to fit into it.
CPU_LIMIT_FRACTION = 0.9
MIN_HOSTS = 2
#: VMs whose existence is summed at a time: bounds the memory that the sums take.
BLOCK = 1_024


def sized_fleet(
    trace: Trace,
    *,
    server: str = "dell-r740-8280",
    fill_fraction: float = 0.4,
    zone: str = "DE",
    memory_gib: float | None = None,
) -> Fleet:
    """Return identical hosts, just enough of them for the trace at a stated fill.

    Allocation (against the allocation ratio) and demand of memory and CPU, each total at its peak over
    the trace and with the overhead of each VM, fill at most ``fill_fraction`` of the fleet. Containers
    and VMs get hosts of their own.

    Parameters
    ----------
    trace
        The trace.
    server
        Name of a built-in SPECpower server, see :func:`consolidate.model.spec_servers`.
    fill_fraction
        Most that any of the four fills, above 0 and at most 1.
    zone
        Grid zone of the only site.
    memory_gib : GiB
        Memory of a host. Default 384, doubled until the largest VM fits twice.

    Raises
    ------
    ConfigError
        When ``fill_fraction`` or ``memory_gib`` is out of range.
    InfeasibleError
        When a VM does not fit on an empty host.
    UnknownNameError
        When there is no such server.
    """
    if not 0 < fill_fraction <= 1:
        msg = f"needs a value above 0 and at most 1, got {fill_fraction}"
        raise ConfigError(msg, path="sized_fleet.fill_fraction")
    SpecPower(server=server)  # raises for an unknown name
    notes = Assumptions()
    types, counts = [], []
    kinds: tuple[tuple[HypervisorKind, bool], ...] = (("type1", False), ("container_engine", True))
    for kind, containers in kinds:
        guests = trace.vms.is_container == containers
        if not guests.any():
            continue
        memory_mib = _memory_mib(trace, guests, memory_gib)
        host_type = _host_type(
            server, kind, memory_mib, notes, core_speed=_faster_cores(trace, server, notes)
        )
        if memory_gib is None:
            notes.entries.append(
                Default(
                    key=f"host_types[{host_type.name}].memory_mib",
                    value=str(memory_mib),
                    source="engineering judgement, and room for two of the largest VM",
                )
            )
        _refuse_giants(trace, guests, host_type)
        types.append(host_type)
        counts.append(_hosts_needed(trace, guests, host_type, fill_fraction))
    n = sum(counts)
    return Fleet(
        host_ids=tuple(f"host-{i:04d}" for i in range(n)),
        host_type=np.repeat(np.arange(len(types)), counts),
        types=tuple(types),
        sites=(Site(name="site", zone=zone, pue=PUE),),
        defaults=(*notes.entries, *_fleet_defaults(n, fill_fraction)),
        source=f"{n} x {server}, sized for {trace.n_vms} VMs at {fill_fraction:g} fill",
    )


def _fleet_defaults(n_hosts: int, fill_fraction: float) -> tuple[Default, ...]:
    return (
        Default(key="sites[site].pue", value=f"{PUE:g}", source="energy is counted at the IT equipment"),
        Default(
            key="fleet.power_control",
            value="managed",
            source="hosts are taken to have a management controller that switches them off and on",
        ),
        Default(
            key="fleet.hosts",
            value=str(n_hosts),
            source="hosts for allocation and demand of memory and CPU to fill at most "
            f"{fill_fraction:g} of the fleet; at least {MIN_HOSTS} of a kind",
        ),
    )


def _memory_mib(trace: Trace, guests: NDArray[np.bool_], memory_gib: float | None) -> int:
    if memory_gib is not None:
        return gib_to_mib(memory_gib)
    memory_mib = MEMORY_GIB * MIB_PER_GIB
    largest = int(_largest_memory(trace)[guests].max())
    # Half of a host for the largest VM: one that needs a host of its own leaves nothing to consolidate.
    while memory_mib < 2 * largest:
        memory_mib *= 2
    return memory_mib


def _faster_cores(trace: Trace, server: str, notes: Assumptions) -> float | None:
    """Return the speed of the fastest vCPU of the trace if the server's nominal clock is below it.

    A slower core would leave demand unmet that was met where the trace comes from, in every arm alike.
    """
    fastest = float((trace.vms.cpu_mcores / trace.vms.vcpus).max()) / MCORES_PER_CORE
    nominal = spec_servers()[server].nominal_ghz
    if fastest <= nominal:
        return None
    speed = math.ceil(fastest * 100) / 100
    source = (
        f"the fastest vCPU of the trace; the server's nominal {nominal:g} GHz would starve it "
        "(processors run above their nominal clock when few cores are busy)"
    )
    notes.entries.append(
        Default(key=f"host_types[{server}].core_speed", value=f"{speed:g}", source=source)
    )
    return speed


def _host_type(
    server: str,
    kind: HypervisorKind,
    memory_mib: int,
    notes: Assumptions,
    *,
    core_speed: float | None,
) -> HostType:
    from consolidate.inventory.fleet_schema import HostTypeTable, HypervisorTable, PowerTable

    name = server if kind == "type1" else f"{server}-containers"
    table = HostTypeTable(
        name=name,
        power=PowerTable(spec=server),
        memory_mib=memory_mib,
        core_speed=core_speed,
        hypervisor=HypervisorTable(kind=kind),
    )
    problems: list[Issue] = []
    host_type = build_host_type(table, notes, problems=problems)
    refuse(problems, source="sized fleet")
    assert host_type is not None
    return host_type


def _refuse_giants(trace: Trace, guests: NDArray[np.bool_], host: HostType) -> None:
    """Raise when a VM does not fit on an empty host."""
    hypervisor = host.hypervisor
    cpu = trace.vms.cpu_mcores + hypervisor.per_vm_mcores
    demand = trace.cpu_mcores.max(axis=1) + hypervisor.per_vm_mcores
    memory = _largest_memory(trace) + hypervisor.per_vm_memory_mib
    too_large = guests & (
        (cpu > host.usable_mcores * host.cpu_allocation_ratio)
        | (demand > host.usable_mcores * CPU_LIMIT_FRACTION)
        | (memory > host.usable_memory_mib)
    )
    if too_large.any():
        names = [trace.vms.ids[v] for v in np.flatnonzero(too_large)]
        worst = int(np.flatnonzero(too_large)[0])
        msg = (
            f"{len(names)} VMs fit on no {host.name}; {names[0]} needs {int(demand[worst])} mcores "
            f"(a host has {int(host.usable_mcores * CPU_LIMIT_FRACTION)}) and {int(memory[worst])} MiB "
            f"(a host has {host.usable_memory_mib}); choose a larger server or more memory_gib"
        )
        raise InfeasibleError(msg, vms=names)


def _hosts_needed(trace: Trace, guests: NDArray[np.bool_], host: HostType, fill_fraction: float) -> int:
    hypervisor = host.hypervisor
    alive = trace.alive[guests]
    count = alive.sum(axis=0, dtype=np.int64)
    per_vm_cpu = count * hypervisor.per_vm_mcores
    per_vm_memory = count * hypervisor.per_vm_memory_mib
    fullest = max(
        (_total(trace.vms.cpu_mcores[guests], alive) + per_vm_cpu).max()
        / (host.usable_mcores * host.cpu_allocation_ratio),
        (_total(trace.vms.memory_mib[guests], alive) + per_vm_memory).max()
        / (host.usable_memory_mib * host.memory_allocation_ratio),
        (trace.cpu_mcores[guests].sum(axis=0, dtype=np.int64) + per_vm_cpu).max() / host.usable_mcores,
    )
    return max(MIN_HOSTS, int(np.ceil(fullest / fill_fraction)))


def _total(allocation: NDArray[np.int64], alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what the VMs that exist were promised in each step."""
    total = np.zeros(alive.shape[1], dtype=np.int64)
    for first in range(0, len(allocation), BLOCK):
        block = slice(first, first + BLOCK)
        total += allocation[block] @ alive[block].astype(np.int64)
    return total


def _largest_memory(trace: Trace) -> NDArray[np.int64]:
    """Return the most memory of each VM: some platforms let a VM use more than it was allocated."""
    largest: NDArray[np.int64] = np.maximum(trace.vms.memory_mib, trace.memory_mib.max(axis=1))
    return largest
