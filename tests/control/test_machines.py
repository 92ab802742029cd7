"""How far hosts are filled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import consolidate as cs
from consolidate.control.machines import Curves


def _curves(off_w: float) -> Curves:
    # Steep above 60 %, as servers with a turbo are.
    watts = np.array([[60, 70, 80, 90, 100, 110, 120, 145, 175, 205, 240]], dtype=float)
    return Curves(
        kind=np.zeros(1, dtype=np.int64),
        cpu=np.array([1_000.0]),
        watts=watts,
        off_w=np.array([off_w]),
        empty_w=np.array([50.0]),
        transition_j=np.zeros(1),
    )


@pytest.mark.parametrize("off_w", [0.0, 20.0, 40.0])
def test_hosts_at_the_best_fill_cost_least_together(off_w: float) -> None:
    """Ten hosts share a load; the best number of them is what the fill gives, off hosts included."""
    curves, load, points = _curves(off_w), 3_000.0, np.linspace(0, 1, 11)
    counts = np.arange(3, 11)
    watts = counts * np.interp(load / counts / 1_000, points, curves.watts[0]) + (10 - counts) * off_w
    best = counts[watts.argmin()]
    fill = float(curves.best_fill()[0])
    assert load / (best + 1) <= fill
    assert load / (best - 1) >= fill if best > 3 else True


def test_a_host_beyond_its_best_fill_shares_with_one_below_it(day) -> None:
    """Two hosts have to be on, and the steep end of the curve is no place to be."""
    trace, fleet, _ = day(n_vms=16, n_hosts=2, n_steps=24, arrivals=False)
    steep = cs.WattTable(
        points_mw=tuple(1_000 * w for w in (60, 70, 80, 90, 100, 110, 120, 145, 175, 205, 240)),
        hosting_idle_mw=60_000,
    )
    one = replace(fleet.types[1], power=steep, memory_mib=65_536)
    fleet = replace(fleet, types=(one,), host_type=np.zeros(2, dtype=np.int32))
    trace = replace(trace, cpu_mcores=np.full((16, 24), 350, dtype=np.int32))
    start = cs.Placement(host_of=np.repeat([0, 1], [12, 4]).astype(np.int32))
    made = cs.replay_controlled(trace, fleet, "risk", current=start)
    assert (made.hosts_on == 2).all()
    assert 0 < made.service.migrations <= 4
    assert made.utilization[0, 0] > 0.75
    assert made.utilization[:, -1].max() < 0.65
