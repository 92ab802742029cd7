"""Pods: parts that are alike, answers that hold for the whole, the same on one core and on several."""

from random import Random

import numpy as np
import pytest

from consolidate.errors import ConfigError, UnsupportedError
from consolidate.model import Fence, MaxOnline, Quarantine, Root, Spread
from consolidate.model.part import PART_RULES, part_of
from consolidate.solvers import POLICIES, Budget
from consolidate.solvers.pods import Pods
from consolidate.solvers.pods.deal import deal_hosts, deal_vms
from consolidate.study.verbs import solve

SMALL = Budget(iterations=100, deterministic_s=1.0)


def cloud(builders, n_vms=400, n_hosts=60, **fields):
    rng = np.random.default_rng(3)
    need = np.column_stack([rng.integers(50, 600, n_vms), rng.integers(128, 1_024, n_vms)])
    kinds = tuple(int(k) for k in np.arange(n_hosts) % 2)
    types = (builders.host_type("a"), builders.host_type("b", idle_w=80.0, max_w=150.0))
    home = np.arange(n_vms) % n_hosts
    return builders.instance(need, home, fleet=builders.fleet(types=types, kinds=kinds), **fields)


@pytest.mark.parametrize("pods", [1, 2, 3])
def test_answers_of_pods_hold_for_the_whole(builders, oracles, pods):
    """``solve`` raises when the independent checks refuse a placement; the oracle judges once more."""
    placed = 0
    for seed in range(300, 380):
        instance = builders.random_instance(
            Random(seed), max_vms=8, max_hosts=6, rules=tuple(sorted(PART_RULES))
        )
        result = solve(instance, Pods(pods=pods), budget=SMALL, min_saving_fraction=0.0)
        if result.status in {"feasible", "optimal"} and result.worthwhile:
            assert not oracles.problems(instance, result.placement.host_of)
            placed += 1
    assert placed >= 20


def test_pods_come_close_to_the_whole(builders):
    """Four pods of fifteen hosts cost little more than one search of sixty."""
    instance = cloud(builders)
    whole = solve(instance, "keep", budget=SMALL)
    pods = solve(instance, Pods(pods=4), budget=SMALL)
    assert whole.bound_mj <= pods.objective_mj <= 1.05 * whole.objective_mj
    assert pods.objective_mj < 0.7 * pods.current_mj
    assert pods.stopped.startswith("4 pods, ")


def test_the_number_of_cores_changes_nothing(builders, monkeypatch):
    placements = []
    for cores in (1, 2, 5):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found = solve(cloud(builders), Pods(pods=5), budget=SMALL)
        placements.append(found.placement.host_of.tolist())
    assert placements[0] == placements[1] == placements[2]


def test_pods_are_alike(builders):
    """Each pod has its share of every type, and VMs stay with their hosts."""
    instance = cloud(builders)
    pod_of = deal_hosts(instance, 4)
    for kind in (0, 1):
        counts = np.bincount(pod_of[instance.fleet.host_type == kind], minlength=4)
        assert counts.max() - counts.min() <= 1
    vms = deal_vms(instance, pod_of, 4)
    assert np.array_equal(vms, pod_of[instance.current.host_of])


def test_a_vm_goes_where_a_host_may_carry_it(builders):
    """Fenced away from the hosts of its pod it belongs to another one."""
    instance = cloud(builders, n_vms=30, n_hosts=6, rules=(Fence(vms=(0,), hosts=(5,)),))
    pod_of = deal_hosts(instance, 3)
    assert deal_vms(instance, pod_of, 3)[0] == pod_of[5]
    result = solve(instance, Pods(pods=3), budget=SMALL, min_saving_fraction=0.0)
    assert result.placement.host_of[0] == 5


def test_a_part_keeps_what_the_rules_ask_of_it(builders):
    rules = (
        Spread(vms=(0, 1, 2)),
        Root(vms=(1, 2), hosts=(1, 2)),
        Fence(vms=(3,), hosts=(0, 1, 3)),
        Quarantine(hosts=(3,)),
    )
    instance = builders.instance(
        [(500, 512)] * 4, [0, 1, 2, 3], fleet=builders.fleet(kinds=(0,) * 4), rules=rules
    )
    part = part_of(instance, np.array([1, 2, 3]), np.array([1, 3]))
    assert part.current.host_of.tolist() == [0, -1, 1]
    assert part.vms.ids == instance.vms.ids[1:]
    assert part.fleet.host_ids == (instance.fleet.host_ids[1], instance.fleet.host_ids[3])
    assert part.rules == (
        Spread(vms=(0, 1)),
        Root(vms=(0,), hosts=(0,)),
        Fence(vms=(2,), hosts=(0, 1)),
        Quarantine(hosts=(1,)),
    )


def test_rules_about_the_whole_are_refused(builders):
    instance = cloud(builders, n_vms=8, n_hosts=4, rules=(MaxOnline(hosts=(0, 1, 2), most=2),))
    with pytest.raises(UnsupportedError, match="max_online"):
        solve(instance, "pods")
    with pytest.raises(UnsupportedError, match="in parts"):
        part_of(instance, np.arange(8), np.arange(4))


@pytest.mark.parametrize(("field", "value"), [("pods", 0), ("member", "pods")])
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ConfigError, match=rf"pods\.{field}"):
        Pods(**{field: value})


def test_the_number_of_pods_grows_with_the_instance(builders):
    assert "pods" in POLICIES.names()
    assert Pods().n_pods(cloud(builders)) == 1
    assert Pods(pods=100).n_pods(cloud(builders)) == 60
