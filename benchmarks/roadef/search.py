"""The schedule of an annealing: temperature, price of excess, fine for what is missing, and rounds."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.roadef.anneal import Walk, anneal
from benchmarks.roadef.state import Model, State, build_model, build_state, total_cost
from consolidate._kernels.annealing import random_state
from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Outcome", "Schedule", "reassign", "start_walk"]

CHUNK = 20_000
WOUNDS = 64
#: A fine that no gain pays, in mean processes: dependencies and spread are hard then.
HARD = 1e6
#: A search counts as successful below this share of the first cost.
GOOD = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How one search goes; temperatures are shares of the mean requirement of a process.

    Parameters
    ----------
    hot, warm, cold
        Temperature at the start, at the end of the priced part, and at the end.
    cheap, dear, final
        Price of a unit of excess at the same three times.
    priced_fraction
        Share of the budget of the priced part; the rest squeezes out what is still broken.
    soft
        Whether spread and dependencies may be broken at a fine in the priced part.
    mix
        Of 1,000 moves: those that go home, exchanges, exchanges within a service (the rest are
        shifts), those from the costlier of two machines, and those that mend.
    """

    hot: float = 0.03
    warm: float = 0.001
    cold: float = 1e-6
    cheap: float = 4.0
    dear: float = 400.0
    final: float = 1e5
    priced_fraction: float = 0.85
    soft: bool = True
    mix: tuple[int, int, int, int, int] = (200, 350, 100, 0, 50)

    @classmethod
    def of(cls, problem: MachineReassignment) -> Schedule:
        """Return the schedule for a problem, from its shape alone.

        Large services fill their locations and neighbourhoods, so they have to pass through broken
        states; small ones do not, and then breaking only costs time. With very many processes on a
        machine it pays to look where the cost is.
        """
        big_services = 3 * len(problem.spreads) < problem.n_processes
        crowded = problem.n_processes >= 150 * problem.n_machines
        tour = 500 if crowded else 0
        hot = 0.01 if crowded else 0.03
        warm = 1e-4 if crowded else 0.001
        return cls(hot=hot, warm=warm, soft=big_services, mix=(200, 350, 100, tour, 50))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best assignment that breaks nothing, its cost by the search's own count, and the steps made."""

    assignment: NDArray[np.int64]
    cost: int
    steps: int


class _Clock:
    """How much of the budget is spent: steps if they are given, else seconds."""

    def __init__(self, *, seconds: float | None, steps: int | None) -> None:
        if (seconds is None) == (steps is None):
            msg = "needs either seconds or steps"
            raise ValueError(msg)
        self._seconds, self._most, self.steps = seconds, steps, 0
        self._start = time.process_time()

    def fraction(self) -> float:
        if self._most is not None:
            return self.steps / self._most
        return (time.process_time() - self._start) / self._seconds


def reassign(
    problem: MachineReassignment,
    *,
    seed: int,
    seconds: float | None = None,
    steps: int | None = None,
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
        CPU time of the process; the search has one thread, so that is wall time on an idle machine.
    steps
        Number of moves tried, instead of a time.
    schedule
        Default: that of :meth:`Schedule.of`.
    """
    schedule = schedule or Schedule.of(problem)
    clock = _Clock(seconds=seconds, steps=steps)
    model = build_model(problem)
    walk = start_walk(model, build_state(model, problem.assignment), seed)
    first = int(walk.sums[3])
    begun = 0.0
    # A soft search that found nothing leaves the rest of the budget to a hard one.
    for soft, end in ((True, 0.75), (False, 1.0)) if schedule.soft else ((False, 1.0),):
        found = walk.sums[3] < GOOD * first
        state = _again(model, walk, walk.best if found else problem.assignment)
        _cool(model, state, walk, clock, schedule, begun=begun, end=end, soft=soft, reheat=found)
        begun = end
    return Outcome(assignment=walk.best.copy(), cost=int(walk.sums[3]), steps=clock.steps)


def start_walk(model: Model, state: State, seed: int) -> Walk:
    """Return a walk that stands at a state."""
    cost = total_cost(model, state)
    return Walk(
        random=random_state(seed),
        sums=np.array([cost, 0, 0, cost], dtype=np.int64),
        best=state.at.copy(),
        seen=np.zeros(3, dtype=np.int64),
        wounds=np.zeros(WOUNDS, dtype=np.int64),
        n_wounds=np.zeros(1, dtype=np.int64),
    )


def _again(model: Model, walk: Walk, assignment: NDArray[np.int64]) -> State:
    state = build_state(model, assignment)
    walk.sums[:3] = total_cost(model, state), 0, 0
    return state


def _cool(
    model: Model,
    state: State,
    walk: Walk,
    clock: _Clock,
    schedule: Schedule,
    *,
    begun: float,
    end: float,
    soft: bool,
    reheat: bool,
) -> None:
    """Anneal once, from fraction ``begun`` of the budget to ``end``."""
    unit = float(model.hold[0].sum(axis=1).mean())
    mix = np.array(schedule.mix, dtype=np.int64)
    fine = unit
    while (now := clock.fraction()) < end:
        part = (now - begun) / (end - begun)
        temperature, price = _point(schedule, part)
        if reheat:
            temperature, price = 0.3 * temperature, max(price, schedule.dear)
        temperature *= unit
        if not soft or part >= schedule.priced_fraction:
            fine = HARD * unit
        walk.seen[:] = 0
        anneal(model, state, walk, temperature, 1.0, price, fine, CHUNK, mix)
        clock.steps += CHUNK
        if soft:
            # Kept so that something is missing about two thirds of the time.
            raised = fine * (1.05 if walk.seen[1] < 0.3 * CHUNK else 1 / 1.05)
            fine = min(max(raised, temperature), 30 * temperature)


def _point(schedule: Schedule, part: float) -> tuple[float, float]:
    """Return temperature and price at a share of a round; both are geometric between their points."""
    split = schedule.priced_fraction
    if part < split:
        x = part / split
        temperature = schedule.hot * (schedule.warm / schedule.hot) ** x
        return temperature, schedule.cheap * (schedule.dear / schedule.cheap) ** x
    x = (part - split) / (1 - split)
    temperature = schedule.warm * (schedule.cold / schedule.warm) ** x
    return temperature, schedule.dear * (schedule.final / schedule.dear) ** x
