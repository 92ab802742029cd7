"""Packing anew in each step: hosts keep what they have to, and each way of packing is measured."""

from __future__ import annotations

import numpy as np

import consolidate as cs
from benchmarks.repacking import WAYS, measure, pack
from consolidate.control.desk import sum_by_host
from consolidate.control.tuning import PAST

CAPACITY = 1_000.0


def test_no_host_is_filled_beyond_what_it_keeps_free():
    rng = np.random.default_rng(4)
    mean = rng.uniform(20, 200, 60)
    var = (mean * rng.uniform(0.1, 0.6, 60)) ** 2
    for way in WAYS:
        host = pack(way, mean, var, 2.0, CAPACITY)
        n = int(host.max()) + 1
        level, spread = sum_by_host(host, mean, n), np.sqrt(sum_by_host(host, var, n))
        kept = (1.0 + PAST.drift) * level + 2.0 * way.counted(spread, CAPACITY)
        assert (kept <= CAPACITY + 1e-6).all()
        # Two that would do with one host are on one.
        order = np.argsort(level)
        assert (1.0 + PAST.drift) * level[order[:2]].sum() > 0.5 * CAPACITY


def test_restless_hosts_keep_less_per_deviation_only_where_that_is_asked_for():
    spread = np.array([50.0, 100.0, 200.0])
    plain, uneven = WAYS[2].counted(spread, CAPACITY), WAYS[3].counted(spread, CAPACITY)
    assert np.allclose(plain, spread)
    assert uneven[0] > plain[0]
    assert np.isclose(uneven[1], plain[1])
    assert uneven[2] < plain[2]


def test_every_way_is_measured():
    made = cs.generate(cs.PrivateCloud(vms=30, days=1), seed=3)
    for way in WAYS:
        name, ratio, overload, _ = measure([(made.trace, made.fleet)], way, 0.01)
        assert name == way.name
        assert float(ratio) > 1.0
        assert 0.0 <= float(overload.rstrip("%")) < 10.0
