"""Generation by technology: ENTSO-E, EIA, factors, clocks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from consolidate.carbon import inspect_intensity, read_intensity, technology_factors
from consolidate.carbon.clock import local_stamps
from consolidate.errors import ConfigError, TraceError

#: 600 MW of gas and 400 MW of wind, by hand: 0.6 x 490 + 0.4 x 11 and 0.6 x 370.
GAS_AND_WIND, GAS_AND_WIND_DIRECT = 298.4, 222.0


def entsoe(tmp_path: Path, rows: str, *, header: str | None = None) -> Path:
    path = tmp_path / "generation.csv"
    lines = header or (
        ",Fossil Gas,Hydro Pumped Storage,Hydro Pumped Storage,Wind Onshore\n"
        ",Actual Aggregated,Actual Aggregated,Actual Consumption,Actual Aggregated\n"
    )
    path.write_text(lines + rows)
    return path


@pytest.mark.parametrize("name", ["entsoe_csv", "entsoe_xml", "eia", "eia_api"])
def test_same_mix_gives_the_same_intensity_in_every_format(
    small_files: dict[str, Path], name: str
) -> None:
    """Four files of one generation, against the hand calculation, in both scopes."""
    found = read_intensity(small_files[name])
    assert found.g_per_kwh == pytest.approx([GAS_AND_WIND] * 6, rel=1e-12)
    assert (found.kind, found.scope) == ("average", "life_cycle")
    assert any("imports are not counted" in note for note in found.notes)
    assert any("gas 490, wind 11; built-in table" in note for note in found.notes)
    direct = read_intensity(small_files[name], scope="direct")
    assert direct.g_per_kwh == pytest.approx([GAS_AND_WIND_DIRECT] * 6, rel=1e-12)


def test_pumps_have_no_part(tmp_path: Path) -> None:
    """What a pump stores was counted when it was generated."""
    path = entsoe(tmp_path, "".join(f"2023-01-01 0{h}:00:00Z,600,300,100,400\n" for h in range(3)))
    assert read_intensity(path).g_per_kwh == pytest.approx([GAS_AND_WIND] * 3)


def test_own_factors_are_used_and_printed(tmp_path: Path, small_files: dict[str, Path]) -> None:
    """An auditor must see which factors made the figure."""
    factors = tmp_path / "factors.csv"
    factors.write_text("technology,life_cycle_g_per_kwh,direct_g_per_kwh\ngas,500,400\nwind,0,0\n")
    found = read_intensity(small_files["entsoe_xml"], factors=factors)
    assert found.g_per_kwh == pytest.approx([300.0] * 6)
    assert any("gas 500, wind 0; file factors.csv" in note for note in found.notes)
    factors.write_text("technology,life_cycle_g_per_kwh,direct_g_per_kwh\ngas,500,400\n")
    with pytest.raises(TraceError, match="no factor for wind"):
        read_intensity(small_files["entsoe_xml"], factors=factors)
    factors.write_text("technology,life_cycle_g_per_kwh,direct_g_per_kwh\ngas,500,-1\n")
    with pytest.raises(TraceError, match="two numbers of 0 or more"):
        technology_factors(factors)


def test_missing_technology_makes_a_gap_not_a_clean_hour(tmp_path: Path) -> None:
    """Gas without a value in one hour: counted as none, the hour would be nearly free of carbon."""
    rows = ["600", "600", "", "600"]
    path = entsoe(
        tmp_path, "".join(f"2023-01-01 0{h}:00Z,{gas},0,0,400\n" for h, gas in enumerate(rows))
    )
    found = inspect_intensity(path)
    assert found.intensity.g_per_kwh == pytest.approx([GAS_AND_WIND] * 4)
    assert found.filled.tolist() == [False, False, True, False]


def test_technology_that_a_zone_lacks_is_no_gap(tmp_path: Path) -> None:
    """ "n/e" in every row means that there is no such plant."""
    path = entsoe(tmp_path, "".join(f"2023-01-01 0{h}:00Z,600,n/e,n/e,400\n" for h in range(3)))
    assert read_intensity(path).g_per_kwh == pytest.approx([GAS_AND_WIND] * 3)


def test_partial_row_is_a_gap(tmp_path: Path) -> None:
    """Zeros where a fuel was not delivered: the total falls by more than half for one row."""
    rows = [("600", "400"), ("600", "400"), ("0", "400"), ("600", "400")]
    path = entsoe(
        tmp_path,
        "".join(f"2023-01-01 0{h}:00Z,{gas},0,0,{wind}\n" for h, (gas, wind) in enumerate(rows)),
    )
    found = inspect_intensity(path)
    assert found.intensity.g_per_kwh == pytest.approx([GAS_AND_WIND] * 4)
    assert [repair.kind for repair in found.repairs] == ["partial", "gap"]


def test_negative_generation_is_consumption(tmp_path: Path) -> None:
    """Own use of a plant at night is written as negative generation: none, and listed."""
    path = entsoe(tmp_path, "".join(f"2023-01-01 0{h}:00Z,600,0,0,-4\n" for h in range(3)))
    found = inspect_intensity(path)
    assert found.intensity.g_per_kwh == pytest.approx([490.0] * 3)
    assert {repair.kind for repair in found.repairs} == {"negative"}


def mtu_file(tmp_path: Path, wall: list[str], *, zone: str = " (CET/CEST)") -> Path:
    header = (
        '"Area","MTU","Fossil Gas  - Actual Aggregated [MW]","Wind Onshore  - Actual Aggregated [MW]"\n'
    )
    rows = "".join(
        f'"BZN|ES","{stamp} - later{zone}","{600 + k}","400"\n' for k, stamp in enumerate(wall)
    )
    return entsoe(tmp_path, rows, header=header)


def test_platform_export_over_the_end_of_summer_time(tmp_path: Path) -> None:
    """02:00 stands twice on the last Sunday of October: two hours, in order, and a note."""
    wall = [f"29.10.2023 0{h}:00" for h in (0, 1, 2, 2, 3)]
    found = inspect_intensity(mtu_file(tmp_path, wall))
    assert found.intensity.grid.n_steps == 5
    assert str(found.intensity.grid.start) == "2023-10-28T22:00:00"
    assert not found.filled.any()
    assert [repair.kind for repair in found.repairs] == ["clock"]
    assert found.intensity.zone == "BZN|ES"


def test_platform_export_over_the_start_of_summer_time(tmp_path: Path) -> None:
    """The export has a row for the hour that the clock skips; it is no hour."""
    path = mtu_file(tmp_path, [f"26.03.2023 0{h}:00" for h in (0, 1, 2, 3)])
    with pytest.raises(TraceError, match="which the clock CET/CEST skips"):
        read_intensity(path)
    text = path.read_text().replace('"602","400"', '"n/e","-"')
    path.write_text(text)
    found = inspect_intensity(path)
    assert found.intensity.grid.n_steps == 3
    assert not found.filled.any()


def test_platform_export_has_to_say_its_clock(tmp_path: Path) -> None:
    """An hour's shift of a solar grid is an error of a third."""
    path = mtu_file(tmp_path, [f"26.03.2023 0{h}:00" for h in (3, 4)], zone="")
    with pytest.raises(ConfigError, match="CET/CEST"):
        read_intensity(path)
    assert str(read_intensity(path, clock="UTC").grid.start) == "2023-03-26T03:00:00"
    assert str(read_intensity(path, clock="CET/CEST").grid.start) == "2023-03-26T01:00:00"


