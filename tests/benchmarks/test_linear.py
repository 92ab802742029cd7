"""The lines of a plain instance are its energy; counts are unfolded without needless moves."""

from dataclasses import replace

import numpy as np
import pytest

import consolidate as cs
from benchmarks.peers.linear import lines, same_vms, unfold


@pytest.mark.parametrize("family", ["flavor", "measured", "odd", "big"])
def test_the_lines_add_up_to_the_objective(small, family):
    instance = small(family, vms=30, hosts=40, seed=4)
    cost, rng = lines(instance), np.random.default_rng(1)
    assert cost.exact
    seen = 0
    while seen < 10:
        host_of = rng.integers(0, 40, 30).astype(np.int32)
        load = np.bincount(host_of, weights=instance.load_mcores, minlength=40)
        if (load > instance.capacity[:, 0]).any():
            # Beyond a full host power rises no more.
            continue
        seen += 1
        used = np.unique(host_of)
        expected = cost.all_off_mj + cost.on_mj[used].sum()
        expected += (cost.per_mcore_mj[host_of] * instance.load_mcores).sum()
        expected += instance.move_mj[host_of != instance.current.host_of].sum()
        energy = instance.energy(cs.Placement(host_of=host_of))
        # Each host's power is rounded to a milliwatt.
        assert abs(energy.total_mj - expected) <= 40 * instance.objective.horizon_s


def test_a_curved_host_has_no_bound(small):
    instance = small("flavor", vms=5, hosts=3, seed=1)
    curve = cs.WattTable(
        points_mw=(50, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180), hosting_idle_mw=50
    )
    types = tuple(replace(t, power=curve) for t in instance.fleet.types)
    bent = replace(instance, fleet=replace(instance.fleet, types=types))
    assert not lines(bent).exact
    assert lines(bent).bound_mj(1e9, 3, 86_400) is None
    assert lines(instance).bound_mj(1e9, 3, 86_400) < 1e9 + lines(instance).all_off_mj


def test_groups_are_of_identical_vms(small):
    instance = small("flavor", vms=60, hosts=6, seed=2)
    same = same_vms(instance)
    assert same.count.sum() == 60
    assert same.count.max() > 1
    for v in range(60):
        twin = same.first[same.group_of[v]]
        assert (instance.need[v] == instance.need[twin]).all()
        assert instance.move_mj[v] == instance.move_mj[twin]
    assert (same.present.sum(axis=1) == same.count).all()


def test_unfolding_keeps_as_many_as_can_stay(small):
    instance = small("flavor", vms=60, hosts=6, seed=2)
    same, current = same_vms(instance), instance.current.host_of
    rng = np.random.default_rng(3)
    target = rng.integers(0, 6, 60)
    wanted = np.zeros_like(same.present)
    np.add.at(wanted, (same.group_of, target), 1)
    host_of = unfold(same, wanted, current)
    found = np.zeros_like(wanted)
    np.add.at(found, (same.group_of, host_of), 1)
    assert (found == wanted).all()
    assert (host_of == current).sum() == np.minimum(wanted, same.present).sum()
