"""Hosts first, moves second, against brute force."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError
from consolidate.model import Placement
from consolidate.solvers import Budget, solve
from consolidate.solvers.lexicographic import HostsThenMoves, counting_hosts

SMALL = Budget(iterations=300, deterministic_s=1.0)


def counts(instance, host_of):
    """Hosts on and moves of a placement, by definition."""
    host_of, home = np.array(host_of), instance.current.host_of
    on = set(host_of[host_of >= 0].tolist())
    moves = int(((home >= 0) & (host_of >= 0) & (host_of != home)).sum())
    return on, moves


def test_the_energy_of_the_counting_instance_counts(builders, oracles):
    """Its millijoules are the price times the hosts on, plus the moves, for any placement."""
    for seed in range(500, 520):
        instance = builders.random_instance(Random(seed))
        counted, price = counting_hosts(instance)
        for host_of in list(oracles.feasible_placements(instance))[:30]:
            on, moves = counts(instance, host_of)
            stays = {h for h in range(instance.fleet.n_hosts) if oracles.stays_on(counted, h)}
            energy = counted.energy(Placement(host_of=np.array(host_of, dtype=np.int32)))
            assert energy.total_mj == price * len(on | stays) + moves


def test_a_spare_host_spares_moves(builders):
    """Twelve VMs of a third of a host, two by two on six: four moves leave four hosts on, two leave five."""
    instance = builders.instance(
        [(1_300, 1_024)] * 12, [v // 2 for v in range(12)], fleet=builders.fleet(kinds=(0,) * 6)
    )
    found = [
        solve(instance, HostsThenMoves(spare=spare), budget=SMALL, min_saving_fraction=0.0)
        for spare in (0.0, 0.25)
    ]
    numbers = [counts(instance, r.placement.host_of) for r in found]
    assert [(len(on), moves) for on, moves in numbers] == [(4, 4), (5, 2)]
    with pytest.raises(ConfigError, match="spare"):
        HostsThenMoves(spare=1.0)
    assert cs.policy("hosts-then-moves", spare=0.25) == HostsThenMoves(spare=0.25)
    with pytest.raises(ConfigError, match=r"policy\.hosts-then-moves\.spares"):
        cs.policy("hosts-then-moves", spares=1)


def test_fewest_hosts_then_fewest_moves(builders, oracles):
    """The exact policy finds the brute-force optimum, and what it states are bounds of it."""
    judged = 0
    for seed in range(520, 570):
        instance = builders.random_instance(Random(seed), odd=False, crowded=0)
        policy_name = "hosts-then-moves"
        result = solve(instance, policy_name, budget=SMALL, min_saving_fraction=0.0)
        feasible = list(oracles.feasible_placements(instance))
        if not feasible or not result.worthwhile:
            continue
        judged += 1
        best = min((len(counts(instance, p)[0]), counts(instance, p)[1]) for p in feasible)
        found = re.match(
            r"(\d+) hosts on \(at least (\d+)\), (\d+) moves \(at least (\d+)", result.stopped
        )
        hosts, fewest, moves, fewest_moves = (int(x) for x in found.groups())
        assert (hosts, moves) == best, seed
        assert fewest <= best[0]
        assert fewest_moves <= best[1]
    assert judged >= 10
