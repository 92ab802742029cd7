"""Every policy: sound placements, honest figures, refusals that help."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consolidate import solvers
from consolidate.errors import (
    ConfigError,
    InfeasibleError,
    SolverFailedError,
    UnknownNameError,
    UnsupportedError,
)
from consolidate.model import Fence, MaxOnline, Root, Spread
from consolidate.model.fleet import PowerControl
from consolidate.solvers import POLICIES, Budget, Policy
from consolidate.solvers.base import KERNEL_RULES
from consolidate.solvers.drain import Drain
from consolidate.solvers.portfolio import Auto
from consolidate.study.verbs import solve

BUILT_IN = ("auto", "bfd", "centric", "cp-sat", "dot", "drain", "ffd", "keep", "l2", "lns", "pabfd")
SMALL = Budget(iterations=200, deterministic_s=2.0)
COMMON = ("spread", "fence", "ban", "root")


def cases(builders, seeds, **fields):
    for seed in seeds:
        yield seed, builders.random_instance(Random(seed), **fields)


def test_every_policy_is_listed_and_satisfies_the_protocol():
    """Names of the command line lead to policies that say which rules they honour."""
    assert set(BUILT_IN) <= set(POLICIES.names())
    for name in BUILT_IN:
        policy = POLICIES.get(name)()
        assert policy.name == name
        assert isinstance(policy, Policy)
        assert set(COMMON) <= policy.rules


def test_an_unknown_policy_is_met_with_the_nearest(builders):
    """A typing error ends in a suggestion."""
    with pytest.raises(UnknownNameError, match="did you mean 'drain'"):
        solve(builders.spread_out(), "drian")


@pytest.mark.parametrize("name", BUILT_IN)
def test_placements_satisfy_everything(builders, oracles, name):
    """Capacity, masks, rules and figures of 40 random instances, judged by checks and by brute force.

    ``solve`` raises when the independent checks refuse a result; the oracle judges once more.
    """
    solved = 0
    for seed, instance in cases(builders, range(100, 140), rules=COMMON, wild=True):
        result = solve(instance, name, budget=SMALL, min_saving_fraction=0.0)
        if result.status == "unknown":
            continue
        if result.status == "infeasible":
            assert oracles.best_mj(instance) is None, seed
            continue
        solved += 1
        host_of = result.placement.host_of.tolist()
        assert oracles.problems(instance, host_of) == [], seed
        expected = oracles.energy_mj(instance, host_of, do_nothing=not result.worthwhile)
        assert result.objective_mj == expected, seed
        now = instance.current.host_of.tolist()
        assert result.current_mj == oracles.energy_mj(instance, now, do_nothing=True), seed
        assert result.bound_mj <= result.objective_mj, seed
    assert solved >= 15


@pytest.mark.parametrize("name", ["drain", "auto"])
def test_improving_is_never_worse_than_today(builders, oracles, name):
    """Where the present placement is feasible, nothing dearer than today is proposed."""
    compared = 0
    for seed, instance in cases(builders, range(200, 240), wild=True, crowded=0):
        if oracles.problems(instance, instance.current.host_of):
            continue
        compared += 1
        result = solve(instance, name, budget=SMALL, min_saving_fraction=0.0)
        assert result.objective_mj <= result.current_mj, seed
    assert compared >= 30


@pytest.mark.parametrize("name", ["drain", "auto", "cp-sat"])
def test_same_seed_same_bytes(builders, name):
    """The same seed and budget give the same placement, whatever ran before."""
    for _, instance in cases(builders, range(300, 306), max_vms=12, max_hosts=6):
        runs = []
        for _ in range(2):
            result = solve(instance, name, budget=SMALL, seed=7, min_saving_fraction=0.0)
            runs.append((result.placement.host_of.tobytes(), result.objective_mj, result.bounds))
        assert runs[0] == runs[1]


def test_any_seed_is_allowed(builders):
    """Another seed may lead elsewhere, never to something infeasible; wrong seeds name their key."""
    for seed in (0, 1, 2**31 - 1):
        assert solve(builders.spread_out(), "auto", budget=SMALL, seed=seed).seed == seed
    for seed in (-1, 2**31):
        with pytest.raises(ConfigError, match="seed"):
            solve(builders.spread_out(), "ffd", seed=seed)


def test_cp_sat_refuses_what_it_cannot_hold(builders):
    """A model that is too large is refused before it is built, with the names of who can."""
    policy = POLICIES.get("cp-sat")(max_booleans=15)
    with pytest.raises(UnsupportedError, match="16 VM-host pairs"):
        solve(builders.spread_out(), policy)


@pytest.mark.parametrize("name", BUILT_IN)
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


@pytest.mark.parametrize("name", BUILT_IN)
def test_consolidating_a_spread_out_fleet(builders, name):
    """Four small VMs on four hosts end on one; three hosts go off, and three VMs move."""
    instance = builders.spread_out()
    result = solve(instance, name, budget=SMALL)
    assert result.worthwhile
    assert result.placement.used_hosts().size == 1
    assert result.placement.moved_from(instance.current).size == 3
    assert result.status == ("optimal" if name in {"auto", "cp-sat"} else result.status)


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(
    "changes",
    [
        {"move_mj": 10**13},  # moving costs more than it saves
        {"horizon_s": 700},  # shorter than four times the break-even time
        {"need": [(500, 5_000)] * 4},  # no two fit on one host
    ],
    ids=["moves too dear", "horizon too short", "no room"],
)
def test_nothing_worth_doing(builders, name, changes):
    """Not worthwhile, the placement is the present one and its energy that of doing nothing."""
    values = {"need": [(500, 1_024)] * 4, "min_off_s": 0, **changes}
    instance = builders.instance(
        values.pop("need"), [0, 1, 2, 3], fleet=builders.fleet(kinds=(0,) * 4), **values
    )
    result = solve(instance, name, budget=SMALL)
    assert not result.worthwhile
    np.testing.assert_array_equal(result.placement.host_of, instance.current.host_of)
    assert result.objective_mj == result.current_mj
    assert "saves" in result.message


def test_a_saving_below_the_minimum_is_not_worthwhile(builders):
    """The stated minimum decides; just below the saving it is reached, just above it is not."""
    instance = builders.spread_out()
    full = solve(instance, "cp-sat", min_saving_fraction=0.0)
    share = (full.current_mj - full.objective_mj) / full.current_mj
    assert 0.1 < share < 0.9
    assert solve(instance, "cp-sat", min_saving_fraction=share - 1e-6).worthwhile
    above = solve(instance, "cp-sat", min_saving_fraction=share + 1e-6)
    assert not above.worthwhile
    assert above.status == "feasible"


@pytest.mark.parametrize("value", [-0.01, 1.0, float("nan")])
def test_impossible_minimum_is_refused(builders, value):
    """A share of the present energy lies between nothing and all of it."""
    with pytest.raises(ConfigError, match="min_saving_fraction"):
        solve(builders.spread_out(), "ffd", min_saving_fraction=value)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_crowded_host_is_relieved_whatever_it_costs(builders, name):
    """The present placement exceeds capacity: one VM moves although that saves nothing."""
    result = solve(builders.crowded(), name, budget=SMALL)
    assert result.worthwhile
    assert sorted(result.placement.host_of.tolist()) == [0, 1]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(
    "rule",
    [Spread(vms=(0, 1)), Fence(vms=(1,), hosts=(1,)), Root(vms=(1,), hosts=(1,))],
    ids=["spread", "fence", "root"],
)
def test_a_broken_rule_is_mended_whatever_it_costs(builders, name, rule):
    """A present placement that breaks a rule is no answer, even where mending saves nothing."""
    fleet = builders.fleet(kinds=(0, 0), power_control=np.array([1, 1]))
    instance = builders.instance([(500, 1_024)] * 2, [0, 0], fleet=fleet, rules=(rule,))
    result = solve(instance, name, budget=SMALL)
    assert result.worthwhile
    assert rule.violations(result.placement) == ()
    assert f"breaks the rule {rule.name}" in result.message


def test_an_immovable_vm_is_not_driven_out(builders):
    """An overfull host sends away who can go, not its largest VM that cannot."""
    instance = builders.instance(
        [(2_500, 1), (2_000, 1)],
        [0, 0],
        fleet=builders.fleet(kinds=(0, 0)),
        movable=np.array([False, True]),
    )
    assert solve(instance, "drain", budget=SMALL).placement.host_of.tolist() == [0, 1]


def test_hosts_of_a_type_may_differ_in_capacity(builders):
    """Hosts are interchangeable only if they offer the same, whatever their type is called.

    The checks derive capacities from types and refuse this, so the solvers are asked directly.
    """
    instance = builders.instance(
        [(1_000, 1), (3_000, 1)],
        [0, 1],
        fleet=builders.fleet(kinds=(0, 0)),
        capacity=[(1_000, 8_000), (3_000, 8_000)],
        move_mj=[5_000, 10],
    )
    for name in BUILT_IN:
        result = solvers.solve(instance, name, budget=SMALL)
        assert result.placement.host_of.tolist() == [0, 1], name


def test_doing_nothing_may_beat_every_placement(builders):
    """Switching the empty host off costs more than leaving it on: it stays on, and bounds allow that.

    A boot that is stated to cost nothing makes the break-even time zero, so the model would switch off.
    """
    kind = builders.host_type(
        idle_w=13, max_w=20, off_w=12, boot_s=300, boot_j=0, shutdown_s=60, shutdown_j=4_320
    )
    fleet = builders.fleet(types=(kind,), kinds=(0, 0))
    instance = builders.instance([(2_000, 1)], [0], fleet=fleet, horizon_s=600, min_off_s=0)
    assert instance.may_switch_off().all()
    for name in BUILT_IN:
        result = solve(instance, name, budget=SMALL)
        assert not result.worthwhile
        assert result.bound_mj <= result.objective_mj == result.current_mj
    assert solve(instance, "cp-sat", budget=SMALL).status == "optimal"


def test_no_vm_at_all(builders):
    """An empty fleet of VMs has a best placement: every host that may goes off."""
    instance = builders.instance([(1, 1)] * 2, [-1, -1], fleet=builders.fleet(kinds=(0, 0)))
    for name in BUILT_IN:
        result = solve(instance, name, budget=SMALL)
        assert result.placement.host_of.tolist() == [-1, -1]
        assert result.status == "optimal"


def test_no_vm_and_no_usable_host(builders):
    """Nobody to place and nowhere to place them is no reason to crash."""
    fleet = builders.fleet(kinds=(0, 0), maintenance=np.array([True, True]))
    instance = builders.instance([(1, 1)], [-1], fleet=fleet)
    for name in BUILT_IN:
        assert solve(instance, name, budget=SMALL).status == "optimal"


def test_inactive_vms_take_part_in_nothing(builders):
    """A VM that does not exist is on no host before and after."""
    instance = builders.instance([(500, 1_024)] * 3, [0, -1, 1], fleet=builders.fleet(kinds=(0, 0)))
    for name in BUILT_IN:
        result = solve(instance, name, budget=SMALL)
        assert result.placement.host_of[1] == -1
        assert result.placement.used_hosts().size == 1


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


def test_no_time_and_no_room_is_a_typed_failure(builders):
    """No member finds room and no time is left for the exact one: not proved infeasible, not a crash."""
    instance = builders.instance([(2_400, 1)] * 3, [0, 0, 1], fleet=builders.fleet(kinds=(0, 0)))
    result = solve(instance, "auto", budget=Budget(time_limit_s=1e-9))
    assert result.status == "unknown"
    assert "no room found" in result.message


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


@pytest.mark.parametrize("name", ["bfd", "drain", "keep", "lns"])
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
