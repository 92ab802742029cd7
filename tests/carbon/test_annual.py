"""Carrying a window over to a year."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import annualised, window_spread
from consolidate.errors import InstanceError
from consolidate.model import CarbonIntensity, TimeGrid


def intensity(values: list[float]) -> CarbonIntensity:
    grid = TimeGrid(start=np.datetime64("2023-01-01"), step_s=86_400, n_steps=len(values))
    return CarbonIntensity(
        grid=grid, g_per_kwh=np.array(values), zone="a", kind="average", scope="direct", source="test"
    )


@given(values=st.lists(st.floats(1, 900), min_size=6, max_size=40), length=st.integers(1, 3))
def test_spread_against_every_window(values: list[float], length: int) -> None:
    """All windows, one by one."""
    means = [np.mean(values[k : k + length]) for k in range(len(values) - length + 1)]
    least, most = window_spread(intensity(values), length)
    assert (least, most) == pytest.approx((min(means) / np.mean(values), max(means) / np.mean(values)))


def test_band_by_hand() -> None:
    """A grid of 100 and 300 g by turns of 10 days: a window has half or one and a half of the mean."""
    found = annualised(-2.0, 10, intensity=intensity(([100.0] * 10 + [300.0] * 10) * 3))
    assert found.factor == 36.525
    assert found.value == pytest.approx(-73.05)
    assert (found.low, found.high) == pytest.approx((-146.1, -48.7))
    assert annualised(2.0, 10).low is None


@pytest.mark.parametrize(("days", "n"), [(0.0, 10), (6.0, 10)])
def test_windows_that_say_nothing_are_refused(days: float, n: int) -> None:
    """One window has no spread."""
    with pytest.raises(InstanceError):
        annualised(1.0, days, intensity=intensity([1.0] * n))
