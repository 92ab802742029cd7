"""What is told instead of learnt: nothing told is the controller itself, and telling reaches its decisions."""

from __future__ import annotations

import numpy as np

import consolidate as cs
from benchmarks.foresight import TOLD, _Told, measure
from consolidate.control.base import Setting
from consolidate.engine import replay


def cloud():
    made = cs.generate(cs.PrivateCloud(vms=30, days=1), seed=3)
    return made.trace, made.fleet


def test_nothing_told_is_the_controller_itself():
    trace, fleet = cloud()
    start = cs.first_placement(trace, fleet)
    told = replay(
        trace, fleet, _Told(Setting.of(trace, fleet), trace, "nothing", 0.01), label="x", current=start
    )
    own = cs.replay_controlled(trace, fleet, cs.controller("risk"), current=start)
    assert told.energy_kwh == own.energy_kwh
    assert told.service.migrations == own.service.migrations


def test_what_is_told_is_the_future():
    """At step k: the mean of the next twelve samples, or the next one itself, without noise."""
    trace, fleet = cloud()
    demand = trace.cpu_mcores.astype(float)
    every = np.ones(trace.n_vms, dtype=bool)
    for known in ("mean over the coming hour", "demand of the next step"):
        levels = _Told(Setting.of(trace, fleet), trace, known, 0.01)._levels
        for k in range(1, 6):
            levels.take(demand[:, k - 1], every)
        if TOLD[known]:
            assert levels.mean.tolist() == demand[:, 5:17].mean(axis=1).tolist()
        else:
            assert levels.coming()[0].tolist() == demand[:, 5].tolist()
            assert not levels.coming()[1].any()


def test_every_row_is_measured():
    days = [cloud()]
    for known in TOLD:
        row = measure(days, known, 0.01)
        assert row[0] == known
        assert float(row[1]) > 1.0
