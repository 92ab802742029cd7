"""Each peer's placement beside our front of energy against moves, on the same snapshots.

A peer is beaten where a point of the front has both fewer joules and fewer moves. Its seconds are compared
with those of the one solve that leads to that point. See docs/how-to/benchmarks.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import consolidate as cs
from benchmarks import table
from benchmarks.__main__ import processor
from benchmarks.instances import SPECS
from benchmarks.isolate import end_on_terminate
from benchmarks.peers import PEERS
from benchmarks.peers.base import Stopwatch
from benchmarks.worker import Job, Run, run_job
from consolidate.solvers.base import BOUNDS
from consolidate.units import mj_to_kwh

#: Joules that a move has to be worth, from nothing to what a host idles away in a few hours.
PRICES_J = (0.0, 5e5, 5.5e5, 6e5, 6.5e5, 7e5, 7.5e5, 8e5, 8.5e5, 9e5)
COLUMNS = (
    "instance", "snapshot", "peer", "kWh", "moves", "wall s", "ours kWh", "ours moves", "ours wall s",
    "times faster", "price MJ", "verdict",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One solve at one price of a move."""

    price_j: float
    kwh: float
    moves: int
    wall_s: float


def front(instance: cs.Instance, *, policy: str, seed: int, bounds: str) -> list[Point]:
    """Solve at every price; each placement is judged by the independent checks."""
    points, budget = [], cs.Budget(bounds=bounds)
    for price_j in PRICES_J:
        watch = Stopwatch()
        result = cs.solve(
            instance,
            policy,
            budget=budget,
            seed=seed,
            min_saving_fraction=0.0,
            move_price_j=price_j,
        ).raise_if_infeasible()
        points.append(
            Point(
                price_j=price_j,
                kwh=mj_to_kwh(result.objective_mj),
                moves=int(result.placement.moved_from(instance.current).size),
                wall_s=watch.wall_s(),
            )
        )
    return points


def answer_to(kwh: float, moves: int, points: Sequence[Point]) -> tuple[Point, str]:
    """Return our point to be set beside a peer's placement, and what the comparison says.

    The point with the fewest moves of those with fewer joules; where there is none, that of least energy.
    """
    cheaper = [p for p in points if p.kwh < kwh]
    if not cheaper:
        return min(points, key=lambda p: p.kwh), "more joules"
    ours = min(cheaper, key=lambda p: (p.moves, p.kwh))
    if ours.moves < moves:
        return ours, "fewer joules, fewer moves"
    least_kwh = min(p.kwh for p in points)
    far = kwh > 1.05 * least_kwh
    return (
        ours,
        f"fewer joules; it is {kwh / least_kwh - 1:.0%} above our least" if far else "more moves",
    )


def row(spec_name: str, run: Run, points: Sequence[Point]) -> tuple[str, ...]:
    """Return the line of one peer on one snapshot."""
    first = (spec_name, str(run.job.snapshot), run.job.name)
    if run.kwh is None or run.moves is None or run.wall_s is None or run.fault:
        return (*first, *[""] * 8, run.fault or run.note)
    ours, verdict = answer_to(run.kwh, run.moves, points)
    return (
        *first,
        f"{run.kwh:.2f}",
        str(run.moves),
        f"{run.wall_s:.2f}",
        f"{ours.kwh:.2f}",
        str(ours.moves),
        f"{ours.wall_s:.2f}",
        f"{run.wall_s / ours.wall_s:.1f}",
        f"{ours.price_j / 1e6:g}",
        verdict,
    )


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fronts", description=__doc__)
    parser.add_argument("--instances", default="flavor-1000", help="names of frozen instances")
    parser.add_argument("--snapshots", default="0,1,2,3,4", help="seeds of the instances")
    parser.add_argument("--peers", default="watcher", help="names")
    parser.add_argument("--policy", default="keep", help="our policy")
    parser.add_argument("--seed", type=int, default=0, help="seed of our policy")
    parser.add_argument("--bounds", choices=BOUNDS, default="strong", help="our lower bounds")
    parser.add_argument("--limit-s", type=float, default=300.0, help="wall limit of each peer")
    given = parser.parse_args()
    end_on_terminate()
    small = SPECS["flavor-100"]
    # Compiled kernels are warm before any clock starts.
    ours = partial(front, policy=given.policy, seed=given.seed, bounds=given.bounds)
    ours(small.build(small))
    print(
        f"{processor()}; {given.policy}, seed {given.seed}, {given.bounds} bounds, {len(PRICES_J)} prices of a move\n"
    )
    print(table.markdown_head(COLUMNS))
    faster: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in given.instances.split(","):
            for snapshot in map(int, given.snapshots.split(",")):
                spec = replace(SPECS[name], seed=snapshot)
                points = ours(spec.build(spec))
                for peer in given.peers.split(","):
                    job = Job(
                        kind="peer",
                        name=peer,
                        instance=name,
                        snapshot=snapshot,
                        seed=0,
                        limit_s=given.limit_s,
                    )
                    missing = PEERS[peer].available()
                    run = Run(job=job, note=missing) if missing else run_job(job, Path(folder))
                    cells = row(name, run, points)
                    print(table.as_markdown(cells), flush=True)
                    if cells[9]:
                        faster.setdefault(f"{name} {peer}", []).append(float(cells[9]))
    print()
    for who, factors in faster.items():
        print(f"{who}: {statistics.median(factors):.1f} times faster (median of {len(factors)})")


if __name__ == "__main__":
    main()
