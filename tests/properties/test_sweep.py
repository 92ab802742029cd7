"""Long sweeps over random instances, each against brute force; run by ``make test-all``."""

from __future__ import annotations

from random import Random

import pytest

from consolidate.errors import SolverFailedError
from consolidate.solvers import Budget
from consolidate.study.verbs import solve

CASES = 10_000
PARTS = 8


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(PARTS))
def test_bounds_and_checks_hold_on_many_instances(builders, oracles, part):
    """Rare corners show only in numbers: no bound above the optimum, no result that the checks refuse."""
    solved = 0
    for seed in range(part, CASES, PARTS):
        rnd = Random(1_000_000 + seed)
        fields = {"max_vms": 4, "max_hosts": 3, "wild": seed % 2 == 0}
        instance = builders.random_instance(rnd, rules=("spread", "fence", "ban", "root"), **fields)
        best = oracles.best_mj(instance)
        policy = rnd.choice(("ffd", "bfd", "dot", "pabfd", "keep", "quick", "drain"))
        try:
            result = solve(instance, policy, budget=Budget(iterations=20), min_saving_fraction=0.0)
        except SolverFailedError:
            continue
        if result.status == "infeasible":
            assert best is None, seed
            continue
        solved += 1
        assert best is not None, seed
        for bound in result.bounds:
            assert bound.value_mj <= min(best, result.objective_mj), (seed, bound.name)
    assert solved > CASES / PARTS / 4
