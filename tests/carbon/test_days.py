"""Days, and how sure they make a saving."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import combined_spread, daily_totals, paired_saving, shown
from consolidate.carbon.bootstrap import block_means
from consolidate.errors import InstanceError
from consolidate.model import TimeGrid

DAY_S = 86_400


@given(
    step_s=st.sampled_from([300, 3_600, 7_000, 100_000]),
    n_steps=st.integers(1, 150),
    start_s=st.integers(0, 3 * DAY_S),
    offset_s=st.sampled_from([0, 3_600, -18_000]),
    seed=st.integers(0, 9),
)
def test_days_against_a_walk_through_seconds(
    step_s: int, n_steps: int, start_s: int, offset_s: int, seed: int
) -> None:
    """Every step is walked in parts of 100 s; each part belongs to the day of its local time."""
    grid = TimeGrid(start=np.datetime64(start_s - start_s % 100, "s"), step_s=step_s, n_steps=n_steps)
    amounts = np.random.default_rng(seed).uniform(0, 9, n_steps)
    parts = np.arange(n_steps * step_s // 100)
    day = (start_s - start_s % 100 + offset_s + 100 * parts) // DAY_S
    sums: dict[int, list[float]] = {}
    for k, d in enumerate(day.tolist()):
        sums.setdefault(d, []).append(amounts[100 * k // step_s] * 100 / step_s)
    whole = [sum(part) for _, part in sorted(sums.items()) if len(part) == DAY_S // 100]
    found = daily_totals(grid, amounts, utc_offset_s=offset_s)
    assert found.totals == pytest.approx(whole, rel=1e-9, abs=1e-9)
    assert found.left_out_s == grid.duration_s - DAY_S * len(whole)


def test_leap_day_is_paired_like_any_other() -> None:
    """29 February stands in the list of days, with its 24 hours."""
    grid = TimeGrid(start=np.datetime64("2024-02-28"), step_s=3_600, n_steps=72)
    found = daily_totals(grid, np.ones(72))
    assert found.days.astype(str).tolist() == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert found.totals.tolist() == [24.0, 24.0, 24.0]


@pytest.mark.parametrize(("n_days", "block"), [(13, None), (14, 3), (27, 3), (28, 7), (365, 7)])
def test_rules_of_the_interval(n_days: int, block: int | None) -> None:
    """No interval under 14 days, short blocks and a banner under 28."""
    before = np.random.default_rng(1).uniform(90, 110, n_days)
    found = paired_saving(before, 0.7 * before)
    assert (found.interval.block_days if found.interval else None) == block
    assert bool(found.banner) == (n_days < 28)
    assert found.least <= found.median <= found.most
    assert found.fraction == pytest.approx(0.3)


def test_identical_arms_save_exactly_nothing() -> None:
    """Zero, with an interval of zero: no noise of the resampling may show."""
    before = np.random.default_rng(1).uniform(90, 110, 60)
    found = paired_saving(before, before)
    assert (found.mean, found.fraction) == (0.0, 0.0)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high, found.interval.high_fraction) == (0.0, 0.0, 0.0)


def test_constant_share_has_no_uncertainty_as_a_share() -> None:
    """Days differ, the share does not: a ratio of sums knows that, kWh do not."""
    before = np.random.default_rng(1).uniform(50, 150, 60)
    found = paired_saving(before, 0.6 * before).interval
    assert found is not None
    assert (found.low_fraction, found.high_fraction) == pytest.approx((0.4, 0.4))
    assert found.high - found.low > 1.0


def test_negative_savings_stay_negative() -> None:
    """A plan that costs energy is shown as that."""
    found = paired_saving(np.full(30, 10.0), np.full(30, 12.0))
    assert found.mean == -2.0
    assert found.fraction == pytest.approx(-0.2)


def test_seed_decides_and_is_kept() -> None:
    """The same seed gives the same bytes."""
    before = np.random.default_rng(1).uniform(50, 150, 60)
    after = np.random.default_rng(2).uniform(50, 150, 60)
    assert paired_saving(before, after, seed=3) == paired_saving(before, after, seed=3)
    assert paired_saving(before, after, seed=3) != paired_saving(before, after, seed=4)


def test_days_have_to_pair() -> None:
    """Unpaired days would count the weather as a saving."""
    for before, after in ((np.ones(3), np.ones(4)), (np.ones(0), np.ones(0))):
        with pytest.raises(InstanceError, match="the same days"):
            paired_saving(before, after)


def test_blocks_run_round_and_weigh_days_alike() -> None:
    """Circular blocks: each day is as likely as any other, first and last included."""
    days = np.eye(20)
    means = block_means(days, 7, seed=0, resamples=4_000).mean(axis=0)
    assert means == pytest.approx(np.full(20, 0.05), abs=0.004)


def test_block_can_be_chosen_within_reason() -> None:
    """A test of sensitivity; blocks that leave one or two have no spread."""
    before = np.random.default_rng(1).uniform(50, 150, 60)
    found = paired_saving(before, 0.6 * before, block_days=14).interval
    assert found is not None
    assert found.block_days == 14
    for block in (0, 21):
        with pytest.raises(InstanceError, match="a third of the days"):
            paired_saving(before, before, block_days=block)


def coverage(n_days: int, phi: float, *, trials: int, resamples: int) -> tuple[float, float]:
    """Share of intervals that contain the true mean of an AR(1) series: independent days, and ours."""
    rng = np.random.default_rng(20_240_101)
    noise = rng.standard_normal((trials, n_days + 100))
    series = np.zeros_like(noise)
    for k in range(1, noise.shape[1]):
        series[:, k] = phi * series[:, k - 1] + noise[:, k]
    hits = np.zeros(2)
    for seed, saved in enumerate(series[:, 100:]):
        means = block_means(saved[:, None], 1, seed=seed, resamples=resamples)[:, 0]
        low, high = np.quantile(means, (0.025, 0.975))
        ours = paired_saving(100.0 + saved, np.full(n_days, 100.0), seed=seed, resamples=resamples)
        assert ours.interval is not None
        hits += (low <= 0 <= high, ours.interval.low <= 0 <= ours.interval.high)
    return hits[0] / trials, hits[1] / trials


def test_independent_days_would_claim_too_much() -> None:
    """95 % intervals of correlated days: the iid bootstrap holds the truth far too rarely, ours does."""
    iid, block = coverage(28, 0.5, trials=120, resamples=300)
    assert iid < 0.80
    assert block > 0.90


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_days", "phi"), [(14, 0.3), (21, 0.3), (28, 0.5), (60, 0.5), (90, 0.5), (180, 0.5), (365, 0.5)]
)
def test_coverage_of_the_interval(n_days: int, phi: float) -> None:
    """The larger study: 400 series of each length; nominal 95 %, ours at least 90 %, iid below 90 %."""
    iid, block = coverage(n_days, phi, trials=400, resamples=500)
    assert iid < 0.90
    assert block >= 0.90


def test_combined_spread_is_wider_than_each_part() -> None:
    """Assumptions and days both add to the doubt; too few days give no interval."""
    rng = np.random.default_rng(5)
    before = rng.uniform(90, 110, 40)
    after = 0.7 * before + rng.normal(0, 5, 40)
    samples = 40 * (before - after).mean() + rng.normal(0, 30, 2_000)
    found = combined_spread(samples, before, after, n_days=40)
    days = paired_saving(before, after).interval
    assert found is not None
    assert days is not None
    assert found.high - found.low > np.ptp(np.quantile(samples, (0.025, 0.975)))
    assert found.high - found.low > 40 * (days.high - days.low)
    assert combined_spread(samples, before[:13], after[:13], n_days=13) is None


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (1_234.5, (), "1,230"),
        (0.012345, (), "0.0123"),
        (999.6, (), "1,000"),
        (99.96, (), "100"),
        (0.0, (), "0"),
        (-0.0, (), "0"),
        (-53.68, (), "-53.7"),
        (53.68, (49.1, 58.2), "54"),
        (53.68, (20.0, 90.0), "50"),
        (3.0, (-40.0, 46.0), "0"),
        (-3.0, (-46.0, 40.0), "0"),
        (12.3456, (12.3455, 12.3457), "12.3"),
        (12.3456, (12.3456, 12.3456), "12.3"),
        (float("nan"), (), "unknown"),
    ],
)
def test_digits_that_are_known(value: float, bounds: tuple[float, ...], text: str) -> None:
    """Three at most, and none finer than the first digit of the half-width."""
    low, high = bounds or (None, None)
    assert shown(value, low=low, high=high) == text
