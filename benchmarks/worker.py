"""One run in a process of its own: ``python -m benchmarks.worker JOB ANSWER``.

The parent writes a job as JSON and reads the answer as JSON. A process per run gives each run its own
peak of memory, and a peer that crashes takes nothing with it.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import consolidate as cs
from benchmarks.instances import SPECS
from benchmarks.isolate import end_on_terminate, own_peak_mib, run_program
from benchmarks.peers import PEERS, Placing
from benchmarks.peers.base import MEMORY_LIMIT_MIB, Stopwatch

__all__ = ["Job", "Run", "run_job"]

_MJ_PER_KWH = 3.6e9
#: Seconds for imports, for building an instance and for judging, on top of a run's own limit.
_AROUND_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run.

    Parameters
    ----------
    kind
        ``policy`` for ours, ``peer`` for a foreign one.
    name
        Of the policy or peer.
    instance
        Name of the frozen instance.
    snapshot
        Seed of the instance.
    seed
        Seed of the solver.
    limit_s : s
        Wall limit; ``None`` for a policy that stops at its iterations.
    iterations
        Iteration budget of a policy.
    bounds
        Which bounds a policy's solve computes.
    move_price_j : J
        What a move has to be worth to a policy on top of its energy.
    """

    kind: str
    name: str
    instance: str
    snapshot: int
    seed: int
    limit_s: float | None
    iterations: int = 0
    bounds: str = "strong"
    move_price_j: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of it; figures are ``None`` where there is no placement.

    Parameters
    ----------
    job
        What was run.
    kwh, bound_kwh : kWh
        Our objective, and the lower bound on it that the run itself states.
    hosts, moves
        Hosts in use and VMs away from where they were.
    wall_s, cpu_s : s
        Of the decision.
    peak_mib : MiB
        Largest resident memory of the deciding process.
    fault
        What the independent checks say against the placement, empty if nothing.
    note
        What the run says of itself, or why there is no placement.
    """

    job: Job
    kwh: float | None = None
    bound_kwh: float | None = None
    hosts: int | None = None
    moves: int | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_mib: float | None = None
    fault: str = ""
    note: str = ""


def run_job(job: Job, folder: Path) -> Run:
    """Run a job in a child process and return what came of it."""
    asked, answered = folder / "job.json", folder / "run.json"
    answered.unlink(missing_ok=True)
    asked.write_text(json.dumps(asdict(job)))
    ended = run_program(
        [sys.executable, "-m", "benchmarks.worker", str(asked), str(answered)],
        folder=folder,
        limit_s=(job.limit_s or 3_600.0) + _AROUND_S,
        memory_limit_mib=2 * MEMORY_LIMIT_MIB,
        cwd=Path(__file__).parents[1],
    )
    if not answered.is_file():
        last = ended.stderr.strip().splitlines()[-1:] or ["no answer"]
        return Run(
            job=job,
            wall_s=ended.wall_s,
            cpu_s=ended.cpu_s,
            peak_mib=None if math.isnan(ended.peak_mib) else ended.peak_mib,
            note=ended.stopped or last[0],
        )
    return Run(job=job, **json.loads(answered.read_text()))


def main() -> None:
    """Run the job of the first argument and write the answer to the second."""
    end_on_terminate()
    asked, answered = map(Path, sys.argv[1:])
    job = Job(**json.loads(asked.read_text()))
    spec = replace(SPECS[job.instance], seed=job.snapshot)
    instance = spec.build(spec)
    run = _policy(job, instance) if job.kind == "policy" else _peer(job, instance)
    answered.write_text(json.dumps(run))


def _policy(job: Job, instance: cs.Instance) -> dict[str, object]:
    budget = cs.Budget(iterations=job.iterations, time_limit_s=job.limit_s, bounds=job.bounds)
    # Compiled kernels are warm before any clock starts.
    small = SPECS["flavor-100"]
    cs.solve(small.build(small), job.name, budget=replace(budget, iterations=200))
    watch = Stopwatch()
    # Nothing is too small to be shown here: the placement found counts, not whether it is worth making.
    result = cs.solve(
        instance,
        job.name,
        seed=job.seed,
        budget=budget,
        min_saving_fraction=0.0,
        move_price_j=job.move_price_j,
    )
    placing = Placing(
        host_of=result.placement.host_of,
        wall_s=watch.wall_s(),
        cpu_s=watch.cpu_s(),
        bound_mj=result.bound_mj,
        note=result.stopped,
    )
    return _answer(instance, placing)


def _peer(job: Job, instance: cs.Instance) -> dict[str, object]:
    peer = PEERS[job.name]
    assert job.limit_s is not None
    reason = peer.refuses(instance)
    if reason:
        return {"note": reason}
    return _answer(instance, peer.place(instance, seed=job.seed, limit_s=job.limit_s))


def _answer(instance: cs.Instance, placing: Placing) -> dict[str, object]:
    answer: dict[str, object] = {
        "wall_s": placing.wall_s,
        "cpu_s": placing.cpu_s,
        "peak_mib": _peak_mib(placing),
        "bound_kwh": None if placing.bound_mj is None else placing.bound_mj / _MJ_PER_KWH,
        "note": placing.note,
    }
    if placing.host_of is None:
        return answer
    if (placing.host_of < 0).any() or placing.host_of.max() >= instance.fleet.n_hosts:
        return answer | {"fault": f"{int((placing.host_of < 0).sum())} VMs on no host"}
    placement = cs.Placement(host_of=placing.host_of)
    return answer | {
        "kwh": instance.energy(placement).total_mj / _MJ_PER_KWH,
        "hosts": int(np.unique(placing.host_of).size),
        "moves": int((placing.host_of != instance.current.host_of).sum()),
        "fault": _fault(instance, placement),
    }


def _peak_mib(placing: Placing) -> float | None:
    """Return the peak of the deciding process, ``None`` where it ended too soon to be seen."""
    if placing.peak_mib is None:
        return own_peak_mib()
    return None if math.isnan(placing.peak_mib) else placing.peak_mib


def _fault(instance: cs.Instance, placement: cs.Placement) -> str:
    """Return what the independent checks say against a placement, in a few words."""
    from consolidate.checks import check_placement
    from consolidate.study.judge import placement_case

    found = check_placement(placement_case(instance, placement))
    if not found:
        return ""
    codes = sorted({v.code for v in found})
    over = (instance.usage(placement) > instance.capacity).sum(axis=0)
    where = ", ".join(f"{n} hosts over {r}" for n, r in zip(over, instance.resources, strict=True) if n)
    return where or ", ".join(codes)


if __name__ == "__main__":
    main()
