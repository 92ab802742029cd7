"""How a budget is parted into rounds, and how hot they are."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.roadef.schedule import HEATS, Schedule
from benchmarks.roadef.search import Outcome, Plan, Round, _rounds


def sized(machines: int, processes: int) -> SimpleNamespace:
    return SimpleNamespace(n_machines=machines, n_processes=processes)


@pytest.mark.parametrize("processes", [10, 1_000, 5_000, 50_000])
def test_rounds_spend_the_budget(processes):
    """All shares together are the whole, the starts take at least half, none is forgotten."""
    plan = Plan.of(sized(100, processes))
    parts = plan.parts()
    assert len(parts) == plan.starts + plan.again
    assert sum(parts) == pytest.approx(1.0)
    assert min(parts) > 0
    assert sum(parts[: plan.starts]) >= 0.5


@pytest.mark.parametrize("processes", [1_000, 5_000, 50_000])
@pytest.mark.parametrize("variant", [0, 1])
def test_a_round_only_cools(processes, variant):
    """From hot to cold without a jump; with patience it is hotter at half time than without."""
    schedule = Schedule.of(sized(100, processes), variant)
    told = [schedule.temperature(part) for part in np.linspace(0, 1, 501)]
    assert told[0] == pytest.approx(schedule.hot)
    assert told[-1] == pytest.approx(schedule.cold)
    assert all(0.8 < after / before <= 1 for before, after in itertools.pairwise(told))
    reheated = schedule.again(HEATS[0])
    assert reheated.hot == pytest.approx(HEATS[0] * schedule.hot)
    assert reheated.hot > reheated.warm >= reheated.cold


def test_patience_stays_hot():
    """Large processes move only where it is hot, so the time there is what a patient round adds."""
    hasty, patient = Schedule(patience=1.0), Schedule(patience=1.5)
    assert patient.temperature(0.4) > 1.5 * hasty.temperature(0.4)
    assert patient.temperature(0.8) == pytest.approx(hasty.temperature(0.8))


def test_a_heat_that_helps_is_kept():
    """Further rounds go on from the best; the heat changes only after a round without gain."""
    costs = iter([90, 80, 80, 70, 75])
    heats, starts = [], []

    def run(tasks):
        (task,) = tasks
        heats.append(task.reheat)
        starts.append(int(task.start[0]))
        value = next(costs)
        return [Outcome(assignment=np.array([value], dtype=np.int32), cost=value, steps=1)]

    whole = Round(start=np.array([0], dtype=np.int32), seed=0, steps=100)
    found = _rounds(whole, Plan(starts=1, again=4), run, 1)
    assert heats == [None, HEATS[0], HEATS[0], HEATS[1], HEATS[1]]
    assert starts == [0, 90, 80, 80, 70]
    assert (found.cost, found.steps) == (70, 5)
