"""Small clouds as files, and comparisons of values and folders."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from consolidate.solvers import Budget
from consolidate.study import RunConfig

STEP_S = 300
FLEET = """\
[[site]]
name = "north"
zone = "SE"

[[site]]
name = "south"
zone = "PL"
pue = 1.5

[[host_type]]
name = "plain"
cores = 8
memory_mib = {memory_mib}
power = {{ linear = {{ idle_w = 100.0, max_w = 200.0 }} }}
off_w = 5.0
boot_s = 60
boot_j = 9000.0
shutdown_s = 30
shutdown_j = 3000.0
nic_mbit_per_s = {nic}
hypervisor = {{ kind = "type1", moves = ["live", "saved_state"] }}

[[hosts]]
type = "plain"
ids = ["n-1", "n-2"]
site = "north"

[[hosts]]
type = "plain"
ids = ["s-1", "s-2"]
site = "south"
"""


def write_cloud(folder: Path, lives, *, cpu=400, memory=4_000, memory_mib=40_000, nic=10_000.0) -> Path:
    """Write trace, VMs and fleet; ``lives`` has the first and last step (exclusive) of each VM."""
    folder.mkdir(parents=True)
    rows = ["timestamp_utc,vm_id,cpu_mcores,memory_mib"]
    for k, (born, gone) in enumerate(lives):
        for step in range(born, gone):
            seconds = step * STEP_S
            time = np.datetime64("2024-03-05T00:00:00") + np.timedelta64(seconds, "s")
            rows.append(f"{time}Z,vm-{k},{cpu + (7 * k + step) % 50},{memory}")
    folder.joinpath("trace.csv").write_text("\n".join(rows) + "\n")
    vms = ["vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s"]
    vms += [f"vm-{k},2,2000,{memory},0.5" for k in range(len(lives))]
    folder.joinpath("vms.csv").write_text("\n".join(vms) + "\n")
    folder.joinpath("fleet.toml").write_text(FLEET.format(memory_mib=memory_mib, nic=nic))
    return folder


def config(folder: Path, **more) -> RunConfig:
    """Return the options of a quick run of a cloud."""
    rules = folder / "rules.toml"
    given = {
        "trace": str(folder),
        "fleet": str(folder / "fleet.toml"),
        "rules": str(rules) if rules.exists() else None,
        "policy": "ffd",
        "budget": Budget(iterations=20, deterministic_s=0.1),
    }
    return RunConfig(**(given | more))


def differences(one, other, path="") -> list[str]:
    """Return where two values differ, fields, items and dtypes included."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        if type(one) is not type(other):
            return [f"{path}: {type(one).__name__} and {type(other).__name__}"]
        names = [f.name for f in dataclasses.fields(one)]
        parts = [differences(getattr(one, n), getattr(other, n), f"{path}.{n}") for n in names]
        return [d for part in parts for d in part]
    if isinstance(one, np.ndarray):
        same = (
            one.dtype == other.dtype
            and one.shape == other.shape
            and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        )
        return [] if same else [f"{path}: {one} and {other}"]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        parts = [
            differences(a, b, f"{path}[{k}]") for k, (a, b) in enumerate(zip(one, other, strict=True))
        ]
        return [d for part in parts for d in part]
    return [] if one == other and type(one) is type(other) else [f"{path}: {one!r} and {other!r}"]


def tree(folder: Path, *, without=("provenance.json",)) -> dict[str, str]:
    """Return the hash of every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in without
    }
