"""The OpenStack cloud of IFCA: who is where, flavours, hardware, and measured watts of every VM.

Data: Iglesias Blanco and López García, "IFCA Cloud energy consumption metrics dataset" (2025), CC BY. A folder
holds ``vms_fixed.csv`` (flavours), ``groups.csv`` (hardware), and ``all_groups_vm_power_30min.parquet``
(mean watts of every VM in half-hours, with its host). Watts are what Scaphandre attributes to a VM of the
processor packages and the DRAM of its host. Neither the power of a host nor any utilisation is there.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, Issue, TraceError
from consolidate.inventory.ifca_hardware import MW_PER_MCORE, Hardware, host_types, read_hardware
from consolidate.model import Default, Fence, Fleet, Placement, Rule, TimeGrid, Trace, VMs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MW_PER_MCORE", "MeasuredCloud", "read_ifca_cloud"]

STEP_S: Final = 1_800
POWER: Final = "all_groups_vm_power_30min.parquet"
FLAVOURS: Final = "vms_fixed.csv"
_DIRTY_PER_MIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCloud:
    """A cloud whose VMs were measured.

    Parameters
    ----------
    trace
        Measured power as CPU demand (:data:`MW_PER_MCORE`), allocated memory as memory demand.
    fleet
        Every host that carried a VM; its idle power is modelled.
    home
        Host of each VM; none ever moved. Shape ``(vms,)``.
    rules
        Each VM stays within its hardware group.
    issues
        What is missing from the files or contradicts itself, with counts.
    """

    trace: Trace
    fleet: Fleet
    home: NDArray[np.int32]
    rules: tuple[Rule, ...]
    issues: tuple[Issue, ...]

    def placement_at(self, step: int) -> Placement:
        """Return who is where in a step: VMs that do not live then are nowhere."""
        alive = self.trace.alive[:, step]
        return Placement(host_of=np.where(alive, self.home, -1).astype(np.int32))

    def measured_w(self) -> NDArray[np.float64]:
        """Return the measured power of all VMs on each host, in watts, shape ``(hosts, steps)``."""
        watts = np.zeros((self.fleet.n_hosts, self.trace.grid.n_steps))
        np.add.at(watts, self.home, self.trace.cpu_mcores * (MW_PER_MCORE / 1_000))
        return watts


def read_ifca_cloud(
    folder: str | Path,
    *,
    first: str = "2025-01-17",
    stop: str = "2025-02-12",
    density: Literal["stated", "observed"] = "stated",
    idle: Literal["active", "hosting"] = "active",
) -> MeasuredCloud:
    """Read the cloud over a range of days.

    Parameters
    ----------
    folder
        Folder with the three files.
    first, stop
        First day, and the day after the last, UTC. Most hosts report from 16 January 2025 on.
    density
        How full a host may be: by its ``stated`` threads and memory, or as full as the fullest host of its
        group was ``observed`` to be, where that is more.
    idle
        Idle power of a host with VMs: ``active`` idle of the chosen SPECpower server, or the higher power that
        its 10 and 20 % points point to at no load (``hosting``).

    Raises
    ------
    TraceError
        When a file is missing or malformed.
    ConfigError
        When an option is unknown or the range holds no data.
    """
    folder = Path(folder)
    for key, value, known in (
        ("density", density, ("stated", "observed")),
        ("idle", idle, ("active", "hosting")),
    ):
        if value not in known:
            msg = f"needs one of {', '.join(known)}, got {value!r}"
            raise ConfigError(msg, path=key)
    rows, missing_w = _power(folder / POWER, first, stop)
    flavours = _flavours(folder / FLAVOURS)
    hardware = read_hardware(folder / "groups.csv")
    ids = sorted(rows["vm_id"].unique())
    unknown = [v for v in ids if v not in flavours]
    rows = rows[~rows["vm_id"].isin(unknown)]
    trace, home, hosts = _trace(rows, flavours, folder / POWER)
    group_of = [hosts[h] for h in sorted(hosts)]
    fullest = _fullest(trace, home, group_of)
    types, defaults = host_types(hardware, sorted(set(group_of)), fullest, density=density, idle=idle)
    numbers = {group: k for k, group in enumerate(sorted(set(group_of)))}
    fleet = Fleet(
        host_ids=tuple(sorted(hosts)),
        host_type=np.array([numbers[g] for g in group_of], dtype=np.int32),
        types=types,
        defaults=(*defaults, *_ASSUMED),
        source="IFCA Cloud energy consumption metrics dataset (2025), CC BY",
    )
    issues = [
        *_listed(missing_w, unknown, set(flavours) - set(trace.vms.ids)),
        *_contradictions(hardware, fullest),
    ]
    rules = _within_groups(home, group_of)
    return MeasuredCloud(trace=trace, fleet=fleet, home=home, rules=rules, issues=tuple(issues))


_ASSUMED = (
    Default(
        key="trace.cpu_mcores",
        value=f"{MW_PER_MCORE} mW of measured VM power each",
        source="no utilisation is given: the measured power of a VM goes with it, whatever its host",
    ),
    Default(
        key="trace.memory_mib",
        value="the allocation",
        source="no memory in use is given; a flavour's memory is held all the time",
    ),
    Default(
        key="rules",
        value="VMs stay within their hardware group",
        source="processors differ between groups, and GPUs and host aggregates are not in the data",
    ),
)


def _power(path: Path, first: str, stop: str) -> tuple[pd.DataFrame, int]:
    """Return the rows of the range, and how many of them lack watts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["node_group", "node_name", "vm_id", "timestamp", "power_w_mean"]
    try:
        frame: Any = pq.read_table(path, columns=names).to_pandas()
    except (OSError, pa.ArrowException) as error:
        msg = f"cannot be read as a table with the columns {', '.join(names)} ({error})"
        raise TraceError(msg, file=str(path)) from error
    import pandas as pd

    inside = (frame["timestamp"] >= pd.Timestamp(first, tz="UTC")) & (
        frame["timestamp"] < pd.Timestamp(stop, tz="UTC")
    )
    frame = frame[inside].copy()
    for name in names[:3]:
        frame[name] = frame[name].astype(str)
    # UTC without saying so, as everywhere in arrays.
    frame["timestamp"] = frame["timestamp"].dt.tz_convert(None)
    if frame.empty:
        msg = f"{path.name} has no row from {first} to {stop}"
        raise ConfigError(msg, path="first")
    if (frame["power_w_mean"] < 0).any():
        msg = "power below zero"
        raise TraceError(msg, file=str(path), column="power_w_mean")
    return frame, int(frame["power_w_mean"].isna().sum())


