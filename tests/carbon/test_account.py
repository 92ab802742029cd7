"""Lines of the account beside the grams: method, facility, embodied, score, money, water."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import (
    ClaimedAvoidance,
    constant_intensity,
    embodied_memo,
    emissions_g,
    energy_cost,
    facility_lines,
    location_line,
    market_line,
    read_market_factors,
    read_tariff,
    sci_score,
    water_l,
)
from consolidate.carbon.zone_table import zone_row
from consolidate.errors import ConfigError, HorizonError, InstanceError, TraceError, UnknownNameError
from consolidate.model import CarbonIntensity, TimeGrid

KWH = 3_600_000_000
GRID = TimeGrid(start=np.datetime64("2024-01-01"), step_s=3_600, n_steps=2)


def intensity(values: list[float], **changes: str) -> CarbonIntensity:
    given = {"zone": "a", "kind": "average", "scope": "life_cycle", "source": "test"} | changes
    grid = TimeGrid(start=GRID.start, step_s=3_600, n_steps=len(values))
    return CarbonIntensity(grid=grid, g_per_kwh=np.array(values), **given)  # type: ignore[arg-type]


def test_location_line_sums_sites_at_their_own_intensity() -> None:
    """Two sites, anti-correlated load and intensity: 1 kWh at 100 g and 2 kWh at 50 g."""
    energy = np.array([[KWH, 0], [0, 2 * KWH]])
    line = location_line(GRID, energy, [intensity([100.0, 900.0]), intensity([800.0, 50.0])])
    assert line.emissions_g == 200.0
    assert line.energy_kwh == 3.0
    assert line.label == "location-based, average, life cycle"


def test_kinds_and_scopes_are_never_mixed() -> None:
    """An average at one site and a marginal at the other is neither."""
    energy = np.array([[KWH, 0], [0, KWH]])
    for changes in ({"kind": "marginal"}, {"scope": "direct"}):
        with pytest.raises(InstanceError, match="one kind and scope"):
            location_line(GRID, energy, [intensity([1.0, 1.0]), intensity([1.0, 1.0], **changes)])
    with pytest.raises(InstanceError, match="one for each of 2 sites"):
        location_line(GRID, energy, [intensity([1.0, 1.0])])


def test_lines_cannot_be_added() -> None:
    """Average and marginal answer two questions; a sum answers none."""
    line = location_line(GRID, np.array([[KWH, KWH]]), [intensity([1.0, 1.0])])
    with pytest.raises(TypeError):
        line + line  # type: ignore[operator]


def market_file(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "market.csv"
    path.write_text("start_utc,end_utc,g_per_kwh,instrument,evidence\n" + rows)
    return path


def test_market_line_needs_contracts_for_all_the_time(tmp_path: Path) -> None:
    """Nothing stands in for a contract: the residual mix has to be stated as well."""
    half = "2024-01-01T00:00Z,2024-01-01T01:00Z,0,guarantee of origin,GO-1\n"
    energy = np.array([KWH, KWH])
    with pytest.raises(HorizonError, match="market-based factors does not cover"):
        market_line(GRID, energy, read_market_factors(market_file(tmp_path, half)))
    rest = "2024-01-01T01:00Z,2024-01-02T00:00Z,600,residual mix,AIB 2024\n"
    line = market_line(GRID, energy, read_market_factors(market_file(tmp_path, half + rest)))
    assert line.emissions_g == 600.0
    assert line.label == "market-based, by contracts that the user stated"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2024-01-01T00:00Z,2024-01-01T01:00Z,0,guarantee of origin,\n", "may not be empty"),
        ("2024-01-01T00:00Z,2024-01-01T01:00Z,-1,ppa,x\n", "0 or more"),
        ("2024-01-01T00:00Z,2024-01-01T00:00Z,1,ppa,x\n", "does not follow"),
        (
            "2024-01-01T00:00Z,2024-01-01T01:00Z,1,a,x\n2024-01-01T02:00Z,2024-01-01T03:00Z,1,a,x\n",
            "no gap",
        ),
    ],
)
def test_wrong_contracts_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    """A contract without evidence is a wish."""
    with pytest.raises(TraceError, match=message):
        read_market_factors(market_file(tmp_path, rows))


def test_money_over_a_changing_price(tmp_path: Path) -> None:
    """1 kWh at 0.20 and half of 2 kWh at 0.20, half at -0.10 (a day-ahead price): 0.30 by hand."""
    path = tmp_path / "tariff.csv"
    path.write_text(
        "start_utc,end_utc,price_per_kwh,currency\n2024-01-01T00:00Z,2024-01-01T01:30Z,0.2,EUR\n"
        "2024-01-01T01:30Z,2024-01-02T00:00Z,-0.1,EUR\n"
    )
    tariff = read_tariff(path)
    assert energy_cost(GRID, np.array([KWH, 2 * KWH]), tariff) == pytest.approx(0.3)
    assert tariff.currency == "EUR"
    path.write_text(path.read_text().replace("-0.1,EUR", "-0.1,GBP"))
    with pytest.raises(TraceError, match="one currency"):
        read_tariff(path)


@given(quantity=st.floats(-1e9, 1e9), pue=st.floats(1, 3), share=st.floats(0, 1))
def test_facility_lines_are_ordered(quantity: float, pue: float, share: float) -> None:
    """A saving is least at the IT equipment and most in proportion; PUE 1 changes nothing."""
    lines = facility_lines(quantity, pue, variable_share=share)
    tolerance = 1e-6 * abs(quantity) + 1e-9
    assert abs(lines.it) <= abs(lines.marginal) + tolerance <= abs(lines.proportional) + 2 * tolerance
    assert facility_lines(quantity, 1.0, variable_share=share).proportional == quantity


def test_facility_lines_by_hand() -> None:
    """100 kWh at PUE 1.54: half of the overhead follows the load."""
    lines = facility_lines(100.0, 1.54)
    assert (lines.it, lines.marginal, lines.proportional) == pytest.approx((100.0, 127.0, 154.0))
    with pytest.raises(InstanceError, match="needs 1 to 3"):
        facility_lines(1.0, 0.9)
    with pytest.raises(InstanceError, match="needs 0 to 1"):
        facility_lines(1.0, 1.1, variable_share=2.0)


def test_water_only_when_wue_is_given() -> None:
    """No default: litres differ a hundredfold between sites."""
    assert water_l(10 * KWH, 1.8) == pytest.approx(18.0)
    assert water_l(10 * KWH, None) is None
    with pytest.raises(InstanceError, match="wue"):
        water_l(1, -1.0)


def test_embodied_memo_of_the_sci_example() -> None:
    """1,000 kg over 4 years are 28.5 g an hour (worked example of the specification)."""
    memo = embodied_memo([1_000.0, None], 3_600)
    assert memo.amortised_g == pytest.approx(28.52, abs=0.01)
    assert (memo.known, memo.unknown) == (1, 1)
    with pytest.raises(InstanceError, match="lifetime_years"):
        embodied_memo([1.0], 1, lifetime_years=0.0)
    with pytest.raises(InstanceError, match=r"embodied_kg\[1\]"):
        embodied_memo([1.0, -2.0], 1)


def test_avoided_embodied_carbon_needs_evidence() -> None:
    """The user's claim, with the user's proof."""
    claim = {
        "asset_id": "r740-7",
        "what": "not_purchased",
        "on": date(2024, 5, 1),
        "embodied_kg": 1_313.0,
    }
    found = ClaimedAvoidance(**claim, evidence="PO 17 cancelled", displaced_fraction=0.5)  # type: ignore[arg-type]
    assert found.avoided_kg == 656.5
    with pytest.raises(InstanceError) as caught:
        ClaimedAvoidance(**claim, evidence=" ", displaced_fraction=1.5)  # type: ignore[arg-type]
    assert len(caught.value.issues) == 2


def test_sci_score_by_hand(tmp_path: Path) -> None:
    """2 kWh at 250 g plus 100 g embodied, over 50 VM-hours: 12 g each; market-based is forbidden."""
    line = location_line(GRID, np.array([[KWH, KWH]]), [intensity([250.0, 250.0])])
    memo = embodied_memo([100.0 / 1_000 * 4 * 365.25 * 24], 3_600)
    score = sci_score(line, memo, units=50, functional_unit="VM-hour")
    assert score.g_per_unit == pytest.approx(12.0)
    assert score.intensity == "location-based, average, life cycle"
    row = "2024-01-01T00:00Z,2024-01-02T00:00Z,0,ppa,1\n"
    market = market_line(GRID, np.array([KWH, KWH]), read_market_factors(market_file(tmp_path, row)))
    with pytest.raises(InstanceError) as caught:
        sci_score(market, memo, units=0, functional_unit="")
    assert len(caught.value.issues) == 3


@pytest.mark.parametrize(
    ("start", "hours"),
    [("2024-02-28T12:00", 48), ("2024-03-30T23:00", 24), ("2024-10-26T22:00", 24)],
    ids=["leap day", "spring change", "autumn change"],
)
def test_calendar_does_not_bend_energy(start: str, hours: int) -> None:
    """SimGrid's 100 W at 33.45 g/kWh over a leap day and both changes of the clock: UTC has no jumps."""
    grid = TimeGrid(start=np.datetime64(start), step_s=900, n_steps=4 * hours)
    energy = np.full(grid.n_steps, 100 * 900 * 1_000)
    found = emissions_g(grid, energy, constant_intensity("x", grid, g_per_kwh=33.45))
    assert found == pytest.approx(33.45 * hours / 10, rel=1e-14)


