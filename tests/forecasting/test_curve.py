"""Sizing by demand curves, and the instance made from them."""

from __future__ import annotations

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError
from consolidate.forecasting import SIZINGS, Curve


def test_each_slot_has_its_own_percentile(builders, oracles):
    """Two days of two-hour steps: the slots of both days count together, steps before birth do not."""
    rng = np.random.default_rng(2)
    cpu = rng.integers(0, 2_000, (4, 24))
    alive = np.ones(cpu.shape, dtype=bool)
    alive[1, :5] = False
    trace = builders.trace(
        cpu, rng.integers(1, 9, cpu.shape), alive=alive, step_s=7_200, vms=builders.vms(4)
    )
    curves, memory = Curve(slots=6, q=70.0).needs(trace)
    assert curves.shape == (4, 6)
    for v in range(4):
        for slot in range(6):
            seen = [int(cpu[v, t]) for t in range(24) if (t % 12) // 2 == slot and alive[v, t]]
            assert curves[v, slot] == oracles.percentile(seen, 70.0)
    np.testing.assert_array_equal(memory, trace.memory_mib.max(axis=1))


def test_slots_never_seen_take_the_overall_value(builders):
    """Half a day observed: the other half is sized by all that is known of the VM."""
    trace = builders.trace([list(range(100, 1_300, 100))], step_s=3_600, vms=builders.vms(1))
    curves, _ = Curve(slots=4).needs(trace)
    assert curves.tolist() == [[600, 1_200, 1_200, 1_200]]


def test_vms_hardly_seen_keep_their_allocation(builders):
    """Eleven steps say too little about a curve."""
    alive = np.zeros((1, 24), dtype=bool)
    alive[0, 13:] = True
    trace = builders.trace([[5] * 24], alive=alive, step_s=3_600, vms=builders.vms(1, cpu_mcores=1_500))
    curves, _ = Curve(slots=24).needs(trace)
    assert (curves == 1_500).all()


@pytest.mark.parametrize("wrong", [{"slots": 1}, {"slots": 2_000}, {"q": 0.0}, {"q": 101.0}])
def test_parameters_out_of_range_are_refused(wrong):
    """A curve has at least two slots, and a percentile is one."""
    with pytest.raises(ConfigError):
        Curve(**wrong)


def test_slots_shorter_than_a_step_are_refused(builders):
    """There is nothing to tell such slots apart."""
    trace = builders.trace([[1] * 24], step_s=3_600, vms=builders.vms(1))
    with pytest.raises(ConfigError, match="at most 24 for steps of 3600 s, got 48"):
        Curve(slots=48).needs(trace)


def test_curves_become_columns_of_the_instance(builders):
    """The slots bind one by one; load and the first column are the mean, which the slots imply."""
    cpu = np.array([[900] * 12 + [100] * 12, [100] * 12 + [900] * 12])
    trace = builders.trace(cpu, step_s=3_600)
    hosts = builders.fleet(types=(builders.host_type(cores=1),), kinds=(0, 0))
    instance = cs.Instance.from_trace(trace, hosts, sizing=Curve(slots=2), cpu_limit_fraction=1.0)
    assert instance.resources[:2] == ("cpu_demand_mcores", "memory_demand_mib")
    assert instance.resources[4:] == ("cpu_demand_mcores[0]", "cpu_demand_mcores[1]")
    assert instance.need[:, 4:].tolist() == [[900, 100], [100, 900]]
    assert instance.need[:, 0].tolist() == instance.load_mcores.tolist() == [500, 500]
    assert instance.capacity[:, 4:].tolist() == [[1_000, 1_000]] * 2
    result = cs.solve(instance, "profile")
    assert result.placement.used_hosts().size == 1


def test_peaks_stay_off_cores_that_are_too_slow(builders):
    """The mean would fit a slow core, the peak does not; who is on one may stay on its type."""
    slow = builders.host_type("slow", core_speed=0.5)
    hosts = builders.fleet(types=(builders.host_type("fast"), slow), kinds=(0, 1))
    trace = builders.trace(
        [[900] * 6 + [0] * 18] * 2, step_s=3_600, vms=builders.vms(2, vcpus=1, cpu_mcores=1_000)
    )
    home = cs.Placement(host_of=np.array([0, 1], dtype=np.int32))
    instance = cs.Instance.from_trace(trace, hosts, sizing=Curve(slots=4), current=home)
    mask_of, masks = instance.host_masks()
    assert masks[mask_of].tolist() == [[True, False], [True, True]]


def test_the_sizing_has_a_name():
    """Studies find it by name."""
    assert SIZINGS.get("curve") is Curve
