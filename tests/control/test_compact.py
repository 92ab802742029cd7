"""The controller that keeps memory together: one host at a time, all of its VMs or none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import consolidate as cs
from consolidate.control import Setting, begin
from consolidate.errors import ConfigError
from consolidate.model import Placement, PowerControl


@pytest.fixture
def scene(day):
    """Three hosts with room for 4 VMs of 1,000 MiB, four hours of 5 minutes, six VMs."""
    trace, fleet, _ = day(n_vms=6, n_hosts=3, arrivals=False)
    memory = np.full(6, 1_000)
    vms = replace(trace.vms, memory_mib=memory, cpu_mcores=np.full(6, 1_000))
    used = np.repeat(memory[:, None], trace.grid.n_steps, axis=1).astype(np.int32)
    small = tuple(replace(t, memory_mib=4_000) for t in fleet.types)
    return (
        replace(trace, vms=vms, memory_mib=used),
        replace(fleet, types=small),
        Placement(host_of=[0, 0, 1, 2, 2, 2]),
    )


def replayed(trace, fleet, start, **options):
    """Replay the controller from a placement."""
    kind = cs.controller("compact", **options)
    return cs.replay(trace, fleet, begin(kind, Setting.of(trace, fleet)), current=start)


def test_the_emptiest_host_goes_to_the_fullest(scene):
    """The single VM of host 1 fills host 2, and host 1 is off; the next hours nothing fits any more."""
    trace, fleet, start = scene
    arm = replayed(trace, fleet, start)
    assert [(m.vm, m.source, m.target) for m in arm.moves] == [(2, 1, 2)]
    assert arm.hosts_on[-1] == 2
    assert arm.service.cancelled_shutdowns == 0


def test_all_or_none(scene):
    """Without room for the last VM nobody moves."""
    trace, fleet, _ = scene
    full = replayed(trace, fleet, Placement(host_of=[0, 0, 1, 1, 2, 2]))
    assert full.service.migrations == 2
    none = replayed(trace, fleet, Placement(host_of=[0, 0, 0, 1, 1, 1]))
    assert none.service.migrations == 0


def test_hosts_that_stay_on_are_not_emptied(scene):
    """Host 1 must not be switched off, so host 0 is next."""
    trace, fleet, start = scene
    control = np.array([PowerControl.MANAGED, PowerControl.KEEP_ON, PowerControl.MANAGED])
    arm = replayed(trace, replace(fleet, power_control=control), start)
    assert {m.source for m in arm.moves} == {0}
    assert arm.hosts_on[-1] == 2


def test_it_decides_as_often_as_it_is_told(scene):
    """Every two hours: the decision at the start is the first, that of two hours the next."""
    trace, fleet, _ = scene
    spread = Placement(host_of=[0, 1, 2, -1, -1, -1])
    alive = trace.alive.copy()
    alive[3:] = False
    few = replace(trace, alive=alive, cpu_mcores=np.where(alive, trace.cpu_mcores, 0),
                  memory_mib=np.where(alive, trace.memory_mib, 0))  # fmt: skip
    starts = sorted({m.start_s for m in replayed(few, fleet, spread, every_s=7_200).moves})
    assert [s // 7_200 * 7_200 for s in starts] == [0, 7_200]
    with pytest.raises(ConfigError, match="more than 0 s"):
        cs.controller("compact", every_s=0)


def test_steps_need_not_divide_the_time_between_decisions(scene):
    """The first step that comes after it decides."""
    trace, fleet, _ = scene
    spread = Placement(host_of=[0, 1, 2, -1, -1, -1])
    alive = trace.alive.copy()
    alive[3:] = False
    few = replace(trace, alive=alive, cpu_mcores=np.where(alive, trace.cpu_mcores, 0),
                  memory_mib=np.where(alive, trace.memory_mib, 0))  # fmt: skip
    starts = sorted({m.start_s for m in replayed(few, fleet, spread, every_s=1_000).moves})
    assert [s // 300 * 300 for s in starts] == [0, 1_200]
