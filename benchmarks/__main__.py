"""Frozen instances, our policies and foreign placers, side by side in one run.

Every run has a process of its own. The first table has medians over snapshots and seeds; the second
compares each peer with the first of the policies. kWh is always our objective, whatever a contender
minimises; a placement that the independent checks refuse is marked. See docs/how-to/benchmarks.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import table
from benchmarks.instances import SPECS
from benchmarks.isolate import end_on_terminate
from benchmarks.peers import PEERS, Peer
from benchmarks.worker import Job, Run, run_job
from consolidate.solvers import POLICIES
from consolidate.solvers.base import BOUNDS
from consolidate.study.provenance import environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was asked for on the command line."""

    instances: tuple[str, ...]
    snapshots: tuple[int, ...]
    policies: tuple[str, ...]
    peers: tuple[str, ...]
    seeds: tuple[int, ...]
    ranges: bool
    iterations: int
    bounds: str
    move_price_j: float
    limit_s: float
    time_limit_s: float | None
    line: Callable[[Sequence[str]], str]
    markdown: bool


def main() -> None:
    """Read the options, print the tables."""
    choice = read_options()
    end_on_terminate()
    for text in preamble(choice):
        print(text if choice.markdown else f"# {text}")
    ratios = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        head(choice, table.COLUMNS)
        for name in choice.instances:
            ratios += measure(choice, name, Path(folder))
    if ratios:
        head(choice, table.RATIO_COLUMNS)
        for cells in ratios:
            print(choice.line(cells))


