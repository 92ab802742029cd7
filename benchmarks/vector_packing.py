"""``python -m benchmarks.vector_packing``: bins found and proven on known optima, and flavours on one kind of host.

The library is that of Mommessin et al. (Computers & Operations Research 2024): ``.vbp`` files in archives, and
tables of known optima beside them, -1 where none is known. The flavour rows are also given to VPSolver
(arc-flow, Brandao and Pedroso 2016) where its programs are at hand.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import FLAVOURS
from consolidate.inventory.vector_packing import parse_vector_packing
from consolidate.solvers.patterns import PackingProblem, PatternSolution, pack, single_type

SETS = ("New", "Panigrahy", "Triplet")
#: Host and its capacity in mcores and MiB.
HOSTS = (
    ("64c/160G", (64_000, 160 * 1_024)),
    ("odd 52.4c/143G", (52_400, 143 * 1_024)),
    ("48c/384G", (48_000, 384 * 1_024)),
    ("odd 40.8c/290G", (40_800, 290 * 1_024)),
)
NUMBERS = (1_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An instance with its known optimum."""

    group: str
    name: str
    problem: PackingProblem
    optimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came out, and after how long."""

    bins: int | None
    bound: int
    wall_s: float
    cpu_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vector_packing", description=__doc__)
    parser.add_argument("--library", type=Path, help="folder with the archives and tables")
    parser.add_argument("--classes", default="", help="only groups that contain this text")
    parser.add_argument("--every", type=int, default=1, help="only every n-th instance")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many before")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="CPU seconds per instance and worker"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes, each with a seed of its own")
    parser.add_argument("--hosts", default="", help="only kinds of host whose name contains this text")
    parser.add_argument("--most-vms", type=int, default=max(NUMBERS), help="only rows of so many VMs")
    parser.add_argument("--vpsolver", type=Path, help="folder of vbp2afg and afg2mps")
    chosen = parser.parse_args()
    warm_up()
    if chosen.library:
        wanted = [k for k in known(chosen.library) if chosen.classes in k.group]
        library(wanted[chosen.skip :: chosen.every], chosen.seconds, chosen.workers)
    else:
        flavours(chosen.seconds, chosen.vpsolver, chosen.hosts, chosen.most_vms)


def warm_up() -> None:
    """Compile what the rows below use, so that no compiler is timed."""
    rng = np.random.default_rng(0)
    for most, resources in ((3, 2), (45, 3), (9, 3)):
        size = rng.integers(most // 2, most, (60, resources))
        pack(single_type(size, np.ones(60, dtype=np.int64), np.full(resources, 100)), time_limit_s=2)


def known(folder: Path) -> Iterator[Known]:
    """Read all instances of the library whose optimum is known."""
    for name in SETS:
        with (folder / f"{name}_summary_known.tsv").open() as lines:
            optima = {
                row["instance_name"]: int(row["OPT"]) for row in csv.DictReader(lines, delimiter="\t")
            }
        with tarfile.open(folder / f"{name}.tar.xz") as archive:
            for member in archive:
                stem = Path(member.name).stem
                if optima.get(stem, -1) >= 0 and (data := archive.extractfile(member)):
                    text = data.read().decode()
                    yield Known(
                        group=f"{name} {stem.split('_')[0]}",
                        name=stem,
                        problem=_problem(text, member.name),
                        optimum=optima[stem],
                    )


def _problem(text: str, file: str) -> PackingProblem:
    read = parse_vector_packing(text, file=file)
    size, item_of = np.unique(read.sizes, axis=0, return_inverse=True)
    demand = np.zeros(len(size), dtype=np.int64)
    np.add.at(demand, item_of.reshape(-1), read.demands)
    return single_type(size, demand, read.capacities[0].copy())


def solved(
    problem: PackingProblem,
    seconds: float,
    *,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Pack, and check that the packing is one."""
    wall, cpu = time.perf_counter(), time.process_time()
    solution = pack(problem, time_limit_s=seconds, seed=seed, clock=time.process_time, stop=stop)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    _check(problem, solution)
    return Run(bins=solution.cost, bound=solution.bound, wall_s=spent[0], cpu_s=spent[1])


def _check(problem: PackingProblem, solution: PatternSolution) -> None:
    if solution.cost is None:
        return
    only = problem.bins[0]
    assert (solution.times @ solution.patterns == problem.demand).all()
    assert (solution.patterns @ only.size <= only.capacity).all()
    assert int(solution.times.sum()) == solution.cost


