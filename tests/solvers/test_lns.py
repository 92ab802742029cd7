"""Packing a few hosts at a time anew: exact in its part, every rule kept, never worse."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from consolidate.errors import ConfigError
from consolidate.model import Spread
from consolidate.model.kernel_view import kernel_problem, kernel_state
from consolidate.model.progress import silent
from consolidate.solvers import POLICIES, Budget
from consolidate.solvers.lns import Neighbourhoods, PartSize, improve_by_parts
from consolidate.solvers.lns.part import Part, repack, spreads_of
from consolidate.study.verbs import solve

COMMON = ("spread", "fence", "ban", "root")
HERE_RULES = (*COMMON, "interference", "split", "among", "max_online")


def part_of_all(instance, problem, host_of):
    return Part(
        hosts=tuple(range(instance.fleet.n_hosts)),
        vms=tuple(np.flatnonzero(instance.active).tolist()),
        spreads=spreads_of(
            [frozenset(r.vms) for r in instance.rules if isinstance(r, Spread)],
            np.flatnonzero(host_of >= 0),
        ),
    )


def starts(builders, oracles, seeds, **fields):
    for seed in seeds:
        instance = builders.random_instance(Random(seed), **fields)
        placements = list(oracles.feasible_placements(instance))
        if placements:
            yield seed, instance, Random(seed).choice(placements)


def test_a_part_of_everything_is_the_optimum(builders, oracles):
    """With all hosts and all VMs in it, a part ends at the brute-force optimum of the whole objective."""
    compared = 0
    for seed, instance, start in starts(
        builders, oracles, range(60), max_vms=6, rules=("spread", "ban", "fence"), wild=True
    ):
        problem, host_of = kernel_problem(instance), np.array(start, dtype=np.int32)
        state = kernel_state(instance, host_of, problem=problem)
        moves, _ = repack(
            problem, state, part_of_all(instance, problem, host_of), seed=0, work_s=5.0, limit_s=None
        )
        for v, h in moves.items():
            host_of[v] = h
        assert oracles.problems(instance, host_of.tolist()) == [], seed
        assert oracles.energy_mj(instance, host_of.tolist()) == oracles.best_mj(instance), seed
        compared += 1
    assert compared >= 20


def improved(instance, host_of, *, seed=0, deterministic_s=0.6, **fields):
    budget = Budget(deterministic_s=deterministic_s)
    return list(
        improve_by_parts(
            instance,
            kernel_problem(instance),
            np.array(host_of, dtype=np.int32),
            size=PartSize(**fields),
            budget=budget,
            seed=seed,
            clock=budget.start(),
            progress=silent,
        )
    )


@pytest.mark.parametrize(
    ("rules", "share"), [(COMMON, 0.8), (HERE_RULES, 0.1)], ids=["common rules", "all kinds"]
)
def test_every_rule_survives_and_nothing_gets_worse(builders, oracles, rules, share):
    """From a random feasible placement, small parts of it, judged by brute force.

    Rules on company hold VMs where they are, so that with all kinds little can move.
    """
    compared = could = better = 0
    for seed, instance, start in starts(
        builders, oracles, range(100, 160), max_vms=7, max_hosts=4, rules=rules, wild=True
    ):
        before = oracles.energy_mj(instance, start)
        for proposal in improved(instance, start, most_hosts=3, most_pairs=12, deterministic_s=0.15):
            host_of = proposal.host_of.tolist()
            assert oracles.problems(instance, host_of) == [], seed
            assert oracles.energy_mj(instance, host_of) <= before, seed
            before = oracles.energy_mj(instance, host_of)
        compared += 1
        could += oracles.best_mj(instance) < oracles.energy_mj(instance, start)
        better += before < oracles.energy_mj(instance, start)
    assert compared >= 20
    assert could >= 5
    assert better >= share * could, (better, could)


def test_same_seed_same_bytes(builders, oracles):
    """Work is counted in deterministic seconds, so a run repeats to the byte."""
    for _, instance, start in starts(builders, oracles, range(200, 203), max_vms=7, max_hosts=4):
        runs = [[p.host_of.tobytes() for p in improved(instance, start, seed=5)] for _ in range(2)]
        assert runs[0] == runs[1]


def test_the_policy_starts_from_keep_and_says_what_it_did(builders):
    """Listed, solved like any other, and the number of parts stands in the reason."""
    policy = Neighbourhoods()
    assert POLICIES.get("lns") is Neighbourhoods
    result = solve(builders.spread_out(), policy, budget=Budget(deterministic_s=0.2))
    assert result.worthwhile
    assert result.placement.used_hosts().size == 1
    assert "parts packed anew" in result.stopped


def test_no_room_is_said_so(builders):
    """Three VMs of 60 % on two hosts: no placement, no exception."""
    instance = builders.instance([(2_400, 1)] * 3, [0, 0, 1], fleet=builders.fleet(kinds=(0, 0)))
    assert solve(instance, Neighbourhoods(), budget=Budget(deterministic_s=0.1)).status == "unknown"


def test_nobody_to_place(builders):
    """Without VMs there is nothing to choose from."""
    instance = builders.instance([(1, 1)], [-1], fleet=builders.fleet(kinds=(0, 0)))
    (last,) = improved(instance, [-1])
    assert last.host_of.tolist() == [-1]


@pytest.mark.parametrize(("field", "value"), [("most_hosts", 1), ("most_pairs", 1), ("part_s", 0.0)])
def test_wrong_parameters_are_named(field, value):
    """A part needs two hosts, two pairs and some time."""
    with pytest.raises(ConfigError, match=f"lns.{field}"):
        Neighbourhoods(**{field: value})
