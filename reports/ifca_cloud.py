"""A real OpenStack cloud, consolidated by its flavours: one table and its picture, by one command.

Measured are the watts of every VM (processor packages and DRAM, attributed by Scaphandre), who is where, and
flavours. Modelled is the idle power of every host. Only aggregates are written.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Canvas

import consolidate as cs
from consolidate import plotting
from consolidate.exports.csv_text import csv_text
from consolidate.reporting.files import write_files
from consolidate.units import mj_to_kwh

HERE = Path(__file__).parent
#: The first day sizes and decides; the rest is replayed.
DECIDED = 48
COLUMNS = (
    "density",
    "idle",
    "reading",
    "hosts",
    "vms",
    "measured_kwh",
    "before_kwh",
    "empty_hosts_off_kwh",
    "consolidated_kwh",
    "bound_kwh",
    "saved_kwh",
    "saved_fraction",
    "saving_share_fraction",
    "hosts_on_mean",
    "migrations",
    "power_cycles",
)
PAGE = """
**Measured:** watts of each VM (packages and DRAM of its host, attributed by Scaphandre), who is where,
flavours, hardware. **Modelled:** idle power of every host, boots, shutdowns, moves, draw of hosts that are off.
**Not in the data:** the power of any host, losses of power supplies, fans, disks and GPUs; any utilisation or
memory in use; hosts that carried no VM; why a VM is where it is.

- *density*: `stated` fills hosts up to their threads and memory, and relieves those that are fuller today;
  `observed` lets each group be as full as its fullest host was seen to be.
- *idle*: idle power of a host with VMs: `active` idle of the SPECpower server that stands for its generation,
  or what its 10 and 20 % points suggest (`hosting`).
- *reading*: whether the measured watts come `on top of idle`, or hold as much of the host's idle as they can
  (`idle within`). What is saved is the same in both, its share is not.
- *before* has every host on that carried a VM at some time; *empty_hosts_off* moves nobody. Where the stated
  density is exceeded today, no plan may leave everybody in place, and it equals *before*.
- VMs stay within their hardware group, and their measured watts go with them unchanged.
- *bound*: no policy that keeps VMs in their groups undercuts it; *saving_share* is the part of the possible
  saving that the plan captured. The plan is made once; VMs that arrive go to the emptiest host.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One density and one idle power, replayed."""

    density: str
    idle: str
    cloud: cs.MeasuredCloud
    before: cs.Replay
    emptied: cs.Replay
    after: cs.Replay
    bound_mj: int
    idle_in_watts_mj: int


def main() -> int:
    """Run the cases and write table and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    folder = parser.parse_args().data / "ifca-cloud"
    if not folder.is_dir():
        print(f"{folder} not found; give --data", file=sys.stderr)
        return 2
    cases = [
        run_case(folder, density, idle)
        for density in ("stated", "observed")
        for idle in ("active", "hosting")
    ]
    rows = [row for case in cases for row in rows_of(case)]
    files = {
        "summary.csv": csv_text(COLUMNS, rows),
        "summary.md": summary(cases, rows),
        "power.svg": picture(cases[-2]),
    }
    for path in write_files(HERE / "ifca-cloud", files):
        print(path.relative_to(HERE.parent))
    return 0


def run_case(folder: Path, density: str, idle: str) -> Case:
    """Consolidate by flavours as of the first day, and replay the others."""
    cloud = cs.read_ifca_cloud(folder, density=density, idle=idle)
    first, rest = (
        cloud.trace.window(*part) for part in ((0, DECIDED), (DECIDED, cloud.trace.grid.n_steps))
    )
    instance = cs.Instance.from_trace(
        first,
        cloud.fleet,
        sizing=cs.Percentile(95),
        horizon_s=rest.grid.duration_s,
        current=cloud.placement_at(DECIDED - 1),
        rules=cloud.rules,
        cpu_limit_fraction=1.0,
    )
    result = cs.solve(instance, "drain", seed=0).raise_if_infeasible()
    print(f"{density}, {idle}: {result.summary()}")
    arms = {
        "as found": instance.current,
        "empty hosts off": empty_hosts_off(instance),
        "consolidated": cs.plan(instance, result.placement),
    }
    before, emptied, after = (
        cs.replay(rest, cloud.fleet, what, label=label, rules=cloud.rules)
        for label, what in arms.items()
    )
    watts = cloud.measured_w()[:, DECIDED:]
    idle_w = np.array([t.power.hosting_idle_mw for t in cloud.fleet.types])[cloud.fleet.host_type] / 1e3
    share = np.minimum(watts, idle_w[:, np.newaxis]).sum() * rest.grid.step_s
    return Case(
        density=density,
        idle=idle,
        cloud=cloud,
        before=before,
        emptied=emptied,
        after=after,
        bound_mj=bound_mj(cloud, rest),
        idle_in_watts_mj=round(share * 1_000),
    )


