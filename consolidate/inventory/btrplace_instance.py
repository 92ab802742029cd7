"""What a file of BtrPlace says, as a placement problem."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError, UnsupportedError
from consolidate.inventory.btrplace import BtrplaceFile, BtrplaceView
from consolidate.inventory.btrplace_rules import btrplace_rules, refuse_unknown
from consolidate.migration import MoveSettings, estimate_move
from consolidate.model import (
    Default,
    Fleet,
    HostType,
    Instance,
    JoulesOverHorizon,
    Placement,
    VMs,
    WattTable,
)
from consolidate.units import j_to_mj

__all__ = ["btrplace_instance"]

HORIZON_S = 86_400
HOST_W, MOVE_W = 100.0, 50.0
BOOT_S, SHUTDOWN_S, START_S = 120, 30, 10
NIC_MBIT_PER_S = 1_000.0
CPU, MEMORY = "cpu_demand_mcores", "memory_demand_mib"
_CPU_NAMES = ("cpu", "ucpu", "core", "cores", "vcpu")
_MEMORY_NAMES = ("memory", "mem", "ram")
_MOST = 10**12


def btrplace_instance(file: BtrplaceFile, *, source: str = "BtrPlace") -> Instance:
    """Return the problem that a file states; amounts count in the author's units.

    A VM that runs has a host, one that is ready and has to run is new, and one that is ready and may stay so
    does not exist here. CPU (a resource called ``cpu``, ``uCpu``, ...) comes first, memory (``memory``,
    ``mem``, ...) counts as MiB unless every VM states its ``memUsed``, which then is what a move carries. What
    ``preserve`` promises is part of the need, what ``overbook`` and ``resourceCapacity`` say part of the
    capacity. Power is made up, because the format has none: 100 W for every host that is on, whatever its
    load, for a day, and 50 W for every move as long as it lasts: fewest hosts first, then fewest seconds of
    moves.

    Parameters
    ----------
    file
        Contents of the file.
    source
        Where it is, for messages.

    Raises
    ------
    UnsupportedError
        When VMs sleep, have to stop or are limited by a switch, or when a constraint is unknown; by name.
    TraceError
        When an id or a resource is unknown, or an amount is out of range.
    """
    refuse_unknown(file.constraints)
    _refuse_states(file)
    names = _Names.of(file, source)
    amounts = _Amounts.of(file, names, source)
    fleet = _fleet(file, names, amounts, source)
    n, wanted = len(names.vms), names.wanted(file)
    settings = MoveSettings(restart_s=_longest(file, "boot", START_S))
    active = (names.host_of >= 0) | wanted
    memory = amounts.need[:, amounts.resources.index(MEMORY)]
    dirty = np.array([_dirty_mib_per_s(file.model.attributes.vms.get(v, {})) for v in names.vms])
    movable, move_mj = _moves(memory, dirty, fleet, settings)
    rules = btrplace_rules(
        file.constraints,
        vms=names.vms,
        hosts=names.hosts,
        home=lambda v: int(names.host_of[v]),
        resource=amounts.name_of,
    )
    return Instance(
        fleet=fleet,
        vms=VMs(
            ids=names.vm_ids,
            vcpus=np.maximum(1, -(-amounts.need[:, 0] // 1_000)),
            cpu_mcores=np.maximum(1, amounts.need[:, 0]),
            memory_mib=memory,
            dirty_mib_per_s=dirty,
        ),
        resources=amounts.resources,
        need=amounts.need,
        capacity=amounts.capacity,
        vm_overhead=np.zeros_like(amounts.capacity),
        load_mcores=np.zeros(n, dtype=np.int64),
        current=Placement(host_of=names.host_of),
        active=active,
        movable=movable,
        move_mj=move_mj,
        rules=rules,
        objective=JoulesOverHorizon(horizon_s=HORIZON_S),
        moves=settings,
        sizing=f"amounts of {Path(source).name}",
        defaults=fleet.defaults,
    )


def _refuse_states(file: BtrplaceFile) -> None:
    mapping, views = file.model.mapping, file.model.views
    running = {v for host in mapping.onlineNodes.values() for v in host.runningVMs}
    ready = {v for c in file.constraints if c.id == "ready" for v in c.members}
    limited = any(switch.get("capacity", -1) >= 0 for view in views for switch in view.switches)
    for found, feature in (
        (any(host.sleepingVMs for host in mapping.onlineNodes.values()), "sleeping VMs"),
        (running & ready, "the constraint ready on a running VM (a plan stops no VM)"),
        (limited, "a switch of limited capacity"),
    ):
        if found:
            raise UnsupportedError(feature, who="an Instance", supported_by=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Index of each id, its name, and who is where."""

    vms: dict[int, int]
    hosts: dict[int, int]
    vm_ids: tuple[str, ...]
    host_ids: tuple[str, ...]
    host_of: NDArray[np.int32]

    @classmethod
    def of(cls, file: BtrplaceFile, source: str) -> _Names:
        mapping = file.model.mapping
        placed = [(v, h) for h, host in mapping.onlineNodes.items() for v in host.runningVMs]
        vms, hosts = (
            sorted(ids)
            for ids in (
                [*(v for v, _ in placed), *mapping.readyVMs],
                [*mapping.onlineNodes, *mapping.offlineNodes],
            )
        )
        for kind, ids in (("VM", vms), ("node", hosts)):
            twice = [a for a, b in itertools.pairwise(ids) if a == b]
            if twice or not ids:
                msg = f"{kind} {twice[0]} is in the mapping twice" if twice else f"holds no {kind}"
                raise TraceError(msg, file=source)
        index = {v: k for k, v in enumerate(vms)}, {h: k for k, h in enumerate(hosts)}
        host_of = np.full(len(vms), -1, dtype=np.int32)
        for v, h in placed:
            host_of[index[0][v]] = index[1][h]
        for number, c in enumerate(file.constraints):
            for kind, known, groups in (
                ("VM", index[0], (c.members, *(c.vParts or (c.parts if c.id == "split" else ())))),
                ("node", index[1], (c.places, *c.pParts, *(c.parts if c.id == "among" else ()))),
            ):
                for unknown in (i for group in groups for i in group if i not in known):
                    msg = f"constraint {number} ({c.id}): there is no {kind} {unknown}"
                    raise TraceError(msg, file=source)
        return cls(
            vms=index[0],
            hosts=index[1],
            vm_ids=_called(file, "vm", vms),
            host_ids=_called(file, "node", hosts),
            host_of=host_of,
        )

    def wanted(self, file: BtrplaceFile) -> NDArray[np.bool_]:
        """Say of each VM whether it has to run, shape ``(vms,)``."""
        out = np.zeros(len(self.vms), dtype=np.bool_)
        out[[self.vms[v] for c in file.constraints if c.id == "running" for v in c.members]] = True
        return out


