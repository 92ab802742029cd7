"""Where there is no placement: proofs, and the VMs that they name."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consolidate.errors import (
    InfeasibleError,
    SolverFailedError,
)
from consolidate.model import MaxOnline
from consolidate.model.fleet import PowerControl
from consolidate.solvers import Budget
from consolidate.solvers.base import KERNEL_RULES
from consolidate.study.verbs import solve

SMALL = Budget(iterations=200, deterministic_s=2.0)


def test_total_need_above_total_capacity_is_infeasible(builders, name):
    """Proved by counting, without a search; the reason has both numbers."""
    instance = builders.instance([(300, 5_000)] * 4, [0, 0, 1, 1], fleet=builders.fleet(kinds=(0, 0)))
    result = solve(instance, name)
    assert result.status == "infeasible"
    assert "20000 memory_demand_mib" in result.message
    assert "16384" in result.message
    with pytest.raises(InfeasibleError):
        result.raise_if_infeasible()


def test_geometry_can_be_infeasible_although_the_sums_fit(builders):
    """Three VMs of 60 % on two hosts: the exact policy proves it, a heuristic finds no room."""
    instance = builders.instance([(2_400, 1)] * 3, [0, 0, 1], fleet=builders.fleet(kinds=(0, 0)))
    assert solve(instance, "cp-sat").status == "infeasible"
    assert solve(instance, "auto").status == "infeasible"
    for name in ("ffd", "drain"):
        result = solve(instance, name)
        assert result.status == "unknown"
        with pytest.raises(SolverFailedError, match="no room found for 1 VMs"):
            result.raise_if_infeasible()


def test_no_time_and_no_room_is_a_typed_failure(builders):
    """No member finds room and no time is left for the exact one: not proved infeasible, not a crash."""
    instance = builders.instance([(2_400, 1)] * 3, [0, 0, 1], fleet=builders.fleet(kinds=(0, 0)))
    result = solve(instance, "auto", budget=Budget(time_limit_s=1e-9))
    assert result.status == "unknown"
    assert "no room found" in result.message


def test_infeasible_names_the_fewest_vms_that_are_too_much(builders):
    """An operator needs to know whom to send elsewhere, not that some sum is too large."""
    instance = builders.instance(
        [(1_000, 1)] * 3 + [(3_000, 1)], [0, 0, 0, 1], fleet=builders.fleet(kinds=(0, 0))
    )
    room = int(instance.capacity[:, 0].sum())
    need = instance.need.copy()
    need[3, 0] += room
    crowded = replace(instance, need=need)
    result = solve(crowded, "ffd")
    assert result.status == "infeasible"
    assert result.blocking_vms == (instance.vms.ids[3],)
    assert instance.vms.ids[3] in result.message


def test_a_proof_by_search_names_vms(builders):
    """Sums may fit where packings do not: the proof still says which VMs find no host."""
    fleet = builders.fleet(kinds=(0, 0))
    room = int(builders.instance([(1, 1)], [0], fleet=fleet).capacity[0, 0])
    large = room // 2 + 1
    instance = builders.instance([(large, 1)] * 3, [0, 1, 1], fleet=fleet)
    result = solve(instance, "cp-sat", budget=SMALL)
    assert result.status == "infeasible"
    assert result.blocking_vms
    assert result.blocking_vms[0] in result.message


@pytest.mark.parametrize("name", ["bfd", "drain", "keep", "quick", "lns"])
def test_at_most_so_many_hosts_online_from_a_start_with_more(builders, oracles, name):
    """A present placement on too many hosts is mended, or no placement is claimed; found by the large study."""
    placed = 0
    for seed in (3_000_331, 3_000_341, 3_000_366, 3_000_059, 3_000_064, 3_000_145):
        rules = tuple(sorted(KERNEL_RULES))
        instance = builders.random_instance(Random(seed), max_vms=6, max_hosts=4, rules=rules)
        assert any(isinstance(rule, MaxOnline) for rule in instance.rules)
        result = solve(instance, name, budget=SMALL, min_saving_fraction=0.0)
        possible = oracles.best_mj(instance) is not None
        assert (result.status in {"feasible", "optimal"}) <= possible, seed
        placed += possible and result.status in {"feasible", "optimal"}
    assert placed


def test_hosts_that_stay_on_against_a_limit_are_a_proof(builders):
    """Two hosts that nobody can switch off, of which one may be online: no search is needed."""
    instance = builders.spread_out()
    control = np.full(instance.fleet.n_hosts, PowerControl.KEEP_ON, dtype=np.int8)
    fixed = replace(instance, fleet=replace(instance.fleet, power_control=control))
    hosts = np.flatnonzero(fixed.stays_on())[:2].tolist()
    assert len(hosts) == 2
    limited = replace(fixed, rules=(MaxOnline(hosts=tuple(hosts), most=1),))
    result = solve(limited, "ffd", budget=SMALL)
    assert result.status == "infeasible"
    assert "2 hosts" in result.message
