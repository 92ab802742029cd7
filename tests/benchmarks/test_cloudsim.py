"""The published step, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peers.cloudsim import CloudSimPabfd, CloudSimPabfdMemory
from consolidate.model import Placement


@pytest.fixture
def tower(small):
    """Three hosts of one type with 64 cores and 160 GiB, and VMs as wanted."""

    def build(cores, gib, current):
        n, base = len(cores), small("flavor", vms=len(cores), hosts=3, seed=1)
        cpu = np.array(cores) * 1_000
        return replace(
            base,
            fleet=replace(base.fleet, host_type=np.zeros(3, dtype=np.int64)),
            capacity=np.tile([64_000, 160 * 1_024], (3, 1)),
            need=np.column_stack([cpu, np.array(gib) * 1_024]),
            load_mcores=cpu,
            current=Placement(host_of=np.array(current, dtype=np.int32)),
            move_mj=np.ones(n, dtype=np.int64),
        )

    return build


def _place(instance, peer=None):
    return (peer or CloudSimPabfd()).place(instance, seed=0, limit_s=10).host_of.tolist()


def test_the_least_used_host_is_drained_below_the_threshold(tower):
    """51.2 cores are the limit: 30 + 21 fits, 30 + 22 does not."""
    assert _place(tower([30, 21], [1, 1], [0, 1])) == [0, 0]
    assert _place(tower([30, 22], [1, 1], [0, 1])) == [0, 1]


def test_a_host_is_drained_whole_or_not_at_all(tower):
    assert _place(tower([40, 10, 8], [1, 1, 1], [0, 1, 1])) == [0, 1, 1]
    assert _place(tower([40, 6, 5], [1, 1, 1], [0, 1, 1])) == [0, 0, 0]


def test_a_target_is_not_drained_itself(tower):
    """Host 2 goes to host 0, which is then no source, though it would be next; host 1 follows."""
    assert _place(tower([9, 10, 8], [1, 1, 1], [0, 1, 2])) == [0, 0, 0]


def test_the_baseline_is_stale(tower):
    """What was placed since the last accounting counts as a rise, so the second VM goes elsewhere."""
    host_of = _place(tower([10, 10, 4, 4], [1, 1, 1, 1], [0, 1, 2, 2]))
    assert sorted(host_of[2:]) == [0, 1]


def test_overloaded_hosts_are_relieved_by_the_vms_of_least_memory(tower):
    host_of = _place(tower([30, 25, 2], [8, 4, 1], [0, 0, 1]))
    assert host_of[0] == 0
    assert host_of[1] != 0


def test_memory_binds_in_the_second_variant_alone(tower):
    instance = tower([20, 10], [100, 100], [0, 1])
    assert _place(instance) == [0, 0]
    assert _place(instance, CloudSimPabfdMemory()) == [0, 1]
