"""The replay engine at the size of a cloud: seconds, peak memory, and cost per VM-sample against size.

Synthetic VMs on identical hosts, replayed with the placement kept and with one plan of timed moves. The
time is that of the replay alone: compiling and making the scene are printed apart. See docs/how-to/benchmarks.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import consolidate as cs
from benchmarks import table
from benchmarks.__main__ import processor
from benchmarks.isolate import own_peak_mib
from benchmarks.peers.base import Stopwatch
from consolidate.model import (
    Fleet,
    HostType,
    Migration,
    MigrationPlan,
    Placement,
    Shutdown,
    VMs,
    WattTable,
)

COLUMNS = (
    "vms",
    "hosts",
    "steps",
    "arm",
    "moves",
    "wall s",
    "CPU s",
    "ns per VM-sample",
    "peak MiB",
    "total mJ",
)
#: VMs, hosts, steps of the largest scene.
FULL = (100_000, 20_000, 288)
#: Parts of the VMs and hosts of the largest scene for the plot of cost against size.
PARTS = (0.05, 0.1, 0.25, 0.5, 1.0)
STEP_S = 300
#: Share of the VMs that the plan moves, and the seconds over which their starts are spread.
MOVED_FRACTION, SPREAD_S = 0.1, 7_200


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One replay.

    Parameters
    ----------
    vms, hosts, steps, moves
        Its size, and the moves it made.
    arm
        ``placement`` or ``plan``.
    wall_s, cpu_s : s
        Time of the replay alone.
    peak_mib : MiB
        Largest memory of the process so far, scene included.
    total_mj : mJ
        Energy, so that two versions of the engine can be compared to the last digit.
    """

    vms: int
    hosts: int
    steps: int
    moves: int
    arm: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    total_mj: int

    @property
    def ns_per_sample(self) -> float:
        """CPU time of one VM in one step, in nanoseconds."""
        return 1e9 * self.cpu_s / (self.vms * self.steps)


