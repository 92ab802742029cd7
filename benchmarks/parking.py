"""What parking idle VMs saves on a fleet that memory fills, and what it costs the users of the VMs.

Three arms on one trace: VMs packed on the fewest hosts by memory and left there, the rest off; the same with
VMs moved together once an hour; and that with idle VMs in storage. See docs/how-to/benchmarks.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import consolidate as cs
from benchmarks import table
from benchmarks.peers.base import Stopwatch
from consolidate.control import Setting, begin
from consolidate.model import Fleet, HostType, Hypervisor, Placement, WattTable

COLUMNS = (
    "arm", "kWh", "to the floor", "hosts on", "moves", "unmet", "saved VMs", "woken", "VM h parked",
    "kJ parking", "delay s 50/95/100 %", "wall s",
)  # fmt: skip


def fleet_for(trace: cs.Trace, memory_gib: int, server: str) -> Fleet:
    """Return hosts of one size, and as many of the size of the largest VM as have to carry one that is larger."""
    watts = WattTable.sample(cs.SpecPower(server=server))
    boot_s, shutdown_s = 300, 60
    common = {
        "cores": 56, "core_speed": 2.7, "power": watts, "boot_s": boot_s, "shutdown_s": shutdown_s,
        "boot_j": watts.points_mw[4] * boot_s / 1e3, "shutdown_j": watts.points_mw[1] * shutdown_s / 1e3,
        "hypervisor": Hypervisor(reserved_memory_mib=4_096, per_vm_memory_mib=128, moves=frozenset({"live", "saved_state"})),
    }  # fmt: skip
    small = HostType(name="host", memory_mib=memory_gib * 1_024, **common)
    largest = int(trace.vms.memory_mib.max())
    types, kinds = [small], []
    fits = small.usable_memory_mib - small.hypervisor.per_vm_memory_mib
    if largest > fits:
        size = -(-(largest + 8_192) // 1_024) * 1_024
        types.append(HostType(name="large", memory_mib=size, **common))
        kinds += [1] * int((trace.vms.memory_mib > fits).sum())
    kinds += [0] * int(2 + trace.vms.memory_mib.sum() * 1.2 // small.usable_memory_mib)
    ids = tuple(f"h{k:03d}" for k in range(len(kinds)))
    return Fleet(host_ids=ids, host_type=np.array(kinds), types=tuple(types))


def floor(trace: cs.Trace, fleet: Fleet) -> tuple[Placement, Fleet]:
    """Pack the VMs of the first step by memory, largest first, first fit; every other host is off."""
    room = fleet.per_host("usable_memory_mib").copy()
    where = np.full(trace.n_vms, -1)
    extra = fleet.types[0].hypervisor.per_vm_memory_mib
    for v in np.argsort(-trace.vms.memory_mib, kind="stable").tolist():
        if trace.alive[v, 0]:
            h = int(np.flatnonzero(room >= trace.vms.memory_mib[v] + extra)[0])
            room[h] -= trace.vms.memory_mib[v] + extra
            where[v] = h
    on = np.isin(np.arange(fleet.n_hosts), where)
    lit = Fleet(host_ids=fleet.host_ids, host_type=fleet.host_type, types=fleet.types, powered_on=on)
    return Placement(host_of=where), lit


def compare(trace: cs.Trace, fleet: Fleet, policy: cs.Parking) -> list[tuple[str, ...]]:
    """Replay the three arms."""
    placement, lit = floor(trace, fleet)
    setting = Setting.of(trace, lit)
    rows, first = [], 0
    for name, what, parking in (
        ("memory floor", placement, None),
        ("moved together", begin("compact", setting), None),
        ("moved together, parked", begin("compact", setting), policy),
    ):
        watch = Stopwatch()
        arm = cs.replay(trace, lit, what, label=name, current=placement, parking=parking)
        s, delays = arm.service, arm.wake_delays_s()
        first = first or arm.total_mj
        late = (
            [int(np.quantile(delays, q, method="higher")) for q in (0.5, 0.95, 1)] if delays.size else []
        )
        rows.append(
            (
                name, f"{arm.energy_kwh:.1f}", f"{arm.total_mj / first - 1:+.1%}", f"{arm.hosts_on.mean():.2f}",
                str(s.migrations), f"{s.unmet_fraction:.3%}", str(s.savings), str(s.restorations),
                f"{s.parked_vm_s / 3_600:.0f}", f"{s.parking_mj / 1e6:.0f}", "/".join(map(str, late)),
                f"{watch.wall_s():.1f}",
            )
        )  # fmt: skip
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of one trace."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parking", description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--repair", default="", help="repairs the reader may make")
    parser.add_argument("--memory-gib", type=int, default=128, help="memory of a host")
    parser.add_argument("--server", default="dell-r740-8280", help="SPECpower server of every host")
    parser.add_argument("--threshold", type=float, default=0.02)
    parser.add_argument("--after", type=int, default=3_600)
    parser.add_argument("--rule", default="break-even")
    given = parser.parse_args(arguments)
    repair = tuple(name for name in given.repair.split(",") if name)
    whole = cs.read_trace(given.trace, repair=repair)
    # Where a trace starts before most of its VMs do, the floor would be that of an empty fleet.
    first = int(np.argmax(whole.alive.sum(axis=0) >= 0.8 * whole.alive.sum(axis=0).max()))
    trace = whole.window(first, whole.grid.n_steps)
    fleet = fleet_for(trace, given.memory_gib, given.server)
    policy = cs.Parking(threshold_fraction=given.threshold, after_s=given.after, rule=given.rule)
    print(f"{trace.n_vms} VMs, {trace.grid}; {fleet.n_hosts} hosts of {given.memory_gib} GiB; {policy}")
    print(table.markdown_head(COLUMNS))
    for cells in compare(trace, fleet, policy):
        print(table.as_markdown(cells))


if __name__ == "__main__":
    main()
