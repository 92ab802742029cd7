"""Run folder -> nouns."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from consolidate.migration import MoveSettings
from consolidate.model import (
    LEDGER,
    RULES,
    Boot,
    Bound,
    Carbon,
    CarbonIntensity,
    Default,
    Fleet,
    HostType,
    Hypervisor,
    Instance,
    JoulesOverHorizon,
    MakespanBound,
    Migration,
    MigrationPlan,
    Placement,
    PowerControl,
    Repair,
    Replay,
    Restore,
    Result,
    Rule,
    Save,
    ServiceLevel,
    Shutdown,
    Site,
    Start,
    Stop,
    TimeGrid,
    Trace,
    VMs,
    WattTable,
)
from consolidate.model.action import Action
from consolidate.study.folder import read_json, read_table
from consolidate.study.write import STATES

__all__ = ["load_carbon", "load_instance", "load_plan", "load_replay", "load_result", "load_trace"]


def _columns(path: Path) -> dict[str, npt.NDArray[Any]]:
    table = read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def load_instance(folder: Path) -> Instance:
    """Read the instance of a run folder."""
    about, manifest = read_json(folder / "instance.json"), read_json(folder / "manifest.json")
    needs, offers = _columns(folder / "needs.parquet"), _columns(folder / "capacities.parquet")
    placement = _columns(folder / "placement.parquet")
    resources = tuple(about["resources"])
    return Instance(
        fleet=_fleet(read_json(folder / "fleet.json")),
        vms=_vms(folder),
        resources=resources,
        need=np.column_stack([needs[r] for r in resources]),
        capacity=np.column_stack([offers[r] for r in resources]),
        vm_overhead=np.column_stack([offers[f"overhead_{r}"] for r in resources]),
        load_mcores=needs["load_mcores"],
        current=Placement(host_of=placement["current_host"]),
        active=needs["active"],
        movable=needs["movable"],
        move_mj=needs["move_mj"],
        objective=_objective(about),
        moves=MoveSettings(**about["moves"]),
        rules=tuple(_rule(row) for row in about["rules"]),
        sizing=about["sizing"],
        hindsight=about["hindsight"],
        defaults=tuple(Default(**row) for row in manifest["defaults"]),
    )


def _objective(about: dict[str, Any]) -> JoulesOverHorizon:
    times = {"horizon_s": about["horizon_s"], "min_off_s": about["min_off_s"]}
    carbon = about.get("carbon")
    if carbon is None:
        return JoulesOverHorizon(**times)
    return Carbon(**times, **{key: _frozen(value) for key, value in carbon.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(x) for x in value) if isinstance(value, list) else value


def _rule(row: dict[str, Any]) -> Rule:
    kind: Any = RULES.get(row["name"])
    known = {field.name for field in dataclass_fields(kind)}
    # The VMs of rules in parts, or about hosts, are stated for the reader's convenience.
    fields = {k: _frozen(v) for k, v in row.items() if k in known}
    rule: Rule = kind(**fields)
    return rule


def _vms(folder: Path) -> VMs:
    rows = _columns(folder / "vms.parquet")
    return VMs(
        ids=tuple(rows["vm_id"]),
        vcpus=rows["vcpus"],
        cpu_mcores=rows["cpu_mcores"],
        memory_mib=rows["memory_mib"],
        dirty_mib_per_s=rows["dirty_mib_per_s"],
        is_container=rows["kind"] == "container",
        groups=tuple(rows["group"]),
        disk_mib=rows.get("disk_mib"),  # type: ignore[arg-type]
    )


def _fleet(about: dict[str, Any]) -> Fleet:
    hosts = about["hosts"]
    return Fleet(
        host_ids=tuple(h["id"] for h in hosts),
        host_type=np.array([h["type"] for h in hosts]),
        types=tuple(_type(t) for t in about["types"]),
        sites=tuple(Site(**{key: _frozen(value) for key, value in s.items()}) for s in about["sites"]),
        host_site=np.array([h["site"] for h in hosts]),
        power_control=np.array([PowerControl[h["power_control"].upper()] for h in hosts]),
        maintenance=np.array([h["maintenance"] for h in hosts]),
        powered_on=np.array([h["powered_on"] for h in hosts]),
        source=about["source"],
    )


def _type(row: dict[str, Any]) -> HostType:
    given = (
        "name",
        "cores",
        "core_speed",
        "memory_mib",
        "power_source",
        "off_w",
        "boot_s",
        "boot_j",
        "shutdown_s",
        "shutdown_j",
        "nic_mbit_per_s",
        "cpu_allocation_ratio",
        "memory_allocation_ratio",
        "embodied_kg",
    )
    # Folders that were written before there were such limits have none.
    limits = {k: row.get(k, 0) for k in ("min_on_s", "min_off_s", "max_cycles_per_day")}
    hypervisor = row["hypervisor"] | {"moves": frozenset(row["hypervisor"]["moves"])}
    return HostType(
        **{name: row[name] for name in given},
        **limits,
        power=WattTable(points_mw=tuple(row["points_mw"]), hosting_idle_mw=row["hosting_idle_mw"]),
        hypervisor=Hypervisor(**hypervisor),
    )


def load_trace(folder: Path) -> Trace:
    """Read the whole trace of a run folder."""
    manifest = read_json(folder / "manifest.json")
    about = manifest["trace"]
    rows, vms = _columns(folder / "trace.parquet"), _vms(folder)
    grid = TimeGrid(
        start=np.datetime64(about["start_utc"].removesuffix("Z")),
        step_s=about["step_s"],
        n_steps=about["steps"],
    )
    shape = (len(vms), grid.n_steps)
    cpu, memory = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    alive = np.zeros(shape, dtype=np.bool_)
    at = rows["vm"], rows["step"]
    cpu[at], memory[at], alive[at] = rows["cpu_mcores"], rows["memory_mib"], True
    return Trace(
        vms=vms,
        grid=grid,
        cpu_mcores=cpu,
        memory_mib=memory,
        alive=alive,
        format=about["format"],
        source=about["source"],
        sha256=about["sha256"],
        repairs=tuple(Repair(**r) for r in manifest["repairs"]),
        notes=tuple(manifest["notes"]),
    )


def load_result(folder: Path) -> Result:
    """Read the result of a run folder."""
    about, rows = read_json(folder / "result.json"), _columns(folder / "placement.parquet")
    keys = (
        "policy",
        "objective_mj",
        "current_mj",
        "status",
        "stopped",
        "repeat",
        "worthwhile",
        "seed",
        "message",
    )
    return Result(
        **{k: about[k] for k in keys},
        placement=Placement(host_of=rows["target_host"]),
        bounds=tuple(Bound(**b) for b in about["bounds"]),
        measure=about.get("measure", "energy"),
        runtime_s=0.0,
        blocking_vms=tuple(about["blocking_vms"]),
        blocking_hosts=tuple(about["blocking_hosts"]),
    )


def load_plan(folder: Path) -> MigrationPlan:
    """Read the plan of a run folder."""
    placement = _columns(folder / "placement.parquet")
    actions: list[Action] = []
    for row in read_table(folder / "plan.parquet").to_pylist():
        common = {
            "id": row["action_id"],
            "start_s": row["start_s"],
            "end_s": row["end_s"],
            "after": tuple(int(x) for x in row["after"].split()),
        }
        if row["kind"] == "migration":
            names = ("vm", "source", "target", "mode", "moved_mib", "rate_mib_per_s")
            more = {k: row[k] for k in (*names, "overhead_mcores", "parking")}
            downtime_ms = round(row["downtime_s"] * 1_000)
            actions.append(Migration(**common, **more, downtime_ms=downtime_ms))
        elif row["kind"] in ("save", "restore"):
            half = Save if row["kind"] == "save" else Restore
            host = row["source"] if half is Save else row["target"]
            more = {k: row[k] for k in ("vm", "rate_mib_per_s", "overhead_mcores")}
            actions.append(half(**common, **more, host=host, image_mib=row["moved_mib"]))
        elif row["kind"] == "start":
            actions.append(Start(**common, vm=row["vm"], host=row["target"]))
        else:
            kind = Boot if row["kind"] == "boot" else Shutdown
            actions.append(kind(**common, host=row["target"]))
    about = read_json(folder / "plan.json")
    state = about.pop("state")
    about.pop("within_s", None)
    return MigrationPlan(
        actions=tuple(actions),
        current=Placement(host_of=placement["current_host"]),
        target=Placement(host_of=placement["target_host"]),
        bound=MakespanBound(**about) if any(about.values()) else None,
        state=state,
    )


def load_replay(folder: Path, label: str) -> Replay:
    """Read one arm of a run folder."""
    arm, about = folder / "replay" / label, read_json(folder / "manifest.json")["trace"]
    steps, hosts = _columns(arm / "steps.parquet"), _columns(arm / "hosts.parquet")
    states, residency = _columns(arm / "host_states.parquet"), _columns(arm / "residency.parquet")
    grid = TimeGrid(
        start=steps["start_utc"][0].astype("datetime64[s]"),
        step_s=about["step_s"],
        n_steps=len(steps["hosts_on"]),
    )
    on = _columns(arm / "utilization.parquet")
    utilization = np.full((len(hosts["host_id"]), grid.n_steps), np.nan, dtype=np.float32)
    utilization[on["host"], on["step"]] = on["utilization"]
    sites = _columns(arm / "sites.parquet")
    service = read_json(arm / "service.json")
    service.pop("label")
    return Replay(
        label=label,
        grid=grid,
        host_ids=tuple(hosts["host_id"]),
        energy_mj=np.column_stack([hosts[f"{c}_mj"] for c in LEDGER]),
        step_energy_mj=np.column_stack([steps[f"{c}_mj"] for c in LEDGER]),
        site_energy_mj=sites["energy_mj"].reshape(-1, grid.n_steps),
        hosts_on=steps["hosts_on"],
        utilization=utilization,
        step_unmet_mcore_s=steps["unmet_mcore_s"],
        residency=np.column_stack([residency[k] for k in ("vm", "host", "start_s", "end_s")]),
        host_states=np.column_stack(
            [
                states["host"],
                [STATES.index(s) for s in states["state"]],
                states["start_s"],
                states["end_s"],
            ]
        ).astype(np.int64),
        moves=_moves(arm, completed=True),
        broken_off=_moves(arm, completed=False),
        stops=_stops(arm),
        options=read_json(arm / "options.json") if (arm / "options.json").is_file() else {},
        service=ServiceLevel(**service),
    )


def _moves(arm: Path, *, completed: bool) -> tuple[Migration, ...]:
    rows = read_table(arm / "moves.parquet").to_pylist()
    return tuple(
        Migration(id=k, moved_mib=0, rate_mib_per_s=0.0, **row)
        for k, row in enumerate(rows)
        if row.pop("completed") is completed
    )


def _stops(arm: Path) -> tuple[Stop, ...]:
    path = arm / "stops.parquet"
    return tuple(Stop(**row) for row in read_table(path).to_pylist()) if path.is_file() else ()


def load_carbon(folder: Path) -> tuple[tuple[CarbonIntensity, ...], dict[str, float]]:
    """Read the intensity of each site and the emissions of each arm."""
    about, rows = read_json(folder / "carbon.json"), _columns(folder / "carbon.parquet")
    found = []
    for site, entry in enumerate(about["sites"]):
        mine = rows["site"] == site
        starts = rows["start_utc"][mine].astype("datetime64[s]")
        ends = rows["end_utc"][mine].astype("datetime64[s]")
        step_s = int((ends[0] - starts[0]).astype(np.int64))
        grid = TimeGrid(start=starts[0], step_s=step_s, n_steps=len(starts))
        entry["notes"] = tuple(entry["notes"])
        found.append(CarbonIntensity(grid=grid, g_per_kwh=rows["g_per_kwh"][mine], **entry))
    return tuple(found), about["emissions_g"]
