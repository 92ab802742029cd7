"""Improving a packing: never worse, never infeasible, and honest about the change."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate._kernels import local_search, packing
from consolidate.model import Ban
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.solvers.orders import host_classes, resource_weights, vm_order, vm_sizes

RANDOM = st.randoms(use_true_random=False)


def packed(builders, rnd):
    """A feasible, complete placement of a random instance, or ``None`` where first fit finds none."""
    instance = builders.random_instance(
        rnd, max_vms=9, max_hosts=5, rules=("spread", "ban"), wild=True, crowded=0
    )
    problem, state = kernel_problem(instance), kernel_state(instance)
    order, hosts = vm_order(instance, problem), list(range(instance.fleet.n_hosts))
    rnd.shuffle(hosts)
    failed = packing.first_fit(problem, state, order, np.array(hosts))
    return None if failed else (instance, problem, state)


def assert_sound(oracles, instance, state):
    """The placement is feasible and complete, and every array follows from it."""
    assert oracles.problems(instance, state.host_of.tolist()) == []
    oracles.assert_same_state(state, kernel_state(instance, state.host_of))


@given(rnd=RANDOM, ejections=st.booleans())
def test_improve_never_raises_the_objective(builders, oracles, rnd, ejections):
    """Neither the energy nor capacity, masks and spread suffer, with exchanges or without."""
    made = packed(builders, rnd)
    if made is None:
        return
    instance, problem, state = made
    before = local_search.total_energy(problem, state)
    local_search.improve(problem, state, vm_sizes(instance), vm_order(instance, problem), ejections, 10)
    assert local_search.total_energy(problem, state) <= before
    assert_sound(oracles, instance, state)


@given(rnd=RANDOM)
def test_improve_ends_where_nothing_improves(builders, rnd):
    """A second call has nothing left to do and says so after one round."""
    made = packed(builders, rnd)
    if made is None:
        return
    instance, problem, state = made
    arguments = (vm_sizes(instance), vm_order(instance, problem), True, 50)
    local_search.improve(problem, state, *arguments)
    where = state.host_of.copy()
    assert local_search.improve(problem, state, *arguments) == 1
    np.testing.assert_array_equal(state.host_of, where)


def test_improve_does_nothing_that_costs_a_millijoule(builders):
    """Hosts stay on anyway: emptying one saves nothing and a move costs 1 mJ, so nobody moves."""
    fleet = builders.fleet(kinds=(0, 0), power_control=np.array([1, 1]))
    instance = builders.instance([(400, 400)] * 2, [0, 1], fleet=fleet, load=[0, 0], move_mj=1)
    problem, state = kernel_problem(instance), kernel_state(instance, instance.current.host_of)
    local_search.improve(problem, state, vm_sizes(instance), vm_order(instance, problem), True, 5)
    assert state.host_of.tolist() == [0, 1]


def run_ruin(instance, problem, state, rnd, *, iterations, width, threshold_mj):
    rng = np.random.default_rng(rnd.randrange(2**32))
    classes = host_classes(instance, problem)
    return local_search.ruin_and_recreate(
        problem,
        state,
        vm_sizes(instance),
        resource_weights(instance),
        classes,
        int(classes.max()) + 1,
        rng.random((iterations, width)),
        rng.uniform(-0.3, 0.3, len(state.host_of)),
        threshold_mj,
    )


@given(
    rnd=RANDOM,
    width=st.integers(1, 3),
    threshold_mj=st.sampled_from([0, 1_000, 10**9, 10**12]),
)
def test_ruin_and_recreate_tells_the_true_change(builders, oracles, rnd, width, threshold_mj):
    """What it returns is the difference of two totals, and what it leaves is feasible and complete."""
    made = packed(builders, rnd)
    if made is None:
        return
    instance, problem, state = made
    before = int(local_search.total_energy(problem, state))
    change = run_ruin(
        instance, problem, state, rnd, iterations=20, width=width, threshold_mj=threshold_mj
    )
    assert local_search.total_energy(problem, state) == before + change
    if threshold_mj == 0:
        assert change <= 0
    assert_sound(oracles, instance, state)


def test_ruin_and_recreate_finds_something(builders):
    """On scattered VMs it does lower the energy: not every step is taken back."""
    instance = builders.instance(
        [(500, 1_024)] * 12, list(range(6)) * 2, fleet=builders.fleet(kinds=(0,) * 6)
    )
    problem, state = kernel_problem(instance), kernel_state(instance, instance.current.host_of)
    change = run_ruin(instance, problem, state, Random(1), iterations=300, width=2, threshold_mj=0)
    assert change < 0
    assert np.count_nonzero(state.n_vms) == 2


def test_an_empty_packing_stays_empty(builders):
    """No host in use, nothing to ruin."""
    instance = builders.spread_out()
    problem, state = kernel_problem(instance), kernel_state(instance)
    assert run_ruin(instance, problem, state, Random(0), iterations=5, width=2, threshold_mj=0) == 0
    assert (state.host_of == -1).all()


@pytest.mark.parametrize("ejections", [False, True])
def test_an_exchange_empties_a_host(builders, ejections):
    """Host 2 can only be emptied if host 0 sends its small VM on to host 1 first."""
    fleet = builders.fleet(kinds=(0, 0, 0))
    instance = builders.instance(
        [(1_700, 1), (400, 1), (3_500, 1), (2_200, 1)],
        [0, 0, 1, 2],
        fleet=fleet,
        load=[0, 0, 0, 0],
        move_mj=1,
        rules=(Ban(vms=(0,), hosts=(1, 2)),),
    )
    problem, state = kernel_problem(instance), kernel_state(instance, instance.current.host_of)
    local_search.improve(problem, state, vm_sizes(instance), vm_order(instance, problem), ejections, 10)
    emptied = 3 - np.count_nonzero(state.n_vms)
    assert emptied == (1 if ejections else 0)
