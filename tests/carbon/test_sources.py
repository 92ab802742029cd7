from __future__ import annotations

import gzip
import os
from datetime import date, datetime
from datetime import time as clock
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import (
    INTENSITY_SOURCES,
    IntensitySource,
    constant_intensity,
    read_intensity,
    redate,
    zone_names,
)
from consolidate.carbon.constant import ConstantIntensity
from consolidate.carbon.formats.electricity_maps import ElectricityMapsFile
from consolidate.carbon.formats.tidy import TidyFile
from consolidate.errors import ConfigError, HorizonError, TraceError, UnknownNameError
from consolidate.model import TimeGrid

DATA = Path(os.environ.get("CONSOLIDATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
GRID = TimeGrid(start=np.datetime64("2023-01-01"), step_s=3_600, n_steps=4)
OLD = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),"
    "Carbon Intensity gCO₂eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,Data Source,"
    "Data Estimated,Data Estimation Method\n"
)
NEW = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method\n"
)


def em_rows(values: list[tuple[str, str]], *, zone: str = "AA", estimated: str = "false") -> str:
    return "".join(
        f"2023-01-01 {hour:02d}:00:00,Land,Name,{zone},{direct},{cycle},50,40,src,{estimated},\n"
        for hour, (direct, cycle) in enumerate(values)
    )


def tidy(tmp_path: Path, values: dict[int, str], *, unit: str = "g_per_kwh") -> Path:
    path = tmp_path / "intensity.csv"
    rows = [f"2023-01-01T{hour:02d}:00:00Z,{value}\n" for hour, value in values.items()]
    path.write_text(f"timestamp_utc,{unit}\n" + "".join(rows))
    return path


def test_country_figure_carries_its_source() -> None:
    """CC BY asks for attribution, and the reader for year and kind."""
    found = constant_intensity("DE", GRID)
    assert found.g_per_kwh.tolist() == [381.0] * 4
    assert found.source == "Ember via Our World in Data, DE 2023, CC BY 4.0"
    assert (found.kind, found.scope, found.zone) == ("average", "life_cycle", "DE")
    assert len(zone_names()) == 35


def test_part_of_a_country_never_gets_the_country_figure() -> None:
    """USA 369, its north-west 120: the country has to be chosen by the user, knowingly."""
    with pytest.raises(UnknownNameError) as caught:
        constant_intensity("US-CAL-CISO", GRID)
    assert caught.value.nearest == "US"
    with pytest.raises(UnknownNameError, match="did you mean 'DE'"):
        constant_intensity("de", GRID)


def test_given_constant_keeps_what_it_is_said_to_be() -> None:
    """A utility's marginal or direct factor must not be relabelled."""
    found = constant_intensity("my-grid", GRID, g_per_kwh=250, kind="marginal", scope="direct")
    assert found.g_per_kwh.tolist() == [250.0] * 4
    assert (found.kind, found.scope, found.source) == ("marginal", "direct", "given as a constant")


