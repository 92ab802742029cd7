"""Plans that take more bandwidth than there is, or claim a bound that nobody can derive, are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from consolidate.checks.cases import Actions, PlanCase
from consolidate.checks.fleet_file import load_guests, load_hosts
from consolidate.checks.loader import load_actions, load_case, load_limits
from consolidate.checks.plan import plan_violations
from consolidate.checks.plan_bandwidth import bandwidth_violations
from consolidate.checks.plan_bound import derived_bound_s


@pytest.fixture
def case(correct_run) -> PlanCase:
    placement = load_case(correct_run, load_hosts(correct_run), load_guests(correct_run))
    return PlanCase(
        placement=placement,
        limits=load_limits(correct_run),
        actions=load_actions(correct_run, hosts=placement.hosts.n, vms=placement.vms.n),
    )


def codes(case: PlanCase) -> set[str]:
    return {v.code for v in plan_violations(case)}


def test_the_correct_plan_is_accepted(case):
    """The others of this file say nothing otherwise."""
    assert not codes(case)


def test_interfaces_are_not_shared_out_twice(case):
    """Moves of full rate at the same time add up."""
    rows = np.flatnonzero(case.actions.kind == 1)
    rates = case.actions.rate_mib_per_s.copy()
    rates[rows] = 1e6
    actions: Actions = dataclasses.replace(case.actions, rate_mib_per_s=rates)
    assert "V6.bandwidth" in codes(dataclasses.replace(case, actions=actions))


@pytest.mark.parametrize("limit", ["moves_at_once", "moves_per_host"])
def test_concurrency_of_fleet_and_host(case, limit):
    """All moves at the same time exceed a limit of one."""
    limits = dataclasses.replace(case.limits, **{limit: 1})
    start = np.where(case.actions.kind == 1, 0, case.actions.start_s)
    actions = dataclasses.replace(case.actions, start_s=start)
    found = bandwidth_violations(dataclasses.replace(case, limits=limits, actions=actions))
    assert "V6.concurrency" in {v.code for v in found}


def test_a_move_with_less_bandwidth_has_to_last_longer(case):
    """A tenth of the rate in the same time is not possible."""
    rates = case.actions.rate_mib_per_s / 10
    slower = dataclasses.replace(case, actions=dataclasses.replace(case.actions, rate_mib_per_s=rates))
    assert codes(slower) & {"V6.duration", "V6.precopy"}


def test_a_bound_is_derived_again(case):
    """What can be derived is accepted; a second more is not, nor a bound above the plan itself."""
    derived = derived_bound_s(case)
    assert derived > 0
    assert not codes(dataclasses.replace(case, makespan_bound_s=derived))
    assert "V6.bound" in codes(dataclasses.replace(case, makespan_bound_s=derived + 1))
    assert "V6.bound" in codes(dataclasses.replace(case, makespan_bound_s=10**6))
