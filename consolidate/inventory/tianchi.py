"""The 2018 scheduling competition of Alibaba Tianchi: containers with demand curves on two kinds of machines.

Four files without headers, values parted by commas, plain or gzip, found by their names in one folder::

    app_resources      app, CPU of each slot (cores, parted by |), memory of each slot (GB, parted by |),
                       disk (GB), P, M, PM
    machine_resources  machine, CPU (cores), memory (GB), disk (GB), P, M, PM
    instance_deploy    instance, app, machine (empty: it is on no machine yet)
    app_interference   a, b, k: where a is, at most k instances of b are; with a = b at most k + 1

With the last reading the published placement breaks no rule; with "at most k" it would.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.inventory.integers import read_text
from consolidate.inventory.toml_tables import did_you_mean
from consolidate.migration import MoveSettings
from consolidate.model import (
    Default,
    Fleet,
    HostType,
    Hypervisor,
    Instance,
    Interference,
    JoulesOverHorizon,
    Placement,
    Rule,
    VMs,
    WattTable,
)

__all__ = ["read_tianchi"]

SLOT_S = 900
MIB_PER_GB = 1_024
#: Decimals of the data; values are whole numbers of this part.
_MICRO = 1_000_000
_SCALARS = ("disk", "P", "M", "PM")
_MOST = 1e6

HOST_W = 100.0
ASSUMED = (
    Default(
        key="power",
        value=f"{HOST_W:g} W for each machine in use, whatever its load",
        source="the data name no power: the fewest machines are the least energy",
    ),
    Default(key="migration energy", value="0 J", source="the competition does not count it"),
)


def read_tianchi(folder: str | Path) -> Instance:
    """Read the four files of a data set as one instance.

    The first resource is the mean CPU of each instance over the slots, rounded down, which the slots imply;
    then come CPU (mcores) and memory (MiB) of each slot, disk (GB) and the counts P, M and PM. Needs are
    rounded up. Rules that no placement can break are left out. Every machine draws the same power, so the
    least energy is the fewest machines.

    Parameters
    ----------
    folder
        Where the files are.

    Raises
    ------
    TraceError
        When a file is missing or there is more than one of a kind, or when a value is wrong; names file,
        line, column and value.
    """
    folder = Path(folder)
    apps = _apps(_Table.read(folder, "app_resources", 7))
    names, offers, fleet = _machines(_Table.read(folder, "machine_resources", 7))
    ids, app_of, host_of = _instances(_Table.read(folder, "instance_deploy", 3), apps, names)
    rules = _rules(_Table.read(folder, "app_interference", 3), apps, app_of)
    n_slots = apps.curves.shape[2]
    mean = apps.curves[:, 0].mean(axis=1).astype(np.int64)
    need = np.column_stack([mean, apps.curves[:, 0], apps.curves[:, 1], apps.scalars])[app_of]
    repeats = (n_slots + 1, n_slots, *([1] * len(_SCALARS)))
    capacity = np.repeat(offers, repeats, axis=1)
    peak = apps.curves.max(axis=2)[app_of]
    n = len(ids)
    return Instance(
        fleet=fleet,
        vms=VMs(
            ids=ids,
            vcpus=np.maximum(1, -(-peak[:, 0] // 1_000)),
            cpu_mcores=np.maximum(1, peak[:, 0]),
            memory_mib=peak[:, 1],
            dirty_mib_per_s=np.zeros(n),
            is_container=np.ones(n, dtype=np.bool_),
            groups=tuple(apps.names[a] for a in app_of.tolist()),
        ),
        resources=_resources(n_slots),
        need=need,
        capacity=capacity,
        vm_overhead=np.zeros_like(capacity),
        load_mcores=mean[app_of],
        current=Placement(host_of=host_of),
        active=np.ones(n, dtype=np.bool_),
        movable=np.ones(n, dtype=np.bool_),
        move_mj=np.zeros(n, dtype=np.int64),
        objective=JoulesOverHorizon(horizon_s=n_slots * SLOT_S, min_off_s=0),
        moves=MoveSettings(),
        rules=rules,
        sizing=f"curves of {n_slots} slots, as published",
        defaults=ASSUMED,
    )


def _resources(n_slots: int) -> tuple[str, ...]:
    curves = (
        f"{name}[{t}]" for name in ("cpu_demand_mcores", "memory_demand_mib") for t in range(n_slots)
    )
    return ("cpu_demand_mcores", *curves, "disk_gb", *_SCALARS[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The rows of one file and where they are."""

    file: str
    rows: list[tuple[int, list[str]]]

    @classmethod
    def read(cls, folder: Path, kind: str, n_columns: int) -> _Table:
        found = sorted(p for p in folder.glob(f"*{kind}*") if p.name.endswith((".csv", ".csv.gz")))
        if len(found) != 1:
            names = ", ".join(p.name for p in found) or "none"
            msg = f"needs one file called *{kind}*.csv or *{kind}*.csv.gz, found {names}"
            raise TraceError(msg, file=str(folder))
        file = str(found[0])
        rows = []
        for number, line in enumerate(read_text(found[0]).splitlines(), start=1):
            if not line.strip():
                continue
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) != n_columns:
                msg = f"needs {n_columns} values, got {len(cells)}"
                raise TraceError(msg, file=file, line=number)
            rows.append((number, cells))
        if not rows:
            msg = "holds no row"
            raise TraceError(msg, file=file)
        return cls(file=file, rows=rows)

    def error(self, message: str, line: int, column: int) -> TraceError:
        return TraceError(message, file=self.file, line=line, column=column)

    def amounts(self, line: int, column: int, cells: list[str]) -> NDArray[np.int64]:
        """Return values of 0 to a million in whole millionths."""
        try:
            values = np.array(cells, dtype=np.float64)
        except ValueError:
            bad = next(cell for cell in cells if not _is_number(cell))
            msg = f"needs a number, got {bad!r}"
            raise self.error(msg, line, column) from None
        wrong = np.flatnonzero(~((values >= 0) & (values <= _MOST)))
        if wrong.size:
            msg = f"needs 0 to {_MOST:g}, got {cells[int(wrong[0])]}"
            raise self.error(msg, line, column)
        return np.round(values * _MICRO).astype(np.int64)

    def names(self, what: str) -> dict[str, int]:
        """Return the number of each name in the first column."""
        index: dict[str, int] = {}
        for line, cells in self.rows:
            if not cells[0] or cells[0] in index:
                msg = f"{what} {cells[0]!r} is {'listed twice' if cells[0] else 'without a name'}"
                raise self.error(msg, line, 1)
            index[cells[0]] = len(index)
        return index

    def number(self, names: dict[str, int], what: str, line: int, column: int, name: str) -> int:
        if name not in names:
            msg = f"no {what} is called {name!r}{did_you_mean(name, tuple(names))}"
            raise self.error(msg, line, column)
        return names[name]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Apps:
    index: dict[str, int]
    names: tuple[str, ...]
    curves: NDArray[np.int64]  # (apps, CPU mcores and memory MiB, slots)
    scalars: NDArray[np.int64]  # (apps, disk P M PM)


