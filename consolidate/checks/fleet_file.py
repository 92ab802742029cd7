"""``fleet.json`` and ``vms.parquet``: who is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import KEEP_ON, MANAGED, NO_WAKE, Guests, HostKind, Hosts
from consolidate.checks.files import Json, MalformedError, read_json, read_table

__all__ = ["load_guests", "load_hosts", "load_sites"]

_CONTROL = {"managed": MANAGED, "keep_on": KEEP_ON, "no_wake": NO_WAKE}
_GUEST_KINDS = ("type1", "type2", "container_engine")
#: Larger numbers would be typing errors; below it, no product of two of them overflows.
_MOST = 2**30


def load_hosts(folder: Path) -> Hosts:
    """Read the fleet."""
    fleet = read_json(folder, "fleet.json")
    sites = fleet.objects("sites")
    kinds = tuple(_kind(entry) for entry in fleet.objects("types"))
    entries = fleet.objects("hosts")
    ids = tuple(entry.text("id") for entry in entries)
    if not ids:
        fleet.fail("hosts", "needs at least one host")
    if len(set(ids)) < len(ids):
        twice = next(name for k, name in enumerate(ids) if name in ids[:k])
        fleet.fail("hosts", f"names host {twice} twice")
    return Hosts(
        ids=ids,
        kinds=kinds,
        kind_of=np.array([_index(e, "type", len(kinds)) for e in entries], dtype=np.int64),
        control=np.array([_control(e) for e in entries], dtype=np.int64),
        maintenance=np.array([e.flag("maintenance") for e in entries], dtype=np.bool_),
        powered_on=np.array([e.flag("powered_on") for e in entries], dtype=np.bool_),
        pue=np.array(
            [sites[_index(e, "site", len(sites))].number("pue") for e in entries], dtype=np.float64
        ),
        site=np.array([_index(e, "site", len(sites)) for e in entries], dtype=np.int64),
    )


def load_sites(folder: Path) -> tuple[NDArray[np.int64], int]:
    """Read the site of each host, shape ``(hosts,)``, and the number of sites."""
    fleet = read_json(folder, "fleet.json")
    n_sites = len(fleet.items("sites"))
    sites = [_index(entry, "site", n_sites) for entry in fleet.objects("hosts")]
    return np.array(sites, dtype=np.int64), n_sites


def _index(entry: Json, key: str, limit: int) -> int:
    value = entry.integer(key)
    if not 0 <= value < limit:
        entry.fail(key, f"needs an index from 0 to {limit - 1}, got {value}")
    return value


def _control(entry: Json) -> int:
    name = entry.text("power_control")
    if name not in _CONTROL:
        entry.fail("power_control", f"needs one of {', '.join(_CONTROL)}, got {name!r}")
    return _CONTROL[name]


def _kind(entry: Json) -> HostKind:
    hypervisor = entry.object("hypervisor")
    points = entry.integers("points_mw", limit=_MOST)
    if len(points) != 11:
        entry.fail("points_mw", f"needs 11 points, got {len(points)}")
    guest_kind = hypervisor.text("kind")
    if guest_kind not in _GUEST_KINDS:
        hypervisor.fail("kind", f"needs one of {', '.join(_GUEST_KINDS)}, got {guest_kind!r}")

    def whole(source: Json, key: str, least: int = 0) -> int:
        value = source.integer(key, least=least)
        if value > _MOST:
            source.fail(key, f"is beyond {_MOST}: {value}")
        return value

    def later(key: str) -> int:
        """Read a limit; folders that were written before there were any have none."""
        return whole(entry, key) if key in entry.content else 0

    return HostKind(
        name=entry.text("name"),
        cores=whole(entry, "cores", 1),
        core_speed=entry.number("core_speed", least=0, most=1e6),
        memory_mib=whole(entry, "memory_mib", 1),
        cpu_mcores=whole(entry, "cpu_mcores", 1),
        core_mcores=whole(entry, "core_mcores", 1),
        usable_mcores=whole(entry, "usable_mcores"),
        usable_memory_mib=whole(entry, "usable_memory_mib"),
        points_mw=points,
        hosting_idle_mw=whole(entry, "hosting_idle_mw"),
        off_mw=whole(entry, "off_mw"),
        boot_s=whole(entry, "boot_s"),
        boot_mw=whole(entry, "boot_mw"),
        shutdown_s=whole(entry, "shutdown_s"),
        shutdown_mw=whole(entry, "shutdown_mw"),
        min_on_s=later("min_on_s"),
        min_off_s=later("min_off_s"),
        max_cycles_per_day=later("max_cycles_per_day"),
        nic_mbit_per_s=entry.number("nic_mbit_per_s", least=0, most=1e12),
        cpu_allocation_ratio=entry.number("cpu_allocation_ratio", least=0, most=1e6),
        memory_allocation_ratio=entry.number("memory_allocation_ratio", least=0, most=1e6),
        guest_kind=guest_kind,
        reserved_mcores=whole(hypervisor, "reserved_mcores"),
        reserved_memory_mib=whole(hypervisor, "reserved_memory_mib"),
        per_vm_mcores=whole(hypervisor, "per_vm_mcores"),
        per_vm_memory_mib=whole(hypervisor, "per_vm_memory_mib"),
        background_mcores=whole(hypervisor, "background_mcores"),
        moves=frozenset(str(mode) for mode in hypervisor.items("moves")),
    )


def load_guests(folder: Path) -> Guests:
    """Read the VMs."""
    name = "vms.parquet"
    table = read_table(
        folder,
        name,
        {
            "vm_id": "string",
            "kind": "string",
            "vcpus": "int32",
            "cpu_mcores": "int64",
            "memory_mib": "int64",
            "dirty_mib_per_s": "double",
            "group": "string",
            "disk_mib": "int64",
        },
        optional=("disk_mib",),
    )
    ids = table.texts("vm_id")
    if len(set(ids)) < len(ids):
        seen: set[str] = set()
        twice = next(vm for vm in ids if vm in seen or seen.add(vm))  # type: ignore[func-returns-value]
        message = f"{name}: column vm_id: VM {twice} is there twice"
        raise MalformedError(message, code="V1.twice", vm=twice, file=name)
    kinds = table.texts("kind")
    for row, kind in enumerate(kinds):
        if kind not in ("vm", "container"):
            message = f"{name}: column kind, row {row}: needs vm or container, got {kind!r}"
            raise MalformedError(message, code="V0.value", file=name, column="kind", row=row)
    dirty = table.floats("dirty_mib_per_s")
    bad = np.flatnonzero(~np.isfinite(dirty) | (dirty < 0))
    if bad.size:
        row = int(bad[0])
        message = f"{name}: column dirty_mib_per_s, row {row}: needs 0 or more, got {dirty[row]}"
        raise MalformedError(message, code="V0.value", file=name, column="dirty_mib_per_s", row=row)
    return Guests(
        ids=ids,
        is_container=np.array([kind == "container" for kind in kinds], dtype=np.bool_),
        vcpus=table.amounts("vcpus"),
        cpu_mcores=table.amounts("cpu_mcores"),
        memory_mib=table.amounts("memory_mib"),
        dirty_mib_per_s=dirty,
        disk_mib=table.amounts("disk_mib"),
    )
