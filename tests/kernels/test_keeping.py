"""The kernels behind the policy keep: nothing lost, nothing infeasible, and honest about the change."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate._kernels import centric, exchange, faults, filling, local_search, packing, squeeze
from consolidate._kernels.problem import fits
from consolidate._kernels.residents import evict, residents, roll, settle
from consolidate.model import Spread
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.solvers.orders import vm_order, vm_sizes

RANDOM = st.randoms(use_true_random=False)
RULES = ("spread", "ban")


def random_case(builders, rnd, **fields):
    instance = builders.random_instance(
        rnd, max_vms=10, max_hosts=5, rules=RULES, wild=True, crowded=0, **fields
    )
    return instance, kernel_problem(instance), kernel_state(instance)


def assert_consistent(oracles, instance, state, *, complete):
    """Every array follows from the placement, and whoever is placed may be there."""
    fresh = kernel_state(instance, state.host_of)
    for name in ("room", "load", "n_vms"):
        np.testing.assert_array_equal(getattr(state, name), getattr(fresh, name), err_msg=name)
    problems = oracles.problems(instance, state.host_of.tolist())
    assert [text for text in problems if complete or "is at -1" not in text] == []


def assert_lists(state, lists):
    """The lists say the same as the placement."""
    for h in range(len(state.n_vms)):
        listed, v = [], int(lists.head[h])
        while v >= 0:
            listed.append(v)
            v = int(lists.after[v])
        assert sorted(listed) == np.flatnonzero(state.host_of == h).tolist()


@given(rnd=RANDOM)
def test_residents_follow_every_move(builders, rnd):
    """VMs join and leave in any order and the lists are those of the placement."""
    instance, problem, state = random_case(builders, rnd)
    lists = residents(state)
    for _ in range(20):
        v = rnd.randrange(len(instance.vms))
        if state.host_of[v] >= 0:
            evict(problem, state, lists, v)
        else:
            settle(problem, state, lists, v, rnd.randrange(instance.fleet.n_hosts))
        assert_lists(state, lists)


def test_dice_repeat_and_spread():
    """The same state gives the same numbers; all of a small range come up."""
    one, other = np.array([7], dtype=np.uint64), np.array([7], dtype=np.uint64)
    rolled = [int(roll(one, 6)) for _ in range(200)]
    assert rolled == [int(roll(other, 6)) for _ in range(200)]
    assert set(rolled) == set(range(6))


@given(rnd=RANDOM)
def test_packing_by_host_keeps_the_rules(builders, oracles, rnd):
    """What is placed fits, and what it returns is how many that are."""
    instance, problem, state = random_case(builders, rnd)
    active = np.flatnonzero(instance.active)
    cells = np.array([rnd.randrange(3) for _ in active], dtype=np.int64)
    order = np.lexsort((-instance.need[active].sum(axis=1), cells))
    numbers = np.arange(3)
    hosts = np.array(rnd.sample(range(instance.fleet.n_hosts), instance.fleet.n_hosts))
    waiting = centric.Cells(
        members=active[order],
        need=instance.need[active[order]],
        first=np.searchsorted(cells[order], numbers),
        last=np.searchsorted(cells[order], numbers, side="right"),
    )
    plan = instance.need[active].sum(axis=0).astype(float)
    room = state.room[hosts].sum(axis=0).astype(float)
    placed = centric.pack_by_host(
        problem, state, waiting, hosts, plan, room, rnd.choice([0.0, 4.0]), 0.05
    )
    assert placed == np.count_nonzero(state.host_of >= 0)
    assert_consistent(oracles, instance, state, complete=False)
    # Nobody is left behind who is the only one of a cell and fits somewhere.
    for v in active[state.host_of[active] < 0]:
        alone = np.count_nonzero(cells == cells[active == v]) == 1
        assert not (alone and any(fits(problem, state, v, h) for h in hosts))


@given(rnd=RANDOM)
def test_squeezing_loses_nobody(builders, oracles, rnd):
    """VMs are on a host or in the pool, the pool is what it says, and rules hold."""
    instance, problem, state = random_case(builders, rnd)
    active = np.flatnonzero(instance.active)
    rest = np.array(sorted(rnd.sample(active.tolist(), len(active))), dtype=np.int64)
    hosts = np.arange(instance.fleet.n_hosts)
    packing.first_fit(problem, state, rest[: len(rest) // 2], hosts)
    left = active[state.host_of[active] < 0]
    pool = np.zeros(len(instance.vms), dtype=np.int64)
    pool[: len(left)] = left
    lists, until = residents(state), np.zeros(len(instance.vms), dtype=np.int64)
    dice = np.array([rnd.randrange(1, 2**60)], dtype=np.uint64)
    worth = vm_sizes(instance) ** 1.2
    arguments = (pool, len(left), hosts, worth, until, 0, dice, 60, 3, rnd.random() < 0.5)
    n_pool = squeeze.squeeze(problem, state, lists, *arguments)
    assert sorted(pool[:n_pool]) == active[state.host_of[active] < 0].tolist()
    assert_lists(state, lists)
    assert_consistent(oracles, instance, state, complete=False)


@pytest.mark.parametrize(
    ("cpu", "where"),
    [([2_000, 1_000, 3_000], [0, 1, -1]), ([2_000, 1_000, 1_000, 3_000], [0, 1, 0, -1])],
    ids=["one leaves", "one or two leave"],
)
def test_squeezing_finds_the_exchange(builders, cpu, where):
    """Two hosts of 4 cores: the VM of 3 finds room only once those in its way are together."""
    instance = builders.instance(
        [(c, 1) for c in cpu], [max(h, 0) for h in where], fleet=builders.fleet(kinds=(0, 0))
    )
    problem = kernel_problem(instance)
    state = kernel_state(instance, np.array(where, dtype=np.int32))
    pool = np.full(len(cpu), len(cpu) - 1, dtype=np.int64)
    worth, until = instance.need[:, 0] ** 1.2, np.zeros(len(cpu), dtype=np.int64)
    dice, hosts = np.array([5], dtype=np.uint64), np.arange(2)
    arguments = (pool, 1, hosts, worth, until, 0, dice, 400, 2, True)
    assert squeeze.squeeze(problem, state, residents(state), *arguments) == 0
    assert (state.host_of >= 0).all()


@given(rnd=RANDOM)
def test_exchanges_tell_the_true_change(builders, oracles, rnd):
    """Swaps and homecomings never raise the energy, and say by how much they lower it."""
    instance, problem, state = random_case(builders, rnd)
    hosts = np.array(rnd.sample(range(instance.fleet.n_hosts), instance.fleet.n_hosts))
    if packing.first_fit(problem, state, vm_order(instance, problem), hosts):
        return
    before = int(local_search.total_energy(problem, state))
    placed = np.flatnonzero(state.host_of >= 0)
    slope = np.array([rnd.choice([0.0, 1e3, 1e6]) for _ in hosts])
    change = int(exchange.exchange(problem, state, placed, slope, 4, 0, len(placed)))
    assert change <= 0
    lists = residents(state)
    home = int(exchange.bring_home(problem, state, state.n_vms > 0, lists.head, lists.after, 0, 99))
    assert home <= 0
    assert int(local_search.total_energy(problem, state)) == before + change + home
    assert_consistent(oracles, instance, state, complete=True)


def test_load_goes_to_the_flatter_curve(builders):
    """Same memory, other load: the busy VM ends on the host whose power rises less."""
    types = (builders.host_type("steep", max_w=300.0), builders.host_type("flat", max_w=150.0))
    fleet = builders.fleet(types=types, kinds=(0, 1))
    instance = builders.instance(
        [(3_000, 4_096), (500, 4_096)], [0, 1], fleet=fleet, load=[3_000, 500], move_mj=1
    )
    problem, state = kernel_problem(instance), kernel_state(instance, instance.current.host_of)
    change = exchange.exchange(problem, state, np.array([0, 1]), np.array([50.0, 12.5]), 1, 0, 2)
    assert change < 0
    assert state.host_of.tolist() == [1, 0]


@given(rnd=RANDOM)
def test_faulty_hosts_are_those_that_break_something(builders, oracles, rnd):
    """A host is faulty if and only if the oracle finds fault with the placement, host by host."""
    instance, problem, _ = random_case(builders, rnd)
    host_of = np.where(
        instance.active,
        [rnd.randrange(instance.fleet.n_hosts) for _ in range(len(instance.vms))],
        -1,
    ).astype(np.int32)
    state = kernel_state(instance, host_of)
    faulty = faults.faulty_hosts(problem, state)
    assert bool(faulty.any()) == bool(oracles.problems(instance, host_of.tolist()))


def classes_of(instance, value):
    """Each distinct need is a class; cells are the amounts themselves."""
    need, class_of = np.unique(instance.need, axis=0, return_inverse=True)
    n = len(need)
    return filling.Classes(
        class_of=class_of.astype(np.int64),
        value=np.array([value(a, b) for a, b in need.tolist()], dtype=np.int64),
        cells=need.astype(np.int64),
        unit=np.array([1, 1], dtype=np.int64),
        axes=np.array([0, 1], dtype=np.int64),
        waiting=np.zeros(n, dtype=np.int64),
        head=np.full(n, -1, dtype=np.int64),
        after=np.full(len(instance.vms), -1, dtype=np.int64),
    )


def test_a_table_fills_hosts_to_the_brim(builders, oracles):
    """VMs of 3, 2 and 5 cells on hosts of 8 and 10: every cell is used, which first fit does not manage."""
    needs = [(3, 3)] * 2 + [(2, 2)] + [(5, 5)] * 2
    fleet = builders.fleet(kinds=(0, 0))
    instance = builders.instance(
        needs, [0] * 5, fleet=fleet, capacity=[(8, 8), (10, 10)], load=[0] * 5, move_mj=0
    )
    problem, state = kernel_problem(instance), kernel_state(instance)
    lists = residents(state)
    shapes = np.array([[11, 11], [11, 11]], dtype=np.int64)
    left = filling.fill(
        problem,
        state,
        lists,
        classes_of(instance, lambda a, b: 100 * (a + b) + a),
        np.arange(5),
        np.array([1, 0]),
        shapes,
        4,
        0,
    )
    assert left == 0
    assert (state.room == 0).all()
    assert_lists(state, lists)
    assert_consistent(oracles, instance, state, complete=True)


@pytest.mark.parametrize(("least_gain", "hosts"), [(0, [1, 0, 0]), (598, [1, 0, 0]), (599, [0, 1, -1])])
def test_filling_sends_away_who_wastes_room(builders, least_gain, hosts):
    """A resident of 7 on a host of 10 leaves no use for 3; two of 5 are worth 599 more than it and its move."""
    instance = builders.instance(
        [(7, 7), (5, 5), (5, 5)],
        [0, 0, 0],
        fleet=builders.fleet(kinds=(0, 0)),
        capacity=[(10, 10), (7, 7)],
        load=[0] * 3,
        move_mj=1,
    )
    problem = kernel_problem(instance)
    state = kernel_state(instance, np.array([0, -1, -1], dtype=np.int32))
    lists = residents(state)
    left = filling.fill(
        problem,
        state,
        lists,
        classes_of(instance, lambda a, b: 100 * (a + b)),
        np.array([1, 2]),
        np.array([0, 1]),
        np.array([[11, 11], [8, 8]], dtype=np.int64),
        4,
        least_gain,
    )
    assert left == hosts.count(-1)
    assert sorted(state.host_of.tolist()) == sorted(hosts)
    assert state.host_of[0] == hosts[0]


@given(seed=st.integers(0, 10**6))
def test_filling_keeps_rules_and_stock(builders, oracles, seed):
    """Few classes, spread rules: nobody is placed twice, nobody lost, nothing overfull."""
    rnd = Random(seed)
    kinds = [(rnd.randint(1, 4), rnd.randint(0, 4)) for _ in range(3)]
    needs = [rnd.choice(kinds) for _ in range(9)]
    instance = builders.instance(
        needs,
        [0] * 9,
        fleet=builders.fleet(kinds=(0,) * 3),
        capacity=[(rnd.randint(2, 12), rnd.randint(2, 12)) for _ in range(3)],
        load=[0] * 9,
        move_mj=rnd.choice([0, 50, 10**6]),
        rules=(Spread(vms=tuple(rnd.sample(range(9), 3))),),
    )
    problem, state = kernel_problem(instance), kernel_state(instance)
    packing.first_fit(problem, state, np.array([0, 1]), np.arange(3))
    waiting = np.flatnonzero(state.host_of < 0)
    lists = residents(state)
    shapes = np.full((3, 2), 13, dtype=np.int64)
    classes = classes_of(instance, lambda a, b: 100 * (a + b))
    left = filling.fill(problem, state, lists, classes, waiting, np.arange(3), shapes, 2, 0)
    assert left == np.count_nonzero(state.host_of < 0)
    assert_lists(state, lists)
    assert_consistent(oracles, instance, state, complete=False)