@pytest.mark.parametrize("header", [OLD, NEW], ids=["until-2023", "since-2024"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_both_layouts_of_electricity_maps(tmp_path: Path, header: str, *, packed: bool) -> None:
    """Names and capitals changed; direct and life cycle must not be swapped in either."""
    text = header + em_rows([("100", "150.5"), ("110", "160.5")])
    path = tmp_path / "zone.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert read_intensity(path).g_per_kwh.tolist() == [150.5, 160.5]
    direct = read_intensity(path, scope="direct")
    assert direct.g_per_kwh.tolist() == [100.0, 110.0]
    assert (direct.scope, direct.kind, direct.zone) == ("direct", "average", "AA")
    assert direct.grid == TimeGrid(start=np.datetime64("2023-01-01"), step_s=3_600, n_steps=2)


def test_share_of_estimated_hours_is_kept(tmp_path: Path) -> None:
    """An estimated constant allows no claim about time of day, so a report has to know the share."""
    path = tmp_path / "zone.csv"
    rows = em_rows([("100", "150")] * 3) + "2023-01-01 03:00:00,L,N,AA,9,9,5,4,s,true,MODEL\n"
    path.write_text(OLD + rows, encoding="utf-8")
    assert read_intensity(path).estimated_fraction == 0.25


def test_zone_is_chosen_not_guessed(tmp_path: Path) -> None:
    """A file of several zones has no intensity of its own."""
    path = tmp_path / "zones.csv"
    rows = em_rows([("1", "20"), ("1", "20")]) + em_rows([("3", "40"), ("3", "40")], zone="BB")
    path.write_text(OLD + rows, encoding="utf-8")
    assert read_intensity(path, zone="BB").g_per_kwh.tolist() == [40.0, 40.0]
    with pytest.raises(TraceError, match="2 zones"):
        read_intensity(path)
    with pytest.raises(TraceError, match="not CC"):
        read_intensity(path, zone="CC")


def test_ambiguous_or_unknown_header_is_refused(tmp_path: Path) -> None:
    """Two columns of one meaning, or none, cannot be read without guessing."""
    path = tmp_path / "zone.csv"
    path.write_text(
        OLD.replace("(direct)", "(Life cycle)") + em_rows([("1", "2")] * 2), encoding="utf-8"
    )
    with pytest.raises(TraceError, match="needs one column"):
        read_intensity(path)
    path.write_text("time,value\n1,2\n")
    with pytest.raises(TraceError, match="no known format"):
        read_intensity(path)
    path.write_text(OLD + em_rows([("1", "2")] * 2), encoding="utf-8")
    with pytest.raises(ConfigError, match="marginal"):
        read_intensity(path, kind="marginal")
    with pytest.raises(ConfigError, match="not a format"):
        read_intensity(path, format="constant")
    with pytest.raises(UnknownNameError):
        read_intensity(path, format="electricitymap")


def test_tidy_file_of_any_resolution(tmp_path: Path) -> None:
    """Half-hourly files with offsets instead of Z are as regular as hourly ones."""
    path = tmp_path / "half.csv"
    path.write_text(
        "timestamp_utc,g_per_kwh,estimated\n"
        "2023-01-01T01:00+01:00,10,true\n2023-01-01T00:30Z,20,\n2023-01-01 01:00,30,0\n"
    )
    found = read_intensity(path, zone="X", kind="marginal", scope="direct")
    assert found.grid == TimeGrid(start=np.datetime64("2023-01-01"), step_s=1_800, n_steps=3)
    assert found.estimated_fraction == pytest.approx(1 / 3)
    assert (found.zone, found.kind, found.scope) == ("X", "marginal", "direct")
    assert not any("not stated" in note for note in found.notes)


def test_pounds_are_converted_when_declared(tmp_path: Path) -> None:
    """WattTime publishes lb/MWh; the exact pound is 453.59237 g."""
    found = read_intensity(tidy(tmp_path, {0: "1000", 1: "2000"}, unit="lb_per_mwh"))
    assert found.g_per_kwh.tolist() == [453.59237, 907.18474]


@pytest.mark.parametrize(("value", "unit"), [("0.381", "kg/kWh"), ("1900", "lb/MWh")])
def test_median_of_another_unit_is_refused(tmp_path: Path, value: str, unit: str) -> None:
    """A factor of a thousand has to be noticed at the door."""
    with pytest.raises(TraceError, match=unit):
        read_intensity(tidy(tmp_path, dict.fromkeys(range(4), value)))


def test_single_odd_hours_are_kept(tmp_path: Path) -> None:
    """A windy night near zero and a coal evening above 1,500 are real."""
    found = read_intensity(tidy(tmp_path, {0: "0", 1: "300", 2: "310", 3: "1600"}))
    assert found.g_per_kwh.tolist() == [0.0, 300.0, 310.0, 1_600.0]


def test_short_gaps_are_filled_and_counted(tmp_path: Path) -> None:
    """Absent rows and empty cells are the same gap; both show in the notes."""
    path = tidy(tmp_path, {0: "100", 1: "110", 2: "", 4: "140", 5: "150", 6: "160"})
    found = read_intensity(path)
    assert found.g_per_kwh.tolist() == [100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 160.0]
    assert any(
        "2 of 7 steps had no value" in note and "2023-01-01T02:00:00Z" in note for note in found.notes
    )
    with pytest.raises(TraceError, match="2 h"):
        read_intensity(path, fill_gaps_h=1)


def test_long_gaps_are_refused_at_their_line(tmp_path: Path) -> None:
    """Four missing hours are half a day's shape; a straight line would hide it."""
    with pytest.raises(TraceError, match="no value from 2023-01-01T02:00:00Z") as caught:
        read_intensity(tidy(tmp_path, {0: "100", 1: "100", 6: "100", 7: "100"}))
    assert caught.value.line == 4


@pytest.mark.parametrize(
    ("rows", "line", "column", "message"),
    [
        ("2023-01-01T00:00Z,1\n2023-01-01T00:00Z,2\n", 3, "timestamp_utc", "is given twice"),
        ("2023-01-01T01:00Z,1\n2023-01-01T00:00Z,1\n", 3, "timestamp_utc", "is earlier"),
        ("2023-01-01T00:00Z,9\n2023-01-01T01:00Z,nan\n", 3, "g_per_kwh", "'nan'"),
        ("2023-01-01T00:00Z,9\n2023-01-01T01:00Z,-4\n", 3, "g_per_kwh", "'-4'"),
        ("2023-01-01T00:00Z,9\n2023-01-01T01:00Z,n/a\n", 3, "g_per_kwh", "'n/a'"),
        ("01.01.2023 00:00,9\n", 2, "timestamp_utc", "'01.01.2023 00:00'"),
        ("2023-01-01T00:00Z,9\n2023-01-01T01:00Z,\n", 3, "g_per_kwh", "need a value"),
        ("2023-01-01T00:00Z,9\n2023-01-01T01:00Z\n", 3, None, "needs 2 cells"),
        ("2023-01-01T00:00Z,9\n", None, None, "at least two rows"),
        (
            "2023-01-01T00:00Z,9\n2023-01-01T01:00Z,9\n2023-01-01T02:00Z,9\n2023-01-01T03:20Z,9\n",
            5,
            "timestamp_utc",
            "no multiple of 3600 s",
        ),
    ],
)
def test_wrong_rows_are_refused_with_place_and_value(
    tmp_path: Path, rows: str, line: int | None, column: str | None, message: str
) -> None:
    """The user must be led to the cell to change."""
    path = tmp_path / "tidy.csv"
    path.write_text("timestamp_utc,g_per_kwh\n" + rows)
    with pytest.raises(TraceError) as caught:
        read_intensity(path)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in str(caught.value)


def test_damaged_files_are_input_errors(tmp_path: Path) -> None:
    """A truncated download is the user's file, not a crash of ours."""
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"timestamp_utc,g_per_kwh\n" * 99)[:40])
    with pytest.raises(TraceError, match="cannot be read"):
        read_intensity(path)
    with pytest.raises(TraceError, match="cannot be read"):
        read_intensity(tmp_path / "none.csv")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TraceError, match="UTF-8"):
        read_intensity(path)


