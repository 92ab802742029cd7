"""Nouns -> run folder; the format is described in ``docs/reference/run-folder.md``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from consolidate.model import (
    LEDGER,
    Carbon,
    CarbonIntensity,
    Fleet,
    HostType,
    Instance,
    JoulesOverHorizon,
    MakespanBound,
    MigrationPlan,
    PowerControl,
    Replay,
    Result,
    Stop,
    Trace,
)
from consolidate.study.energy import energy_of
from consolidate.study.folder import write_json, write_table

__all__ = [
    "STATES",
    "write_carbon",
    "write_instance",
    "write_intensities",
    "write_plan",
    "write_replay",
    "write_result",
]

STATES = ("on", "booting", "shutting_down", "off", "failed")


def write_instance(folder: Path, trace: Trace, instance: Instance, min_saving: float) -> None:
    """Write fleet, VMs, trace, needs, capacities and ``instance.json``."""
    write_json(folder / "fleet.json", _fleet(instance.fleet))
    vms = instance.vms
    write_table(
        folder / "vms.parquet",
        {
            "vm_id": vms.ids,
            "kind": ["container" if c else "vm" for c in vms.is_container],
            "vcpus": vms.vcpus,
            "cpu_mcores": vms.cpu_mcores,
            "memory_mib": vms.memory_mib,
            "dirty_mib_per_s": vms.dirty_mib_per_s,
            "group": vms.groups,
        }
        | ({"disk_mib": vms.disk_mib} if vms.disk_mib.any() else {}),
    )
    vm, step = np.nonzero(trace.alive)
    write_table(
        folder / "trace.parquet",
        {
            "vm": vm.astype(np.int32),
            "step": step.astype(np.int32),
            "cpu_mcores": trace.cpu_mcores[vm, step],
            "memory_mib": trace.memory_mib[vm, step],
        },
    )
    needs: dict[str, Any] = {r: instance.need[:, k] for k, r in enumerate(instance.resources)}
    for name in ("load_mcores", "move_mj", "movable", "active"):
        needs[name] = getattr(instance, name)
    write_table(folder / "needs.parquet", {k: np.ascontiguousarray(v) for k, v in needs.items()})
    offers: dict[str, Any] = {r: instance.capacity[:, k] for k, r in enumerate(instance.resources)}
    for k, r in enumerate(instance.resources):
        offers[f"overhead_{r}"] = instance.vm_overhead[:, k]
    offers["may_switch_off"] = instance.may_switch_off()
    write_table(folder / "capacities.parquet", {k: np.ascontiguousarray(v) for k, v in offers.items()})
    write_json(
        folder / "instance.json",
        {
            "resources": list(instance.resources),
            "horizon_s": instance.objective.horizon_s,
            "min_off_s": instance.objective.min_off_s,
            "carbon": _carbon(instance.objective),
            "sizing": instance.sizing,
            "hindsight": instance.hindsight,
            "min_saving_fraction": min_saving,
            "moves": asdict(instance.moves),
            "rules": [_rule(r) for r in instance.rules],
        },
    )


def _carbon(objective: JoulesOverHorizon) -> dict[str, object] | None:
    if not isinstance(objective, Carbon):
        return None
    return {
        "site_mg_per_kwh": list(objective.site_mg_per_kwh),
        "move_mg_per_kwh": list(objective.move_mg_per_kwh),
        "moves_s": objective.moves_s,
        "forecast": objective.forecast,
    }


def _rule(rule: Any) -> dict[str, object]:
    row: dict[str, object] = {"name": rule.name, "vms": list(rule.vms)}
    row |= {key: list(getattr(rule, key)) for key in ("hosts", "others") if hasattr(rule, key)}
    row |= {
        key: [list(part) for part in getattr(rule, key)]
        for key in ("parts", "zones")
        if hasattr(rule, key)
    }
    row |= {
        key: getattr(rule, key) for key in ("most", "resource", "least", "unit") if hasattr(rule, key)
    }
    row["continuous"] = rule.continuous
    return row


def _fleet(fleet: Fleet) -> dict[str, object]:
    return {
        "source": fleet.source,
        "sites": [asdict(site) for site in fleet.sites],
        "types": [_type(t) for t in fleet.types],
        "hosts": [
            {
                "id": host,
                "type": int(fleet.host_type[h]),
                "site": int(fleet.host_site[h]),
                "power_control": PowerControl(int(fleet.power_control[h])).name.lower(),
                "maintenance": bool(fleet.maintenance[h]),
                "powered_on": bool(fleet.powered_on[h]),
            }
            for h, host in enumerate(fleet.host_ids)
        ],
    }


def _type(kind: HostType) -> dict[str, object]:
    row = {
        name: getattr(kind, name)
        for name in (
            "name",
            "cores",
            "core_speed",
            "memory_mib",
            "cpu_mcores",
            "core_mcores",
            "usable_mcores",
            "usable_memory_mib",
            "power_source",
            "off_mw",
            "off_w",
            "boot_s",
            "boot_mw",
            "boot_j",
            "shutdown_s",
            "shutdown_mw",
            "shutdown_j",
            "nic_mbit_per_s",
            "cpu_allocation_ratio",
            "memory_allocation_ratio",
            "embodied_kg",
            "min_on_s",
            "min_off_s",
            "max_cycles_per_day",
        )
    }
    row["points_mw"] = list(kind.power.points_mw)
    row["hosting_idle_mw"] = kind.power.hosting_idle_mw
    row["hypervisor"] = asdict(kind.hypervisor) | {"moves": sorted(kind.hypervisor.moves)}
    return row


def write_result(folder: Path, instance: Instance, result: Result) -> None:
    """Write the placement and ``result.json``."""
    write_table(
        folder / "placement.parquet",
        {
            "vm_id": instance.vms.ids,
            "current_host": instance.current.host_of,
            "target_host": result.placement.host_of,
        },
    )
    write_json(
        folder / "result.json",
        {
            "policy": result.policy,
            "measure": result.measure,
            "status": result.status,
            "stopped": result.stopped,
            "repeat": result.repeat,
            "worthwhile": result.worthwhile,
            "message": result.message,
            "objective_mj": result.objective_mj,
            "current_mj": result.current_mj,
            "gap": result.gap,
            "seed": result.seed,
            "breakdown": asdict(energy_of(instance, result)),
            "bounds": [asdict(b) | {"certificate": dict(b.certificate)} for b in result.bounds],
            "blocking_vms": list(result.blocking_vms),
            "blocking_hosts": list(result.blocking_hosts),
        },
    )


def write_plan(folder: Path, plan: MigrationPlan, *, within_s: int | None = None) -> None:
    """Write ``plan.json`` and then ``plan.parquet``, the sign that the plan is complete.

    Parameters
    ----------
    folder, plan
        The run folder and its plan.
    within_s : s
        When the plan was to have ended, if that was said.
    """
    import pyarrow as pa

    bound = plan.bound or MakespanBound()
    wanted = {} if within_s is None else {"within_s": within_s}
    write_json(folder / "plan.json", {"state": plan.state, **asdict(bound), **wanted})
    frame = plan.to_frame()
    kinds = {
        "action_id": pa.int64(),
        "kind": pa.string(),
        "vm": pa.int64(),
        "source": pa.int64(),
        "target": pa.int64(),
        "mode": pa.string(),
        "start_s": pa.int64(),
        "end_s": pa.int64(),
        "downtime_s": pa.float64(),
        "moved_mib": pa.int64(),
        "rate_mib_per_s": pa.float64(),
        "overhead_mcores": pa.int64(),
        "parking": pa.bool_(),
        "after": pa.string(),
    }
    columns = {name: pa.array(frame[name], type=kind, from_pandas=True) for name, kind in kinds.items()}
    write_table(folder / "plan.parquet", columns)


def write_replay(folder: Path, replay: Replay) -> None:
    """Write one arm; ``service.json`` last, as the sign that the arm is complete."""
    import pyarrow as pa

    arm = folder / "replay" / replay.label
    steps: dict[str, Any] = {"start_utc": _instants(replay.grid.times())}
    for k, cause in enumerate(LEDGER):
        steps[f"{cause}_mj"] = np.ascontiguousarray(replay.step_energy_mj[:, k])
    steps["power_w"] = replay.power_w
    steps["hosts_on"] = replay.hosts_on
    steps["unmet_mcore_s"] = replay.step_unmet_mcore_s
    write_table(arm / "steps.parquet", steps)
    hosts: dict[str, Any] = {"host_id": replay.host_ids}
    for k, cause in enumerate(LEDGER):
        hosts[f"{cause}_mj"] = np.ascontiguousarray(replay.energy_mj[:, k])
    write_table(arm / "hosts.parquet", hosts)
    states = replay.host_states
    write_table(
        arm / "host_states.parquet",
        {
            "host": states[:, 0].astype(np.int32),
            "state": [STATES[s] for s in states[:, 1]],
            "start_s": states[:, 2].copy(),
            "end_s": states[:, 3].copy(),
        },
    )
    rows = replay.residency
    write_table(
        arm / "residency.parquet",
        {
            "vm": rows[:, 0].astype(np.int32),
            "host": rows[:, 1].astype(np.int32),
            "start_s": rows[:, 2].copy(),
            "end_s": rows[:, 3].copy(),
        },
    )
    integers = {name: pa.int64() for name in ("start_s", "end_s", "downtime_ms", "overhead_mcores")}
    kinds = {"vm": pa.int32(), "source": pa.int32(), "target": pa.int32(), "mode": pa.string()}
    made = (*replay.moves, *replay.broken_off)
    write_table(
        arm / "moves.parquet",
        {
            name: pa.array([getattr(m, name) for m in made], type=kind)
            for name, kind in (kinds | integers).items()
        }
        | {
            "completed": pa.array(
                [True] * len(replay.moves) + [False] * len(replay.broken_off), pa.bool_()
            )
        },
    )
    host, step = np.nonzero(~np.isnan(replay.utilization))
    write_table(
        arm / "utilization.parquet",
        {
            "host": host.astype(np.int32),
            "step": step.astype(np.int32),
            "utilization": replay.utilization[host, step],
        },
    )
    n_sites, n_steps = replay.site_energy_mj.shape
    write_table(
        arm / "sites.parquet",
        {
            "site": np.repeat(np.arange(n_sites, dtype=np.int32), n_steps),
            "step": np.tile(np.arange(n_steps, dtype=np.int32), n_sites),
            "energy_mj": replay.site_energy_mj.ravel(),
        },
    )
    if replay.options:
        write_json(arm / "options.json", replay.options)
    if replay.options or replay.stops:
        write_stops(arm, replay.stops)
    write_json(arm / "service.json", {"label": replay.label} | asdict(replay.service))


def write_stops(arm: Path, stops: tuple[Stop, ...]) -> None:
    """Write what kept VMs from running apart from moves."""
    import pyarrow as pa

    kinds = {"vm": pa.int32(), "host": pa.int32(), "cause": pa.string()}
    kinds |= dict.fromkeys(
        ("start_s", "end_s", "asked_s", "image_mib", "overhead_mcores", "lost_mcore_s"), pa.int64()
    )
    kinds["completed"] = pa.bool_()
    write_table(
        arm / "stops.parquet",
        {name: pa.array([getattr(s, name) for s in stops], type=kind) for name, kind in kinds.items()},
    )


def _instants(times: Any) -> Any:
    import pyarrow as pa

    return pa.array(times.astype("datetime64[s]"), type=pa.timestamp("s", tz="UTC"))


def write_intensities(path: Path, found: tuple[CarbonIntensity, ...]) -> None:
    """Write the intensity of each site."""
    starts, ends, values, sites = [], [], [], []
    for site, intensity in enumerate(found):
        times = intensity.grid.times()
        starts.append(times)
        ends.append(times + np.timedelta64(intensity.grid.step_s, "s"))
        values.append(intensity.g_per_kwh)
        sites.append(np.full(len(times), site, dtype=np.int32))
    write_table(
        path,
        {
            "site": np.concatenate(sites),
            "start_utc": _instants(np.concatenate(starts)),
            "end_utc": _instants(np.concatenate(ends)),
            "g_per_kwh": np.concatenate(values),
        },
    )


def write_carbon(
    folder: Path, found: tuple[CarbonIntensity, ...], emissions_g: dict[str, float]
) -> None:
    """Write the intensity of each site and the emissions of each arm."""
    write_intensities(folder / "carbon.parquet", found)
    write_json(
        folder / "carbon.json",
        {
            "sites": [
                {
                    "zone": i.zone,
                    "kind": i.kind,
                    "scope": i.scope,
                    "source": i.source,
                    "estimated_fraction": i.estimated_fraction,
                    "notes": list(i.notes),
                }
                for i in found
            ],
            "emissions_g": emissions_g,
        },
    )
