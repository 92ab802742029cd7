"""Schemas of the tables of a run folder, and how rows and JSON get into files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# Loaded by conftest.py under this name: importlib mode puts no folder of tests on the path.
from consolidate_tests_naive_scene import CAUSES, RESOURCES

SCHEMAS = {
    "vms.parquet": {
        "vm_id": "string",
        "kind": "string",
        "vcpus": "int32",
        "cpu_mcores": "int64",
        "memory_mib": "int64",
        "dirty_mib_per_s": "float64",
        "group": "string",
    },
    "trace.parquet": {"vm": "int32", "step": "int32", "cpu_mcores": "int32", "memory_mib": "int32"},
    "needs.parquet": dict.fromkeys(RESOURCES, "int64")
    | {"load_mcores": "int64", "move_mj": "int64", "movable": "bool", "active": "bool"},
    "capacities.parquet": dict.fromkeys([*RESOURCES, *(f"overhead_{r}" for r in RESOURCES)], "int64")
    | {"may_switch_off": "bool"},
    "placement.parquet": {"vm_id": "string", "current_host": "int32", "target_host": "int32"},
    "plan.parquet": {
        "action_id": "int64",
        "kind": "string",
        "vm": "int64",
        "source": "int64",
        "target": "int64",
        "mode": "string",
        "start_s": "int64",
        "end_s": "int64",
        "downtime_s": "float64",
        "moved_mib": "int64",
        "rate_mib_per_s": "float64",
        "overhead_mcores": "int64",
        "parking": "bool",
        "after": "string",
    },
    "steps.parquet": {
        "start_utc": "utc",
        **dict.fromkeys(CAUSES, "int64"),
        "power_w": "float64",
        "hosts_on": "int32",
        "unmet_mcore_s": "int64",
    },
    "hosts.parquet": {"host_id": "string", **dict.fromkeys(CAUSES, "int64")},
    "host_states.parquet": {"host": "int32", "state": "string", "start_s": "int64", "end_s": "int64"},
    "residency.parquet": {"vm": "int32", "host": "int32", "start_s": "int64", "end_s": "int64"},
    "moves.parquet": {
        "vm": "int32",
        "source": "int32",
        "target": "int32",
        "mode": "string",
        "start_s": "int64",
        "end_s": "int64",
        "downtime_ms": "int64",
        "overhead_mcores": "int64",
        "completed": "bool",
    },
    "sites.parquet": {"site": "int32", "step": "int32", "energy_mj": "int64"},
    "utilization.parquet": {"host": "int32", "step": "int32", "utilization": "float32"},
    "carbon.parquet": {"site": "int32", "start_utc": "utc", "end_utc": "utc", "g_per_kwh": "float64"},
}
TYPES_OF = {name: getattr(pa, name)() for name in ("string", "int32", "int64", "float32", "float64")}
TYPES_OF |= {"bool": pa.bool_(), "utc": pa.timestamp("s", tz="UTC")}


def write_rows(path, rows, schema=None):
    columns = schema or SCHEMAS[Path(path).name]
    arrays = [pa.array([r.get(c) for r in rows], type=TYPES_OF[k]) for c, k in columns.items()]
    pq.write_table(pa.table(dict(zip(columns, arrays, strict=True))), path)


def write_json(path, content):
    Path(path).write_text(json.dumps(content), "utf-8")