def scene(vms: int, hosts: int, steps: int, *, seed: int) -> tuple[cs.Trace, Fleet, Placement]:
    """Return demand at random, and VMs on hosts at random; a tenth of the VMs lives for a part of the time."""
    rng = np.random.default_rng(seed)
    cpu = rng.integers(0, 1_000, (vms, steps), dtype=np.int32)
    memory = np.full((vms, steps), 1_024, dtype=np.int32)
    alive = np.ones((vms, steps), dtype=np.bool_)
    short = rng.choice(vms, vms // 10, replace=False)
    alive[short, rng.integers(1, steps) :] = False
    for values in (cpu, memory):
        values[~alive] = 0
    for values in (cpu, memory, alive):
        values.flags.writeable = False
    power = WattTable(points_mw=tuple(range(60_000, 171_000, 11_000)), hosting_idle_mw=65_000)
    kind = HostType(name="bench", cores=8, memory_mib=32_768, power=power)
    trace = cs.Trace(
        vms=VMs(
            ids=tuple(f"v{k}" for k in range(vms)),
            vcpus=np.full(vms, 2),
            cpu_mcores=np.full(vms, 1_000),
            memory_mib=np.full(vms, 1_024),
            dirty_mib_per_s=np.zeros(vms),
        ),
        grid=cs.TimeGrid(start=np.datetime64("2024-01-01"), step_s=STEP_S, n_steps=steps),
        cpu_mcores=cpu,
        memory_mib=memory,
        alive=alive,
    )
    fleet = Fleet(
        host_ids=tuple(f"h{k}" for k in range(hosts)), host_type=np.zeros(hosts), types=(kind,)
    )
    return trace, fleet, Placement(host_of=rng.integers(0, hosts * 9 // 10, vms))


def a_plan(placement: Placement, hosts: int, *, seed: int) -> MigrationPlan:
    """Return moves at random seconds, and the empty hosts switched off."""
    rng = np.random.default_rng(seed)
    where = np.array(placement.host_of)
    moved = rng.choice(where.size, int(MOVED_FRACTION * where.size), replace=False)
    actions: list[Migration | Shutdown] = []
    for k, v in enumerate(moved.tolist()):
        start_s, target = int(rng.integers(SPREAD_S)), int(rng.integers(hosts * 9 // 10))
        if target == where[v]:
            continue
        actions.append(
            Migration(
                id=k, vm=v, source=int(where[v]), target=target, mode="live",
                start_s=start_s, end_s=start_s + int(rng.integers(5, 60)), downtime_ms=200,
                moved_mib=1_100, rate_mib_per_s=100.0, overhead_mcores=80,
            )
        )  # fmt: skip
        where[v] = target
    actions += [
        Shutdown(id=where.size + h, host=h, start_s=60, end_s=120) for h in range(hosts * 9 // 10, hosts)
    ]
    return MigrationPlan(actions=tuple(actions), current=placement, target=Placement(host_of=where))


def measure(vms: int, hosts: int, steps: int, *, seed: int) -> list[Measured]:
    """Replay one scene under both arms."""
    trace, fleet, placement = scene(vms, hosts, steps, seed=seed)
    rows = []
    for arm, what in (("placement", placement), ("plan", a_plan(placement, hosts, seed=seed))):
        watch, busy_s = Stopwatch(), time.process_time()
        done = cs.replay(trace, fleet, what, label=arm)
        rows.append(
            Measured(
                vms=vms, hosts=hosts, steps=steps, moves=done.service.migrations, arm=arm,
                wall_s=watch.wall_s(), cpu_s=time.process_time() - busy_s, peak_mib=own_peak_mib(), total_mj=done.total_mj,
            )
        )  # fmt: skip
    return rows


def draw(rows: Sequence[Measured], path: Path) -> None:
    """Plot the cost of a VM-sample against the number of VM-samples."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    ax = figure.subplots()
    for arm in dict.fromkeys(row.arm for row in rows):
        mine = [row for row in rows if row.arm == arm]
        ax.plot(
            [row.vms * row.steps for row in mine],
            [row.ns_per_sample for row in mine],
            marker="o",
            label=arm,
        )
    ax.set_xscale("log")
    ax.set_ylim(bottom=0)
    ax.set_xlabel("VM-samples")
    ax.set_ylabel("ns per VM-sample")
    ax.legend()
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay_scale", description=__doc__)
    parser.add_argument("--vms", type=int, default=FULL[0])
    parser.add_argument("--hosts", type=int, default=FULL[1])
    parser.add_argument("--steps", type=int, default=FULL[2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", action="store_true", help="also smaller scenes, smallest first")
    parser.add_argument("--plot", type=Path, help="SVG or PNG of cost per VM-sample; implies --sizes")
    given = parser.parse_args(arguments)
    watch = Stopwatch()
    measure(50, 10, 4, seed=given.seed)
    print(f"compiling or loading the kernels: {watch.wall_s():.2f} s")
    rows: list[Measured] = []
    for part in PARTS if given.sizes or given.plot else PARTS[-1:]:
        rows += measure(
            int(given.vms * part), max(2, int(given.hosts * part)), given.steps, seed=given.seed
        )
    print(f"{processor()}; seed {given.seed}")
    cells = [
        (
            str(row.vms), str(row.hosts), str(row.steps), row.arm, str(row.moves), f"{row.wall_s:.2f}", f"{row.cpu_s:.2f}",
            f"{row.ns_per_sample:.1f}", f"{row.peak_mib:.0f}", str(row.total_mj),
        )
        for row in rows
    ]  # fmt: skip
    print(table.markdown_head(COLUMNS))
    for row_cells in cells:
        print(table.as_markdown(row_cells))
    if given.plot:
        draw(rows, given.plot)
        print(f"plot: {given.plot}")


if __name__ == "__main__":
    main()
