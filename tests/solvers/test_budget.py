"""Budgets: time, iterations, and what is told meanwhile."""

from __future__ import annotations

import pytest

from consolidate.errors import (
    ConfigError,
)
from consolidate.solvers import Budget
from consolidate.solvers.drain import Drain
from consolidate.solvers.portfolio import Auto
from consolidate.study.verbs import solve

SMALL = Budget(iterations=200, deterministic_s=2.0)


@pytest.mark.parametrize("name", ["drain", "auto"])
def test_time_limit_is_respected_and_told(builders, name):
    """A budget without end stops at the limit, and the result says why it ended."""
    instance = builders.instance(
        [(300 + 10 * v, 400) for v in range(60)],
        [v % 20 for v in range(60)],
        fleet=builders.fleet(kinds=(0,) * 20),
    )
    solve(instance, name, budget=Budget(iterations=10, deterministic_s=0.1))  # compiles
    budget = Budget(iterations=10**9, deterministic_s=0.1, time_limit_s=0.5)
    result = solve(instance, name, budget=budget)
    assert result.runtime_s < 5
    assert "time limit" in result.stopped or result.status == "optimal"


def test_a_limit_that_is_over_at_once_still_answers(builders):
    """One policy is always tried; nothing is not an answer."""
    result = solve(builders.spread_out(), "auto", budget=Budget(time_limit_s=1e-9))
    assert result.worthwhile
    assert result.placement.used_hosts().size == 1


def test_no_iterations_is_a_valid_budget(builders):
    """Draining alone, without ruin and recreate."""
    result = solve(builders.spread_out(), Drain(), budget=Budget(iterations=0))
    assert result.placement.used_hosts().size == 1


@pytest.mark.parametrize(
    "fields", [{"iterations": -1}, {"deterministic_s": -0.1}, {"time_limit_s": 0.0}]
)
def test_impossible_budgets_are_refused(fields):
    """The key is named as in the study file."""
    with pytest.raises(ConfigError, match=f"budget.{next(iter(fields))}"):
        Budget(**fields)


@pytest.mark.parametrize("policy", [Drain, Auto])
def test_ruins_empty_at_least_one_host(builders, policy):
    """Zero hosts in a step is refused with its key, before the search trips over it."""
    assert solve(builders.spread_out(), policy(hosts_per_ruin=1), budget=SMALL).worthwhile
    with pytest.raises(ConfigError, match="hosts_per_ruin"):
        solve(builders.spread_out(), policy(hosts_per_ruin=0), budget=SMALL)


def test_progress_is_told(builders):
    """A long solve says where it stands: starts, search, bounds, with counts that grow."""
    told = []

    def progress(stage, done=0, total=0):
        told.append((stage, done, total))

    solve(builders.spread_out(), "auto", progress=progress)
    stages = [stage for stage, _, _ in told]
    assert stages[0] == "start: keep"
    assert {"relaxation", "exact model"} <= set(stages)
    told.clear()
    solve(builders.spread_out(), "drain", budget=Budget(iterations=500), progress=progress)
    counts = [(done, total) for stage, done, total in told if stage == "ruin and recreate"]
    assert counts[0] == (200, 500)
    assert (500, 500) in counts