@pytest.mark.parametrize(
    ("clock", "zone"),
    [("CET/CEST", "Europe/Madrid"), ("WET/WEST", "Europe/Lisbon"), ("EET/EEST", "Europe/Helsinki")],
)
@pytest.mark.parametrize("year", [2000, 2023, 2024, 2027])
def test_clock_rule_against_the_time_zone_database(clock: str, zone: str, year: int) -> None:
    """Every hour of a year, leap years too: UTC to local by the database, and back by our rule."""
    try:
        info = ZoneInfo(zone)
    except KeyError:
        pytest.skip("no time zone database here")
    start = datetime.fromisoformat(f"{year}-01-01T00:00+00:00")
    instants = [start + timedelta(hours=k) for k in range(24 * (366 if year % 4 == 0 else 365))]
    wall = [instant.astimezone(info).replace(tzinfo=None) for instant in instants]
    found = local_stamps(wall, clock)
    assert [stamp and stamp[0] for stamp in found] == [round(i.timestamp()) for i in instants]


def test_xml_leaves_out_points_that_repeat(tmp_path: Path, make: dict[str, Any]) -> None:
    """Curve type A03 says nothing while nothing changes; in A01 a point that is absent is missing."""
    path = tmp_path / "a75.xml"
    wind = make["entsoe_series"]("B19", {1: 400.0, 4: 600.0}, curve="A03")
    gas = make["entsoe_series"]("B04", dict.fromkeys(range(1, 7), 600.0))
    path.write_text(make["entsoe_xml"](gas + wind))
    half = 0.5 * (490 + 11)
    assert read_intensity(path).g_per_kwh == pytest.approx([GAS_AND_WIND] * 3 + [half] * 3)
    path.write_text(make["entsoe_xml"](gas + wind.replace("A03", "A01")))
    with pytest.raises(TraceError, match="first and the last row need a value"):
        read_intensity(path)


