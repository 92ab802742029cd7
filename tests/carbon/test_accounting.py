from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import constant_intensity, emissions_by_step_g, emissions_g
from consolidate.errors import HorizonError, InstanceError
from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.units import mj_to_kwh

START = np.datetime64("2024-01-01T00:00:00")


def grid_of(step_s: int, n_steps: int, *, later_s: int = 0) -> TimeGrid:
    return TimeGrid(start=START + np.timedelta64(later_s, "s"), step_s=step_s, n_steps=n_steps)


def intensity_of(values: list[float], *, step_s: int = 3_600, later_s: int = 0) -> CarbonIntensity:
    return CarbonIntensity(
        grid=grid_of(step_s, len(values), later_s=later_s),
        g_per_kwh=np.array(values, dtype=float),
        zone="test",
        kind="average",
        scope="life_cycle",
        source="test",
    )


@pytest.mark.parametrize(
    ("power_w", "g_per_kwh", "expected_g"), [(5, 403.65, 20.1825), (100, 33.45, 33.45)]
)
def test_golden_cases_of_simgrid(power_w: int, g_per_kwh: float, expected_g: float) -> None:
    """SimGrid's CO2 plugin is validated with these two hand-computed cases of 10 hours."""
    grid = grid_of(300, 120)
    energy_mj = np.full(120, power_w * 300 * 1_000, dtype=np.int64)
    intensity = constant_intensity("", grid, g_per_kwh=g_per_kwh)
    assert emissions_g(grid, energy_mj, intensity) == pytest.approx(expected_g, rel=1e-14)


def test_correlation_is_not_averaged_away() -> None:
    """Energy in the clean hour only: mean times mean would be five times too much."""
    grid = grid_of(3_600, 2)
    energy_mj = np.array([3_600_000_000, 0])
    assert emissions_g(grid, energy_mj, intensity_of([100.0, 900.0])) == 100.0
    assert emissions_g(grid, energy_mj[::-1], intensity_of([100.0, 900.0])) == 900.0


def test_steps_are_cut_at_the_intensity_boundary() -> None:
    """A step of 90 minutes that begins at half past: 30 minutes of one hour, 60 of the next."""
    grid = grid_of(5_400, 1, later_s=1_800)
    intensity = intensity_of([100.0, 400.0, 1e9])
    assert emissions_g(grid, np.array([3_600_000_000]), intensity) == pytest.approx(300.0)


def test_intensity_steps_shorter_than_energy_steps() -> None:
    """5-minute intensity under hourly energy is the plain mean of its steps."""
    values = [float(v) for v in range(1, 13)]
    grid = grid_of(3_600, 1)
    found = emissions_g(grid, np.array([3_600_000_000]), intensity_of(values, step_s=300))
    assert found == pytest.approx(6.5)


@given(
    energy=st.lists(st.integers(0, 10**15), min_size=1, max_size=20),
    g_per_kwh=st.floats(0, 2_000),
    step_s=st.sampled_from([60, 300, 3_600, 7_000]),
)
def test_constant_intensity_is_energy_times_intensity_exactly(
    energy: list[int], g_per_kwh: float, step_s: int
) -> None:
    """To the last bit: a report prints both factors and their product."""
    grid = grid_of(step_s, len(energy))
    intensity = constant_intensity("", grid_of(3_600, 400), g_per_kwh=g_per_kwh)
    assert emissions_g(grid, np.array(energy), intensity) == mj_to_kwh(sum(energy)) * g_per_kwh


@given(
    half=st.lists(st.integers(0, 10**12), min_size=1, max_size=12),
    values=st.lists(st.floats(0, 2_000), min_size=30, max_size=30),
    later_s=st.integers(0, 3_600),
)
def test_splitting_steps_changes_nothing(half: list[int], values: list[float], later_s: int) -> None:
    """The same energy, told in steps of half the length, must have the same emissions, bit for bit."""
    intensity = intensity_of(values)
    whole = grid_of(3_000, len(half), later_s=later_s)
    split = grid_of(1_500, 2 * len(half), later_s=later_s)
    energy = np.array(half)
    assert emissions_g(whole, 2 * energy, intensity) == emissions_g(
        split, np.repeat(energy, 2), intensity
    )


@given(values=st.lists(st.floats(0, 2_000), min_size=10, max_size=10), seed=st.integers(0, 99))
def test_steps_add_up_to_the_total(values: list[float], seed: int) -> None:
    """The figure over time and the headline must not contradict each other."""
    grid = grid_of(700, 40, later_s=123)
    energy = np.random.default_rng(seed).integers(0, 10**12, 40)
    by_step = emissions_by_step_g(grid, energy, intensity_of(values))
    assert by_step.shape == (40,)
    assert by_step.sum() == pytest.approx(
        emissions_g(grid, energy, intensity_of(values)), rel=1e-12, abs=1e-12
    )


def test_negative_energy_differences_are_allowed() -> None:
    """A saving is a difference of two ledgers and has steps of either sign."""
    grid = grid_of(3_600, 2)
    saved = np.array([3_600_000_000, -3_600_000_000])
    assert emissions_g(grid, saved, intensity_of([300.0, 100.0])) == 200.0


@pytest.mark.parametrize("later_s", [-3_600, 3_600])
def test_uncovered_time_is_refused(later_s: int) -> None:
    """Holding the first or last value would invent an intensity."""
    grid = grid_of(3_600, 2, later_s=later_s)
    for account in (emissions_g, emissions_by_step_g):
        with pytest.raises(HorizonError, match="does not cover"):
            account(grid, np.array([1, 1]), intensity_of([100.0, 200.0]))


def test_energy_must_be_whole_millijoules_per_step() -> None:
    """A float ledger is no ledger, and a wrong shape would be broadcast."""
    grid = grid_of(3_600, 2)
    with pytest.raises(InstanceError, match="needs 2 values"):
        emissions_g(grid, np.array([1]), intensity_of([1.0, 1.0]))
    with pytest.raises(InstanceError, match="whole millijoules"):
        emissions_g(grid, np.array([1.0, 2.0]), intensity_of([1.0, 1.0]))  # type: ignore[arg-type]
