"""JSON and CSV of the intensity services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consolidate.carbon import inspect_intensity, read_intensity
from consolidate.errors import ConfigError, TraceError


def write(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "answer.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_electricity_maps_api_keeps_what_the_file_says(small_files: dict[str, Path]) -> None:
    """The type of the factors and the flag of each hour are the file's, not the caller's."""
    found = inspect_intensity(small_files["electricitymaps_api"])
    assert found.intensity.g_per_kwh.tolist() == [300.0, 301.0, 302.0, 303.0, 304.0, 305.0]
    assert found.estimated.tolist() == [True] + [False] * 5
    assert (found.intensity.kind, found.intensity.scope) == ("average", "life_cycle")
    with pytest.raises(ConfigError, match="holds life-cycle emissions, not direct"):
        read_intensity(small_files["electricitymaps_api"], scope="direct")
    with pytest.raises(TraceError, match="not FR"):
        read_intensity(small_files["electricitymaps_api"], zone="FR")


def test_electricity_maps_api_null_is_a_gap(tmp_path: Path, make: dict[str, Any]) -> None:
    """A missing hour between 301 and 303 is filled with 302, never with 0."""
    document = make["electricity_maps_api"]()
    document["history"][2]["carbonIntensity"] = None
    found = inspect_intensity(write(tmp_path, document))
    assert found.intensity.g_per_kwh[2] == 302.0
    assert found.filled.tolist() == [False, False, True, False, False, False]


def test_electricity_maps_forecast_is_estimated_and_needs_a_scope(tmp_path: Path) -> None:
    """A forecast carries no type of factors: two readings, so the caller has to say which."""
    document = {
        "zone": "FR",
        "forecast": [
            {"carbonIntensity": 50, "datetime": "2023-01-01T00:00:00.000Z"},
            {"carbonIntensity": 60, "datetime": "2023-01-01T01:00:00.000Z"},
        ],
    }
    path = write(tmp_path, document)
    with pytest.raises(ConfigError, match="emissionFactorType"):
        read_intensity(path)
    found = read_intensity(path, scope="direct")
    assert (found.zone, found.scope, found.estimated_fraction) == ("FR", "direct", 1.0)


def test_electricity_maps_api_never_mixes_factors(tmp_path: Path, make: dict[str, Any]) -> None:
    """Direct and life-cycle values in one series would be a jump that no grid made."""
    document = make["electricity_maps_api"]()
    document["history"][3]["emissionFactorType"] = "direct"
    with pytest.raises(TraceError, match="in all entries"):
        read_intensity(write(tmp_path, document))


def test_watttime_is_marginal_direct_and_in_pounds(small_files: dict[str, Path]) -> None:
    """1,000 lb/MWh are 453.59237 g/kWh exactly; sorted although the newest comes first."""
    found = read_intensity(small_files["watttime"])
    assert found.g_per_kwh[0] == 453.59237
    assert (found.kind, found.scope, found.zone) == ("marginal", "direct", "CAISO_NORTH")
    assert "model of 2023-03-01" in found.source
    with pytest.raises(ConfigError, match="marginal intensity, not average"):
        read_intensity(small_files["watttime"], kind="average")
    with pytest.raises(ConfigError, match="not life cycle"):
        read_intensity(small_files["watttime"], scope="life_cycle")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signal": "health_damage"}, "no mass of CO2"),
        ({"units": "kg_co2_per_mwh"}, "needs the unit lbs_co2_per_mwh"),
    ],
)
def test_watttime_other_signals_and_units_are_refused(
    tmp_path: Path, make: dict[str, Any], changes: dict[str, str], message: str
) -> None:
    """Dollars of health damage look like numbers too."""
    with pytest.raises(TraceError, match=message):
        read_intensity(write(tmp_path, make["watttime"](**changes)))


def test_watttime_average_signal(tmp_path: Path, make: dict[str, Any]) -> None:
    """The average signal of the same service must not pass as marginal."""
    assert read_intensity(write(tmp_path, make["watttime"](signal="co2_aoer"))).kind == "average"


def test_uk_null_is_not_zero(tmp_path: Path, make: dict[str, Any]) -> None:
    """An actual value that is not settled: the forecast stands in and is flagged, or it is a gap."""
    document = make["uk_api"]()
    document["data"][2]["intensity"]["actual"] = None
    path = write(tmp_path, document)
    found = inspect_intensity(path)
    assert found.intensity.g_per_kwh.tolist() == [190.0, 191.0, 202.0, 193.0, 194.0, 195.0]
    assert found.estimated.tolist() == [False, False, True, False, False, False]
    assert [repair.kind for repair in found.repairs] == ["stand_in"]
    only = inspect_intensity(path, series="actual")
    assert only.intensity.g_per_kwh[2] == 192.0
    assert only.filled[2]
    assert read_intensity(path, series="forecast").g_per_kwh.tolist()[:2] == [200.0, 201.0]
    assert (found.intensity.scope, found.intensity.zone) == ("direct", "GB")


def test_uk_without_any_actual_value(tmp_path: Path) -> None:
    """A saved forecast: readable as a forecast, empty as actuals."""
    path = tmp_path / "uk.csv"
    path.write_text(
        "from,intensity.forecast,intensity.actual\n2023-03-14T03:30Z,69,\n2023-03-14T04:00Z,72,\n"
    )
    assert read_intensity(path).estimated_fraction == 1.0
    with pytest.raises(TraceError, match="holds no actual value"):
        read_intensity(path, series="actual")


def test_uk_regions_are_chosen(tmp_path: Path) -> None:
    """A regional answer nests the half hours in their region."""
    halves = [
        {"from": f"2023-01-01T0{k}:00Z", "to": "", "intensity": {"forecast": 100 + k}} for k in range(3)
    ]
    regions = [
        {"regionid": 13, "shortname": "London", "data": halves},
        {"regionid": 1, "shortname": "North Scotland", "data": halves[::-1]},
    ]
    path = write(tmp_path, {"data": regions})
    assert read_intensity(path, zone="London").zone == "GB London"
    assert read_intensity(path, zone="1").g_per_kwh.tolist() == [100.0, 101.0, 102.0]
    with pytest.raises(TraceError, match="say which"):
        read_intensity(path)
    with pytest.raises(TraceError, match="not Wales"):
        read_intensity(path, zone="Wales")
    assert read_intensity(write(tmp_path, {"data": regions[0]})).zone == "GB London"


def test_opendc_parquet(small_files: dict[str, Path]) -> None:
    """Naive milliseconds are UTC; an unstated scope is said to be assumed."""
    found = read_intensity(small_files["opendc"])
    assert found.g_per_kwh.tolist() == [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]
    assert "scope not stated: taken as life cycle" in found.notes
    assert read_intensity(small_files["opendc"], scope="direct").scope == "direct"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "broken JSON"),
        ("[" * 100_000, "nested too deeply|broken JSON"),
        ('{"a": 1}', "the JSON holds a"),
        ("[]", "no known format"),
        ("<html></html>", "GL_MarketDocument"),
        ("PAR1 no parquet", "Parquet file has the columns"),
        ("Time,Carbon Intensity\n2020-01-01,3\n", "unit='g_per_kwh'"),
        (",FR,PT,sum\n2020-01-01,1,2,3\n", "flows over borders"),
        ("year,cloud-region,em-zone-id\n2024,a,b\n", "as a constant"),
    ],
)
def test_other_files_are_refused_with_a_next_step(tmp_path: Path, text: str, message: str) -> None:
    """The commonest look-alikes have an answer of their own."""
    with pytest.raises(TraceError, match=message):
        read_intensity(write(tmp_path, text))


def test_unit_that_a_column_does_not_say_is_stated(tmp_path: Path) -> None:
    """Both columns and the unit by option: declared, never guessed."""
    path = tmp_path / "own.csv"
    path.write_text("Time,Carbon Intensity\n2020-01-01 00:00,300\n2020-01-01 01:00,310\n")
    options: dict[str, Any] = {"time_column": "Time", "value_column": "Carbon Intensity"}
    found = read_intensity(path, format="tidy", unit="g_per_kwh", **options)
    assert found.g_per_kwh.tolist() == [300.0, 310.0]
    with pytest.raises(ConfigError, match="does not say it"):
        read_intensity(path, format="tidy", **options)
    with pytest.raises(ConfigError, match="needs one of"):
        read_intensity(path, format="tidy", unit="mWh", **options)
    with pytest.raises(ConfigError, match="did you mean 'unit'"):
        read_intensity(path, format="tidy", units="g_per_kwh")


def test_kilograms_are_converted_when_declared(tmp_path: Path) -> None:
    """The column name is the declaration."""
    path = tmp_path / "own.csv"
    path.write_text("timestamp_utc,kg_per_kwh\n2020-01-01T00:00Z,0.3\n2020-01-01T01:00Z,0.4\n")
    assert read_intensity(path).g_per_kwh.tolist() == [300.0, 400.0]
    with pytest.raises(ConfigError, match="the column says kg_per_kwh"):
        read_intensity(path, format="tidy", unit="g_per_kwh", value_column="kg_per_kwh")


def test_wrong_options_are_refused(small_files: dict[str, Path]) -> None:
    """A format that is another, a zone that the file contradicts."""
    path = small_files["watttime"]
    with pytest.raises(TraceError, match="is not of this format"):
        read_intensity(path, format="uk_api")
    with pytest.raises(TraceError, match="holds CAISO_NORTH, not PJM"):
        read_intensity(path, zone="PJM")


def test_electricity_maps_entries_in_a_list(tmp_path: Path, make: dict[str, Any]) -> None:
    """Saved answers of several calls, as a list; of two zones one is chosen."""
    entries = make["electricity_maps_api"]()["history"]
    other = [entry | {"zone": "FR", "carbonIntensity": 50} for entry in entries]
    path = write(tmp_path, [*other, *entries])
    assert read_intensity(path, zone="FR").g_per_kwh.tolist() == [50.0] * 6
    with pytest.raises(TraceError, match="2 zones"):
        read_intensity(path)


def test_tidy_refuses_columns_it_does_not_know(tmp_path: Path) -> None:
    """Two values in one row, or a column that somebody expected to matter."""
    path = tmp_path / "own.csv"
    for header in ("timestamp_utc,g_per_kwh,lb_per_mwh", "timestamp_utc,g_per_kwh,zone"):
        path.write_text(f"{header}\n2020-01-01T00:00Z,1,2\n")
        with pytest.raises(TraceError, match="and may have estimated"):
            read_intensity(path)


def test_opendc_instants_have_to_be_instants(tmp_path: Path) -> None:
    """Seconds as integers could be anything; an instant that is missing belongs nowhere."""
    path = tmp_path / "own.parquet"
    for stamps, message in (
        (pa.array([1, 2], pa.int64()), "needs instants"),
        (pa.array([1, None], pa.timestamp("ms")), "1 rows have no instant"),
    ):
        pq.write_table(pa.table({"timestamp": stamps, "carbon_intensity": [1.0, 2.0]}), path)
        with pytest.raises(TraceError, match=message):
            read_intensity(path)


def test_parts_of_a_second_are_refused(tmp_path: Path) -> None:
    """Steps are whole seconds."""
    path = tmp_path / "own.csv"
    path.write_text("timestamp_utc,g_per_kwh\n2020-01-01T00:00:00.5Z,1\n")
    with pytest.raises(TraceError, match="whole seconds"):
        read_intensity(path)
