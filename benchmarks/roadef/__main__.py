"""``python -m benchmarks.roadef``: our cost against the best known, judged by the challenge's own rules."""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.roadef.judge import cost, violations
from benchmarks.roadef.search import reassign
from consolidate.inventory.roadef import MachineReassignment, read_roadef

INSTANCES = (
    "a1_1,a1_2,a1_3,a1_4,a1_5,a2_1,a2_2,a2_3,a2_4,a2_5,b_1,b_2,b_3,b_8"
)  # fmt: skip
WARM_UP_STEPS = 20_000


def main() -> None:
    chosen = read_options()
    known = best_known(chosen.data / "bestSolution.csv")
    print("score: (cost - best known) / initial cost; the verdict is that of an independent judge")
    print(
        "| instance | seed | initial | ours | best known | load bound | score | judge | wall s | CPU s | steps |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    scores = []
    for name in chosen.instances.split(","):
        problem = load(chosen.data, name)
        # Compiled kernels are warm before any clock starts.
        reassign(problem, seed=0, steps=WARM_UP_STEPS)
        scores += [
            row(
                name,
                problem,
                known[name],
                seed=int(seed),
                seconds=chosen.seconds,
                cpu=chosen.cpu,
                workers=chosen.workers,
            )
            for seed in chosen.seeds.split(",")
        ]
    print(f"\nscores: median {statistics.median(scores):.3%}, worst {max(scores):.3%}")


def read_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what was asked for; what cannot be run ends the program with a message."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roadef", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with model_*.txt and bestSolution.csv"
    )
    parser.add_argument("--instances", default=INSTANCES)
    parser.add_argument("--seconds", type=float, default=300.0, help="seconds of each search")
    parser.add_argument(
        "--cpu", action="store_true", help="seconds are CPU seconds of each worker, not wall seconds"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes of each search")
    parser.add_argument("--seeds", default="0")
    chosen = parser.parse_args(arguments)
    if not (chosen.data / "bestSolution.csv").is_file():
        parser.error(f"no bestSolution.csv in {chosen.data}")
    known = best_known(chosen.data / "bestSolution.csv")
    if missing := [name for name in chosen.instances.split(",") if name not in known]:
        parser.error(f"unknown instances {', '.join(missing)}; known: {', '.join(known)}")
    if not (chosen.seconds > 0 and chosen.workers > 0):
        parser.error("--seconds and --workers need more than 0")
    if not all(seed.isdigit() for seed in chosen.seeds.split(",")):
        parser.error(f"--seeds needs whole numbers parted by commas, got {chosen.seeds!r}")
    return chosen


def row(
    name: str,
    problem: MachineReassignment,
    best: int,
    *,
    seed: int,
    seconds: float,
    cpu: bool,
    workers: int,
) -> float:
    """Search until the best known cost or the end of the time, print one line and return the score."""
    wall = time.perf_counter()
    # A published cost below the bound cannot be reached; at the bound nothing is left to search for.
    goal = max(best, load_bound(problem))
    outcome = reassign(problem, seed=seed, seconds=seconds, cpu=cpu, workers=workers, goal=goal)
    wall = time.perf_counter() - wall
    assignment = outcome.assignment.tolist()
    ours = cost(problem, assignment).total
    broken = violations(problem, assignment)
    verdict = "ok" if not broken and ours == outcome.cost else f"REFUSED ({len(broken)} violations)"
    initial = cost(problem, problem.assignment.tolist()).total
    score = (ours - best) / initial
    print(
        f"| {name} | {seed} | {initial} | {ours} | {best} | {load_bound(problem)} | {score:.4%} | {verdict} | "
        f"{wall:.0f} | {outcome.cpu_s:.0f} | {outcome.steps} |",
        flush=True,
    )
    return score


def load_bound(problem: MachineReassignment) -> int:
    """Return what the load cost cannot go below: what all machines together have too little of safety capacity."""
    short = problem.requirements.sum(axis=0) - problem.safety_capacities.sum(axis=0)
    return sum(max(0, s) * w for s, w in zip(short.tolist(), problem.load_weights.tolist(), strict=True))


def load(folder: Path, name: str) -> MachineReassignment:
    """Read a model, packed or not, with its assignment."""
    plain = folder / f"model_{name}.txt"
    model = plain if plain.exists() else folder / f"model_{name}.txt.gz"
    return read_roadef(model, folder / f"assignment_{name}.txt")


def best_known(path: Path) -> dict[str, int]:
    """Read the published costs by instance."""
    with path.open(encoding="utf-8-sig") as lines:
        return {line["instance"]: int(line["BK"]) for line in csv.DictReader(lines)}


if __name__ == "__main__":
    main()