def _flavours(path: Path) -> dict[str, tuple[int, int]]:
    """Return vCPUs and MiB of each VM; ids are eight hexadecimal digits and stay texts."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    found[row["vm_id"]] = int(float(row["vcpus"])), int(float(row["memory_mb"]))
                except (KeyError, TypeError, ValueError) as error:
                    msg = f"is no flavour with vm_id, vcpus and memory_mb: {error}"
                    raise TraceError(msg, file=str(path), line=number) from error
    except OSError as error:
        msg = f"cannot be read ({error.strerror})"
        raise TraceError(msg, file=str(path)) from error
    return found


def _trace(
    rows: pd.DataFrame, flavours: dict[str, tuple[int, int]], path: Path
) -> tuple[Trace, NDArray[np.int32], dict[str, str]]:
    """Return the trace, the host of each VM, and the group of each host by name."""
    ids, vm = np.unique(rows["vm_id"].to_numpy(dtype=str), return_inverse=True)
    host_names, host = np.unique(rows["node_name"].to_numpy(dtype=str), return_inverse=True)
    home = np.full(len(ids), -1, dtype=np.int32)
    home[vm] = host
    if (home[vm] != host).any():
        moved = ids[vm[np.flatnonzero(home[vm] != host)[0]]]
        msg = f"{moved} is on two hosts; this reader knows of VMs that never moved"
        raise TraceError(msg, file=str(path), column="node_name")
    seconds = rows["timestamp"].to_numpy(dtype="datetime64[s]").astype(np.int64)
    start = int(seconds.min())
    if ((seconds - start) % STEP_S).any():
        msg = f"needs steps of {STEP_S} s"
        raise TraceError(msg, file=str(path), column="timestamp")
    step = (seconds - start) // STEP_S
    shape = (len(ids), int(step.max()) + 1)
    alive = np.zeros(shape, dtype=np.bool_)
    alive[vm, step] = True
    watts = np.zeros(shape)
    watts[vm, step] = np.nan_to_num(rows["power_w_mean"].to_numpy(dtype=np.float64))
    size = np.array([flavours[v] for v in ids], dtype=np.int64)
    memory = np.where(alive, size[:, 1:], 0)
    vms = VMs(
        ids=tuple(str(v) for v in ids),
        vcpus=size[:, 0].astype(np.int32),
        cpu_mcores=size[:, 0] * 1_000,
        memory_mib=size[:, 1],
        dirty_mib_per_s=size[:, 1].astype(np.float64) * (_DIRTY_PER_MIN / 60),
    )
    trace = Trace(
        vms=vms,
        grid=TimeGrid(start=np.datetime64(start, "s"), step_s=STEP_S, n_steps=shape[1]),
        cpu_mcores=np.round(watts * (1_000 / MW_PER_MCORE)).astype(np.int32),
        memory_mib=memory.astype(np.int32),
        alive=alive,
        format="ifca-cloud",
        source=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        notes=("CPU demand stands for measured watts, memory demand for allocations",),
    )
    groups = dict(zip(rows["node_name"], rows["node_group"], strict=True))
    return trace, home, {str(name): groups[name] for name in host_names}


def _fullest(
    trace: Trace, home: NDArray[np.int32], group_of: list[str]
) -> dict[str, tuple[int, int, int]]:
    """Return the most vCPUs and MiB that a host of each group carried at a time, and its largest VM's MiB."""
    vcpus = np.zeros((len(group_of), trace.grid.n_steps), dtype=np.int64)
    memory = np.zeros_like(vcpus)
    np.add.at(vcpus, home, trace.alive * trace.vms.vcpus.astype(np.int64)[:, np.newaxis])
    np.add.at(memory, home, trace.memory_mib)
    groups = np.array(group_of)
    return {
        g: (
            int(vcpus[groups == g].max()),
            int(memory[groups == g].max()),
            int(trace.vms.memory_mib[groups[home] == g].max()),
        )
        for g in sorted(set(group_of))
    }


