"""Plans of controllers: made once where nothing can be shorter, and one at a time where storage is shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import consolidate as cs
from consolidate.control import Setting
from consolidate.control.hard import HardResources, Moving
from consolidate.control.moving import timed_plan
from consolidate.planning.trials import Trials


def test_no_order_is_tried_after_one_that_ends_as_early_as_any_can(day, monkeypatch):
    """One move, and two between hosts of their own, are scheduled once; three to one host need no more."""
    trace, fleet, current = day(arrivals=False)
    setting = Setting.of(trace, fleet)
    tried, run = [], Trials.run

    def counted(self, *given, **named):
        tried.append(given)
        return run(self, *given, **named)

    monkeypatch.setattr(Trials, "run", counted)
    on = np.ones(fleet.n_hosts, dtype=np.bool_)
    for moves in ([(0, 1)], [(0, 1), (2, 3)], [(0, 3), (1, 3), (2, 3)]):
        tried.clear()
        made = timed_plan(setting, current.host_of, on, HardResources(setting), moves=moves, off=[])
        assert sorted((m.vm, m.target) for m in made.migrations) == moves
        assert len(tried) == 1


def test_what_storages_share_is_planned_once_at_a_time(day):
    """While a VM moves by saved state no other such VM may, whatever its hosts; who moves live may."""
    trace, fleet, current = day(arrivals=False)
    dirty = np.array(trace.vms.dirty_mib_per_s)
    dirty[:3] = 1e5
    trace = replace(trace, vms=replace(trace.vms, dirty_mib_per_s=dirty))
    both = cs.Hypervisor(moves=frozenset({"live", "saved_state"}))
    fleet = replace(fleet, types=tuple(replace(kind, hypervisor=both) for kind in fleet.types))
    setting = Setting.of(trace, fleet)
    moving, on = Moving(setting), np.ones(fleet.n_hosts, dtype=np.bool_)
    assert moving.movable(0).all()
    for vm, others in ((10, []), (0, [0, 1, 2])):
        made = timed_plan(setting, current.host_of, on, HardResources(setting), moves=[(vm, 11)], off=[])
        moving.note(made, 100)
        assert np.flatnonzero(~moving.movable(100)).tolist() == others
    end_s = 100 + made.migrations[0].end_s
    assert made.migrations[0].mode == "saved_state"
    assert not moving.movable(end_s - 1).all()
    assert moving.movable(end_s).all()
