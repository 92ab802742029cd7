"""The frozen instances: the same contents under the same name, for ever."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.instances import FAMILIES, SPECS, two_choices

FROZEN = {
    "flavor-100": "c3e47bff0287c444",
    "flavor-1000": "727e9209bc8ff992",
    "flavor-3000": "05fd8496917389ad",
    "measured-100": "6d258c135ddc005c",
    "measured-1000": "d51a83371620076e",
    "measured-3000": "bf47710ff7c662d0",
}


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_contents(name):
    """A published figure stays comparable: needs, capacities, placement and moves are what they were."""
    instance = SPECS[name].build(SPECS[name])
    digest = hashlib.sha256()
    for array in (
        instance.need,
        instance.capacity,
        instance.load_mcores,
        instance.current.host_of,
        instance.move_mj,
        instance.fleet.host_type,
    ):
        digest.update(array.tobytes())
    assert digest.hexdigest()[:16] == FROZEN[name]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_feasible_and_depends_on_the_seed(family):
    """The present placement fits everywhere, and another seed is another instance."""
    spec = SPECS[f"{family}-1000"]
    instance, other = spec.build(spec), spec.build(replace(spec, seed=2))
    assert (instance.usage(instance.current) <= instance.capacity).all()
    assert not np.array_equal(instance.need, other.need)
    shares = instance.need.sum(axis=0) / instance.capacity.sum(axis=0)
    assert (shares > 0.1).all()
    assert (shares < 0.6).all()


def test_two_choices_draw_like_one_by_one():
    """Blocks of random pairs give the placement that a draw per VM gives."""
    rng = np.random.default_rng(9)
    need, capacity = rng.integers(1, 40, (60, 2)), rng.integers(90, 200, (30, 2))
    expected, room, draws = [], capacity.copy(), np.random.default_rng(4)
    for need_of_one in need:
        while True:
            pair = draws.integers(0, 30, 2)
            fitting = [h for h in pair if (need_of_one <= room[h]).all()]
            if fitting:
                break
        best = max(fitting, key=lambda h: (room[h] / capacity[h]).min())
        room[best] -= need_of_one
        expected.append(best)
    placed = two_choices(need, capacity, np.random.default_rng(4))
    assert placed.tolist() == expected