def test_zone_table_of_the_user(tmp_path: Path) -> None:
    """A table says for each zone what its figure is; nothing else is assumed about it."""
    path = tmp_path / "zones.csv"
    head = "zone,g_per_kwh,kind,scope,source\n"
    path.write_text(head + "AA,207.05,average,direct,DESNZ 2024\nBB,500,marginal,direct,own study\n")
    found = constant_intensity("AA", GRID, table=path)
    assert (found.g_per_kwh[0], found.kind, found.scope) == (207.05, "average", "direct")
    assert found.source.startswith("DESNZ 2024 (file zones.csv, sha256 ")
    assert constant_intensity("BB", GRID, table=path).kind == "marginal"
    with pytest.raises(UnknownNameError, match="did you mean 'AA'"):
        constant_intensity("AAA", GRID, table=path)
    with pytest.raises(ConfigError, match="give one"):
        constant_intensity("AA", GRID, table=path, g_per_kwh=3.0)
    for row, message in (
        ("AA,0.207,average,direct,x\n", "looks like kg/kWh"),
        ("AA,1900,average,direct,x\n", "looks like lb/MWh"),
        ("AA,n/a,average,direct,x\n", "finite number"),
        ("AA,200,mean,direct,x\n", "average or marginal"),
        ("AA,200,average,direct,\n", "a source"),
    ):
        path.write_text(head + row)
        with pytest.raises(TraceError, match=message):
            zone_row(path, "AA")


def test_headers_of_period_files_and_claims(tmp_path: Path) -> None:
    """A tariff read as contracts, and a claim of less than nothing."""
    path = tmp_path / "tariff.csv"
    path.write_text(
        "start_utc,end_utc,price_per_kwh,currency\n2024-01-01T00:00Z,2024-01-02T00:00Z,x,EUR\n"
    )
    with pytest.raises(TraceError, match="needs the columns"):
        read_market_factors(path)
    with pytest.raises(TraceError, match="a finite number, got 'x'"):
        read_tariff(path)
    with pytest.raises(InstanceError, match="embodied_kg"):
        ClaimedAvoidance(
            asset_id="a",
            what="retired",
            on=date(2024, 1, 1),
            evidence="x",
            embodied_kg=-1.0,
            displaced_fraction=1.0,
        )
    path.write_text("zone,g_per_kwh\nAA,3\n")
    with pytest.raises(TraceError, match="needs the columns zone"):
        zone_row(path, "AA")
