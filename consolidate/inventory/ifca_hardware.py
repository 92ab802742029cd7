"""Hosts of the IFCA cloud: hardware as stated, power of the nearest published server."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consolidate.errors import TraceError
from consolidate.model import Default, HostType, LinearPower, SpecPower, WattTable, spec_servers
from consolidate.units import gib_to_mib

__all__ = ["MW_PER_MCORE", "Hardware", "host_types", "read_hardware"]

#: SPECpower server that stands for a processor generation. None of the groups' own servers is among the
#: built-in results; the nearest by year, sockets and maker of the processor was taken.
_STANDS_FOR: Final = {
    "E5-2697 v2": (
        "dell-r720-e5-2670",
        "two sockets one generation older (2012; the group's is of 2013)",
    ),
    "Gold 6252": ("dell-r740-8280", "two sockets of the same generation (2019)"),
    "Gold 6230": ("dell-r740-8280", "two sockets of the same generation (2019)"),
    "Gold 5220R": ("dell-r740-8280", "two sockets of the same generation, refreshed in 2020"),
    "Platinum 8358": ("hpe-dl380-gen10plus-8380", "two sockets of the same generation (2021)"),
}
#: Measured power stands in the trace as CPU: one mcore is this many mW, on every host. A VM drew at most 4.2 W
#: per vCPU and a host carried at most two vCPUs per thread, so that nothing is cut off.
MW_PER_MCORE: Final = 10
_BOOT_S, _SHUTDOWN_S, _OFF_W = 300, 60, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """A row of ``groups.csv``."""

    model: str
    cpu: str
    threads: int
    memory_mib: int
    gpus: int


def read_hardware(path: Path) -> dict[str, Hardware]:
    """Read the hardware of each group.

    Raises
    ------
    TraceError
        When the file is missing or a row is not as expected.
    """
    found = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    cores = int(row["#sockets"]) * int(row["#cores_per_socket"])
                    found[row["node_group"]] = Hardware(
                        model=row["model"],
                        cpu=row["cpu"],
                        threads=cores * int(row["#threads_per_core"]),
                        memory_mib=gib_to_mib(float(row["memory_total_size_GB"])),
                        gpus=int(row["#gpus"]),
                    )
                except (KeyError, TypeError, ValueError) as error:
                    msg = f"is no hardware group: {error}"
                    raise TraceError(msg, file=str(path), line=number) from error
    except OSError as error:
        msg = f"cannot be read ({error.strerror})"
        raise TraceError(msg, file=str(path)) from error
    return found


def host_types(
    hardware: dict[str, Hardware],
    groups: list[str],
    fullest: dict[str, tuple[int, int, int]],
    *,
    density: str,
    idle: str,
) -> tuple[tuple[HostType, ...], tuple[Default, ...]]:
    """Return a host type per group, and what was assumed for it.

    Threads count as cores, so that one vCPU takes one. Stated memory that a single VM of the group exceeds is
    wrong and is replaced by the most that one of its hosts carried.
    """
    types, defaults = [], []
    for group in groups:
        stated = hardware.get(group)
        if stated is None:
            msg = f"group {group} has hosts and no hardware"
            raise TraceError(msg, file="groups.csv", column="node_group")
        server, why = _server(group, stated)
        vcpus, memory, largest = fullest[group]
        trusted = density == "stated" and largest <= stated.memory_mib
        memory = stated.memory_mib if trusted else max(memory, stated.memory_mib)
        ratio = max(1.0, vcpus / stated.threads) if density == "observed" else 1.0
        types.append(_host_type(group, stated, server, memory_mib=memory, ratio=ratio, idle=idle))
        spec = spec_servers()[server]
        source = f"{why}: {spec.citation()}; {idle} idle, boot and shutdown at its 40 and 10 % points"
        defaults.append(
            Default(
                key=f"host_types[{group}].power",
                value=f"{types[-1].power.hosting_idle_mw / 1_000:g} W",
                source=source,
            )
        )
    off = Default(key="host_types.off_w", value=f"{_OFF_W:g}", source="management controller, 5 to 25 W")
    return tuple(types), (*defaults, off)


def _server(group: str, stated: Hardware) -> tuple[str, str]:
    for name, found in _STANDS_FOR.items():
        if name in stated.cpu:
            return found
    msg = f"group {group}: no published server stands for {stated.cpu!r}"
    raise TraceError(msg, file="groups.csv", column="cpu")


def _host_type(
    group: str, stated: Hardware, server: str, *, memory_mib: int, ratio: float, idle: str
) -> HostType:
    spec = spec_servers()[server]
    curve = WattTable.sample(SpecPower(server=server))
    active_w = spec.points_w[0]
    # Measured watts of the VMs come on top of idle, one for one, on every host alike.
    hosting_w = curve.hosting_idle_mw / 1_000 if idle == "hosting" else active_w
    line = LinearPower(idle_w=hosting_w, max_w=hosting_w + stated.threads * MW_PER_MCORE)
    points = (round(active_w * 1_000), *WattTable.sample(line).points_mw[1:])
    return HostType(
        name=group,
        cores=stated.threads,
        memory_mib=memory_mib,
        power=WattTable(points_mw=points, hosting_idle_mw=round(hosting_w * 1_000)),
        power_source=f"idle of {spec.citation()}; measured watts of VMs on top",
        off_w=_OFF_W,
        boot_s=_BOOT_S,
        boot_j=spec.points_w[4] * _BOOT_S,
        shutdown_s=_SHUTDOWN_S,
        shutdown_j=spec.points_w[1] * _SHUTDOWN_S,
        cpu_allocation_ratio=ratio,
    )
