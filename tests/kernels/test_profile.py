"""The curve kernels against the plain problem and plain Python."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from consolidate._kernels.problem import fits, occupy
from consolidate._kernels.profile import curves_fit, curves_occupy, dominated, overload
from consolidate._kernels.profile_level import go_home, level
from consolidate._kernels.profile_relief import relieve
from consolidate.model import Placement
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.solvers.profile.view import curve_view, priced, start_packing


def wide_instance(builders, rnd, *, slots=6, rules=(), odd=False, **fields):
    """A random small instance whose CPU and memory have become curves below their first values."""
    plain = builders.random_instance(rnd, odd=odd, rules=rules, **fields)
    rng = np.random.default_rng(rnd.randrange(2**32))
    parts = rng.integers(0, 101, (len(plain.vms), slots))
    curves = [-(-plain.need[:, [r]] * parts // 100) for r in (0, 1)]
    names = [f"{name}[{t}]" for name in plain.resources for t in range(slots)]
    repeats = [1, *[slots] * 2]
    offers, extra = (
        np.repeat(table[:, [0, 0, 1]], repeats, axis=1) for table in (plain.capacity, plain.vm_overhead)
    )
    mean = curves[0].mean(axis=1).astype(np.int64)
    return replace(
        plain,
        resources=(plain.resources[0], *names),
        need=np.column_stack([mean, *curves]),
        capacity=offers,
        vm_overhead=extra,
        load_mcores=np.minimum(plain.load_mcores, mean),
    )


def packed(instance, host_of):
    problem = kernel_problem(instance)
    view = curve_view(instance, problem)
    return problem, view, start_packing(instance, view, problem, host_of)


def nowhere(instance):
    return np.full(len(instance.vms), -1, dtype=np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_curves_fit_where_the_plain_problem_fits(builders, seed):
    """Peaks, dropped columns and shared rows must not change what fits, whatever came and went before."""
    rnd = Random(seed)
    rules = ("spread", "interference", "ban", "max_online")
    instance = wide_instance(builders, rnd, rules=rules, odd=seed % 2 == 1)
    problem, view, packing = packed(instance, nowhere(instance))
    plain = kernel_state(instance, problem=problem)
    for _ in range(60):
        v, h = rnd.randrange(len(instance.vms)), rnd.randrange(instance.fleet.n_hosts)
        at = int(plain.host_of[v])
        if at >= 0:
            occupy(problem, plain, v, at, -1)
            curves_occupy(view.narrow, packing.state, view.curves, packing.room, v, at, -1)
        expected = fits(problem, plain, v, h)
        assert curves_fit(view.narrow, packing.state, view.curves, packing.room, v, h) == expected
        if expected:
            occupy(problem, plain, v, h, 1)
            curves_occupy(view.narrow, packing.state, view.curves, packing.room, v, h, 1)
    np.testing.assert_array_equal(packing.room.free, plain.room[:, view.kept])
    np.testing.assert_array_equal(packing.state.host_of, plain.host_of)


def test_columns_that_can_never_bind_are_dropped():
    """A column goes exactly if another takes as much of every VM and offers as little; of equals one stays."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        n, kinds = int(rng.integers(1, 6)), int(rng.integers(1, 3))
        rows, extra = rng.integers(0, 3, (3, n)), rng.integers(0, 2, (kinds, n))
        capacity = rng.integers(3, 5, (kinds, n))
        out = dominated(rows, extra, capacity)

        def under(r, t, rows=rows, extra=extra, capacity=capacity):
            return (
                (rows[:, r] <= rows[:, t]).all()
                and (extra[:, r] <= extra[:, t]).all()
                and (capacity[:, r] >= capacity[:, t]).all()
            )

        kept = np.flatnonzero(~out)
        assert all(any(under(r, t) for t in kept) for r in np.flatnonzero(out))
        assert not any(under(r, t) for r in kept for t in kept if r != t)


def test_overload_counts_only_what_is_above_capacity():
    """Free room of one column must not pay for overload of another."""
    free, weight = np.array([5, -2, 0, -3], dtype=np.int32), np.array([7, 10, 1, 2], dtype=np.int32)
    assert overload(free, weight) == 26


def test_level_puts_a_vm_where_its_curve_meets_the_least_load(builders):
    """Two morning VMs and two evening VMs on two hosts: each host gets one of both."""
    base = builders.instance([(10, 1)] * 4, [-1] * 4, fleet=builders.fleet(kinds=(0, 0)))
    curves = np.array([[9, 0], [9, 0], [0, 9], [0, 9]], dtype=np.int64)
    instance = replace(
        base,
        resources=("cpu_demand_mcores", "c[0]", "c[1]"),
        need=np.column_stack([[4] * 4, curves]),
        capacity=np.full((2, 3), 10),
        vm_overhead=np.zeros((2, 3), dtype=np.int64),
        load_mcores=np.full(4, 4),
        active=np.ones(4, dtype=bool),
    )
    _, view, packing = packed(instance, nowhere(instance))
    order, hosts = np.arange(4), np.arange(2)
    left_out = level(
        view.narrow, packing.state, view.curves, packing.room, order, hosts, view.shape, view.scale, 2
    )
    host_of = packing.state.host_of
    assert left_out == 0
    assert host_of[0] != host_of[1]
    assert host_of[2] != host_of[3]


