"""Keys and types of a fleet file; ``docs/reference/fleet-file.md`` says what they mean.

Imports msgspec, so :mod:`consolidate.inventory.fleet_file` imports this module only when it reads.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "FleetTable",
    "HostTypeTable",
    "HostsTable",
    "HypervisorTable",
    "LinearTable",
    "PowerTable",
    "SiteTable",
]


class LinearTable(msgspec.Struct, frozen=True, kw_only=True):
    """``linear = {idle_w, max_w}``."""

    idle_w: float
    max_w: float


class PowerTable(msgspec.Struct, frozen=True, kw_only=True):
    """``power = {...}``: exactly one of the first three."""

    spec: str | None = None
    linear: LinearTable | None = None
    points_w: list[float] | None = None
    hosting_idle_w: float | None = None
    source: str | None = None


class HypervisorTable(msgspec.Struct, frozen=True, kw_only=True):
    """``hypervisor = {...}``."""

    kind: Literal["type1", "type2", "container_engine"] | None = None
    reserved_cores: float | None = None
    reserved_memory_gib: float | None = None
    per_vm_mcores: int | None = None
    per_vm_memory_mib: int | None = None
    background_cores: float | None = None
    moves: list[Literal["live", "saved_state", "restart"]] | None = None


class HostTypeTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[host_type]]``."""

    name: str
    power: PowerTable
    cores: int | None = None
    core_speed: float | None = None
    memory_gib: float | None = None
    memory_mib: int | None = None
    off_w: float | None = None
    boot_s: int | None = None
    boot_j: float | None = None
    shutdown_s: int | None = None
    shutdown_j: float | None = None
    nic_gbit_per_s: float | None = None
    nic_mbit_per_s: float | None = None
    cpu_allocation_ratio: float | None = None
    memory_allocation_ratio: float | None = None
    embodied_kg: float | None = None
    min_on_s: int = 0
    min_off_s: int = 0
    max_cycles_per_day: int = 0
    hypervisor: HypervisorTable | None = None


class SiteTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[site]]``."""

    name: str
    zone: str | None = None
    pue: float | None = None
    tags: list[str] = []
    latency_ms: dict[str, float] = {}


class MovesTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[moves]``: settings of every move; see :class:`consolidate.migration.MoveSettings`."""

    bandwidth_fraction: float | None = None
    moves_in: int | None = None
    moves_out: int | None = None
    moves_per_host: int | None = None
    moves_at_once: int | None = None
    uplink_mbit_per_s: float | None = None
    downtime_limit_s: float | None = None
    storage_mib_per_s: float | None = None
    shared_storage: bool | None = None
    round_trip_ms: float | None = None
    downtime_j_per_s: float | None = None


class HostsTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[hosts]]``."""

    type: str
    count: int | None = None
    ids: list[str] | None = None
    name: str | None = None
    first: int = 0
    site: str | None = None
    power_control: Literal["managed", "keep_on", "no_wake"] | None = None
    maintenance: bool | None = None
    powered_on: bool | None = None


class FleetTable(msgspec.Struct, frozen=True, kw_only=True):
    """The file; its tables are decoded one by one."""

    hosts: list[Any]
    host_type: list[Any]
    site: list[Any] = []
    moves: MovesTable | None = None
    order: Literal["grouped", "interleaved"] = "grouped"
