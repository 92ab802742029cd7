"""``replay/LABEL/``: one arm of a run folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import LEDGER, STATES, Arm, Demand, MovesMade, Residency, States
from consolidate.checks.cases import Hosts
from consolidate.checks.files import MalformedError, read_json, read_table
from consolidate.checks.stop_cases import load_options, load_stops

__all__ = ["SERVICE_KEYS", "load_arm"]

SERVICE_KEYS = (
    "demand_mcore_s",
    "unmet_mcore_s",
    "overload_host_s",
    "on_host_s",
    "memory_overcommit_host_s",
    "downtime_ms",
    "waiting_vm_s",
    "migrations",
    "skipped_migrations",
    "cancelled_shutdowns",
    "power_cycles",
)
#: Folders that were written before there were such things have none of them.
LATER_KEYS = (
    "refused_boots",
    "refused_shutdowns",
    "savings",
    "restorations",
    "parked_vm_s",
    "wake_delay_s",
    "longest_wake_delay_s",
    "parking_mj",
    "host_failures",
    "vm_restarts",
    "lost_work_mcore_s",
)


def load_arm(folder: Path, label: str, *, demand: Demand, hosts: Hosts, vms: int, n_sites: int) -> Arm:
    """Read one arm; ``folder`` is the run folder."""
    at = f"replay/{label}"
    causes = dict.fromkeys(LEDGER, "int64")
    per_host = read_table(folder, f"{at}/hosts.parquet", {"host_id": "string", **causes})
    host_ids = per_host.texts("host_id")
    if host_ids != hosts.ids:
        message = f"{at}/hosts.parquet: column host_id differs from the hosts of fleet.json"
        raise MalformedError(message, code="V0.value", file=f"{at}/hosts.parquet", column="host_id")
    kinds = {"start_utc": "timestamp", **causes, "power_w": "double"}
    kinds |= {"hosts_on": "int32", "unmet_mcore_s": "int64"}
    steps = read_table(folder, f"{at}/steps.parquet", kinds)
    if steps.rows != demand.n_steps:
        message = (
            f"{at}/steps.parquet has {steps.rows} rows; the replay window has {demand.n_steps} steps"
        )
        raise MalformedError(message, code="V0.value", file=f"{at}/steps.parquet", rows=steps.rows)
    service = read_json(folder, f"{at}/service.json")
    if service.text("label") != label:
        service.fail("label", f"is {service.text('label')!r} in the folder of arm {label!r}")
    parking, failures = load_options(folder, at, hosts=hosts.n, vms=vms)
    return Arm(
        label=label,
        states=_states(folder, at, hosts.n),
        residency=_residency(folder, at, hosts=hosts.n, vms=vms),
        moves=_moves(folder, at, hosts=hosts.n, vms=vms),
        host_ids=host_ids,
        host_mj=np.stack([per_host.integers(cause) for cause in LEDGER], axis=1),
        step_start_utc_s=steps.integers("start_utc"),
        step_mj=np.stack([steps.integers(cause) for cause in LEDGER], axis=1),
        power_w=steps.floats("power_w"),
        hosts_on=steps.integers("hosts_on"),
        unmet_mcore_s=steps.integers("unmet_mcore_s"),
        site_mj=_sites(folder, at, n_sites=n_sites, n_steps=demand.n_steps),
        utilization=_utilization(folder, at, n_hosts=hosts.n, n_steps=demand.n_steps),
        service={key: service.integer(key) for key in SERVICE_KEYS}
        | {key: service.integer(key) if key in service.content else 0 for key in LATER_KEYS},
        stops=load_stops(folder, at, hosts=hosts.n, vms=vms),
        parking=parking,
        failures=failures,
    )


def _sites(folder: Path, at: str, *, n_sites: int, n_steps: int) -> NDArray[np.int64]:
    name = f"{at}/sites.parquet"
    table = read_table(folder, name, {"site": "int32", "step": "int32", "energy_mj": "int64"})
    site = table.indices("site", least=0, limit=n_sites)
    step = table.indices("step", least=0, limit=n_steps)
    if np.unique(site * n_steps + step).size != table.rows or table.rows != n_sites * n_steps:
        message = f"{name} needs one row for each of {n_sites} sites and {n_steps} steps"
        raise MalformedError(message, code="V0.value", file=name, rows=table.rows)
    energy_mj = np.zeros((n_sites, n_steps), dtype=np.int64)
    energy_mj[site, step] = table.integers("energy_mj")
    return energy_mj


def _utilization(folder: Path, at: str, *, n_hosts: int, n_steps: int) -> NDArray[np.float64]:
    name = f"{at}/utilization.parquet"
    table = read_table(folder, name, {"host": "int32", "step": "int32", "utilization": "float"})
    host = table.indices("host", least=0, limit=n_hosts)
    step = table.indices("step", least=0, limit=n_steps)
    if np.unique(host * n_steps + step).size != table.rows:
        message = f"{name} has two rows for a host and a step"
        raise MalformedError(message, code="V0.value", file=name, column="host")
    used = np.full((n_hosts, n_steps), np.nan)
    used[host, step] = table.floats("utilization")
    return used


def _states(folder: Path, at: str, hosts: int) -> States:
    name = f"{at}/host_states.parquet"
    kinds = {"host": "int32", "state": "string", "start_s": "int64", "end_s": "int64"}
    table = read_table(folder, name, kinds)
    codes = {word: k for k, word in enumerate(STATES)}
    words = table.texts("state")
    for row, word in enumerate(words):
        if word not in codes:
            message = f"{name}: column state, row {row}: needs one of {', '.join(STATES)}, got {word!r}"
            raise MalformedError(message, code="V0.value", file=name, column="state", row=row)
    return States(
        host=table.indices("host", least=0, limit=hosts),
        state=np.array([codes[word] for word in words], dtype=np.int64),
        start_s=table.amounts("start_s"),
        end_s=table.amounts("end_s"),
    )


def _residency(folder: Path, at: str, *, hosts: int, vms: int) -> Residency:
    kinds = {"vm": "int32", "host": "int32", "start_s": "int64", "end_s": "int64"}
    table = read_table(folder, f"{at}/residency.parquet", kinds)
    return Residency(
        vm=table.indices("vm", least=0, limit=vms),
        host=table.indices("host", least=-1, limit=hosts),
        start_s=table.amounts("start_s"),
        end_s=table.amounts("end_s"),
    )


def _moves(folder: Path, at: str, *, hosts: int, vms: int) -> MovesMade:
    kinds = {"vm": "int32", "source": "int32", "target": "int32", "mode": "string"}
    kinds |= {"start_s": "int64", "end_s": "int64", "downtime_ms": "int64", "overhead_mcores": "int64"}
    table = read_table(folder, f"{at}/moves.parquet", kinds | {"completed": "bool"})
    return MovesMade(
        vm=table.indices("vm", least=0, limit=vms),
        source=table.indices("source", least=0, limit=hosts),
        target=table.indices("target", least=0, limit=hosts),
        mode=table.texts("mode"),
        start_s=table.amounts("start_s"),
        end_s=table.amounts("end_s"),
        downtime_ms=table.amounts("downtime_ms"),
        overhead_mcores=table.amounts("overhead_mcores"),
        completed=table.flags("completed"),
    )