def library(wanted: list[Known], seconds: float, workers: int) -> None:
    """Print one row per class of the library."""
    rows: dict[str, list[tuple[int, Run]]] = defaultdict(list)
    context = get_context("spawn")
    found = context.Event()
    with context.Pool(workers, _prepare, (found,)) as pool:
        for instance in wanted:
            found.clear()
            tasks = [(instance.problem, seconds, seed) for seed in range(workers)]
            runs = pool.starmap(_search, tasks, chunksize=1)
            run = _together(runs)
            assert run.bound <= instance.optimum, f"{instance.name}: bound above the optimum"
            rows[instance.group].append((instance.optimum, run))
            if run.bins != instance.optimum:
                print(
                    f"  {instance.name}: optimum {instance.optimum}, found {run.bins}, bound {run.bound}"
                )
    print(f"\n{len(wanted)} instances, {workers} workers, {seconds:g} CPU s each\n")
    print("| class | instances | found | proven | off by one | worse | median CPU s | largest CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    for group, runs in [*sorted(rows.items()), ("all", [r for g in rows.values() for r in g])]:
        print(_row(group, runs))


#: Set in each worker: somebody has proven the optimum of the instance at hand.
_found: Event


def _prepare(found: Event) -> None:
    """Compile in a new worker what its searches use."""
    global _found
    _found = found
    warm_up()


def _search(problem: PackingProblem, seconds: float, seed: int) -> Run:
    run = solved(problem, seconds, seed=seed, stop=_found.is_set)
    if run.bins == run.bound:
        _found.set()
    return run


def _together(runs: list[Run]) -> Run:
    """Return the best packing and bound of several workers, and the seconds of the slowest."""
    return Run(
        bins=min((r.bins for r in runs if r.bins is not None), default=None),
        bound=max(r.bound for r in runs),
        wall_s=max(r.wall_s for r in runs),
        cpu_s=max(r.cpu_s for r in runs),
    )


def _row(group: str, runs: list[tuple[int, Run]]) -> str:
    over = [np.inf if run.bins is None else run.bins - optimum for optimum, run in runs]
    proven = sum(run.bins == run.bound for _, run in runs)
    return (
        f"| {group} | {len(runs)} | {sum(x <= 0 for x in over)} | {proven} | {sum(x == 1 for x in over)} | "
        f"{sum(x > 1 for x in over)} | {statistics.median(run.cpu_s for _, run in runs):.2f} | "
        f"{max(run.cpu_s for _, run in runs):.2f} |"
    )


def flavour_demand(
    number: int, capacity: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return sizes and demands of so many VMs of the flavours that fit, drawn with seed 0."""
    size = np.array([(f[0] * 1_000, int(f[1] * 1_024)) for f in FLAVOURS], dtype=np.int64)
    weight = np.array([f[2] for f in FLAVOURS])
    drawn = np.random.default_rng(0).choice(len(size), number, p=weight / weight.sum())
    demand = np.bincount(drawn, minlength=len(size))
    fits = (size <= np.array(capacity)).all(axis=1) & (demand > 0)
    return size[fits], demand[fits]


def flavours(seconds: float, programs: Path | None, hosts: str, most_vms: int) -> None:
    """Print hosts needed for flavours on one kind of host, ours beside VPSolver's."""
    if programs is None:
        print(
            "VPSolver: not at hand (--vpsolver names the folder of its programs); its columns are empty\n"
        )
    print(
        "| host | VMs | hosts | proven bound | wall s | CPU s | VPSolver hosts | its wall s | its CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, capacity in (h for h in HOSTS if hosts in h[0]):
        for number in (n for n in NUMBERS if n <= most_vms):
            size, demand = flavour_demand(number, capacity)
            run = solved(single_type(size, demand, np.array(capacity)), seconds)
            theirs = vpsolver(programs, size, demand, capacity) if programs else ("", "", "")
            print(
                f"| {name} | {number:,} | {run.bins} | {run.bound} | {run.wall_s:.2f} | {run.cpu_s:.2f} | "
                f"{theirs[0]} | {theirs[1]} | {theirs[2]} |",
                flush=True,
            )


def vpsolver(
    programs: Path, size: NDArray[np.int64], demand: NDArray[np.int64], capacity: tuple[int, int]
) -> tuple[str, str, str]:
    """Return the bins that arc-flow with HiGHS needs, and its wall and CPU seconds, graph included."""
    from ortools.linear_solver.python import model_builder

    with tempfile.TemporaryDirectory() as folder:
        text, graph, model = (Path(folder) / n for n in ("a.vbp", "a.afg", "a.mps"))
        rows = [f"{a} {b} {n}" for (a, b), n in zip(size.tolist(), demand.tolist(), strict=True)]
        text.write_text(f"2\n{capacity[0]} {capacity[1]}\n{len(rows)}\n" + "\n".join(rows) + "\n")
        wall, cpu = time.perf_counter(), _cpu_s()
        subprocess.run([programs / "vbp2afg", text, graph], check=True, capture_output=True)
        subprocess.run([programs / "afg2mps", graph, model], check=True, capture_output=True)
        program = model_builder.Model()  # type: ignore[no-untyped-call]
        program.import_from_mps_file(str(model))
        solver = model_builder.Solver("highs")
        solver.set_time_limit_in_seconds(600)
        status = solver.solve(program)
        spent = time.perf_counter() - wall, _cpu_s() - cpu
        done = status == model_builder.SolveStatus.OPTIMAL
        bins = f"{solver.objective_value:.0f}" if done else "none in 600 s"
        return bins, f"{spent[0]:.1f}", f"{spent[1]:.1f}"


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
