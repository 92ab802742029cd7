"""Plans of controllers: made once where nothing can be shorter."""

from __future__ import annotations

import numpy as np

from consolidate.control import Setting
from consolidate.control.hard import HardResources
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
