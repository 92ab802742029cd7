"""The controller that keeps memory together: one host at a time, all of its VMs or none."""

from __future__ import annotations

import numpy as np
import pytest

from consolidate.engine import Compact, replay
from consolidate.model import Placement, PowerControl


@pytest.fixture
def scene(scenes):
    """Three hosts of 4,000 MiB with 2, 1 and 3 VMs of 1,000 MiB, for two hours in steps of 10 minutes."""
    fleet = scenes.make_fleet([scenes.host_type(memory_mib=4_000)] * 3)
    trace = scenes.make_trace([[100] * 12] * 6, step_s=600)
    return trace, fleet, Placement(host_of=[0, 0, 1, 2, 2, 2])


def test_the_emptiest_host_goes_to_the_fullest(scene):
    """The single VM of host 1 fills host 2, and host 1 is off; the next hour nothing fits any more."""
    trace, fleet, start = scene
    arm = replay(trace, fleet, Compact(vms=trace.vms, fleet=fleet), current=start)
    assert [(m.vm, m.source, m.target) for m in arm.moves] == [(2, 1, 2)]
    assert arm.hosts_on.tolist() == [2] * 12
    assert arm.service.cancelled_shutdowns == 0


def test_all_or_none(scene):
    """Without room for the last VM nobody moves."""
    trace, fleet, _ = scene
    start = Placement(host_of=[0, 0, 1, 1, 2, 2])
    full = replay(trace, fleet, Compact(vms=trace.vms, fleet=fleet), current=start)
    assert full.service.migrations == 2
    tight = Placement(host_of=[0, 0, 0, 1, 1, 1])
    none = replay(trace, fleet, Compact(vms=trace.vms, fleet=fleet), current=tight)
    assert none.service.migrations == 0


def test_hosts_that_stay_on_are_not_emptied(scene, scenes):
    """Host 1 must not be switched off, so host 0 is next."""
    trace, _, start = scene
    control = np.array([PowerControl.MANAGED, PowerControl.KEEP_ON, PowerControl.MANAGED])
    fleet = scenes.make_fleet([scenes.host_type(memory_mib=4_000)] * 3, power_control=control)
    arm = replay(trace, fleet, Compact(vms=trace.vms, fleet=fleet), current=start)
    assert {m.source for m in arm.moves} == {0}
    assert arm.hosts_on[-1] == 2
