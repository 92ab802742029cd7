"""The configuration bound: below every placement, and equal to what the check makes of its certificate."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.checks.configuration import configuration_mj
from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers.bounds import relax
from consolidate.solvers.bounds.configuration import configuration_bound
from consolidate.study.judge import placement_case


def bound_of(instance, **rounds):
    problem = kernel_problem(instance)
    return configuration_bound(instance, problem, relax(instance, problem), **rounds)


@pytest.mark.parametrize("wild", [False, True])
def test_it_is_below_the_optimum_and_the_check_agrees(builders, oracles, wild):
    """Random instances with rules, odd curves and closed hosts against brute force and the check."""
    seen = 0
    for seed in range(900, 930):
        fields = {"max_vms": 5, "rules": ("spread", "fence", "ban"), "wild": wild, "crowded": 0.3}
        instance = builders.random_instance(Random(seed), **fields)
        bound = bound_of(instance, answer_rounds=5)
        if bound is None:
            continue
        seen += 1
        case = placement_case(instance, instance.current)
        assert bound.value_mj == configuration_mj(case, bound.certificate), seed
        best = oracles.best_mj(instance)
        assert best is None or bound.value_mj <= best, seed
    assert seen >= 20


def test_it_sees_that_patterns_do_not_fill_hosts(builders):
    """Nine VMs of 40 % of a host: their sizes add up to four hosts, whole VMs need five."""
    instance = builders.instance(
        [(1_600, 1)] * 9,
        list(range(9)),
        fleet=builders.fleet(kinds=(0,) * 10),
        load=[0] * 9,
        move_mj=0,
    )
    # Two VMs a host: the mean of four and five hosts on is what parts of patterns cost.
    least_on_mj = 4.5 * 100_000 * instance.objective.horizon_s
    problem = kernel_problem(instance)
    by_size_mj = relax(instance, problem).bound.value_mj
    assert bound_of(instance).value_mj >= max(by_size_mj, least_on_mj)


def test_a_changed_certificate_is_refused_or_evaluated(builders):
    """Prices may be anything; what is no certificate raises."""
    instance = builders.random_instance(Random(3), max_vms=5)
    bound = bound_of(instance)
    case = placement_case(instance, instance.current)
    higher = dict(bound.certificate)
    higher["prices"] = [[*p[:-1], p[-1] * 3] for p in higher["prices"]]
    assert isinstance(configuration_mj(case, higher), int)
    for broken in (
        {"grid": []},
        {"grid": [{"resource": 99, "denominator": 1}]},
        {"prices": [[0]]},
        {"prices": [[0, 0, -1]]},
        {"most_stays": 60},
        {"types": []},
        {"scale": 0},
    ):
        with pytest.raises(ValueError, match=r"has|needs|asks"):
            configuration_mj(case, {**bound.certificate, **broken})


def test_random_prices_give_a_bound(builders, oracles):
    """Whatever the prices, no placement is cheaper."""
    rng = np.random.default_rng(5)
    for seed in range(940, 955):
        instance = builders.random_instance(Random(seed), max_vms=4, max_hosts=3)
        bound, best = bound_of(instance, pattern_rounds=1, answer_rounds=0), oracles.best_mj(instance)
        if bound is None or best is None:
            continue
        case = placement_case(instance, instance.current)
        factor = rng.uniform(0, 3, len(bound.certificate["prices"]))
        prices = [
            [*p[:-1], int(p[-1] * f)] for p, f in zip(bound.certificate["prices"], factor, strict=True)
        ]
        assert configuration_mj(case, {**bound.certificate, "prices": prices}) <= best
