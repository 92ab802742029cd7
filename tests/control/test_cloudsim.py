"""The risk controller in the place of CloudSim's policies, on a generated day."""

from __future__ import annotations

import numpy as np
import pytest

import consolidate as cs
from consolidate.cloudsim import Day, run
from consolidate.errors import ConfigError


@pytest.fixture(scope="module")
def quiet_day():
    """Sixty VMs, levels of their own and noise, none of them ever idle."""
    rng = np.random.default_rng(11)
    level = rng.integers(5, 40, 60)[:, None]
    percent = np.clip(level + rng.normal(0, 6, (60, 288)), 1, 99).astype(np.int64)
    return Day(ids=tuple(f"v{i}" for i in range(60)), percent=percent)


def test_it_uses_less_than_cloudsim_with_fewer_moves_and_keeps_the_risk(quiet_day):
    """Against LR-MMT on the same start and in the same accounting."""
    theirs = run(quiet_day, "lr", "mmt", hosts=60).outcome
    ours = run(quiet_day, optimizer=cs.CloudSimRisk(0.02), hosts=60).outcome
    assert ours.energy_kwh < theirs.energy_kwh
    assert ours.migrations < theirs.migrations
    assert ours.slatah <= 0.03


def test_a_second_run_is_the_same(quiet_day):
    """Nothing is random, and nothing is left over from the first run."""
    optimizer = cs.CloudSimRisk()
    first = run(quiet_day, optimizer=optimizer, hosts=60).outcome
    assert run(quiet_day, optimizer=optimizer, hosts=60).outcome == first


def test_a_risk_out_of_range_is_refused():
    """Zero risk needs no controller."""
    with pytest.raises(ConfigError, match="risk: needs more than 0"):
        cs.CloudSimRisk(0)
