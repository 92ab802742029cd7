"""Ten thousand small instances against brute force: a study, not a part of every run."""

from random import Random

import pytest

from consolidate.solvers import POLICIES, Budget
from consolidate.solvers.base import KERNEL_RULES
from consolidate.solvers.gathering import condense
from consolidate.study.verbs import solve

#: Instances of each kind and chunk.
_EACH = 100
_KINDS = (
    {},
    {"wild": True, "crowded": 0.5},
    {"rules": tuple(sorted(KERNEL_RULES)), "max_vms": 6},
    {"rules": ("gather", "spread"), "odd": False},
)
_HEURISTICS = ("keep", "quick", "drain", "lns", "bfd", "pods")
_SMALL = Budget(iterations=50, deterministic_s=0.2)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("chunk", range(25))
@pytest.mark.parametrize("kind", range(len(_KINDS)))
def test_exact_equals_brute_force_and_nobody_is_below(builders, oracles, kind, chunk):
    """The exact model finds the optimum and proves it; bounds and heuristics lie on their sides of it."""
    fields = {"max_vms": 8, "max_hosts": 4} | _KINDS[kind]
    for k in range(_EACH):
        seed = 1_000_000 * (kind + 1) + _EACH * chunk + k
        instance = builders.random_instance(Random(seed), **fields)
        best_mj = oracles.best_mj(instance)
        exact = solve(instance, "cp-sat", budget=Budget(deterministic_s=60.0), min_saving_fraction=0.0)
        condensed = condense(instance)
        if best_mj is None:
            # Where gathered VMs may take more room than they need, that there is none is no proof.
            proves = condensed is None or condensed.same_room
            assert exact.status in ({"infeasible"} if proves else {"infeasible", "unknown"}), seed
            continue
        now = instance.current.host_of.tolist()
        if not oracles.problems(instance, now, do_nothing=True):
            # Doing nothing leaves empty hosts on, which may cost less than a shutdown.
            best_mj = min(best_mj, oracles.energy_mj(instance, now, do_nothing=True))
        if condensed is None or condensed.exact:
            assert exact.status == "optimal", seed
            assert exact.objective_mj == best_mj, seed
        else:
            # Gathered VMs from several hosts count as coming from one: near the best, and no proof.
            assert exact.bound_mj <= best_mj <= exact.objective_mj, seed
        name = _HEURISTICS[k % len(_HEURISTICS)]
        rules = {rule.name for rule in instance.rules}
        if rules <= {*POLICIES.get(name).rules, "gather"}:
            result = solve(instance, name, budget=_SMALL, seed=k, min_saving_fraction=0.0)
            if result.status in {"feasible", "optimal"}:
                assert result.bound_mj <= best_mj, (seed, name)
                assert result.objective_mj >= best_mj, (seed, name)