def test_xml_of_two_resolutions(tmp_path: Path, make: dict[str, Any]) -> None:
    """Hourly nuclear beside quarter-hourly solar: hourly values are held over their quarters."""
    path = tmp_path / "a75.xml"
    end = "2023-01-01T02:00Z"
    gas = make["entsoe_series"]("B04", {1: 600.0, 2: 300.0}, end=end)
    wind = make["entsoe_series"]("B19", dict.fromkeys(range(1, 9), 300.0), minutes=15, end=end)
    pump = make["entsoe_series"]("B10", {1: 900.0, 2: 900.0}, direction="out", end=end)
    path.write_text(make["entsoe_xml"](gas + wind + pump))
    found = read_intensity(path, zone="ES")
    assert (found.grid.step_s, found.zone) == (900, "ES")
    assert found.g_per_kwh == pytest.approx([(600 * 490 + 300 * 11) / 900] * 4 + [250.5] * 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<GL_", "<!DOCTYPE a [<!ENTITY b 'c'>]><GL_", "declares a document type"),
        ("B04", "B99", "is B99"),
        ("PT60M", "P1D", "PT15M, PT30M or PT60M"),
        ("MAW", "KWT", "needs MAW"),
        ("<position>6", "<position>7", "position from 1 to 6"),
        ("</GL_MarketDocument>", "", "broken XML"),
        ("inBidding", "outBidding", "no series of generation"),
        ("<start>2023-01-01T00:00Z", "<start>2023-01-01T00:10Z", "no steps of 3600 s"),
    ],
)
def test_wrong_xml_is_refused(
    tmp_path: Path, make: dict[str, Any], old: str, new: str, message: str
) -> None:
    """Entities that fill the memory, unknown plants and units, points outside their period."""
    text = make["entsoe_xml"](make["entsoe_series"]("B04", dict.fromkeys(range(1, 7), 600.0)))
    path = tmp_path / "a75.xml"
    path.write_text(text.replace(old, new))
    with pytest.raises(TraceError, match=message):
        read_intensity(path)


def test_eia_period_is_the_end_of_its_hour(tmp_path: Path, make: dict[str, Any]) -> None:
    """EIA-930 counts hours by their end: the first hour of the day has the period 01."""
    document = make["eia_api"]()
    path = tmp_path / "eia.json"
    path.write_text(json.dumps(document))
    assert str(read_intensity(path).grid.start) == "2023-01-01T00:00:00"
    document["response"]["data"][0]["fueltype"] = "XXX"
    path.write_text(json.dumps(document))
    with pytest.raises(TraceError, match="got XXX"):
        read_intensity(path)


def test_eia_empty_rows_are_gaps(tmp_path: Path) -> None:
    """CISO has three such hours in 2022."""
    path = tmp_path / "eia.csv"
    path.write_text(
        "timestamp,WND,NG,avg_CI\n2022-01-01 00:00Z,400,600,3\n2022-01-01 01:00Z,,,\n"
        "2022-01-01 02:00Z,400,600,3\n"
    )
    found = inspect_intensity(path)
    assert found.filled.tolist() == [False, True, False]
    assert found.intensity.g_per_kwh == pytest.approx([GAS_AND_WIND] * 3)
    ending = read_intensity(path, hour_ending=True)
    assert ending.grid.start == found.intensity.grid.start - np.timedelta64(3_600, "s")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("entsoe_csv", "600", "x", "needs a number of MW"),
        ("entsoe_csv", "Actual Aggregated,Actual", "Forecast,Actual", "in the second line"),
        ("eia", "600", "x", "needs a number of MWh"),
        ("eia_api", '"600"', '"x"', "needs a number of MWh"),
    ],
)
def test_wrong_generation_is_refused(
    small_files: dict[str, Path], name: str, old: str, new: str, message: str
) -> None:
    """With the place, as everywhere."""
    path = small_files[name]
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(TraceError, match=message):
        read_intensity(path)


def test_eia_answers_of_several_zones_and_repeats(tmp_path: Path, make: dict[str, Any]) -> None:
    """One zone is chosen; the same hour and fuel with two values is refused."""
    document = make["eia_api"]()
    rows = document["response"]["data"]
    path = tmp_path / "eia.json"
    path.write_text(json.dumps({"data": [*rows, *({**row, "respondent": "PJM"} for row in rows)]}))
    assert read_intensity(path, zone="PJM").zone == "PJM"
    with pytest.raises(TraceError, match="say which"):
        read_intensity(path)
    path.write_text(json.dumps({"data": [*rows, *({**row, "value": "7"} for row in rows)]}))
    with pytest.raises(TraceError, match="twice, with different values"):
        read_intensity(path)


def test_xml_of_several_zones(tmp_path: Path, make: dict[str, Any]) -> None:
    """The code of a zone chooses among several; a file of one zone takes any name."""
    gas = make["entsoe_series"]("B04", dict.fromkeys(range(1, 7), 600.0))
    wind = make["entsoe_series"]("B19", dict.fromkeys(range(1, 7), 600.0)).replace(
        "10YES-REE", "10YFR-RTE"
    )
    path = tmp_path / "a75.xml"
    path.write_text(make["entsoe_xml"](gas + wind))
    assert read_intensity(path, zone="10YFR-RTE------0").g_per_kwh.tolist() == [11.0] * 6
    with pytest.raises(TraceError, match="2 zones"):
        read_intensity(path)


def test_factor_files_say_what_is_wrong(tmp_path: Path) -> None:
    """Another header, a word in place of a number."""
    path = tmp_path / "factors.csv"
    path.write_text("technology,g_per_kwh\ngas,1\n")
    with pytest.raises(TraceError, match="needs the columns"):
        technology_factors(path)
    path.write_text("technology,life_cycle_g_per_kwh,direct_g_per_kwh\ngas,many,1\n")
    with pytest.raises(TraceError, match="two numbers"):
        technology_factors(path)
