"""The schedule of an annealing: temperature, price of excess, fine for what is missing; rounds on several cores."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.roadef.anneal import Walk, anneal
from benchmarks.roadef.state import Model, State, build_model, build_state, reprice, total_cost
from consolidate._kernels.annealing import random_state
from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Outcome", "Schedule", "reassign", "start_walk"]

LEAST_CHUNK = 100_000
#: Steps between two changes of prices, for each process.
CHUNK_PER_PROCESS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one search goes; temperatures and prices are shares of what a mean process takes of all resources.

    Parameters
    ----------
    hot, cold
        Temperature at the start and at the end, geometric between them.
    cheap, dear
        Highest price of a mean process's worth of excess at the start and when the search is to be settled.
    tolerance
        Excess that is left alone at the start, in mean processes for each machine; none when settled.
    settled, squeezed
        Shares of a round after which no excess is tolerated, and after which prices only rise.
    mix
        Of 1,000 moves: those that go home, chains, exchanges, exchanges with a process of about the same size
        and of the same service (the rest are shifts), and those that start from a machine that is too full.
    first
        Share of the budget of the first round; it starts at ``hot``.
    reheats
        Number of further rounds, which start from the best assignment so far at ``warm`` and price ``middle``.
    """

    hot: float = 0.06
    cold: float = 5e-4
    warm: float = 0.006
    cheap: float = 0.2
    middle: float = 1.0
    dear: float = 20.0
    tolerance: float = 0.03
    settled: float = 0.7
    squeezed: float = 0.9
    mix: tuple[int, int, int, int, int, int] = (50, 300, 250, 80, 20, 50)
    first: float = 0.5
    reheats: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best assignment that breaks nothing, its cost by the search's own count, and the steps made."""

    assignment: NDArray[np.int32]
    cost: int
    steps: int
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One annealing: where it starts, and what ends it, steps or a moment of the monotonic clock."""

    start: NDArray[np.int32]
    seed: int
    schedule: Schedule
    steps: int | None = None
    seconds: float | None = None
    goal: int = 0


def reassign(
    problem: MachineReassignment,
    *,
    seed: int,
    seconds: float | None = None,
    steps: int | None = None,
    workers: int = 1,
    goal: int = 0,
    schedule: Schedule | None = None,
) -> Outcome:
    """Search for a cheap assignment.

    Parameters
    ----------
    problem
        The problem; its own assignment breaks nothing.
    seed
        Of the random numbers; with ``steps`` the same seed gives the same assignment.
    seconds : s
        Wall time, the start of the workers included.
    steps
        Number of moves that each worker tries, instead of a time.
    workers
        Number of processes; after each round all go on from the best of them.
    goal
        Cost at which the search stops.
    schedule
        Default: :class:`Schedule`.
    """
    if (seconds is None) == (steps is None):
        msg = "needs either seconds or steps"
        raise ValueError(msg)
    schedule = schedule or Schedule()
    if workers == 1:
        prepare(problem)
        return _rounds(
            problem, seed, seconds, steps, goal, schedule, lambda tasks: [anneal_once(tasks[0])], 1
        )
    began = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=prepare, initargs=(problem,)) as pool:

        def run(tasks: list[Round]) -> list[Outcome]:
            return list(pool.map(anneal_once, tasks))

        left = None if seconds is None else seconds - (time.monotonic() - began)
        return _rounds(problem, seed, left, steps, goal, schedule, run, workers)


def _rounds(
    problem: MachineReassignment,
    seed: int,
    seconds: float | None,
    steps: int | None,
    goal: int,
    schedule: Schedule,
    run: Callable[[list[Round]], list[Outcome]],
    workers: int,
) -> Outcome:
    """Anneal from hot once, then again and again from the best."""
    began, done, cpu_s = time.monotonic(), 0, 0.0
    best: Outcome | None = None
    for k in range(1 + schedule.reheats):
        end = schedule.first + (1 - schedule.first) * k / max(schedule.reheats, 1)
        part = schedule.first if k == 0 else (1 - schedule.first) / schedule.reheats
        task = Round(
            start=problem.assignment if best is None else best.assignment,
            seed=0,
            schedule=schedule if k == 0 else replace(schedule, hot=schedule.warm, cheap=schedule.middle),
            steps=None if steps is None else round(part * steps),
            seconds=None if seconds is None else began + end * seconds - time.monotonic(),
            goal=goal,
        )
        found = run([replace(task, seed=(seed * 1_000 + k) * 100 + w) for w in range(workers)])
        done += sum(outcome.steps for outcome in found)
        cpu_s += sum(outcome.cpu_s for outcome in found)
        best = min([*found, *([best] if best else [])], key=lambda outcome: outcome.cost)
        if best.cost <= goal:
            break
    return replace(best, steps=done, cpu_s=cpu_s)


_problem: MachineReassignment | None = None


def prepare(problem: MachineReassignment) -> None:
    """Hand the problem to this process, once for all rounds."""
    global _problem  # noqa: PLW0603
    _problem = problem


def anneal_once(task: Round) -> Outcome:
    """Anneal once."""
    assert _problem is not None
    began, cpu = time.monotonic(), time.process_time()
    model = build_model(_problem)
    state = build_state(model, task.start)
    walk = start_walk(model, state, task.seed)
    prices = _Prices(_problem, model, task.schedule)
    mix = np.array(task.schedule.mix, dtype=np.int64)
    chunk, steps, part = max(LEAST_CHUNK, CHUNK_PER_PROCESS * len(state.at)), 0, 0.0
    while part < 1 and walk.sums[3] > task.goal:
        prices.change(model, state, walk, part)
        if task.steps is not None:
            chunk = min(chunk, task.steps - steps)
        anneal(model, state, walk, prices.temperature, prices.fine, chunk, mix)
        steps += chunk
        part = (time.monotonic() - began) / task.seconds if task.steps is None else steps / task.steps
    spent = time.process_time() - cpu
    return Outcome(assignment=walk.best.copy(), cost=int(walk.sums[3]), steps=steps, cpu_s=spent)


def start_walk(model: Model, state: State, seed: int) -> Walk:
    """Return a walk that stands at a state, which breaks nothing."""
    cost = total_cost(model, state)
    return Walk(
        random=random_state(seed),
        sums=np.array([cost, 0, 0, cost], dtype=np.int64),
        best=state.at.copy(),
        seen=np.zeros(1, dtype=np.int64),
    )


class _Prices:
    """Temperature, prices by resource and fine at each moment of a round.

    A price rises while more is broken than is tolerated, and falls else, so that the search stays where
    constraints bind; it stays between a few temperatures and a ceiling that rises during the round.
    """

    RISE, FALL, SQUEEZE = 1.1, 1 / 1.05, 1.3
    LEAST, LEAST_FINE, MOST_FINE = 3.0, 2.0, 50.0

    def __init__(self, problem: MachineReassignment, model: Model, schedule: Schedule) -> None:
        self._schedule = schedule
        self._unit = float(model.take[::2, : model.n_costs].sum(axis=1).mean())
        self._need = np.maximum(problem.requirements.mean(axis=0), 1.0)
        self._limit = self._need * problem.n_machines
        self._wanted = self._unit * schedule.cheap / self._need
        self._prices = np.ones(len(self._need), dtype=np.int64)
        self.fine = self._unit
        self.temperature = 0.0

    def change(self, model: Model, state: State, walk: Walk, part: float) -> None:
        """Set everything for a share of the round that has passed."""
        plan = self._schedule
        hot = self._unit * plan.hot * (plan.cold / plan.hot) ** min(part / plan.squeezed, 1.0)
        self.temperature = hot
        columns = slice(model.n_costs, model.n_costs + len(self._need))
        excess = np.maximum(state.row[:, columns], 0).sum(axis=0) / self._prices
        if part >= plan.squeezed:
            self._wanted = np.where(excess > 0, self._wanted * self.SQUEEZE, self._wanted)
            if walk.sums[2] > 0:
                self.fine *= self.SQUEEZE
        else:
            x = min(part / plan.settled, 1.0)
            tolerated = self._limit * plan.tolerance * (1 - x) ** 2
            self._wanted *= np.where(excess > tolerated, self.RISE, self.FALL)
            ceiling = max(self.LEAST * hot, self._unit * plan.cheap * (plan.dear / plan.cheap) ** x)
            self._wanted = np.clip(self._wanted, self.LEAST * hot / self._need, ceiling / self._need)
            self.fine *= self.RISE if walk.sums[2] > 0 else self.FALL
            self.fine = min(max(self.fine, self.LEAST_FINE * hot), self.MOST_FINE * hot)
        prices = np.clip(self._wanted, 1, MOST_PRICE).astype(np.int64)
        reprice(model, state, self._prices, prices)
        self._prices = prices
        walk.sums[1] = state.excess.sum()


#: Keeps sums of priced excess far from the end of 64 bits.
MOST_PRICE = 2**22