def test_every_source_of_the_registry_conforms(tmp_path: Path, small_files: dict[str, Path]) -> None:
    """All sources are used alike: they cover the grid that was asked for, or raise."""
    path = tidy(tmp_path, dict.fromkeys(range(6), "100"))
    em = tmp_path / "em.csv"
    em.write_text(NEW + em_rows([("1", "100")] * 6), encoding="utf-8")
    made: dict[str, IntensitySource] = {
        "constant": ConstantIntensity(zone="FR"),
        "tidy": TidyFile(path=path),
        "electricitymaps": ElectricityMapsFile(path=em),
    }
    for name, file in small_files.items():
        made[name] = INTENSITY_SOURCES.get(name)(path=file)  # type: ignore[call-arg]
        assert read_intensity(file).grid.start == GRID.start
    assert set(made) == set(INTENSITY_SOURCES)
    for name, source in made.items():
        assert type(source) is INTENSITY_SOURCES.get(name)
        assert isinstance(source, IntensitySource)
        assert source.intensity(GRID).at(GRID.times()).shape == (4,)
        if name != "constant":
            with pytest.raises(HorizonError, match="redate"):
                source.intensity(GRID.starting(np.datetime64("2022-01-01")))


def test_redate_keeps_weekday_and_hour() -> None:
    """The PlanetLab day of 3 March 2011 was a Thursday; so is the day that it is moved to."""
    moved = redate(np.datetime64("2011-03-03T06:05:00"), 2023)
    assert moved == np.datetime64("2023-03-02T06:05:00")


@given(
    day=st.dates(date(1990, 1, 1), date(2040, 12, 31)),
    time=st.times().map(lambda t: t.replace(microsecond=0)),
    year=st.integers(1990, 2040),
)
def test_redate_finds_the_nearest_such_day(day: date, time: clock, year: int) -> None:
    """Against a search through every day of the year."""
    start = np.datetime64(datetime.combine(day, time), "s")
    moved = redate(start, year).astype("datetime64[s]").item()
    assert (moved.year, moved.weekday(), moved.time()) == (year, day.weekday(), time)
    leap_day = (day.month, day.day) == (2, 29)
    wanted = np.datetime64(date(year, day.month, 28 if leap_day else day.day), "D")
    days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
    same = days[(days.astype(int) + 3) % 7 == day.weekday()]
    assert abs(np.datetime64(moved, "D") - wanted) == np.abs(same - wanted).min()


@pytest.mark.skipif(
    not (DATA / "carbon").is_dir(), reason="real data absent: set CONSOLIDATE_DATA to its folder"
)
@pytest.mark.parametrize(
    ("file", "zone", "life_cycle", "direct", "estimated"),
    [
        ("US-CAL-CISO_2023_hourly", "US-CAL-CISO", 260.75, 193.96, 2),
        ("GB_2023_hourly", "GB", 187.53, 128.56, 20),
        ("CA-ON_2023_hourly", "CA-ON", 72.85, 46.94, 13),
        ("IN-WE_2023_hourly", "IN-WE", 749.17, 691.12, 8_760),
    ],
)
def test_real_electricity_maps_files(
    file: str, zone: str, life_cycle: float, direct: float, estimated: int
) -> None:
    """Means counted independently of the reader; CA-ON has zeros, IN-WE is all estimated."""
    path = DATA / "carbon" / "electricitymaps" / f"{file}.csv.gz"
    found = read_intensity(path)
    assert found.zone == zone
    assert found.grid.n_steps == 8_760
    assert found.g_per_kwh.mean() == pytest.approx(life_cycle, abs=0.01)
    assert found.estimated_fraction == pytest.approx(estimated / 8_760)
    assert read_intensity(path, scope="direct").g_per_kwh.mean() == pytest.approx(direct, abs=0.01)
