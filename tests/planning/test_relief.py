"""Detours that end a plan earlier: the last arrivals come from a host that stays on."""

from __future__ import annotations

import pytest

from consolidate.migration import MoveSettings
from consolidate.planning import plan as quick
from consolidate.planning import plan_in_windows
from consolidate.study.verbs import plan


def draining(scenes, *, spare_memory, shutdown_s=60):
    """Three hosts that go off send eight VMs to one, and another that stays on has room."""
    off = [scenes.host(memory=50_000, shutdown_s=shutdown_s) for _ in range(3)]
    hosts = [*off, scenes.host(memory=80_000), scenes.host(memory=9_000 + spare_memory)]
    vms = [scenes.vm(memory=9_000) for _ in range(9)]
    moves = MoveSettings(bandwidth_fraction=0.4)
    instance = scenes.scene(hosts, vms, [0, 0, 0, 1, 1, 1, 2, 2, 4], moves=moves)
    return instance, scenes.to(3, 3, 3, 3, 3, 3, 3, 3, 4)


@pytest.mark.parametrize("fast", [False, True])
def test_the_last_to_come_stop_at_a_host_that_stays_on(scenes, fast):
    """Eight moves of 20 s into a host take 160 s, with a shutdown after the last 220 s; detours end that."""
    instance, target = draining(scenes, spare_memory=30_000)
    made = (quick if fast else plan)(instance, target, within_s=161, **({"fast": True} if fast else {}))
    assert (made.bound.value_s, made.bound.direct_s) == (160, 220)
    assert made.makespan_s <= 1.01 * 160
    assert {m.target for m in made.migrations if m.parking} == {4}
    assert sum(m.parking for m in made.migrations) <= 4
    assert scenes.carry_out(instance, made) == target.host_of.tolist()


def test_no_vm_is_moved_twice_for_time_alone(scenes):
    """Without a limit the plan makes no detour; a window that is too short for it makes some."""
    instance, target = draining(scenes, spare_memory=30_000)
    made = plan(instance, target)
    assert not any(m.parking for m in made.migrations)
    assert made.makespan_s == made.bound.direct_s == 220
    assert len(plan_in_windows(instance, target, [(0, 220)])[0].migrations) == 8
    (short,) = plan_in_windows(instance, target, [(0, 180)])
    assert short.makespan_s <= 180
    assert 0 < sum(m.parking for m in short.migrations) <= 4


def test_no_detour_without_room_or_without_gain(scenes):
    """The plan without detours stays where the spare host is full, and where no shutdown follows."""
    for more in ({"spare_memory": 8_000}, {"spare_memory": 30_000, "shutdown_s": 0}):
        instance, target = draining(scenes, **more)
        made = plan(instance, target, within_s=100)
        assert not any(m.parking for m in made.migrations)
        assert made.makespan_s == made.bound.direct_s
