"""Predictors against numbers worked out by hand, and their back-test."""

from __future__ import annotations

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError, HorizonError, InputError
from consolidate.forecasting import PREDICTORS, Predictor, Seen
from consolidate.forecasting.predictors import (
    Ewma,
    LastValue,
    MaxOf,
    NSigma,
    PeakOracle,
    Quantile,
    RcLike,
    Seasonal,
)


def seen(demand, step_s=300, future=None):
    rows = np.array(demand, dtype=float)
    allocation = np.full(len(rows), 100.0)
    return Seen(demand=rows, allocation=allocation, step_s=step_s, future=future)


@pytest.mark.parametrize("name", PREDICTORS.names())
def test_every_predictor_is_what_the_protocol_asks(name):
    """Names agree with the registry, and defaults suffice."""
    made = PREDICTORS.get(name)()
    assert isinstance(made, Predictor)
    assert made.name == name


def test_predictions_are_those_worked_out_by_hand():
    """Two VMs, four steps."""
    past = seen([[1, 2, 3, 4], [10, 10, 10, 50]])
    assert LastValue().peak(past, 3) == 54
    assert Ewma(weight=0.5).peak(past, 3) == pytest.approx((54 + 13 / 2 + 12 / 4 + 11 / 8) / (15 / 8))
    assert Quantile(q=1.0).peak(past, 3) == 54
    assert Quantile(q=1.0, window_s=300).peak(past, 3) == 54
    assert RcLike(percentile=100.0).peak(past, 3) == 54
    assert RcLike(percentile=50.0).peak(past, 3) == 2.5 + 10
    total = np.array([11, 12, 13, 54])
    assert NSigma(n=2.0).peak(past, 3) == pytest.approx(total.mean() + 2 * total.std())
    assert MaxOf().peak(past, 3) == max(NSigma().peak(past, 3), RcLike().peak(past, 3))
    assert PREDICTORS.get("allocation-share")().peak(past, 3) == pytest.approx(180)
    assert PeakOracle().peak(seen([[1]], future=np.array([[3.0, 9.0, 4.0]])), 2) == 9


def test_the_season_is_that_of_the_same_hours():
    """Two days of six-hour steps: the afternoon that comes is the afternoons that were."""
    days = [1, 1, 8, 2, 1, 3, 6, 2]
    past = seen([days], step_s=21_600)
    assert Seasonal().peak(past, 1) == 1  # the mean of the two nights
    assert Seasonal().peak(past, 2) == 2  # and of the two mornings
    assert Seasonal().peak(past, 4) == 7
    assert Seasonal(days=1).peak(past, 4) == 6
    assert Seasonal().peak(seen([days[:3]], step_s=21_600), 4) == 8  # no day was seen yet


def test_the_oracle_is_never_exceeded_and_the_others_know_no_future(day):
    """A back-test in which only what comes later differs gives the same early forecasts."""
    trace, _, _ = day
    table = cs.backtest(trace, ["oracle", "last", "n-sigma", "seasonal"], 1_800, every_s=1_800)
    rows = table.set_index("predictor")
    assert rows.loc["oracle", "coverage_fraction"] == 1
    assert rows.loc["oracle", "excess_mcores"] == rows.loc["oracle", "pinball_mcores"] == 0
    assert 0 < rows.loc["last", "coverage_fraction"] < rows.loc["n-sigma", "coverage_fraction"] <= 1
    with pytest.raises(ConfigError, match="knows the future"):
        PeakOracle().peak(seen([[1]]), 1)


def test_pinball_and_coverage_are_what_they_say(day):
    """The figures of one predictor, worked out from the trace."""
    trace, _, _ = day
    groups = np.arange(trace.n_vms) % 3
    table = cs.backtest(trace, ["last"], 900, every_s=900, warm_up_s=3_600, groups=groups, level=0.9)
    short = []
    for now in range(12, trace.grid.n_steps - 2, 3):
        for g in range(3):
            total = trace.cpu_mcores[groups == g].sum(axis=0)
            short.append(total[now : now + 3].max() - total[now - 1])
    short = np.array(short)
    row = table.iloc[0]
    assert row["forecasts"] == len(short)
    assert row["coverage_fraction"] == (short <= 0).mean()
    assert row["pinball_mcores"] == pytest.approx(np.where(short > 0, 0.9 * short, -0.1 * short).mean())


def test_quantiles_of_noise_are_calibrated():
    """Of independent samples, a quantile is exceeded as often as it says."""
    rng = np.random.default_rng(5)
    cpu = rng.integers(0, 1_000, (30, 200)).astype(np.int32)
    vms = cs.VMs(
        ids=tuple(f"v{i}" for i in range(30)),
        vcpus=np.ones(30, dtype=np.int32),
        cpu_mcores=np.full(30, 1_000),
        memory_mib=np.full(30, 10),
        dirty_mib_per_s=np.zeros(30),
    )
    trace = cs.Trace(
        vms=vms,
        grid=cs.TimeGrid(start=np.datetime64("2024-01-01"), step_s=300, n_steps=200),
        cpu_mcores=cpu,
        memory_mib=np.zeros_like(cpu),
        alive=np.ones(cpu.shape, dtype=np.bool_),
    )
    levels = (0.5, 0.8, 0.95)
    table = cs.backtest(
        trace, [Quantile(q=q) for q in levels], 300, every_s=300, warm_up_s=30_000, level=0.95
    )
    assert table["coverage_fraction"].to_numpy() == pytest.approx(levels, abs=0.03)
    ax = cs.plotting.calibration(table)
    assert ax.get_xlabel()
    with pytest.raises(InputError, match="lacks the columns level"):
        cs.plotting.calibration(table.drop(columns="level"))


def test_what_cannot_be_tested_is_refused(day):
    """A trace shorter than one forecast, numbers out of range, groups of another trace."""
    trace, _, _ = day
    with pytest.raises(HorizonError, match="too short"):
        cs.backtest(trace, horizon_s=10**6)
    with pytest.raises(ConfigError, match="at least one step"):
        cs.backtest(trace, horizon_s=10)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        cs.backtest(trace, level=1.0)
    with pytest.raises(ConfigError, match="needs 40 values"):
        cs.backtest(trace, groups=[0, 1])
    with pytest.raises(ConfigError, match="cannot contain 'oracle'"):
        MaxOf(predictors="oracle")


@pytest.fixture(scope="module")
def day():
    """Forty VMs over four hours, levels and noise."""
    rng = np.random.default_rng(2)
    n_vms, n_steps = 40, 48
    level = rng.integers(100, 600, n_vms)[:, None]
    cpu = np.clip(level + rng.normal(0, 80, (n_vms, n_steps)), 0, 1_000).astype(np.int32)
    vms = cs.VMs(
        ids=tuple(f"v{i}" for i in range(n_vms)),
        vcpus=np.ones(n_vms, dtype=np.int32),
        cpu_mcores=np.full(n_vms, 1_000),
        memory_mib=np.full(n_vms, 10),
        dirty_mib_per_s=np.zeros(n_vms),
    )
    grid = cs.TimeGrid(start=np.datetime64("2024-01-01"), step_s=300, n_steps=n_steps)
    alive = np.ones(cpu.shape, dtype=np.bool_)
    trace = cs.Trace(vms=vms, grid=grid, cpu_mcores=cpu, memory_mib=np.zeros_like(cpu), alive=alive)
    return trace, None, None
