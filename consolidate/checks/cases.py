"""What the checks judge: plain frozen records of arrays.

The loader fills them from a run folder; a caller that holds the same facts in memory fills them from its
own nouns and gets the same judgement before anything is written. Indices count from 0, -1 is "no host",
seconds count from the start of the plan (the start of the replay window). Nothing here is validated
beyond what the checks say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BOOT",
    "KEEP_ON",
    "MANAGED",
    "MOVE",
    "RESTORE",
    "SAVE",
    "NO_ACTIONS",
    "NO_WAKE",
    "SHUTDOWN",
    "START",
    "Actions",
    "BoundClaim",
    "Guests",
    "HostKind",
    "Hosts",
    "MoveLimits",
    "PlacementCase",
    "PlacementClaim",
    "PlacementRule",
    "PlanCase",
]

MANAGED, KEEP_ON, NO_WAKE = 0, 1, 2
BOOT, MOVE, SHUTDOWN, START, SAVE, RESTORE = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKind:
    """One host type; the fields are those of ``types`` in ``fleet.json``, the hypervisor's among them.

    ``guest_kind`` is ``type1``, ``type2`` or ``container_engine``.
    """

    name: str
    cores: int
    core_speed: float
    memory_mib: int
    cpu_mcores: int
    core_mcores: int
    usable_mcores: int
    usable_memory_mib: int
    points_mw: tuple[int, ...]
    hosting_idle_mw: int
    off_mw: int
    boot_s: int
    boot_mw: int
    shutdown_s: int
    shutdown_mw: int
    min_on_s: int
    min_off_s: int
    max_cycles_per_day: int
    nic_mbit_per_s: float
    cpu_allocation_ratio: float
    memory_allocation_ratio: float
    guest_kind: str
    reserved_mcores: int
    reserved_memory_mib: int
    per_vm_mcores: int
    per_vm_memory_mib: int
    background_mcores: int
    moves: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """The fleet.

    Parameters
    ----------
    ids
        Names, shape ``(hosts,)``.
    kind_of
        Index into ``kinds``, shape ``(hosts,)``.
    kinds
        The host types.
    control
        ``MANAGED``, ``KEEP_ON`` or ``NO_WAKE``, shape ``(hosts,)``.
    maintenance, powered_on
        Flags at the start, shape ``(hosts,)``.
    pue
        Facility energy per IT energy at each host's site, shape ``(hosts,)``.
    site
        Site of each host, shape ``(hosts,)``; ``None`` = one site for all.
    """

    ids: tuple[str, ...]
    kind_of: NDArray[np.int64]
    kinds: tuple[HostKind, ...]
    control: NDArray[np.int64]
    maintenance: NDArray[np.bool_]
    powered_on: NDArray[np.bool_]
    pue: NDArray[np.float64]
    site: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """Number of hosts."""
        return len(self.ids)

    def name(self, host: int) -> str:
        """Return a host's name, or what stands for one that does not exist."""
        return self.ids[host] if 0 <= host < len(self.ids) else f"#{host}"

    def kind(self, host: int) -> HostKind:
        """Return the type of a host."""
        return self.kinds[int(self.kind_of[host])]

    def per_host(self, attribute: str) -> NDArray[np.int64]:
        """Return a whole-number attribute of each host's type, shape ``(hosts,)``."""
        values = np.array([getattr(kind, attribute) for kind in self.kinds], dtype=np.int64)
        out: NDArray[np.int64] = values[self.kind_of]
        return out

    def may_switch_off(self) -> NDArray[np.bool_]:
        """Say of each host whether it is on and its power may be cut."""
        out: NDArray[np.bool_] = (self.control == MANAGED) & ~self.maintenance & self.powered_on
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Guests:
    """The VMs; arrays of shape ``(vms,)``, allocations in mcores and MiB, dirty rate in MiB/s.

    ``disk_mib`` is ``None`` where nothing is said of disks: there are none then.
    """

    ids: tuple[str, ...]
    is_container: NDArray[np.bool_]
    vcpus: NDArray[np.int64]
    cpu_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    dirty_mib_per_s: NDArray[np.float64]
    disk_mib: NDArray[np.int64] | None = None

    @property
    def n(self) -> int:
        """Number of VMs."""
        return len(self.ids)

    def name(self, vm: int) -> str:
        """Return a VM's name, or what stands for one that does not exist."""
        return self.ids[vm] if 0 <= vm < len(self.ids) else f"#{vm}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRule:
    """A rule as data; :mod:`consolidate.checks.rules` says what each name means."""

    name: str
    vms: tuple[int, ...]
    hosts: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    most: int = 0
    parts: tuple[tuple[int, ...], ...] = ()
    zones: tuple[tuple[int, ...], ...] = ()
    resource: str = ""
    least: int = 0
    unit: str = ""
    continuous: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementCase:
    """A placement problem and its answer.

    Parameters
    ----------
    hosts, vms
        Who is there.
    resources
        Names; the first is CPU demand in mcores.
    need
        Shape ``(vms, resources)``.
    capacity, overhead
        What a host offers, and takes on top for each of its VMs; shape ``(hosts, resources)``.
    load_mcores, move_mj
        Mean CPU and energy of a move of each VM, shape ``(vms,)``.
    movable, active
        Whether each VM can move, and exists at the decision; shape ``(vms,)``.
    rules
        What placements have to satisfy.
    current, target
        Host of each VM before and after, shape ``(vms,)``.
    horizon_s : s
        How long the target is held.
    min_off_s : s
        No host is switched off for less than this, nor for less than four times the off time that pays
        for its shutdown and boot.
    site_mg_per_kwh, move_mg_per_kwh : mg/kWh
        Where the objective is emissions, what a kWh counts at each site, and a kWh of a move from there; else
        empty.
    switchable
        Hosts that may be switched off, where that is known from elsewhere; shape ``(hosts,)``.
    """

    hosts: Hosts
    vms: Guests
    resources: tuple[str, ...]
    need: NDArray[np.int64]
    capacity: NDArray[np.int64]
    overhead: NDArray[np.int64]
    load_mcores: NDArray[np.int64]
    move_mj: NDArray[np.int64]
    movable: NDArray[np.bool_]
    active: NDArray[np.bool_]
    rules: tuple[PlacementRule, ...]
    current: NDArray[np.int64]
    target: NDArray[np.int64]
    horizon_s: int
    min_off_s: int
    site_mg_per_kwh: tuple[int, ...] = ()
    move_mg_per_kwh: tuple[int, ...] = ()
    switchable: NDArray[np.bool_] | None = None

    def may_switch_off(self) -> NDArray[np.bool_]:
        """Say of each host whether it is on, may be switched off, and would be off for long enough."""
        if self.switchable is not None:
            return self.switchable
        pays = np.array([self._off_pays(kind) for kind in self.hosts.kinds], dtype=np.bool_)
        out: NDArray[np.bool_] = self.hosts.may_switch_off() & pays[self.hosts.kind_of]
        for rule in self.rules:
            if rule.name == "online":
                out[list(rule.hosts)] = False
        return out

    def _off_pays(self, kind: HostKind) -> bool:
        gain_mw = kind.points_mw[0] - kind.off_mw
        spent_mj = kind.shutdown_s * (kind.shutdown_mw - kind.off_mw)
        spent_mj += kind.boot_s * (kind.boot_mw - kind.off_mw)
        long_enough = self.horizon_s >= self.min_off_s and self.horizon_s * gain_mw >= 4 * spent_mj
        return gain_mw > 0 and long_enough


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundClaim:
    """A lower bound as claimed: ``certified`` with a certificate, or ``attested`` by ``source``."""

    name: str
    value_mj: int
    kind: str
    source: str = ""
    certificate: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementClaim:
    """What a result says of itself; see ``result.json`` in the run-folder reference.

    ``breakdown`` may be empty when it was not stated.
    """

    objective_mj: int
    current_mj: int
    gap: float
    status: str
    worthwhile: bool
    bounds: tuple[BoundClaim, ...] = ()
    breakdown: Mapping[str, int] | None = None
    min_saving_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLimits:
    """Settings of every move, as in ``moves`` of ``instance.json``.

    With ``downtime_j_per_s`` at ``None`` no VM may be left in storage by a plan.
    """

    bandwidth_fraction: float
    moves_in: int
    moves_out: int
    downtime_limit_s: float
    max_rounds: int
    working_set_fraction: float
    setup_s: float
    cores_per_10_gbit: float
    storage_mib_per_s: float
    restart_s: float
    moves_per_host: int = 0
    moves_at_once: int = 0
    uplink_mbit_per_s: float = 0.0
    shared_storage: bool = True
    round_trip_ms: float = 0.0
    downtime_j_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """The actions of a plan, arrays of shape ``(actions,)``.

    ``kind`` is ``BOOT``, ``MOVE``, ``SHUTDOWN``, ``START``, ``SAVE`` or ``RESTORE``; ``target`` is the host
    of a boot, a shutdown, or of the start or the restoring of a VM; their ``source`` and other fields of a move
    are -1, 0 or empty. A saving has a ``source`` and no ``target``; ``moved_mib`` is the image of either.
    ``after`` holds ids.
    """

    id: NDArray[np.int64]
    kind: NDArray[np.int64]
    vm: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    mode: tuple[str, ...]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    downtime_ms: NDArray[np.int64]
    moved_mib: NDArray[np.int64]
    rate_mib_per_s: NDArray[np.float64]
    overhead_mcores: NDArray[np.int64]
    parking: NDArray[np.bool_]
    after: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """Number of actions."""
        return len(self.after)

    def of_kind(self, *kinds: int) -> NDArray[np.int64]:
        """Return the positions of the actions of some kinds, in order of their start."""
        rows = np.flatnonzero(np.isin(self.kind, kinds))
        out: NDArray[np.int64] = rows[np.lexsort((self.id[rows], self.start_s[rows]))]
        return out


_NOTHING = np.zeros(0, dtype=np.int64)
#: The plan of somebody who does nothing.
NO_ACTIONS = Actions(
    id=_NOTHING,
    kind=_NOTHING,
    vm=_NOTHING,
    source=_NOTHING,
    target=_NOTHING,
    mode=(),
    start_s=_NOTHING,
    end_s=_NOTHING,
    downtime_ms=_NOTHING,
    moved_mib=_NOTHING,
    rate_mib_per_s=np.zeros(0),
    overhead_mcores=_NOTHING,
    parking=np.zeros(0, dtype=np.bool_),
    after=(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCase:
    """A plan from ``placement.current`` to ``placement.target``.

    ``worthwhile`` is what the result says: a plan that is not worth making may be empty.
    ``makespan_bound_s`` is what no such plan can beat, as claimed, ``direct_bound_s`` what none without
    detours can; 0 = nothing is claimed. ``saved_on`` is the host on which each VM was written to storage
    that is there from the beginning, -1 for none.
    """

    placement: PlacementCase
    limits: MoveLimits
    actions: Actions
    worthwhile: bool = True
    makespan_bound_s: int = 0
    direct_bound_s: int = 0
    saved_on: NDArray[np.int64] | None = None
