"""Swapping the names of identical hosts, and the orders of VMs and hosts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.model import Among, Fence, MaxOnline, Placement
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers import relabel as relabel_module
from consolidate.solvers.bounds import relax
from consolidate.solvers.orders import (
    host_classes,
    host_order,
    resource_weights,
    vm_order,
    vm_sizes,
)
from consolidate.solvers.relabel import relabel

RANDOM = st.randoms(use_true_random=False)


def renamed(instance, host_of):
    return relabel(instance, kernel_problem(instance), np.array(host_of, dtype=np.int32))


@pytest.mark.parametrize("limit", [1_500, 0], ids=["optimal", "greedy"])
@given(rnd=RANDOM)
def test_relabel_changes_names_only(builders, oracles, limit, rnd):
    """Feasible stays feasible, hosts keep their energy, and migrations never cost more."""
    instance = builders.random_instance(rnd, max_vms=5, rules=("spread", "ban"), wild=True)
    placements = list(oracles.feasible_placements(instance))
    if not placements:
        return
    host_of = rnd.choice(placements)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relabel_module, "_MATCHING_LIMIT", limit)
        result = renamed(instance, host_of)
    assert oracles.problems(instance, result.tolist()) == []
    before = instance.energy(Placement(host_of=np.array(host_of)))
    after = instance.energy(Placement(host_of=result))
    assert after.migration_mj <= before.migration_mj
    assert replace(after, migration_mj=0) == replace(before, migration_mj=0)


def test_a_group_takes_the_host_that_most_of_it_is_on(builders):
    """Four VMs packed on another host than theirs: the name is swapped back and nobody moves."""
    instance = builders.instance([(1, 1)] * 4, [2, 2, 2, 0], fleet=builders.fleet(kinds=(0,) * 3))
    assert renamed(instance, [1, 1, 1, 1]).tolist() == [2, 2, 2, 2]


def test_energy_comes_before_the_number_of_moves(builders):
    """One VM that is dear to move outweighs two that cost nothing."""
    instance = builders.instance(
        [(1, 1)] * 3, [0, 1, 1], fleet=builders.fleet(kinds=(0, 0)), move_mj=[1, 0, 0]
    )
    assert renamed(instance, [0, 0, 0]).tolist() == [0, 0, 0]
    assert renamed(instance, [1, 1, 1]).tolist() == [0, 0, 0]


def test_greedy_matching_is_dropped_where_it_is_worse_than_nothing(builders, monkeypatch):
    """The largest single gain first would cost two others; then every group keeps its host."""
    monkeypatch.setattr(relabel_module, "_MATCHING_LIMIT", 0)
    instance = builders.instance(
        [(1, 1)] * 3, [1, 0, 1], fleet=builders.fleet(kinds=(0, 0)), move_mj=[10, 9, 9]
    )
    assert renamed(instance, [0, 0, 1]).tolist() == [0, 0, 1]


def test_staying_counts_even_if_moving_is_free(builders):
    """Among equal energies the fewest moves win."""
    instance = builders.instance([(1, 1)] * 3, [0, 1, 1], fleet=builders.fleet(kinds=(0, 0)), move_mj=0)
    assert renamed(instance, [0, 0, 0]).tolist() == [1, 1, 1]


def test_hosts_that_differ_keep_their_names(builders):
    """Another type, another power state, another fence or another capacity is another host."""
    types = (builders.host_type("a"), builders.host_type("b"))
    apart = builders.instance([(1, 1)], [0], fleet=builders.fleet(types=types, kinds=(0, 1)))
    assert renamed(apart, [1]).tolist() == [1]
    fenced = builders.instance(
        [(1, 1)] * 2, [0, 1], fleet=builders.fleet(kinds=(0, 0)), rules=(Fence(vms=(0,), hosts=(0,)),)
    )
    assert renamed(fenced, [0, 0]).tolist() == [0, 0]
    off = builders.fleet(kinds=(0, 0), powered_on=np.array([True, False]))
    assert renamed(builders.instance([(1, 1)], [0], fleet=off), [1]).tolist() == [1]
    uneven = builders.instance(
        [(1, 1)], [0], fleet=builders.fleet(kinds=(0, 0)), capacity=[(1, 1), (2, 2)]
    )
    assert renamed(uneven, [1]).tolist() == [1]


def test_classes_hold_what_cannot_be_told_apart(builders):
    """Equal hosts share a number, a host in maintenance does not."""
    fleet = builders.fleet(kinds=(0,) * 3, maintenance=np.array([False, True, False]))
    instance = builders.instance([(1, 1)], [0], fleet=fleet)
    classes = host_classes(instance, kernel_problem(instance))
    assert classes[0] == classes[2] != classes[1]


def test_the_scarce_resource_weighs_most(builders):
    """Memory is three quarters asked for, CPU a quarter; sizes follow memory."""
    instance = builders.instance(
        [(1_000, 2_000), (0, 4_000)], [0, 0], fleet=builders.fleet(kinds=(0,)), capacity=[(4_000, 8_000)]
    )
    weights = resource_weights(instance)
    assert weights * [4_000, 8_000] == pytest.approx([0.25, 0.75])
    assert vm_sizes(instance) == pytest.approx([0.25 * 0.25 + 0.75 * 0.25, 0.75 * 0.5])


def test_vms_without_a_choice_come_first(builders):
    """Then the large ones, then by index; who does not exist is left out."""
    instance = builders.instance(
        [(100, 1), (300, 1), (200, 1), (300, 1), (900, 1)],
        [0, 0, 0, 0, -1],
        fleet=builders.fleet(kinds=(0, 0)),
        movable=np.array([False, True, True, True, True]),
    )
    assert vm_order(instance, kernel_problem(instance)).tolist() == [0, 1, 3, 2]


def test_hosts_that_stay_on_are_filled_first(builders):
    """Then the cheapest per room, then those whose VMs are dearest to move, then by index."""
    types = (builders.host_type("dear", idle_w=300, max_w=400), builders.host_type("cheap"))
    fleet = builders.fleet(types=types, kinds=(0, 1, 1, 0, 1), power_control=np.array([0, 0, 0, 1, 0]))
    instance = builders.instance([(1, 1)], [4], fleet=fleet)
    assert host_order(instance, kernel_problem(instance)).tolist() == [3, 4, 1, 2, 0]


@pytest.mark.parametrize(
    "rule",
    [
        MaxOnline(hosts=(0, 1), most=1),
        Among(vms=(0,), zones=((0, 1), (2, 3))),
    ],
    ids=["hosts online", "zones"],
)
def test_classes_tell_apart_what_rules_tell_apart(builders, rule):
    """A host in a limited set, or in another zone, is another host; those in the same one are alike."""
    instance = builders.instance([(1, 1)], [0], fleet=builders.fleet(kinds=(0,) * 4), rules=(rule,))
    classes = host_classes(instance, kernel_problem(instance))
    assert classes[0] == classes[1] != classes[2] == classes[3]


def test_a_known_relaxation_is_not_solved_again(builders, monkeypatch):
    """The order is the same with it, and nobody asks for another one."""
    types = (builders.host_type("dear", idle_w=300, max_w=400), builders.host_type("cheap"))
    fleet = builders.fleet(types=types, kinds=(0, 1, 1, 0))
    instance = builders.instance([(1, 1)], [2], fleet=fleet)
    problem = kernel_problem(instance)
    expected = host_order(instance, problem).tolist()
    known = relax(instance, problem)
    monkeypatch.setattr("consolidate.solvers.orders.host_ratios", None)
    assert host_order(instance, problem, known).tolist() == expected
