"""``python -m benchmarks``: one table, policies side by side, medians over seeds."""

from __future__ import annotations

import argparse
import resource
import statistics
import time

import consolidate as cs
from benchmarks.instances import SPECS
from consolidate.solvers import POLICIES
from consolidate.study.provenance import environment


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--instances", default=",".join(SPECS))
    parser.add_argument("--policies", default="ffd,bfd,dot,pabfd,drain,auto")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--iterations", type=int, default=20_000)
    chosen = parser.parse_args()
    seeds = [int(s) for s in chosen.seeds.split(",")]
    about = environment()
    print(
        f"consolidate {about['consolidate']}, Python {about['python']}, {about['platform']}, {about['cpus']} CPUs"
    )
    print(
        f"solver seeds {seeds}, {chosen.iterations} iterations, instance seeds in benchmarks/instances.py"
    )
    print(
        "medians over the seeds; gap to our own bound; wall and CPU seconds of one solve, bounds included"
    )
    # Compiled kernels are warm before any clock starts.
    cs.solve(SPECS["flavor-100"].build(SPECS["flavor-100"]), "auto", budget=cs.Budget(iterations=200))
    print()
    print("| instance | policy | kWh | bound kWh | gap | hosts | moves | wall s | CPU s | peak MiB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in chosen.instances.split(","):
        spec = SPECS[name]
        instance = spec.build(spec)
        for policy in chosen.policies.split(","):
            if policy not in POLICIES:
                parser.error(f"no policy {policy!r}")
            print(row(name, instance, policy, seeds, chosen.iterations), flush=True)


def row(name: str, instance: cs.Instance, policy: str, seeds: list[int], iterations: int) -> str:
    runs = []
    for seed in seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        result = cs.solve(instance, policy, seed=seed, budget=cs.Budget(iterations=iterations))
        spent = time.perf_counter() - wall, time.process_time() - cpu
        moves = int(result.placement.moved_from(instance.current).size)
        hosts = int(result.placement.used_hosts().size)
        runs.append(
            (result.objective_mj / 3.6e9, result.bound_mj / 3.6e9, result.gap, hosts, moves, *spent)
        )
    kwh, bound, gap, hosts, moves, wall, cpu = (
        statistics.median(column) for column in zip(*runs, strict=True)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return (
        f"| {name} | {policy} | {kwh:.2f} | {bound:.2f} | {gap:.3%} | {hosts:g} | {moves:g} | "
        f"{wall:.2f} | {cpu:.2f} | {peak:.0f} |"
    )


if __name__ == "__main__":
    main()
