"""Fewest moves when a given number of hosts stays on, against a lower bound that no placement undercuts.

As many hosts stay on as room alone asks for, and a part of them more. See docs/how-to/benchmarks.md.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace

import numpy as np

import consolidate as cs
from benchmarks import table
from benchmarks.__main__ import processor
from benchmarks.instances import SPECS
from benchmarks.peers.base import Stopwatch
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers.bounds import fewest_moves_bound, relax
from consolidate.solvers.lexicographic import HostsThenMoves, counting_hosts

COLUMNS = (
    "instance", "snapshot", "room asks for", "hosts on", "hosts / room", "moves", "at least", "moves / bound",
    "CPU s",
)  # fmt: skip


def row(name: str, snapshot: int, spare: float, seed: int) -> tuple[str, ...]:
    """Solve one snapshot and return its line."""
    spec = replace(SPECS[name], seed=snapshot)
    instance = spec.build(spec)
    watch = Stopwatch()
    result = cs.solve(
        instance,
        HostsThenMoves(spare=spare),
        budget=cs.Budget(bounds="quick"),
        seed=seed,
        min_saving_fraction=0.0,
    ).raise_if_infeasible()
    seconds = watch.cpu_s()
    counted, _ = counting_hosts(instance)
    problem = kernel_problem(counted)
    room = math.ceil(relax(counted, problem).hosts_on - 1e-6)
    hosts = len(np.unique(result.placement.host_of))
    moves = result.placement.moved_from(instance.current).size
    least = fewest_moves_bound(counted, problem, hosts).value
    return (
        name,
        str(snapshot),
        str(room),
        str(hosts),
        f"{hosts / room:.4f}",
        str(moves),
        str(least),
        f"{moves / max(least, 1):.4f}",
        f"{seconds:.1f}",
    )


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosts_on", description=__doc__)
    parser.add_argument("--instances", default="flavor-10000,measured-10000,odd-10000,big-10000")
    parser.add_argument("--snapshots", default="0,1,2,3,4", help="seeds of the instances")
    parser.add_argument(
        "--spare", type=float, default=0.005, help="hosts beyond the fewest that were found, as a part"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the solver")
    given = parser.parse_args()
    row("flavor-100", 0, given.spare, given.seed)
    print(f"{processor()}; solver seed {given.seed}, spare {given.spare:g}\n")
    print(table.markdown_head(COLUMNS))
    for name in given.instances.split(","):
        for snapshot in map(int, given.snapshots.split(",")):
            print(table.as_markdown(row(name, snapshot, given.spare, given.seed)), flush=True)


if __name__ == "__main__":
    main()
