"""Lower bounds: below every placement, and certified by the formula that is written down."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.errors import SolverFailedError
from consolidate.model import Spread
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers import Budget
from consolidate.solvers.bounds import lower_bounds
from consolidate.solvers.bounds.lagrangian import TypePrices, certified_bound
from consolidate.solvers.bounds.rows import cover_rows
from consolidate.solvers.bounds.tables import (
    VmTable,
    allowed_types,
    offered,
    tracked_spreads,
    type_overhead,
)
from consolidate.study.verbs import solve

RANDOM = st.randoms(use_true_random=False)
COMMON = ("spread", "fence", "ban", "root")


def bounds_of(instance):
    return lower_bounds(instance, kernel_problem(instance))


@pytest.mark.parametrize("wild", [False, True])
@pytest.mark.parametrize("rules", [(), COMMON], ids=["free", "rules"])
def test_no_bound_is_above_the_optimum(builders, oracles, wild, rules):
    """Certified and attested bounds of 60 random instances against brute force."""
    kinds = set()
    for seed in range(600, 660):
        fields = {"max_vms": 5, "rules": rules, "wild": wild, "crowded": 0.3}
        instance = builders.random_instance(Random(seed), **fields)
        best = oracles.best_mj(instance)
        if best is None:
            continue
        for bound in bounds_of(instance):
            kinds.add(bound.kind)
            assert bound.value_mj <= best, (seed, bound.name)
    assert kinds == {"certified", "attested"}


def test_the_certificate_evaluates_to_the_bound(builders, oracles):
    """The documented formula, in fractions and load by load, gives exactly the stated value."""
    with_rows = with_load = 0
    for seed in range(700, 725):
        instance = builders.random_instance(Random(seed), rules=COMMON, wild=True)
        bound = next(b for b in bounds_of(instance) if b.name == "on-off Lagrangian")
        assert bound.value_mj == oracles.certificate_mj(instance, bound.certificate), seed
        types = bound.certificate["types"]
        with_rows += any(t["rows"] for t in types)
        with_load += any(t["load_multiplier"] > 0 for t in types)
    assert with_rows >= 5
    assert with_load >= 5


@settings(max_examples=25)
@given(rnd=RANDOM)
def test_any_multipliers_give_a_bound(builders, oracles, rnd):
    """Not only those of the linear program: whatever the prices, no placement is cheaper."""
    instance = builders.random_instance(rnd, max_vms=4, max_hosts=3, rules=("spread",), wild=True)
    best = oracles.best_mj(instance)
    rows = cover_rows(instance)
    price = 10.0 ** rnd.randint(-2, 9)
    bound = certified_bound(
        instance,
        kernel_problem(instance),
        [
            TypePrices.rounded(
                rows,
                [rnd.choice((0.0, rnd.random() * price, -1.0)) for _ in rows],
                rnd.choice((0.0, rnd.random() * price)),
            )
            for _ in instance.fleet.types
        ],
    )
    assert bound.value_mj == oracles.certificate_mj(instance, bound.certificate)
    if best is not None:
        assert bound.value_mj <= best


def class_per_vm(instance, vms):
    """Find the class of each active VM by looking for its need, load, types and rules."""
    allowed, rules = allowed_types(instance), tracked_spreads(instance)
    found = {}
    for v in np.flatnonzero(instance.active).tolist():
        member = [v in instance.rules[k].vms for k in rules]
        same = [
            c
            for c in range(len(vms.count))
            if (vms.need[c] == instance.need[v]).all()
            and vms.load[c] == instance.load_mcores[v]
            and (vms.allowed[:, c] == allowed[:, v]).all()
            and vms.member[:, c].tolist() == member
        ]
        assert len(same) == 1
        found[v] = same[0]
    assert np.bincount(list(found.values())).tolist() == vms.count.tolist()
    return found


@given(rnd=RANDOM)
def test_cover_rows_hold_for_every_packing(builders, oracles, rnd):
    """What the VMs of a host take of a row adds up to at most what the host offers of it."""
    instance = builders.random_instance(rnd, max_vms=4, max_hosts=3, rules=("spread",))
    rows, offer, vms = cover_rows(instance), offered(instance), VmTable.of(instance)
    class_of = class_per_vm(instance, vms)
    assert len(rows) >= len(instance.resources)
    for host_of in oracles.feasible_placements(instance):
        for row in rows:
            given_ = row.offers(offer)
            for h in range(instance.fleet.n_hosts):
                overhead = type_overhead(instance, int(instance.fleet.host_type[h]))
                taken = row.takes(vms, overhead)
                on_host = [int(taken[class_of[v]]) for v, at in enumerate(host_of) if at == h]
                assert not on_host or sum(on_host) <= given_[h]


def test_rows_see_vms_of_more_than_half_a_host(builders):
    """Ten VMs of 51 % need ten hosts: the plain sum says six, the scaled row says ten."""
    instance = builders.instance(
        [(2_050, 1)] * 10,
        list(range(10)),
        fleet=builders.fleet(kinds=(0,) * 12),
        load=[0] * 10,
        move_mj=0,
    )
    horizon_s = instance.objective.horizon_s
    ten_on = 10 * 100_000 * horizon_s + 2 * (10_000 * horizon_s + 2_400_000)
    certified = next(b for b in bounds_of(instance) if b.kind == "certified")
    assert certified.value_mj == pytest.approx(ten_on, rel=1e-6)


def test_rows_see_spread_rules(builders):
    """Five small VMs that must not meet need five hosts."""
    instance = builders.instance(
        [(100, 1)] * 5,
        list(range(5)),
        fleet=builders.fleet(kinds=(0,) * 6),
        load=[0] * 5,
        move_mj=0,
        rules=(Spread(vms=tuple(range(5))),),
    )
    horizon_s = instance.objective.horizon_s
    five_on = 5 * 100_000 * horizon_s + 10_000 * horizon_s + 2_400_000
    certified = next(b for b in bounds_of(instance) if b.kind == "certified")
    assert certified.value_mj == pytest.approx(five_on, rel=1e-6)


@pytest.mark.slow
def test_no_bound_is_above_any_heuristic(builders):
    """On instances beyond brute force, no policy gets below a bound, and the gap is small."""
    for seed in range(3):
        instance = builders.random_instance(
            Random(800 + seed), max_vms=60, max_hosts=20, crowded=0, odd=False, horizon_s=36_000
        )
        best = max(b.value_mj for b in bounds_of(instance))
        for name in ("ffd", "bfd", "dot", "pabfd", "drain", "keep"):
            try:
                result = solve(instance, name, budget=Budget(iterations=200), min_saving_fraction=0.0)
            except SolverFailedError:
                continue
            assert best <= result.objective_mj


def test_bounds_are_useful(builders):
    """60 equal VMs, six to a host: the certified bound is within 1 % of the best there is."""
    instance = builders.instance(
        [(660, 1_000)] * 60,
        [v % 20 for v in range(60)],
        fleet=builders.fleet(kinds=(0,) * 20),
    )
    result = solve(instance, "auto", budget=Budget(iterations=2_000, deterministic_s=0.5))
    certified = max(b.value_mj for b in result.bounds if b.kind == "certified")
    assert result.placement.used_hosts().size == 10
    assert (result.objective_mj - certified) / result.objective_mj < 0.01


def test_bounds_repeat(builders):
    """Linear and integer programs give the same bounds each time, certificates included."""
    instance = builders.random_instance(Random(4), max_vms=30, max_hosts=12, odd=False)
    assert bounds_of(instance) == bounds_of(instance)


def test_the_best_bound_comes_first(builders):
    """A reader of results takes the first."""
    for seed in range(900, 915):
        values = [b.value_mj for b in bounds_of(builders.random_instance(Random(seed)))]
        assert values == sorted(values, reverse=True)


def test_infeasible_instances_make_no_noise(builders, capfd):
    """Where the relaxation has no solution there are no multipliers, and no complaint is printed."""
    instance = builders.instance([(4_000, 1)] * 3, [0, 0, 1], fleet=builders.fleet(kinds=(0, 0)))
    assert {b.kind for b in bounds_of(instance)} == {"certified"}
    assert capfd.readouterr() == ("", "")


def test_no_usable_host(builders):
    """No VM and every host closed: the bound is what the closed hosts draw."""
    fleet = builders.fleet(kinds=(0, 0), maintenance=np.array([True, True]))
    instance = builders.instance([(1, 1)], [-1], fleet=fleet)
    assert bounds_of(instance)[0].value_mj == 2 * 100_000 * instance.objective.horizon_s


@pytest.mark.parametrize("name", ["ffd", "drain", "keep", "pods"])
def test_quick_bounds_are_certified_and_not_above_the_strong_ones(builders, name):
    """Less work on bounds changes neither the placement nor what a bound is."""
    for seed in range(4):
        instance = builders.random_instance(Random(seed), max_vms=30, max_hosts=6)
        quick, strong = (
            solve(instance, name, budget=Budget(iterations=0, bounds=bounds), min_saving_fraction=0.0)
            for bounds in ("quick", "strong")
        )
        if strong.status not in {"feasible", "optimal"}:
            continue
        assert np.array_equal(quick.placement.host_of, strong.placement.host_of)
        assert [b.kind for b in quick.bounds] == ["certified"]
        assert 0 < quick.bound_mj <= strong.bound_mj
