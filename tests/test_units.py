"""Conversions: the only place where one unit becomes another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate import units


def test_a_kilowatt_hour_is_exact():
    """3.6 MJ, not the rounded 2.77778e-7 that a peer prints."""
    assert units.j_to_kwh(3_600_000) == 1.0
    assert units.mj_to_kwh(3_600_000_000) == 1.0
    assert units.mj_to_j(1_500) == 1.5
    assert units.g_to_kg(250) == 0.25


@pytest.mark.parametrize(("watts", "milliwatts"), [(93.7, 93_700), (0.0004, 0), (0.0006, 1)])
def test_watts_become_whole_milliwatts(watts, milliwatts):
    """To the nearest, so that 93.7 W are 93,700 mW in spite of binary fractions."""
    assert units.w_to_mw(watts) == milliwatts


def test_capacity_rounds_down():
    """A capacity is never overstated."""
    assert units.gib_to_mib(4.0009) == 4_096
    assert units.gib_to_mib(0.5) == 512


@given(st.integers(0, 2**40))
def test_demand_rounds_up(size):
    """A demand is never understated, and by less than one MiB overstated."""
    assert 0 <= units.bytes_to_mib_ceil(size) * 1_048_576 - size < 1_048_576
    assert 0 <= units.kb_to_mib_ceil(size) * 1_024 - size < 1_024


def test_network_rates_are_decimal():
    """1 Gbit/s is 125 MB/s, which is 119.2 MiB/s."""
    assert units.mbit_per_s_to_mib_per_s(1_000) == pytest.approx(119.209, abs=1e-3)


def test_the_pound_is_the_exact_one():
    """1,000 lb/MWh are 453.59237 g/kWh."""
    assert units.lb_per_mwh_to_g_per_kwh(1_000) == 453.59237
