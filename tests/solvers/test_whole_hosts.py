"""The bound that counts whole hosts, and the units in which needs and room are counted."""

from random import Random

import numpy as np
import pytest

from consolidate.model.kernel_view import kernel_problem
from consolidate.solvers import Budget
from consolidate.solvers.bounds import lower_bounds, relax
from consolidate.solvers.bounds import whole_hosts as module
from consolidate.solvers.bounds.tables import units
from consolidate.solvers.bounds.whole_hosts import whole_hosts_bound
from consolidate.study.verbs import solve


def counted(instance):
    problem = kernel_problem(instance)
    relaxation = relax(instance, problem)
    return relaxation.bound, whole_hosts_bound(instance, problem, relaxation)


@pytest.mark.parametrize("wild", [False, True])
def test_no_such_bound_is_above_the_optimum(builders, oracles, wild):
    """Random instances against brute force; small ones are bounded by type counts otherwise."""
    stronger = found = 0
    for seed in range(700, 860):
        instance = builders.random_instance(Random(seed), wild=wild, rules=("spread", "fence", "ban"))
        best_mj = oracles.best_mj(instance)
        relaxed, bound = counted(instance)
        if best_mj is None or bound is None:
            continue
        found += 1
        assert bound.value_mj <= best_mj, seed
        stronger += bound.value_mj > relaxed.value_mj
    assert found >= 80
    assert stronger >= 30


@pytest.mark.parametrize("runs", [1, 2, 1_000])
def test_runs_of_hosts_never_cost_too_much(builders, monkeypatch, runs):
    """Hosts that differ in the moves they spare, counted in few runs: weaker, but still a bound."""
    rng = np.random.default_rng(4)
    need = np.column_stack([rng.integers(400, 1_900, 40), rng.integers(500, 2_500, 40)])
    instance = builders.instance(
        need, rng.integers(0, 30, 40), fleet=builders.fleet(kinds=(0,) * 30), move_mj=5_000_000
    )
    monkeypatch.setattr(module, "_RUNS", runs)
    relaxed, bound = counted(instance)
    best = solve(instance, "auto", budget=Budget(iterations=500), min_saving_fraction=0.0)
    assert relaxed.value_mj * 0.99 < bound.value_mj <= best.objective_mj
    monkeypatch.setattr(module, "_RUNS", 1_000)
    assert bound.value_mj <= counted(instance)[1].value_mj


def test_hosts_that_all_differ_are_not_counted(builders, monkeypatch):
    instance = builders.spread_out()
    monkeypatch.setattr(module, "_CLASSES", 0)
    assert counted(instance)[1] is None


def test_room_that_no_whole_vm_can_use_does_not_count(builders):
    """Twelve VMs of 1,000 mcores on hosts of 3,500: four hosts, though 12 / 3.5 is less."""
    kind = builders.host_type("box", hypervisor={"reserved_mcores": 500})
    fleet = builders.fleet(types=(kind,), kinds=(0,) * 12)
    instance = builders.instance([(1_000, 10)] * 12, range(12), fleet=fleet, move_mj=0)
    assert units(instance).tolist() == [1_000, 10]
    result = solve(instance, "keep", min_saving_fraction=0.0)
    assert result.placement.used_hosts().size == 4
    certified = next(
        b for b in lower_bounds(instance, kernel_problem(instance)) if b.kind == "certified"
    )
    # As much per VM as on a full host of three, and not of three and a half.
    full_mj = instance.energy(result.placement).on_mj
    assert certified.value_mj > 0.99 * full_mj