def _called(file: BtrplaceFile, kind: str, ids: list[int]) -> tuple[str, ...]:
    """Return the names that the file gives, else kind and id."""
    given = {
        i: name
        for view in file.model.views
        if view.id == "ns" and view.type == kind
        for name, i in view.map.items()
    }
    return tuple(given.get(i, f"{kind}{i}") for i in ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amounts:
    """Needs and capacities, and the name of each resource of the file here."""

    resources: tuple[str, ...]
    name_of: dict[str, str]
    need: NDArray[np.int64]
    capacity: NDArray[np.int64]

    @classmethod
    def of(cls, file: BtrplaceFile, names: _Names, source: str) -> _Amounts:
        views = [view for view in file.model.views if view.id == "shareableResource"]
        used = [file.model.attributes.vms.get(v, {}).get("memUsed") for v in names.vms]
        carried = all(isinstance(value, int) and 0 <= value <= _MOST for value in used)
        name_of = _resource_names(views, own_memory=not carried)
        for number, c in enumerate(file.constraints):
            if c.id in ("preserve", "overbook", "resourceCapacity") and c.rc not in name_of:
                msg = f"constraint {number} ({c.id}): there is no resource {c.rc!r}"
                raise TraceError(msg, file=source)
        columns: dict[str, tuple[list[int], list[int]]] = {
            CPU: ([0] * len(names.vms), [1_000] * len(names.hosts)),
            MEMORY: ([0] * len(names.vms), [_MOST] * len(names.hosts)),
        }
        for view in views:
            columns[name_of[view.rcId]] = (
                [view.vms.get(v, view.defConsumption) for v in names.vms],
                [view.nodes.get(h, view.defCapacity) for h in names.hosts],
            )
        if carried:
            # Nobody runs out of it: the file limits memory by a resource of its own, if at all.
            columns[MEMORY] = (used, [_MOST] * len(names.hosts))  # type: ignore[assignment]
        for name, rows in columns.items():
            if min(map(min, rows)) < 0 or max(map(max, rows)) > _MOST:
                msg = f"an amount of {name} is below 0 or above {_MOST:g}"
                raise TraceError(msg, file=source)
        capacity = np.column_stack([np.array(c, dtype=np.int64) for _, c in columns.values()])
        _overbook(file, names, capacity, [*columns], name_of)
        return cls(
            resources=tuple(columns),
            name_of=name_of,
            need=np.column_stack([np.array(n, dtype=np.int64) for n, _ in columns.values()]),
            capacity=capacity,
        )


def _resource_names(views: list[BtrplaceView], *, own_memory: bool) -> dict[str, str]:
    name_of = {view.rcId: view.rcId for view in views}
    for name, known, wanted in ((CPU, _CPU_NAMES, True), (MEMORY, _MEMORY_NAMES, own_memory)):
        first = next((rc for rc in name_of if rc.lower() in known), None)
        if first is not None and wanted:
            name_of[first] = name
    return name_of


def _overbook(
    file: BtrplaceFile,
    names: _Names,
    capacity: NDArray[np.int64],
    resources: list[str],
    name_of: dict[str, str],
) -> None:
    for c in file.constraints:
        if c.id == "overbook":
            k = resources.index(name_of[c.rc])
            for h in c.places:
                row = names.hosts[h]
                capacity[row, k] = int(capacity[row, k] * c.ratio)


def _fleet(file: BtrplaceFile, names: _Names, amounts: _Amounts, source: str) -> Fleet:
    attributes = file.model.attributes.nodes
    nic = dict(_interfaces(file))
    rows = [
        (
            max(1, -(-int(amounts.capacity[k, 0]) // 1_000)),
            min(max(1, int(amounts.capacity[k, amounts.resources.index(MEMORY)])), 2**40),
            _seconds(attributes.get(h, {}), "boot", BOOT_S),
            _seconds(attributes.get(h, {}), "shutdown", SHUTDOWN_S),
            nic.get(h, NIC_MBIT_PER_S),
        )
        for h, k in names.hosts.items()
    ]
    kinds = sorted(set(rows))
    flat = round(HOST_W * 1_000)
    types = tuple(
        HostType(
            name=f"kind-{k}",
            cores=cores,
            memory_mib=memory,
            power=WattTable(points_mw=(flat,) * 11, hosting_idle_mw=flat),
            power_source="assumed: the format has no power",
            off_w=0.0,
            boot_s=boot_s,
            boot_j=HOST_W * boot_s,
            shutdown_s=shutdown_s,
            shutdown_j=HOST_W * shutdown_s,
            nic_mbit_per_s=mbit_per_s,
            cpu_allocation_ratio=1.0,
        )
        for k, (cores, memory, boot_s, shutdown_s, mbit_per_s) in enumerate(kinds)
    )
    on = file.model.mapping.onlineNodes
    return Fleet(
        host_ids=names.host_ids,
        host_type=np.array([kinds.index(row) for row in rows], dtype=np.int32),
        types=types,
        powered_on=np.array([h in on for h in names.hosts], dtype=np.bool_),
        defaults=_assumed(file),
        source=Path(source).name,
    )


def _interfaces(file: BtrplaceFile) -> Iterator[tuple[int, float]]:
    """Yield node and Mbit/s of each link to a node that has a limit."""
    for view in file.model.views:
        for link in view.links:
            end = link.get("physicalElement", {})
            if end.get("type") == "node" and link.get("capacity", -1) > 0:
                yield end.get("id", -1), float(link["capacity"])


def _seconds(attributes: dict[str, Any], name: str, default: int) -> int:
    value = attributes.get(name)
    return value if isinstance(value, int) and 0 < value <= HORIZON_S else default


def _longest(file: BtrplaceFile, name: str, default: int) -> float:
    rows = file.model.attributes.vms.values()
    return float(max((_seconds(row, name, 0) for row in rows), default=0) or default)


def _dirty_mib_per_s(attributes: dict[str, Any]) -> float:
    """Return the cold and the hot rate together: nobody knows how they overlap."""
    cold, hot, seconds = (
        value if isinstance(value := attributes.get(name), int | float) and value >= 0 else 0
        for name in ("coldDirtyRate", "hotDirtySize", "hotDirtyDuration")
    )
    return float(cold + (hot / seconds if seconds else 0))


def _moves(
    memory_mib: NDArray[np.int64], dirty: NDArray[np.float64], fleet: Fleet, settings: MoveSettings
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which VMs can be moved, and the energy of a move of each in mJ."""
    slowest = min(kind.nic_mbit_per_s for kind in fleet.types)
    known: dict[tuple[int, float], int] = {}
    seconds = []
    for key in zip(memory_mib.tolist(), dirty.tolist(), strict=True):
        if key not in known:
            modes = fleet.types[0].hypervisor.moves
            move = estimate_move(*key, nic_mbit_per_s=slowest, modes=modes, settings=settings)
            known[key] = move.duration_s if move.mode is not None else 0
        seconds.append(known[key])
    lasts = np.array(seconds, dtype=np.int64)
    return lasts > 0, lasts * j_to_mj(MOVE_W)


def _assumed(file: BtrplaceFile) -> tuple[Default, ...]:
    rows = [
        ("power", f"{HOST_W:g} W for each host that is on", "the format has no power"),
        ("migration power", f"{MOVE_W:g} W while a VM moves", "the format has no power"),
        (
            "boot_s, shutdown_s",
            f"{BOOT_S}, {SHUTDOWN_S} s where not stated",
            "engineering judgement",
        ),
        (
            "nic_mbit_per_s",
            f"{NIC_MBIT_PER_S:g} Mbit/s where not stated or unlimited",
            "engineering judgement",
        ),
    ]
    rows.append(
        ("start_s", f"{_longest(file, 'boot', START_S):g} s", "longest boot of a VM in the file")
    )
    return tuple(Default(key=key, value=value, source=source) for key, value, source in rows)
