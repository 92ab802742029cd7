"""``python -m benchmarks.curves --data DIR``: what demand curves save against single sizes, on a day of PlanetLab.

Hosts needed by each way of sizing, and in brackets the count that no placement can undercut; the day is known
in advance, so every placement by curves of 288 slots carries it without overload.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import consolidate as cs
from consolidate.forecasting import Curve
from consolidate.solvers.profile import Profile, fewest_hosts

#: Name, cores, speed of a core in reference cores, MiB, hosts in the fleet.
HOSTS = (
    ("ML110 G5, 4 GB", 2, 2.66, 4_096, 450),
    ("ML110 G5 CPU, 16 GB", 2, 2.66, 16_384, 350),
    ("32 cores, 256 GB", 32, 2.66, 262_144, 40),
)


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Every VM takes what it was promised."""

    def describe(self) -> str:
        return "the allocation of each VM"

    def needs(self, trace: cs.Trace) -> tuple[np.ndarray, np.ndarray]:
        return trace.vms.cpu_mcores, trace.vms.memory_mib


SIZINGS = {
    "by provisioned size": Provisioned(),
    "by peak": cs.Percentile(100),
    "by p95": cs.Percentile(95),
    "24 slots": Curve(slots=24),
    "96 slots": Curve(slots=96),
    "288 slots": Curve(slots=288),
}


def instance_of(
    trace: cs.Trace, sizing: cs.Sizing, cores: int, speed: float, mib: int, n: int
) -> cs.Instance:
    """All VMs new, on hosts of one type."""
    box = cs.HostType(
        name="host",
        cores=cores,
        core_speed=speed,
        memory_mib=mib,
        power=cs.WattTable.sample(cs.LinearPower(idle_w=93.7, max_w=135.0)),
        cpu_allocation_ratio=100.0,
    )
    fleet = cs.Fleet(
        host_ids=tuple(f"h{i}" for i in range(n)), host_type=np.zeros(n, dtype=np.int32), types=(box,)
    )
    nowhere = cs.Placement(host_of=np.full(trace.n_vms, -1, dtype=np.int32))
    return cs.Instance.from_trace(
        trace, fleet, sizing=sizing, current=nowhere, cpu_limit_fraction=1.0, hindsight=True
    )


def overloaded_steps(trace: cs.Trace, host_of: np.ndarray, most_mcores: int) -> float:
    """Return the share of host-steps, of hosts in use, with more demand than CPU."""
    load = np.zeros((int(host_of.max()) + 1, trace.grid.n_steps), dtype=np.int64)
    np.add.at(load, host_of, trace.cpu_mcores)
    used = np.unique(host_of)
    return float((load[used] > most_mcores).mean())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with 20110303.tar.xz")
    parser.add_argument("--day", default="20110303")
    parser.add_argument("--iterations", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    trace = cs.read_trace(next(chosen.data.glob(f"{chosen.day}*")), format="planetlab")
    budget = cs.Budget(iterations=chosen.iterations)
    # Compiled kernels are warm before any clock starts.
    cs.solve(
        instance_of(trace, SIZINGS["24 slots"], *HOSTS[2][1:]), Profile(), budget=cs.Budget(iterations=1)
    )
    print(
        f"PlanetLab {chosen.day}, {trace.n_vms} VMs, seed {chosen.seed}, {chosen.iterations} iterations"
    )
    print("hosts (bound), share of overloaded host-steps, CPU seconds of one solve with its bound")
    for name, *host in HOSTS:
        print(f"\n{name}")
        for label, sizing in SIZINGS.items():
            instance = instance_of(trace, sizing, *host)
            started = time.process_time()
            result = cs.solve(instance, Profile(), budget=budget, seed=chosen.seed)
            spent = time.process_time() - started
            hosts = int(result.placement.used_hosts().size)
            over = overloaded_steps(trace, result.placement.host_of, instance.fleet.types[0].cpu_mcores)
            print(
                f"  {label:20} {hosts:4} ({fewest_hosts(instance):3})  overloaded {over:7.3%}  {spent:5.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
