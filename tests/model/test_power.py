"""Power curves and their integer table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.errors import InstanceError, UnknownNameError
from consolidate.model import (
    LinearPower,
    PiecewisePower,
    PowerModel,
    SpecPower,
    WattTable,
    spec_servers,
)
from consolidate.model.power import POWER_MODELS, interpolate_mw

RISING = (50_000, 60_000, 70_001, 75_000, 80_000, 90_000, 95_000, 97_000, 100_000, 120_000, 150_000)


@given(
    points=st.lists(st.integers(0, 1_000_000), min_size=11, max_size=11),
    cpu=st.integers(1, 300_000),
    data=st.data(),
)
def test_interpolation_is_exact_to_the_nearest_half_up(oracles, points, cpu, data):
    """Whole-number arithmetic equals rounding the exact fraction, falling curves included."""
    load = data.draw(st.integers(-10, 2 * cpu))
    assert interpolate_mw(points, load, cpu) == oracles.power_mw(points, load, cpu)


@pytest.mark.parametrize("k", range(11))
def test_interpolation_meets_every_point(k):
    """At a measured load the measured power comes out, to the last milliwatt."""
    assert interpolate_mw(RISING, k * 372, 3_720) == RISING[k]


def test_half_a_milliwatt_is_rounded_up():
    """The rule of the run folder: half up, not half to even."""
    assert interpolate_mw((0, 1, *[1] * 9), 1, 20) == 1
    assert interpolate_mw((2, 3, *[3] * 9), 1, 20) == 3


def test_load_above_capacity_draws_full_power():
    """Unmet demand draws nothing, and never lowers power as unclamped curves do."""
    table = WattTable(points_mw=RISING, hosting_idle_mw=55_000)
    assert table.power_mw(9_999, 1_000, hosting=True) == RISING[-1]


def test_only_the_idle_point_differs_while_hosting():
    """From 10 % on a host draws the same with one VM or many."""
    table = WattTable(points_mw=RISING, hosting_idle_mw=55_000)
    assert table.power_mw(0, 1_000, hosting=False) == 50_000
    assert table.power_mw(0, 1_000, hosting=True) == 55_000
    assert table.power_mw(100, 1_000, hosting=True) == table.power_mw(100, 1_000, hosting=False)


@pytest.mark.parametrize(
    ("first_w", "expected_mw"),
    [
        ((50, 80, 100), 60_000),  # 2 * 80 - 100
        ((50, 60, 90), 50_000),  # the line ends below active idle
        ((50, 60, 55), 60_000),  # the line ends above the 10 % point
    ],
)
def test_hosting_idle_extends_the_line_and_is_clamped(first_w, expected_mw):
    """Hosting idle is 2 * P10 - P20, but neither below active idle nor above P10."""
    model = PiecewisePower(points_w=(*first_w, *range(101, 109)))
    assert WattTable.sample(model).hosting_idle_mw == expected_mw


def test_hosting_idle_can_be_given():
    """A measured value beats the rule."""
    model = LinearPower(idle_w=100, max_w=200)
    assert WattTable.sample(model, hosting_idle_w=123.4567).hosting_idle_mw == 123_457


def test_piecewise_and_linear_agree_on_a_straight_line():
    """Both models say the same where the curve is a line."""
    line = LinearPower(idle_w=100, max_w=200)
    points = PiecewisePower(points_w=tuple(100 + 10 * k for k in range(11)))
    for u in np.linspace(0, 1, 57):
        assert points.power_w(u) == pytest.approx(line.power_w(u))


def test_all_published_servers_are_usable():
    """Twenty servers; each makes a valid table, and none draws less at a higher load."""
    servers = spec_servers()
    assert len(servers) == 20
    for name, server in servers.items():
        table = WattTable.sample(SpecPower(server=name))
        assert table.points_mw == tuple(round(1_000 * p) for p in server.points_w)
        assert list(table.points_mw) == sorted(table.points_mw)
        assert list(table.hosting_mw) == sorted(table.hosting_mw)
        assert server.cores > 0
        assert 2007 <= server.year <= 2026
        assert server.memory_gib > 0
        assert server.result


def test_published_server_has_its_published_watts():
    """One row against the published result, so that columns cannot slip."""
    g5 = spec_servers()["hp-ml110-g5"]
    assert g5.points_w == (93.7, 97, 101, 105, 110, 116, 121, 125, 129, 133, 135)
    assert (g5.cores, g5.cpu) == (2, "Xeon 3075")


def test_unknown_server_is_met_with_the_nearest():
    """A typing error in a fleet file ends in a suggestion."""
    with pytest.raises(UnknownNameError, match="did you mean 'hp-ml110-g5'"):
        SpecPower(server="hp-ml110g5")


def test_registry_knows_the_models():
    """Names in fleet files lead to the classes, which satisfy the protocol."""
    assert POWER_MODELS.names() == ("linear", "piecewise", "spec")
    assert POWER_MODELS.get("linear") is LinearPower
    assert isinstance(LinearPower(idle_w=1, max_w=2), PowerModel)


@pytest.mark.parametrize(
    ("points", "idle"),
    [((1,) * 10, 1), ((-1, *(1,) * 10), 1), ((1,) * 11, -1), ((3, *(2,) * 10), 3)],
)
def test_impossible_tables_are_refused(points, idle):
    """Wrong length, negative power, and idle above full load."""
    with pytest.raises(InstanceError, match=r"power\.points_mw"):
        WattTable(points_mw=points, hosting_idle_mw=idle)


@pytest.mark.parametrize("idle_w", [float("nan"), float("inf")])
def test_a_model_without_a_number_is_refused(idle_w):
    """A fault of a power model is an issue of the input, not a crash while it is rounded."""
    with pytest.raises(InstanceError, match="finite watts"):
        WattTable.sample(LinearPower(idle_w=idle_w, max_w=200))


def test_piecewise_needs_eleven_points():
    """A curve with a point missing is refused before it is used."""
    with pytest.raises(InstanceError, match="needs 11 points"):
        PiecewisePower(points_w=(1.0,) * 10)