def _apps(table: _Table) -> _Apps:
    index = table.names("app")
    curves: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    scalars: list[NDArray[np.int64]] = []
    for line, cells in table.rows:
        cpu, memory = (table.amounts(line, k, cells[k - 1].split("|")) for k in (2, 3))
        for column, curve in ((2, cpu), (3, memory)):
            wanted = len(curves[0][0]) if curves else len(cpu)
            if len(curve) != wanted:
                msg = f"needs {wanted} slots as the values before, got {len(curve)}"
                raise table.error(msg, line, column)
        curves.append((-(-cpu * 1_000 // _MICRO), -(-memory * MIB_PER_GB // _MICRO)))
        whole = np.concatenate([table.amounts(line, k, [cells[k - 1]]) for k in range(4, 8)])
        scalars.append(-(-whole // _MICRO))
    return _Apps(
        index=index,
        names=tuple(index),
        curves=np.array(curves, dtype=np.int64),
        scalars=np.array(scalars, dtype=np.int64),
    )


def _machines(table: _Table) -> tuple[dict[str, int], NDArray[np.int64], Fleet]:
    """Return the numbers of the machines, what each offers, and the fleet."""
    index = table.names("machine")
    rows = []
    for line, cells in table.rows:
        values = np.concatenate([table.amounts(line, k, [cells[k - 1]]) for k in range(2, 8)])
        for column, value in ((2, values[0]), (3, values[1])):
            if value < _MICRO:
                msg = f"needs 1 or more, got {cells[column - 1]}"
                raise table.error(msg, line, column)
        rows.append(
            [values[0] * 1_000 // _MICRO, values[1] * MIB_PER_GB // _MICRO, *values[2:] // _MICRO]
        )
    offers = np.array(rows, dtype=np.int64)
    kinds, kind_of = np.unique(offers, axis=0, return_inverse=True)
    watts = round(HOST_W * 1_000)
    types = tuple(
        HostType(
            name=f"{cpu / 1_000:g}c-{memory / MIB_PER_GB:g}g-{k}",
            cores=max(1, int(cpu) // 1_000),
            memory_mib=int(memory),
            power=WattTable(points_mw=(watts,) * 11, hosting_idle_mw=watts),
            power_source="assumed",
            off_w=0.0,
            boot_s=0,
            shutdown_s=0,
            hypervisor=Hypervisor(kind="container_engine", moves=frozenset({"restart"})),
        )
        for k, (cpu, memory, *_) in enumerate(kinds.tolist())
    )
    fleet = Fleet(
        host_ids=tuple(index),
        host_type=kind_of.reshape(-1).astype(np.int32),
        types=types,
        defaults=ASSUMED,
        source=Path(table.file).name,
    )
    return index, offers, fleet


def _instances(
    table: _Table, apps: _Apps, machines: dict[str, int]
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int32]]:
    """Return the ids of the instances, the app of each, and its machine or -1."""
    ids = table.names("instance")
    app_of = [table.number(apps.index, "app", line, 2, cells[1]) for line, cells in table.rows]
    host_of = [
        table.number(machines, "machine", line, 3, cells[2]) if cells[2] else -1
        for line, cells in table.rows
    ]
    return tuple(ids), np.array(app_of, dtype=np.int64), np.array(host_of, dtype=np.int32)


def _rules(table: _Table, apps: _Apps, app_of: NDArray[np.int64]) -> tuple[Rule, ...]:
    """Return the rules that some placement could break."""
    order = np.argsort(app_of, kind="stable")
    bounds = np.searchsorted(app_of[order], np.arange(len(apps.names) + 1))
    members = [tuple(order[a:b].tolist()) for a, b in itertools.pairwise(bounds.tolist())]
    rules = []
    for line, cells in table.rows:
        a, b = (table.number(apps.index, "app", line, k, cells[k - 1]) for k in (1, 2))
        if not (cells[2].isascii() and cells[2].isdigit() and len(cells[2]) <= 9):
            msg = f"needs a whole number of 0 or more, got {cells[2]!r}"
            raise table.error(msg, line, 3)
        most = int(cells[2]) + (a == b)
        if members[a] and len(members[b]) > most:
            rules.append(Interference(vms=members[a], others=members[b], most=most))
    return tuple(rules)