@pytest.mark.parametrize("width", [1, 2, 50])
def test_level_places_all_that_the_rules_allow(builders, width):
    """A VM that finds no host among the first looks at all others, and rules hold on the way."""
    rnd = Random(width)
    for _ in range(25):
        instance = wide_instance(builders, rnd, rules=("spread", "interference", "fence"), crowded=0.9)
        problem, view, packing = packed(instance, nowhere(instance))
        order, hosts = np.flatnonzero(instance.active), np.arange(instance.fleet.n_hosts)
        left_out = level(
            view.narrow,
            packing.state,
            view.curves,
            packing.room,
            order,
            hosts,
            view.shape,
            view.scale,
            width,
        )
        host_of = packing.state.host_of
        assert left_out == int((host_of[order] < 0).sum())
        assert not any(rule.violations(Placement(host_of=host_of)) for rule in instance.rules)
        for v in order[host_of[order] < 0]:
            plain = kernel_state(instance, host_of, problem=problem)._replace(
                room=np.full_like(instance.capacity, 2**40)
            )
            # Left out rightly, unless a VM that came later would have stood aside.
            assert not any(fits(problem, plain, v, h) for h in hosts)


@pytest.mark.parametrize("seed", range(15))
def test_relief_lowers_the_overload_and_keeps_the_rules(builders, seed):
    """What is returned is what is left, the books agree with the placement, and rules hold on the way."""
    rnd = Random(seed)
    instance = wide_instance(
        builders, rnd, rules=("spread", "interference", "ban"), max_vms=12, max_hosts=4
    )
    hosts = np.arange(instance.fleet.n_hosts)
    _, view, packing = packed(instance, nowhere(instance))
    order = np.flatnonzero(instance.active)
    level(view.narrow, packing.state, view.curves, packing.room, order, hosts, view.shape, view.scale, 9)
    curves = priced(view, packing.room.free)
    before = sum(int(overload(free, curves.weight)) for free in packing.room.free)
    picks = np.random.default_rng(seed).random((400, 3))
    left, used = relieve(view.narrow, packing.state, curves, packing.room, hosts, picks)
    host_of = packing.state.host_of
    _, _, again = packed(instance, host_of)
    np.testing.assert_array_equal(packing.room.free, again.room.free)
    np.testing.assert_array_equal(packing.room.least, again.room.least)
    np.testing.assert_array_equal(packing.state.load, again.state.load)
    assert left == sum(int(overload(free, curves.weight)) for free in again.room.free) <= before
    assert used == 400 or left == 0
    assert not any(rule.violations(Placement(host_of=host_of)) for rule in instance.rules)


def test_relief_exchanges_two_vms_that_peak_together(builders):
    """Neither VM can simply move, so only an exchange takes the overload away."""
    base = builders.instance([(10, 1)] * 4, [-1] * 4, fleet=builders.fleet(kinds=(0, 0)))
    instance = replace(
        base,
        resources=("cpu_demand_mcores", "c[0]", "c[1]"),
        need=np.array([[5, 9, 1], [5, 9, 1], [5, 1, 9], [5, 1, 9]]),
        capacity=np.full((2, 3), 10),
        vm_overhead=np.zeros((2, 3), dtype=np.int64),
        load_mcores=np.full(4, 5),
        active=np.ones(4, dtype=bool),
    )
    _, view, packing = packed(instance, np.array([0, 0, 1, 1], dtype=np.int32))
    curves = priced(view, packing.room.free)
    picks = np.random.default_rng(0).random((50, 3))
    left, used = relieve(view.narrow, packing.state, curves, packing.room, np.arange(2), picks)
    assert left == 0
    assert used < 50
    assert (packing.room.free >= 0).all()


@pytest.mark.parametrize("seed", range(12))
def test_going_home_lowers_the_energy_and_keeps_capacities(builders, oracles, seed):
    """A VM goes home only where there is room on its whole curve and where that pays."""
    rnd = Random(seed)
    instance = wide_instance(builders, rnd, rules=("spread",), max_vms=8, crowded=0)
    _, view, packing = packed(instance, nowhere(instance))
    for v in np.flatnonzero(instance.active):
        hosts = list(range(instance.fleet.n_hosts))
        rnd.shuffle(hosts)
        for h in hosts:
            if curves_fit(view.narrow, packing.state, view.curves, packing.room, v, h):
                curves_occupy(view.narrow, packing.state, view.curves, packing.room, v, h, 1)
                break
    before = oracles.energy_mj(instance, packing.state.host_of)
    order = np.arange(len(instance.vms))
    gone = go_home(view.narrow, packing.state, view.curves, packing.room, order)
    after = oracles.energy_mj(instance, packing.state.host_of)
    assert after < before if gone else after == before
    assert (packing.room.free >= 0).all()
    _, _, again = packed(instance, packing.state.host_of)
    np.testing.assert_array_equal(packing.room.free, again.room.free)
