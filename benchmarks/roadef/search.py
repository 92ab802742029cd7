"""Rounds of annealing on several cores; each round starts from the best assignment of all before it."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.roadef.anneal import Walk, anneal
from benchmarks.roadef.schedule import HEATS, Prices, Schedule
from benchmarks.roadef.state import Model, State, build_model, build_state, total_cost
from consolidate._kernels.annealing import random_state
from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Outcome", "Plan", "reassign", "start_walk"]

#: Steps between two changes of prices.
CHUNK = 100_000
#: A round that is late gets at least this.
LEAST_S = 0.001
#: Processes that the starts of a plan anneal together, unless it is one start.
PROCESSES_ANNEALED = 6_000
MOST_STARTS = 3
#: Processes that the further rounds anneal together, and the least and most of these rounds.
PROCESSES_REHEATED = 60_000
LEAST_AGAIN, MOST_AGAIN = 3, 48
#: The starts together take half of the time, and as long as at least so many further rounds.
LEAST_STARTS_IN_ROUNDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best assignment that breaks nothing, its cost by the search's own count, and the work of all workers."""

    assignment: NDArray[np.int32]
    cost: int
    steps: int
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a budget is parted.

    Parameters
    ----------
    starts
        Rounds that start from the problem's own assignment, each with other random numbers.
    again
        Further rounds, which start from the best assignment so far, reheated.
    """

    starts: int = 1
    again: int = LEAST_AGAIN

    @classmethod
    def of(cls, problem: MachineReassignment) -> Plan:
        """Return the plan for a problem: few processes settle soon, and where they do is a matter of luck.

        So they are started and reheated more often, each time for a shorter while.
        """
        n = problem.n_processes
        return cls(
            starts=min(max(PROCESSES_ANNEALED // n, 1), MOST_STARTS),
            again=min(max(PROCESSES_REHEATED // n, LEAST_AGAIN), MOST_AGAIN),
        )

    def parts(self) -> list[float]:
        """Return the share of each round."""
        first = max(self.again, LEAST_STARTS_IN_ROUNDS)
        whole = first + self.again
        return [first / whole / self.starts] * self.starts + [1 / whole] * self.again


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One annealing, or the whole search: where it starts, and what ends it, steps or seconds or a cost."""

    start: NDArray[np.int32]
    seed: int
    variant: int = 0
    reheat: float | None = None
    steps: int | None = None
    seconds: float | None = None
    cpu: bool = False
    goal: int = 0

    def clock(self) -> float:
        """Return the seconds that a budget in seconds is about."""
        return time.process_time() if self.cpu else time.monotonic()


def reassign(
    problem: MachineReassignment,
    *,
    seed: int,
    seconds: float | None = None,
    cpu: bool = False,
    steps: int | None = None,
    workers: int = 1,
    goal: int = 0,
    plan: Plan | None = None,
) -> Outcome:
    """Search for a cheap assignment.

    Parameters
    ----------
    problem
        The problem; its own assignment breaks nothing.
    seed
        Of the random numbers; with ``steps`` the same seed gives the same assignment.
    seconds : s
        Wall time, the start of the workers included; with ``cpu`` the CPU time of each worker's annealing.
    cpu
        Whether ``seconds`` are CPU seconds, which say more on a machine that does other things as well.
    steps
        Number of moves that each worker tries, instead of a time.
    workers
        Number of processes; after the first rounds all go on from the best of them.
    goal
        Cost at which the search stops.
    plan
        Default: that of :meth:`Plan.of`.
    """
    if (seconds is None) == (steps is None):
        msg = "needs either seconds or steps"
        raise ValueError(msg)
    plan = plan or Plan.of(problem)
    whole = Round(start=problem.assignment, seed=seed, steps=steps, seconds=seconds, cpu=cpu, goal=goal)
    if workers == 1:
        prepare(problem)
        return _rounds(whole, plan, lambda tasks: [anneal_once(tasks[0])], 1)
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=prepare, initargs=(problem,)) as pool:
        if seconds is not None and not cpu:
            whole = replace(whole, seconds=seconds - (time.monotonic() - began))
        return _rounds(whole, plan, lambda tasks: list(pool.map(anneal_once, tasks)), workers)


def _rounds(
    whole: Round,
    plan: Plan,
    run: Callable[[list[Round]], list[Outcome]],
    workers: int,
) -> Outcome:
    """Anneal from the start a few times, then again and again from the best.

    A heat that has helped is kept, else the next one is tried.
    """
    began, done, cpu_s, passed, heat = time.monotonic(), 0, 0.0, 0.0, 0
    best: Outcome | None = None
    for k, part in enumerate(plan.parts()):
        passed += part
        task = whole
        again = best is not None and k >= plan.starts
        if best is not None and again:
            task = replace(task, start=best.assignment)
        if whole.steps is not None:
            task = replace(task, steps=round(part * whole.steps))
        elif whole.cpu:
            task = replace(task, seconds=part * whole.seconds)
        else:
            # What a round takes too long is missing in the next.
            left = began + passed * whole.seconds - time.monotonic()
            task = replace(task, seconds=max(left, LEAST_S))
        tasks = [
            replace(
                task,
                seed=(whole.seed * 1_000 + k) * 100 + w,
                variant=k + w,
                reheat=HEATS[(heat + w) % len(HEATS)] if again else None,
            )
            for w in range(workers)
        ]
        found = run(tasks)
        done += sum(outcome.steps for outcome in found)
        cpu_s += sum(outcome.cpu_s for outcome in found)
        w, latest = min(enumerate(found), key=lambda at: at[1].cost)
        helped = best is None or latest.cost < best.cost
        if again:
            heat += w if helped else workers
        best = latest if helped else best
        if best.cost <= whole.goal:
            break
    return replace(best, steps=done, cpu_s=cpu_s)


_problem: MachineReassignment | None = None


def prepare(problem: MachineReassignment) -> None:
    """Hand the problem to this process, once for all rounds."""
    global _problem
    _problem = problem


def anneal_once(task: Round) -> Outcome:
    """Anneal once."""
    assert _problem is not None
    began, cpu = task.clock(), time.process_time()
    model = build_model(_problem)
    state = build_state(model, task.start)
    walk = start_walk(model, state, task.seed)
    schedule = Schedule.of(_problem, task.variant)
    schedule = schedule if task.reheat is None else schedule.again(task.reheat)
    prices = Prices(_problem, model, schedule)
    mix = np.array(schedule.mix, dtype=np.int64)
    chunk, steps, part = CHUNK, 0, 0.0
    while part < 1 and walk.sums[3] > task.goal:
        prices.change(model, state, walk, part)
        if task.steps is not None:
            chunk = min(chunk, task.steps - steps)
        anneal(model, state, walk, prices.temperature, prices.fine, chunk, mix)
        steps += chunk
        part = (task.clock() - began) / task.seconds if task.steps is None else steps / task.steps
    spent = time.process_time() - cpu
    return Outcome(assignment=walk.best.copy(), cost=int(walk.sums[3]), steps=steps, cpu_s=spent)


def start_walk(model: Model, state: State, seed: int) -> Walk:
    """Return a walk that stands at a state, which breaks nothing."""
    cost = total_cost(model, state)
    return Walk(
        random=random_state(seed),
        sums=np.array([cost, 0, 0, cost], dtype=np.int64),
        best=state.at.copy(),
    )