def empty_hosts_off(instance: cs.Instance) -> cs.MigrationPlan | cs.Placement:
    """Return the plan that moves nobody."""
    crowded = np.zeros(instance.capacity.shape, dtype=np.int64)
    placed = np.flatnonzero(instance.current.host_of >= 0)
    where = instance.current.host_of[placed]
    np.add.at(crowded, where, instance.need[placed] + instance.vm_overhead[where])
    if (crowded > instance.capacity).any():
        # Hosts that are too full by the stated density have to be relieved by any plan, so there is none.
        return instance.current
    return cs.plan(instance, instance.current)


def bound_mj(cloud: cs.MeasuredCloud, trace: cs.Trace) -> int:
    """Return the clairvoyant bound: group by group, by memory or by vCPUs, whichever proves more."""
    total = 0
    for number in range(len(cloud.fleet.types)):
        hosts = np.flatnonzero(cloud.fleet.host_type == number)
        vms = np.flatnonzero(cloud.fleet.host_type[cloud.home] == number)
        kind = cloud.fleet.types[number]
        part = part_of(trace, vms)
        vcpus = part.alive * part.vms.vcpus[:, np.newaxis]
        by_vcpus = replace(part, memory_mib=vcpus)
        offered = replace(kind, memory_mib=int(kind.cores * kind.cpu_allocation_ratio + 1e-9))
        found = []
        for demand, host_type in ((part, kind), (by_vcpus, offered)):
            fleet = cs.Fleet(
                host_ids=tuple(cloud.fleet.host_ids[h] for h in hosts),
                host_type=np.zeros(len(hosts), dtype=np.int32),
                types=(host_type,),
            )
            found.append(cs.replay_bound(demand, fleet).value_mj)
        total += max(found)
    return total


def part_of(trace: cs.Trace, vms: np.ndarray) -> cs.Trace:
    """Return the trace of some of its VMs."""
    of = trace.vms
    chosen = cs.VMs(
        ids=tuple(of.ids[v] for v in vms),
        vcpus=of.vcpus[vms],
        cpu_mcores=of.cpu_mcores[vms],
        memory_mib=of.memory_mib[vms],
        dirty_mib_per_s=of.dirty_mib_per_s[vms],
    )
    return replace(
        trace,
        vms=chosen,
        cpu_mcores=trace.cpu_mcores[vms],
        memory_mib=trace.memory_mib[vms],
        alive=trace.alive[vms],
    )


def rows_of(case: Case) -> list[list[object]]:
    """Return a row per reading: watts on top of idle, or holding as much of it as they can."""
    rows: list[list[object]] = []
    measured = case.cloud.measured_w()[:, DECIDED:].sum() * case.before.grid.step_s / 3.6e6
    for reading, held_mj in (("on top of idle", 0), ("idle within", case.idle_in_watts_mj)):
        before, emptied, after = (
            mj_to_kwh(arm.total_mj - held_mj) for arm in (case.before, case.emptied, case.after)
        )
        bound = mj_to_kwh(case.bound_mj - held_mj)
        rows.append(
            [
                case.density,
                case.idle,
                reading,
                case.cloud.fleet.n_hosts,
                int(case.cloud.trace.alive[:, DECIDED:].any(axis=1).sum()),
                round(measured, 1),
                round(before, 1),
                round(emptied, 1),
                round(after, 1),
                round(bound, 1),
                round(before - after, 1),
                round((before - after) / before, 4),
                round(cs.saving_share(before, after, bound), 3),
                round(float(case.after.hosts_on.mean()), 1),
                case.after.service.migrations,
                case.after.service.power_cycles,
            ]
        )
    return rows


def summary(cases: list[Case], rows: list[list[object]]) -> str:
    """Return the page."""
    grid = cases[0].before.grid
    fractions = [float(row[11]) for row in rows]
    saved = [float(row[10]) for row in rows]
    cloud = cases[0].cloud
    lines = [
        "# IFCA cloud: a real OpenStack cloud, consolidated by its flavours",
        "",
        "Iglesias Blanco and López García, IFCA Cloud energy consumption metrics dataset (2025), CC BY.",
        f"Replayed: {grid.n_steps} half-hours from {grid.start}Z; the day before decides.",
        "",
        f"**Saved: {min(saved):,.0f} to {max(saved):,.0f} kWh, {min(fractions):.0%} to {max(fractions):.0%}** "
        "of the modelled energy of the hosts, by how full hosts may be and by what the measured watts hold.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
        *("| " + " | ".join(_shown(cell) for cell in row) + " |" for row in rows),
        "",
        *PAGE.strip().splitlines(),
        "",
        "What stands for the hardware:",
        "",
        *(f"- `{d.key}` = {d.value}: {d.source}" for d in cloud.fleet.defaults),
        "",
        "Found in the files:",
        "",
        *(f"- {issue}" for issue in cloud.issues),
    ]
    return "\n".join(lines) + "\n"


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)


def picture(case: Case) -> str:
    """Return the power of the cloud over time."""
    with plotting.style():
        fig = Canvas(figsize=(9, 3.6), layout="constrained")
        plotting.power_over_time(fig.subplots(), case.before, case.after)
        return plotting.figure_svg(fig, name="power", title="Power of the IFCA cloud over time")


if __name__ == "__main__":
    sys.exit(main())
