"""A run folder as plain records: as much of it as is there and can be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import Demand
from consolidate.checks.carbon import Intensity
from consolidate.checks.cases import (
    BOOT,
    MOVE,
    RESTORE,
    SAVE,
    SHUTDOWN,
    Actions,
    BoundClaim,
    Guests,
    Hosts,
    MoveLimits,
    PlacementCase,
    PlacementClaim,
    PlacementRule,
)
from consolidate.checks.files import Json, MalformedError, Table, read_json, read_table
from consolidate.checks.forecast_file import load_weights
from consolidate.checks.rules import RULE_NAMES
from consolidate.checks.verdict import Violation

__all__ = [
    "SCHEMA_VERSION",
    "Problems",
    "Windows",
    "count_rows",
    "load_actions",
    "load_case",
    "load_claim",
    "load_demand",
    "load_emissions",
    "load_intensity",
    "load_limits",
    "load_switchable",
    "load_windows",
]

SCHEMA_VERSION = 1

_T = TypeVar("_T")


class Problems:
    """Collects what is wrong with files, so that one bad file does not hide the next."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def attempt(self, load: Callable[[], _T]) -> _T | None:
        """Return what a loader gives, or ``None`` and keep the violation."""
        try:
            return load()
        except MalformedError as problem:
            if problem.violation not in self.violations:
                self.violations.append(problem.violation)
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Grid and windows of ``manifest.json``: step ranges of the trace, half-open."""

    replay: tuple[int, int]
    steps: int
    step_s: int
    start_utc_s: int


def load_windows(folder: Path) -> Windows:
    """Read what the manifest says of time."""
    manifest = read_json(folder, "manifest.json")
    version = manifest.integer("schema_version")
    if version != SCHEMA_VERSION:
        manifest.fail("schema_version", f"is {version}; these checks know version {SCHEMA_VERSION}")
    trace, windows = manifest.object("trace"), manifest.object("windows")
    steps = trace.integer("steps", least=1, most=2**24)
    for key in ("sizing", "replay"):
        bounds = windows.integers(key)
        if len(bounds) != 2 or not 0 <= bounds[0] < bounds[1] <= steps:
            windows.fail(key, f"needs a range of steps within 0 to {steps}, got {list(bounds)}")
    first, stop = windows.integers("replay")
    text = trace.text("start_utc")
    try:
        start = np.datetime64(text.removesuffix("Z"), "s").astype(np.int64)
    except ValueError:
        trace.fail("start_utc", f"needs an instant such as 2011-03-03T00:00:00Z, got {text!r}")
    return Windows(
        replay=(first, stop),
        steps=steps,
        step_s=trace.integer("step_s", least=1, most=2**24),
        start_utc_s=int(start),
    )


def load_demand(folder: Path, windows: Windows, *, n_vms: int) -> Demand:
    """Read the demand of the replayed steps."""
    kinds = {"vm": "int32", "step": "int32", "cpu_mcores": "int32", "memory_mib": "int32"}
    table = read_table(folder, "trace.parquet", kinds)
    vm = table.indices("vm", least=0, limit=n_vms)
    step = table.indices("step", least=0, limit=windows.steps)
    later = vm[1:] * windows.steps + step[1:] > vm[:-1] * windows.steps + step[:-1]
    if not later.all():
        row = int(np.flatnonzero(~later)[0]) + 1
        message = f"trace.parquet: row {row} (VM {int(vm[row])}, step {int(step[row])}) is out of order"
        raise MalformedError(message, code="V0.value", file="trace.parquet", column="step", row=row)
    for column in ("cpu_mcores", "memory_mib"):
        table.indices(column, least=0, limit=2**31)
    first, stop = windows.replay
    inside = (step >= first) & (step < stop)
    return Demand(
        vm=vm[inside],
        step=step[inside] - first,
        cpu_mcores=table.integers("cpu_mcores")[inside],
        memory_mib=table.integers("memory_mib")[inside],
        n_steps=stop - first,
        step_s=windows.step_s,
        start_utc_s=windows.start_utc_s + first * windows.step_s,
    )


def count_rows(folder: Path) -> int:
    """Return the rows of the whole trace."""
    return read_table(folder, "trace.parquet", {"vm": "int32"}).rows


def load_case(folder: Path, hosts: Hosts, vms: Guests) -> PlacementCase:
    """Read the problem and its answer."""
    instance = read_json(folder, "instance.json")
    resources = tuple(str(name) for name in instance.items("resources"))
    if not resources:
        instance.fail("resources", "needs at least one resource")
    whole = dict.fromkeys(resources, "int64")
    extra = {"load_mcores": "int64", "move_mj": "int64", "movable": "bool", "active": "bool"}
    needs = _rows(read_table(folder, "needs.parquet", whole | extra), vms.n)
    over = {f"overhead_{name}": "int64" for name in resources}
    offers = _rows(read_table(folder, "capacities.parquet", whole | over), hosts.n)
    current, target = _placement(folder, vms)
    sites, moves = load_weights(folder, instance)
    return PlacementCase(
        hosts=hosts,
        vms=vms,
        resources=resources,
        need=np.stack([needs.amounts(name) for name in resources], axis=1),
        capacity=np.stack([offers.amounts(name) for name in resources], axis=1),
        overhead=np.stack([offers.amounts(name) for name in over], axis=1),
        load_mcores=needs.amounts("load_mcores"),
        move_mj=needs.amounts("move_mj"),
        movable=needs.flags("movable"),
        active=needs.flags("active"),
        rules=tuple(_rule(entry, hosts=hosts.n, vms=vms.n) for entry in instance.objects("rules")),
        current=current,
        target=target,
        horizon_s=instance.integer("horizon_s", least=1, most=2**40),
        min_off_s=instance.integer("min_off_s", least=0),
        site_mg_per_kwh=sites,
        move_mg_per_kwh=moves,
    )


def _rows(table: Table, due: int) -> Table:
    if table.rows != due:
        message = f"{table.file} has {table.rows} rows; it needs {due}"
        raise MalformedError(message, code="V0.value", file=table.file, rows=table.rows)
    return table


def _placement(folder: Path, vms: Guests) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    kinds = {"vm_id": "string", "current_host": "int32", "target_host": "int32"}
    table = read_table(folder, "placement.parquet", kinds)
    ids = table.texts("vm_id")
    if ids != vms.ids:
        counts: dict[str, int] = {}
        for vm in ids:
            counts[vm] = counts.get(vm, 0) + 1
        twice = [vm for vm, count in counts.items() if count > 1]
        lost = [vm for vm in vms.ids if vm not in counts]
        known = set(vms.ids)
        strange = [vm for vm in ids if vm not in known]
        for code, names, what in (
            ("V1.twice", twice, "is there more than once"),
            ("V1.lost", lost, "has no row"),
            ("V1.ids", strange, "is not in vms.parquet"),
        ):
            if names:
                message = f"placement.parquet: VM {names[0]} {what}"
                message += f" (and {len(names) - 1} more)" if len(names) > 1 else ""
                raise MalformedError(message, code=code, vms=names[:20])
        row = next(i for i, (a, b) in enumerate(zip(ids, vms.ids, strict=True)) if a != b)
        message = f"placement.parquet: row {row} is VM {ids[row]}; vms.parquet has {vms.ids[row]} there"
        raise MalformedError(message, code="V1.ids", vm=ids[row], row=row)
    return table.integers("current_host"), table.integers("target_host")


_NAMES_HOSTS = (
    *("fence", "ban", "root", "max_online", "quarantine"),
    *("online", "offline", "resource_capacity", "licence_group", "shared_capacity"),
)
_NAMES_LIMIT = ("interference", "max_online", "resource_capacity", "licence_group", "shared_capacity")
_NAMES_RESOURCE = ("preserve", "resource_capacity", "shared_capacity")
_NAMES_PARTS = ("split", "split_among")
_NAMES_ZONES = ("among", "split_among")


def _rule(entry: Json, *, hosts: int, vms: int) -> PlacementRule:
    name = entry.text("name")
    if name not in RULE_NAMES:
        entry.fail("name", f"needs one of {', '.join(RULE_NAMES)}, got {name!r}")
    members = entry.integers("vms", limit=vms)
    named = entry.integers("hosts", limit=hosts) if name in _NAMES_HOSTS else ()
    others = entry.integers("others", limit=vms) if name == "interference" else ()
    most = entry.integer("most", least=0) if name in _NAMES_LIMIT else 0
    if name == "root" and len(named) != len(members):
        entry.fail("hosts", f"needs one host for each of {len(members)} VMs, got {len(named)}")
    return PlacementRule(
        name=name,
        parts=entry.sets("parts", limit=vms) if name in _NAMES_PARTS else (),
        zones=entry.sets("zones", limit=hosts) if name in _NAMES_ZONES else (),
        vms=members,
        hosts=named,
        others=others,
        most=most,
        resource=entry.text("resource") if name in _NAMES_RESOURCE else "",
        unit=entry.text("unit") if name == "licence_group" else "",
        least=entry.integer("least", least=0) if name == "preserve" else 0,
        continuous=entry.flag("continuous"),
    )


def load_switchable(folder: Path, hosts: Hosts) -> NDArray[np.bool_]:
    """Read which hosts the run says may be switched off, shape ``(hosts,)``."""
    table = read_table(folder, "capacities.parquet", {"may_switch_off": "bool"})
    return _rows(table, hosts.n).flags("may_switch_off")


def load_makespan_bounds(folder: Path) -> tuple[int, int]:
    """Read below which makespan no plan can be, and none without detours, in seconds; 0 = no claim."""
    if not (folder / "plan.json").is_file():
        return 0, 0
    bound = read_json(folder, "plan.json")

    def claim(key: str) -> int:
        return bound.integer(key, least=0) if key in bound.content else 0

    return max(map(claim, ("load_s", "space_time_s", "room_s"))), claim("direct_s")


def load_limits(folder: Path) -> MoveLimits:
    """Read the settings of moves."""
    moves = read_json(folder, "instance.json").object("moves")
    return MoveLimits(
        bandwidth_fraction=moves.number("bandwidth_fraction"),
        moves_in=moves.integer("moves_in", least=1),
        moves_out=moves.integer("moves_out", least=1),
        downtime_limit_s=moves.number("downtime_limit_s"),
        max_rounds=moves.integer("max_rounds", least=1, most=100_000),
        working_set_fraction=moves.number("working_set_fraction"),
        setup_s=moves.number("setup_s"),
        cores_per_10_gbit=moves.number("cores_per_10_gbit"),
        storage_mib_per_s=moves.number("storage_mib_per_s"),
        restart_s=moves.number("restart_s"),
        moves_per_host=moves.integer("moves_per_host", least=0),
        moves_at_once=moves.integer("moves_at_once", least=0),
        uplink_mbit_per_s=moves.number("uplink_mbit_per_s", least=0.0),
        shared_storage=moves.flag("shared_storage") if "shared_storage" in moves.content else True,
        round_trip_ms=moves.number("round_trip_ms", least=0.0)
        if "round_trip_ms" in moves.content
        else 0.0,
        downtime_j_per_s=moves.number("downtime_j_per_s", least=0.0)
        if moves.content.get("downtime_j_per_s") is not None
        else None,
    )


def load_claim(folder: Path) -> PlacementClaim:
    """Read what the result says of itself."""
    result = read_json(folder, "result.json")
    status = result.text("status")
    if status not in ("optimal", "feasible", "infeasible", "unknown"):
        result.fail("status", f"needs optimal, feasible, infeasible or unknown, got {status!r}")
    breakdown = result.object("breakdown")
    causes = ("on_mj", "off_mj", "boot_mj", "shutdown_mj", "migration_mj")
    return PlacementClaim(
        objective_mj=result.integer("objective_mj"),
        current_mj=result.integer("current_mj"),
        gap=result.number("gap"),
        status=status,
        worthwhile=result.flag("worthwhile"),
        breakdown={cause: breakdown.integer(cause) for cause in causes},
        bounds=tuple(
            BoundClaim(
                name=bound.text("name"),
                value_mj=bound.integer("value_mj"),
                kind=bound.text("kind"),
                source=bound.text("source"),
                certificate=bound.object("certificate").content
                if "certificate" in bound.content
                else None,
            )
            for bound in result.objects("bounds")
        ),
        min_saving_fraction=read_json(folder, "instance.json").number("min_saving_fraction"),
    )


def load_actions(folder: Path, *, hosts: int, vms: int) -> Actions:
    """Read the plan."""
    name = "plan.parquet"
    nulls = {"vm": -1, "source": -1, "target": -1, "mode": "", "downtime_s": 0.0, "moved_mib": 0}
    nulls |= {"rate_mib_per_s": 0.0, "overhead_mcores": 0, "parking": False}
    kinds = {"action_id": "int64", "kind": "string", "vm": "int64", "source": "int64"}
    kinds |= {"target": "int64", "mode": "string", "start_s": "int64", "end_s": "int64"}
    kinds |= {"downtime_s": "double", "moved_mib": "int64", "rate_mib_per_s": "double"}
    kinds |= {"overhead_mcores": "int64", "parking": "bool", "after": "string"}
    table = read_table(folder, name, kinds, nullable=nulls)
    codes = {"boot": BOOT, "migration": MOVE, "shutdown": SHUTDOWN, "save": SAVE, "restore": RESTORE}
    words = table.texts("kind")
    for row, word in enumerate(words):
        if word not in codes:
            message = f"{name}: column kind, row {row}: needs one of {', '.join(codes)}, got {word!r}"
            raise MalformedError(message, code="V0.value", file=name, column="kind", row=row)
    kind = np.array([codes[word] for word in words], dtype=np.int64)
    columns = (("vm", vms), ("source", hosts), ("target", hosts))
    vm, source, target = (table.indices(c, least=-1, limit=n) for c, n in columns)
    for column, values, without in (
        ("vm", vm, (BOOT, SHUTDOWN)),
        ("source", source, (BOOT, SHUTDOWN, RESTORE)),
        ("target", target, (SAVE,)),
    ):
        missing = (values < 0) & ~np.isin(kind, without)
        if missing.any():
            row = int(np.flatnonzero(missing)[0])
            message = f"{name}: column {column}, row {row}: a {words[row]} needs it"
            raise MalformedError(message, code="V0.value", file=name, column=column, row=row)
    start_s = table.amounts("start_s")
    keys = list(zip(start_s.tolist(), table.integers("action_id").tolist(), strict=True))
    if keys != sorted(keys):
        message = f"{name} is not sorted by start_s and action_id"
        raise MalformedError(message, code="V0.value", file=name, column="start_s")
    return Actions(
        id=table.integers("action_id"),
        kind=kind,
        vm=vm,
        source=source,
        target=target,
        mode=table.texts("mode"),
        start_s=start_s,
        end_s=table.amounts("end_s"),
        downtime_ms=np.rint(np.nan_to_num(table.floats("downtime_s")) * 1_000).astype(np.int64),
        moved_mib=table.amounts("moved_mib"),
        rate_mib_per_s=table.floats("rate_mib_per_s"),
        overhead_mcores=table.amounts("overhead_mcores"),
        parking=table.flags("parking"),
        after=tuple(_ids(name, row, text) for row, text in enumerate(table.texts("after"))),
    )


def _ids(name: str, row: int, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split())
    except ValueError:
        message = f"{name}: column after, row {row}: needs ids separated by spaces, got {text!r}"
        raise MalformedError(message, code="V0.value", file=name, column="after", row=row) from None


def load_intensity(folder: Path, *, n_sites: int, name: str = "carbon.parquet") -> Intensity:
    """Read the carbon intensity."""
    kinds = {"site": "int32", "start_utc": "timestamp", "end_utc": "timestamp", "g_per_kwh": "double"}
    table = read_table(folder, name, kinds)
    return Intensity(
        site=table.indices("site", least=0, limit=n_sites),
        start_utc_s=table.integers("start_utc"),
        end_utc_s=table.integers("end_utc"),
        g_per_kwh=table.floats("g_per_kwh"),
    )


def load_emissions(folder: Path) -> dict[str, float]:
    """Read the emissions that the run states for each arm, in grams."""
    stated = read_json(folder, "carbon.json").object("emissions_g")
    return {label: stated.number(label) for label in stated.content}