def _within_groups(home: NDArray[np.int32], group_of: list[str]) -> tuple[Rule, ...]:
    groups = np.array(group_of)
    rules: list[Rule] = []
    for group in sorted(set(group_of)):
        hosts = np.flatnonzero(groups == group)
        vms = np.flatnonzero(groups[home] == group)
        rules.append(Fence(vms=tuple(vms.tolist()), hosts=tuple(hosts.tolist())))
    return tuple(rules)


def _listed(missing_w: int, unknown: list[str], unmeasured: set[str]) -> list[Issue]:
    found = []
    if missing_w:
        msg = f"{missing_w} half-hours of living VMs have no watts; they count as 0 W"
        found.append(Issue(path=f"{POWER}.power_w_mean", message=msg))
    if unknown:
        msg = f"{len(unknown)} VMs have watts and no flavour, and are left out: {', '.join(unknown[:5])}"
        found.append(Issue(path=f"{POWER}.vm_id", message=msg))
    if unmeasured:
        msg = f"{len(unmeasured)} VMs have a flavour and no watts in the range, and are left out"
        found.append(Issue(path=f"{FLAVOURS}.vm_id", message=msg))
    return found


def _contradictions(
    hardware: dict[str, Hardware], fullest: dict[str, tuple[int, int, int]]
) -> list[Issue]:
    found = []
    for group, (vcpus, memory, _) in fullest.items():
        stated = hardware[group]
        if memory > stated.memory_mib:
            msg = f"states {stated.memory_mib} MiB; a host carried flavours of {memory} MiB at a time"
            found.append(Issue(path=f"groups[{group}].memory_total_size_GB", message=msg))
        if vcpus > stated.threads:
            msg = f"states {stated.threads} threads; a host carried {vcpus} vCPUs at a time"
            found.append(Issue(path=f"groups[{group}].#cores_per_socket", message=msg))
    return found