def read_options(arguments: Sequence[str] | None = None) -> Choice:
    """Return what was asked for; names that do not exist end the program with a message."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="peers: " + ", ".join(PEERS),
    )
    parser.add_argument(
        "--instances", default="flavor-100,flavor-1000,measured-100,measured-1000", help="names, or all"
    )
    parser.add_argument(
        "--snapshots",
        default="",
        help="seeds of the instances, for several of a kind; default: their own",
    )
    parser.add_argument("--policies", default="auto,ffd,bfd,dot,pabfd,drain", help="names; may be empty")
    parser.add_argument("--peers", default="", help="names, or all; default: none")
    parser.add_argument("--seeds", default="0,1,2,3,4", help="seeds of the solvers")
    parser.add_argument("--iterations", type=int, default=4_000, help="budget of our policies")
    parser.add_argument(
        "--ranges",
        action="store_true",
        help="least and most beside each median, over seeds and snapshots",
    )
    parser.add_argument(
        "--bounds", choices=BOUNDS, default="strong", help="lower bounds of our policies"
    )
    parser.add_argument(
        "--move-price", type=float, default=0.0, metavar="J", help="what a move must be worth to ours"
    )
    parser.add_argument("--limit-s", type=float, default=60.0, help="wall limit of each peer")
    parser.add_argument("--time-limit-s", type=float, help="wall limit of our policies; default: none")
    parser.add_argument("--format", choices=("md", "csv"), default="md")
    given = parser.parse_args(arguments)

    def names(text: str, known: Sequence[str]) -> tuple[str, ...]:
        chosen = tuple(known) if text == "all" else tuple(n for n in text.split(",") if n)
        for name in chosen:
            if name not in known:
                parser.error(f"there is no {name!r}; there are {', '.join(known)}")
        return chosen

    markdown = given.format == "md"
    return Choice(
        instances=names(given.instances, list(SPECS)),
        snapshots=tuple(int(s) for s in given.snapshots.split(",") if s),
        policies=names(given.policies, list(POLICIES)),
        peers=names(given.peers, list(PEERS)),
        seeds=tuple(int(s) for s in given.seeds.split(",") if s),
        ranges=given.ranges,
        iterations=given.iterations,
        bounds=given.bounds,
        move_price_j=given.move_price,
        limit_s=given.limit_s,
        time_limit_s=given.time_limit_s,
        line=table.as_markdown if markdown else table.as_csv,
        markdown=markdown,
    )


def preamble(choice: Choice) -> list[str]:
    """Return what a reader needs to repeat the run: machine, versions, seeds and limits."""
    about = environment()
    packages = about["packages"]
    assert isinstance(packages, dict)
    ours = f"{choice.iterations} iterations, {choice.bounds} bounds"
    if choice.move_price_j:
        ours += f", {choice.move_price_j:g} J a move"
    if choice.time_limit_s is not None:
        ours += f", at most {choice.time_limit_s:g} s"
    lines = [
        f"consolidate {about['consolidate']}, OR-Tools {packages['ortools']}, Python {about['python']}, "
        f"{about['platform']}, {about['cpus']} CPUs ({processor()})",
        f"seeds of the solvers {list(choice.seeds)}, of the instances "
        f"{list(choice.snapshots) or 'as frozen'}; ours: {ours}; peers: {choice.limit_s:g} s each",
        f"medians{' (least to most)' if choice.ranges else ''}; gap to the best lower bound of our runs; seconds of the decision, one process per run",
        "",
    ]
    for name in choice.peers:
        peer = PEERS[name]
        missing = peer.available()
        what = missing or f"{peer.version()} ({peer.licence})"
        lines.append(
            f"- {name}: {what}. Minimises {peer.minimises}. Input: {peer.translated}. Lost: {peer.lost}."
        )
    return lines


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")


def head(choice: Choice, columns: Sequence[str]) -> None:
    """Print the head of a table."""
    print()
    print(table.markdown_head(columns) if choice.markdown else choice.line(columns))


def measure(choice: Choice, name: str, folder: Path) -> list[tuple[str, ...]]:
    """Run and print everything on one instance; return the lines of the comparison."""
    snapshots = choice.snapshots or (SPECS[name].seed,)
    runs = {p: runs_of(choice, "policy", p, name, snapshots, folder) for p in choice.policies}
    # A bound is wanted even when only peers are shown; the policy that moves nobody has ours at once.
    stated = list(runs.values()) or [runs_of(choice, "policy", "keep", name, snapshots, folder)]
    best: dict[int, float] = {}
    for run in (r for some in stated for r in some if r.bound_kwh is not None):
        best[run.job.snapshot] = max(best.get(run.job.snapshot, 0.0), run.bound_kwh or 0.0)
    for policy, some in runs.items():
        print(choice.line(table.row(name, policy, some, best, ranges=choice.ranges)), flush=True)
    ratios = []
    for peer_name in choice.peers:
        theirs = peer_runs(choice, PEERS[peer_name], name, snapshots, folder)
        print(choice.line(table.row(name, peer_name, theirs, best, ranges=choice.ranges)), flush=True)
        if runs:
            ours = runs[choice.policies[0]]
            decided_in = PEERS[peer_name].decided_in
            ratios.append(table.ratio_row(name, peer_name, decided_in, theirs, ours))
    return ratios


def peer_runs(
    choice: Choice, peer: Peer, name: str, snapshots: Sequence[int], folder: Path
) -> list[Run]:
    """Return a peer's runs, or one that says why there are none."""
    missing = peer.available()
    if missing is None:
        told = choice if peer.seeded else replace(choice, seeds=choice.seeds[:1])
        return runs_of(told, "peer", peer.name, name, snapshots, folder)
    job = Job(kind="peer", name=peer.name, instance=name, snapshot=snapshots[0], seed=0, limit_s=0.0)
    return [Run(job=job, note=missing)]


def runs_of(
    choice: Choice, kind: str, by: str, name: str, snapshots: Sequence[int], folder: Path
) -> list[Run]:
    """Return the runs of one contender over snapshots and seeds."""
    return [
        run_job(
            Job(
                kind=kind,
                name=by,
                instance=name,
                snapshot=snapshot,
                seed=seed,
                limit_s=choice.time_limit_s if kind == "policy" else choice.limit_s,
                iterations=choice.iterations,
                bounds=choice.bounds,
                move_price_j=choice.move_price_j,
            ),
            folder,
        )
        for snapshot in snapshots
        for seed in choice.seeds
    ]


if __name__ == "__main__":
    main()
