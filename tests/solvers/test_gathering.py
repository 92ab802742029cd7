"""Gathered VMs as one item: the same placements, the same optimum, and refusals by name."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consolidate.errors import UnsupportedError
from consolidate.model import Gather, Interference, Root, Spread
from consolidate.solvers import Budget
from consolidate.solvers.base import KERNEL_RULES
from consolidate.solvers.gathering import condense
from consolidate.study.verbs import solve

SMALL = Budget(iterations=200, deterministic_s=1.0)


def test_without_gather_there_is_nothing_to_condense(builders):
    """Other rules leave the instance alone; a gather of one VM asks for nothing, and no policy sees it."""
    instance = builders.spread_out()
    assert condense(instance) is None
    condensed = condense(replace(instance, rules=(Spread(vms=(0, 1)), Gather(vms=(2,)))))
    assert condensed.exact
    assert condensed.instance.rules == (Spread(vms=(0, 1)),)
    assert condensed.first_of.tolist() == list(range(len(instance.vms)))
    lonely = replace(instance, rules=(Gather(vms=(2,)),))
    assert solve(lonely, "pods", budget=SMALL).status in {"feasible", "optimal"}


@pytest.mark.parametrize("seed", [4_000_038, 4_000_048])
def test_certificates_of_the_condensed_instance_are_not_handed_on(builders, seed):
    """What is certified of bundles cannot be recomputed from single VMs; found by the large study."""
    rules = ("gather", "spread")
    instance = builders.random_instance(Random(seed), max_vms=8, max_hosts=4, rules=rules, odd=False)
    for bounds in ("quick", "strong"):
        budget = Budget(iterations=50, deterministic_s=0.2, bounds=bounds)
        result = solve(instance, "bfd", budget=budget, min_saving_fraction=0.0)
        assert result.status in {"feasible", "optimal"}
        assert any(bound.kind == "certified" for bound in result.bounds)


def test_overlapping_rules_are_one_bundle(builders):
    """Whoever is tied to a common VM is tied to each other."""
    rules = (Gather(vms=(0, 1)), Gather(vms=(1, 3)))
    condensed = condense(replace(builders.spread_out(), rules=rules))
    assert condensed.first_of.tolist() == [0, 0, 2, 0]
    assert condensed.instance.active.tolist() == [True, False, True, False]
    assert (
        condensed.instance.need[0].tolist()
        == (
            builders.spread_out().need[[0, 1, 3]].sum(axis=0)
            + 2 * builders.spread_out().vm_overhead.max(axis=0)
        ).tolist()
    )


@pytest.mark.parametrize("name", ["ffd", "auto", "cp-sat"])
def test_bundles_keep_every_rule(builders, oracles, name):
    """Random instances with gather beside all other rules, against brute force."""
    judged = 0
    rules = ("gather",) * 8 + tuple(sorted(KERNEL_RULES - {"interference"}))
    for seed in range(400, 480):
        instance = builders.random_instance(Random(seed), rules=rules)
        if not any(rule.name == "gather" for rule in instance.rules):
            continue
        result = solve(instance, name, budget=SMALL, min_saving_fraction=0.0)
        best = oracles.best_mj(instance)
        if result.status == "infeasible":
            assert best is None, seed
        elif result.status != "unknown":
            judged += 1
            host_of = result.placement.host_of.tolist()
            assert oracles.problems(instance, host_of) == [], seed
            assert result.bound_mj <= best, seed
    assert judged >= 8


def test_opposite_rules_are_infeasible(builders):
    """Together and apart at once: proved without a search, with the VMs named."""
    instance = replace(builders.spread_out(), rules=(Gather(vms=(0, 1)), Spread(vms=(1, 0))))
    result = solve(instance, "ffd")
    assert result.status == "infeasible"
    assert set(result.blocking_vms) == {"vm0", "vm1"}
    assert "gather and spread" in result.message


def test_no_common_host_is_infeasible(builders):
    """Rooted on different hosts, they cannot share one."""
    rules = (Gather(vms=(0, 1)), Root(vms=(0, 1), hosts=(0, 1)))
    result = solve(replace(builders.spread_out(), rules=rules), "auto")
    assert result.status == "infeasible"
    assert "no host may carry all VMs of a gather rule" in result.message


def test_counting_several_of_a_bundle_is_refused(builders):
    """A bundle counts as one VM: a rule that would count two is refused by name."""
    rules = (Gather(vms=(0, 1)), Interference(vms=(2,), others=(0, 1), most=1))
    with pytest.raises(UnsupportedError, match="interference that counts several VMs"):
        solve(replace(builders.spread_out(), rules=rules), "ffd")


def test_a_bundle_comes_from_where_it_costs_most_to_leave(builders):
    """The home of a bundle is the host with most migration energy; two homes are not exact."""
    instance = replace(
        builders.spread_out(),
        rules=(Gather(vms=(0, 1, 2)),),
        move_mj=np.array([5, 9, 3, 1]),
    )
    condensed = condense(instance)
    assert condensed.instance.current.host_of[0] == instance.current.host_of[1]
    assert condensed.instance.move_mj[0] == 9
    assert not condensed.exact
    # Homes cost energy, they take no room.
    assert condensed.same_room
