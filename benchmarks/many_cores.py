"""The controller ``risk`` on hosts of 64 cores: VMs of several PlanetLab days at once, some hundred on a host.

Copies of a day are shifted by up to an hour each, so that they are not in step. See docs/reference/controllers.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import consolidate as cs
from benchmarks import table
from consolidate.model import Fleet, HostType, Hypervisor, VMs, WattTable
from consolidate.units import mj_to_kwh

SERVERS = ("dell-r7425-epyc-7601", "dell-hs5610-6448y")
COLUMNS = (
    "host",
    "hosts",
    "VMs",
    "risk",
    "kWh",
    "to the bound",
    "without standby",
    "overload",
    "unmet",
    "moves",
)
#: Steps of five minutes in an hour, and none.
_SHIFTS = 13


def pooled(days: Sequence[cs.Trace], copies: int, seed: int) -> cs.Trace:
    """Return the VMs of all days, several times over; copies after the first are shifted."""
    rng = np.random.default_rng(seed)
    traces = [(f"{d}-{c}", c, day) for c in range(copies) for d, day in enumerate(days)]
    cpu = []
    for _, copy, day in traces:
        by = rng.integers(0, _SHIFTS, day.n_vms) if copy else np.zeros(day.n_vms, dtype=np.int64)
        steps = (np.arange(day.grid.n_steps) + by[:, np.newaxis]) % day.grid.n_steps
        cpu.append(np.take_along_axis(day.cpu_mcores, steps, axis=1))
    every = [day.vms for _, _, day in traces]
    vms = VMs(
        ids=tuple(f"{name}-{v}" for name, _, day in traces for v in day.vms.ids),
        vcpus=np.concatenate([v.vcpus for v in every]),
        cpu_mcores=np.concatenate([v.cpu_mcores for v in every]),
        memory_mib=np.concatenate([v.memory_mib for v in every]),
        dirty_mib_per_s=np.concatenate([v.dirty_mib_per_s for v in every]),
    )
    return replace(
        days[0],
        vms=vms,
        cpu_mcores=np.concatenate(cpu),
        memory_mib=np.concatenate([day.memory_mib for _, _, day in traces]),
        alive=np.concatenate([day.alive for _, _, day in traces]),
    )


def fleet_of(server: str, n_hosts: int) -> Fleet:
    """Return hosts of one type with memory that never binds, and no hypervisor to speak of."""
    watts = WattTable.sample(cs.SpecPower(server=server))
    boot_s, shutdown_s = 300, 60
    kind = HostType(
        name=server, cores=64, core_speed=2.66, memory_mib=4_096 * 1_024, power=watts, boot_s=boot_s,
        shutdown_s=shutdown_s, boot_j=watts.points_mw[4] * boot_s / 1e3,
        shutdown_j=watts.points_mw[1] * shutdown_s / 1e3, cpu_allocation_ratio=16.0, nic_mbit_per_s=25_000,
        hypervisor=Hypervisor(
            reserved_mcores=0, reserved_memory_mib=0, per_vm_mcores=0, per_vm_memory_mib=0, background_mcores=0
        ),
    )  # fmt: skip
    ids = tuple(f"h{k:03d}" for k in range(n_hosts))
    return Fleet(host_ids=ids, host_type=np.zeros(n_hosts, dtype=np.int64), types=(kind,))


def measure(trace: cs.Trace, fleet: Fleet, risks: Sequence[float]) -> list[tuple[str, ...]]:
    """Replay the controller at each risk."""
    rows = []
    start = cs.first_placement(trace, fleet)
    whole, net = cs.replay_bound(trace, fleet), cs.replay_bound(trace, fleet, standby=False)
    for risk in risks:
        arm = cs.replay_controlled(trace, fleet, cs.controller("risk", risk=risk), current=start)
        without, service = arm.energy_kwh - mj_to_kwh(arm.by_cause_mj()["off"]), arm.service
        rows.append((
            fleet.types[0].name, str(fleet.n_hosts), f"{trace.n_vms:,}", f"{risk:.1%}", f"{arm.energy_kwh:.1f}",
            f"{arm.energy_kwh / whole.energy_kwh:.3f}", f"{without / net.energy_kwh:.3f}",
            f"{service.overload_fraction:.2%}", f"{service.unmet_fraction:.3%}", f"{service.migrations:,}",
        ))  # fmt: skip
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("days", nargs="+", type=Path, help="PlanetLab days")
    parser.add_argument("--copies", type=int, default=4)
    parser.add_argument("--risk", type=float, nargs="+", default=[0.01])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    trace = pooled([cs.read_trace(day) for day in chosen.days], chosen.copies, chosen.seed)
    print(table.markdown_head(COLUMNS), flush=True)
    for server in SERVERS:
        for cells in measure(trace, fleet_of(server, 14 * chosen.copies), chosen.risk):
            print(table.as_markdown(cells), flush=True)


if __name__ == "__main__":
    main()
