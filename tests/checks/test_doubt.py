"""The checks' own draws, days and bars against those of the account: two codes, one result."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.carbon import (
    PARAMETERS,
    ArmLedger,
    combined_spread,
    daily_totals,
    saving_samples,
    tornado,
)
from consolidate.checks.doubt import (
    ORDER,
    ByType,
    Range,
    band_over_days,
    day_totals,
    drawn_savings,
    one_at_a_time,
)
from consolidate.model import TimeGrid

RANGES = tuple(
    Range(name=p.name, low=p.low, high=p.high, log=p.spacing == "log", each_type=p.each_type)
    for p in PARAMETERS
)


def arms(seed: int, n_types: int):
    """Return the same random arm for both codes; some causes and off times are zero."""
    rng = np.random.default_rng(seed)
    mj = rng.integers(0, 10**12, (n_types, 6)) * rng.integers(0, 2, (n_types, 6))
    grams = mj * rng.uniform(1e-8, 1e-7, 6)
    off_s = rng.integers(0, 10**6, n_types) * rng.integers(0, 2, n_types)
    ours = ArmLedger(energy_mj=mj.astype(np.int64), emissions_g=grams, off_host_s=off_s.astype(np.int64))
    theirs = ByType(mj=mj.astype(float), g=grams, off_s=off_s.astype(float))
    return ours, theirs


def test_the_order_of_the_streams_is_the_same():
    """A name in another place would draw other numbers."""
    assert tuple(p.name for p in PARAMETERS) == ORDER


@given(seed=st.integers(0, 10**6), n_types=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_draws_and_bars_agree(seed, n_types):
    """Energy, share and emissions saved, draw by draw; and each end of each range."""
    (before, before_too), (after, after_too) = arms(seed, n_types), arms(seed + 1, n_types)
    samples = saving_samples(before, after, seed=seed, n_draws=50)
    again = drawn_savings(before_too, after_too, RANGES, seed=seed, draws=50)
    for key in ("kwh", "fraction", "kg"):
        mine = getattr(samples, key)
        assert again[key] == pytest.approx(mine, rel=1e-9, abs=1e-9 * (1 + np.abs(mine).max()))
    for outcome in ("kwh", "kg"):
        ends = one_at_a_time(before_too, after_too, RANGES, outcome)
        for bar in tornado(before, after, outcome=outcome):
            name, scale = bar.parameter.name, 1 + abs(bar.base)
            assert ends[name, "low"] == pytest.approx(bar.at_low, rel=1e-9, abs=1e-9 * scale)
            assert ends[name, "high"] == pytest.approx(bar.at_high, rel=1e-9, abs=1e-9 * scale)


@given(
    seed=st.integers(0, 10**6),
    n_days=st.integers(1, 60),
    offset=st.integers(0, 86_399),
    step_s=st.sampled_from([300, 1_000, 3_600, 7_000]),
)
@settings(max_examples=40, deadline=None)
def test_days_and_intervals_agree(seed, n_days, offset, step_s):
    """Steps that cross midnight are split; 13 days have no interval, 14 and 28 have their blocks."""
    rng = np.random.default_rng(seed)
    n_steps = n_days * 86_400 // step_s + 1
    start_s = 1_700_000_000 + offset
    grid = TimeGrid(start=np.datetime64(start_s, "s"), step_s=step_s, n_steps=n_steps)
    used, left = rng.uniform(5, 9, n_steps), rng.uniform(3, 8, n_steps)
    days = [daily_totals(grid, amounts).totals for amounts in (used, left)]
    again = [day_totals(start_s, step_s, amounts) for amounts in (used, left)]
    for one, two in zip(days, again, strict=True):
        assert two == pytest.approx(one, rel=1e-9)
    if not days[0].size:
        return
    samples = rng.normal(100, 10, 200)
    band = combined_spread(samples, *days, n_days=n_days, seed=seed)
    due = band_over_days(samples, *again, n_days=n_days, seed=seed)
    assert (band is None) == (due is None) == (days[0].size < 14)
    if band is not None:
        assert due == pytest.approx((band.low, band.high), rel=1e-9)
