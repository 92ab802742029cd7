"""Jobs in time: brute force agrees, room is never exceeded, bounds hold."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest

from consolidate.errors import InfeasibleError, InstanceError
from consolidate.model import Job, TimeGrid
from consolidate.solvers.shift import ShiftProblem, search, shift, soonest
from tests.builders import START

HOUR_S = 3_600


def job(name, *, steps=1, first=0, last=None, n_steps, cpu=1_000, memory=100, power_w=100):
    """A job of hourly steps that may start from ``first`` to ``last``."""
    last = n_steps - steps if last is None else last
    return Job(
        id=name,
        cpu_mcores=cpu,
        memory_mib=memory,
        power_mw=power_w * 1_000,
        earliest_s=first * HOUR_S,
        deadline_s=(last + steps) * HOUR_S,
        duration_s=steps * HOUR_S,
    )


def problem(jobs, room, mg, *, site=None, room_mib=None):
    """A problem with hourly steps."""
    room = np.array(room, dtype=np.int64)
    return ShiftProblem(
        jobs=tuple(jobs),
        grid=TimeGrid(start=START, step_s=HOUR_S, n_steps=room.shape[1]),
        room_mcores=room,
        room_mib=np.full_like(room, 10_000) if room_mib is None else np.array(room_mib, dtype=np.int64),
        site=np.zeros(room.shape[0], dtype=np.int64) if site is None else np.array(site, dtype=np.int64),
        mg_per_kwh=np.array(mg, dtype=np.int64),
    )


def random_problem(rnd):
    n, hosts, sites = rnd.randint(3, 5), rnd.randint(1, 2), rnd.randint(1, 2)
    jobs = []
    for k in range(rnd.randint(1, 4)):
        steps = rnd.randint(1, min(3, n))
        first = rnd.randint(0, n - steps)
        last = rnd.randint(first, n - steps)
        jobs.append(
            job(
                f"j{k}",
                steps=steps,
                first=first,
                last=last,
                n_steps=n,
                cpu=rnd.choice((500, 1_000, 2_000)),
                memory=rnd.choice((0, 400)),
                power_w=rnd.randint(1, 300),
            )
        )
    return problem(
        jobs,
        [[rnd.choice((-1, 900, 1_500, 3_000)) for _ in range(n)] for _ in range(hosts)],
        [[rnd.randint(10_000, 900_000) for _ in range(n)] for _ in range(sites)],
        site=[rnd.randrange(sites) for _ in range(hosts)],
        room_mib=[[rnd.choice((500, 1_000)) for _ in range(n)] for _ in range(hosts)],
    )


def fault(given, start, host):
    """Say what is wrong with a schedule, from the definition."""
    for t, h in itertools.product(range(given.grid.n_steps), range(len(given.site))):
        here = [
            one
            for k, one in enumerate(given.jobs)
            if host[k] == h and start[k] <= t < start[k] + one.duration_s // HOUR_S
        ]
        if here and sum(one.cpu_mcores for one in here) > given.room_mcores[h, t]:
            return "cpu"
        if here and sum(one.memory_mib for one in here) > given.room_mib[h, t]:
            return "memory"
        if here and given.room_mcores[h, t] < 0:
            return "off"
    for k, one in enumerate(given.jobs):
        if start[k] * HOUR_S < one.earliest_s or start[k] * HOUR_S + one.duration_s > one.deadline_s:
            return "time"
    return ""


def grams(given, start, host):
    """Energy of each hour times its intensity."""
    total = 0.0
    for k, one in enumerate(given.jobs):
        for t in range(start[k], start[k] + one.duration_s // HOUR_S):
            total += one.power_mw / 1e6 * given.mg_per_kwh[given.site[host[k]], t] / 1e3
    return total


def every(given):
    """Yield every schedule that keeps all limits."""
    n, hosts = given.grid.n_steps, range(len(given.site))
    for choice in itertools.product(itertools.product(range(n), hosts), repeat=len(given.jobs)):
        start, host = [s for s, _ in choice], [h for _, h in choice]
        if not fault(given, start, host):
            yield start, host


@pytest.mark.parametrize("seed", range(25))
def test_the_least_of_all_schedules_is_found_and_proven(seed):
    """Every start and host of every job, against the search; the greedy part alone stays above it."""
    given = random_problem(Random(seed))
    all_grams = [grams(given, *one) for one in every(given)]
    if not all_grams:
        with pytest.raises(InfeasibleError):
            shift(given)
        return
    found = shift(given)
    assert not fault(given, found.start.tolist(), found.host.tolist())
    assert found.cost_ug / 1e6 == pytest.approx(min(all_grams), abs=1e-5)
    assert found.bound_ug == found.cost_ug
    now = soonest(given)
    assert not fault(given, now.start.tolist(), now.host.tolist())
    assert now.cost_ug >= found.cost_ug


def test_without_the_exact_model_the_bound_still_holds(monkeypatch):
    """Greedy only: a schedule within all limits, a bound below the optimum, a gap that says so."""
    monkeypatch.setattr(search, "is_small", lambda *_: False)
    for seed in range(40):
        given = random_problem(Random(seed))
        all_grams = [grams(given, *one) for one in every(given)]
        if not all_grams:
            continue
        try:
            found = shift(given)
        except InfeasibleError:
            continue
        assert not fault(given, found.start.tolist(), found.host.tolist())
        assert found.bound_ug / 1e6 <= min(all_grams) + 1e-5
        assert found.cost_ug / 1e6 >= min(all_grams) - 1e-5


def test_two_jobs_do_not_share_the_one_clean_hour():
    """One has to take the second best hour: the one that has less to lose."""
    jobs = [job("small", n_steps=3, power_w=10), job("large", n_steps=3, power_w=200)]
    found = shift(problem(jobs, [[1_000] * 3], [[900_000, 100_000, 200_000]]))
    assert found.start.tolist() == [2, 1]
    # 200 W x 1 h x 100 g/kWh + 10 W x 1 h x 200 g/kWh.
    assert found.cost_ug == 20_000_000 + 2_000_000


def test_a_job_of_known_grams():
    """100 W for 10 h at 33.45 g/kWh are 33.45 g."""
    one = job("a", steps=10, n_steps=10, power_w=100)
    assert soonest(problem([one], [[1_000] * 10], [[33_450] * 10])).cost_ug == 33_450_000


def test_no_time_for_its_length_is_refused():
    """A job that cannot end by its deadline is no job."""
    with pytest.raises(InstanceError, match="between its earliest start and its deadline"):
        job("a", steps=3, first=0, last=-1, n_steps=3)
