"""What has to move: crowded hosts, broken rules, and savings that are worth it or not."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.errors import (
    ConfigError,
)
from consolidate.model import Fence, Root, Spread
from consolidate.solvers import Budget
from consolidate.study.verbs import solve

SMALL = Budget(iterations=200, deterministic_s=2.0)


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


def test_a_crowded_host_is_relieved_whatever_it_costs(builders, name):
    """The present placement exceeds capacity: one VM moves although that saves nothing."""
    result = solve(builders.crowded(), name, budget=SMALL)
    assert result.worthwhile
    assert sorted(result.placement.host_of.tolist()) == [0, 1]


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


def test_doing_nothing_may_beat_every_placement(builders, built_in):
    """Switching the empty host off costs more than leaving it on: it stays on, and bounds allow that.

    A boot that is stated to cost nothing makes the break-even time zero, so the model would switch off.
    """
    kind = builders.host_type(
        idle_w=13, max_w=20, off_w=12, boot_s=300, boot_j=0, shutdown_s=60, shutdown_j=4_320
    )
    fleet = builders.fleet(types=(kind,), kinds=(0, 0))
    instance = builders.instance([(2_000, 1)], [0], fleet=fleet, horizon_s=600, min_off_s=0)
    assert instance.may_switch_off().all()
    for name in built_in:
        result = solve(instance, name, budget=SMALL)
        assert not result.worthwhile
        assert result.bound_mj <= result.objective_mj == result.current_mj
    assert solve(instance, "cp-sat", budget=SMALL).status == "optimal"
