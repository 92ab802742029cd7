"""The quick policy: one choice of hosts, one pass."""

from __future__ import annotations

from random import Random

import numpy as np

import consolidate as cs
from benchmarks.instances import SPECS
from consolidate.solvers.quick import Quick

LITTLE = cs.Budget(bounds="quick")


def solved(instance, policy, **named):
    """Return the result of a policy, whatever it saves."""
    return cs.solve(instance, policy, budget=LITTLE, min_saving_fraction=0.0, **named)


def test_it_is_near_the_bound_and_below_first_fit():
    """A hundred VMs of public flavours: a few percent above what is proven, with fewer moves than first fit."""
    spec = SPECS["flavor-100"]
    instance = spec.build(spec)
    quick, plain = solved(instance, "quick"), solved(instance, "ffd")
    assert quick.gap < 0.1
    assert quick.objective_mj < plain.objective_mj
    moves = [r.placement.moved_from(instance.current).size for r in (quick, plain)]
    assert moves[0] < moves[1]


def test_a_price_of_moves_means_fewer_of_them():
    spec = SPECS["flavor-100"]
    instance = spec.build(spec)
    moves = [
        solved(instance, "quick", move_price_j=price).placement.moved_from(instance.current).size
        for price in (0.0, 1e6, 1e9)
    ]
    assert moves[0] > moves[1] > moves[2] == 0


def test_more_slack_keeps_more_hosts(builders):
    """Twenty VMs of a tenth of a host: two hosts do, with a third of the room free it takes three."""
    instance = builders.instance(
        [(160, 100)] * 20, [v % 10 for v in range(20)], fleet=builders.fleet(kinds=(0,) * 10)
    )
    used = [
        len(np.unique(solved(instance, Quick(slack=slack)).placement.host_of)) for slack in (0.0, 0.4)
    ]
    assert used[0] < used[1] < 10


def test_it_never_ends_above_where_it_began(builders):
    for seed in range(40):
        instance = builders.random_instance(Random(seed), wild=True)
        result = solved(instance, "quick")
        if result.placement is not None and (instance.current.host_of[instance.active] >= 0).all():
            assert result.objective_mj <= instance.current_energy().total_mj, seed
