"""Small generated files of every format, with six hours from 2023-01-01T00:00Z."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HOURS = [f"2023-01-01T{hour:02d}:00:00Z" for hour in range(6)]


def electricity_maps_api() -> dict[str, object]:
    entries = [
        {
            "zone": "DE",
            "carbonIntensity": 300 + k,
            "datetime": hour,
            "emissionFactorType": "lifecycle",
            "isEstimated": k == 0,
        }
        for k, hour in enumerate(HOURS)
    ]
    return {"zone": "DE", "history": entries}


def watttime(*, signal: str = "co2_moer", units: str = "lbs_co2_per_mwh") -> dict[str, object]:
    points = [
        {"point_time": hour, "value": 1_000.0 + k, "version": "3.2"} for k, hour in enumerate(HOURS)
    ]
    meta = {
        "region": "CAISO_NORTH",
        "signal_type": signal,
        "units": units,
        "model": {"date": "2023-03-01"},
    }
    # The API gives the newest first.
    return {"data": points[::-1], "meta": meta}


def uk_api() -> dict[str, object]:
    return {
        "data": [
            {"from": hour[:-4] + "Z", "to": "", "intensity": {"forecast": 200 + k, "actual": 190 + k}}
            for k, hour in enumerate(HOURS)
        ]
    }


def eia_api() -> dict[str, object]:
    rows = []
    for hour in range(1, 7):
        for fuel, value in (("NG", "600"), ("WND", "400"), ("BAT", "-50")):
            rows.append(
                {
                    "period": f"2023-01-01T{hour:02d}",
                    "respondent": "CISO",
                    "fueltype": fuel,
                    "value": value,
                    "value-units": "megawatthours",
                }
            )
    return {"response": {"total": "18", "data": rows[::-1]}}


def entsoe_xml(series: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
        f"<type>A75</type>{series}</GL_MarketDocument>"
    )


def entsoe_series(
    code: str,
    points: dict[int, float],
    *,
    minutes: int = 60,
    curve: str = "A01",
    direction: str = "in",
    end: str = "2023-01-01T06:00Z",
) -> str:
    listed = "".join(
        f"<Point><position>{k}</position><quantity>{mw}</quantity></Point>" for k, mw in points.items()
    )
    return (
        f'<TimeSeries><{direction}BiddingZone_Domain.mRID codingScheme="A01">10YES-REE------0'
        f"</{direction}BiddingZone_Domain.mRID>"
        f"<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>{curve}</curveType>"
        f"<MktPSRType><psrType>{code}</psrType></MktPSRType><Period><timeInterval>"
        f"<start>2023-01-01T00:00Z</start><end>{end}</end></timeInterval>"
        f"<resolution>PT{minutes}M</resolution>{listed}</Period></TimeSeries>"
    )


@pytest.fixture
def small_files(tmp_path: Path) -> dict[str, Path]:
    """One file of each format that is no tidy table and no Electricity Maps CSV."""
    hours = range(1, 7)
    texts = {
        "electricitymaps_api": json.dumps(electricity_maps_api()),
        "watttime": json.dumps(watttime()),
        "uk_api": json.dumps(uk_api()),
        "uk": "from,intensity.forecast,intensity.actual\n" + "".join(f"{h},200,190\n" for h in HOURS),
        "eia": "timestamp,WND,NG,avg_CI\n" + "".join(f"{h},400,600,1\n" for h in HOURS),
        "eia_api": json.dumps(eia_api()),
        "entsoe_csv": ",Fossil Gas,Wind Onshore\n,Actual Aggregated,Actual Aggregated\n"
        + "".join(f"{h},600,400\n" for h in HOURS),
        "entsoe_xml": entsoe_xml(
            entsoe_series("B04", dict.fromkeys(hours, 600.0))
            + entsoe_series("B19", dict.fromkeys(hours, 400.0))
        ),
    }
    files = {}
    for name, text in texts.items():
        files[name] = tmp_path / f"{name}.any"
        files[name].write_text(text)
    files["opendc"] = tmp_path / "opendc.any"
    stamps = pa.array([1_672_531_200_000 + 3_600_000 * k for k in range(6)], pa.timestamp("ms"))
    pq.write_table(
        pa.table({"timestamp": stamps, "carbon_intensity": [100.0 + k for k in range(6)]}),
        files["opendc"],
    )
    return files


@pytest.fixture(scope="session")
def make() -> dict[str, object]:
    """The makers of documents above, for tests that break them."""
    return {
        "electricity_maps_api": electricity_maps_api,
        "watttime": watttime,
        "uk_api": uk_api,
        "eia_api": eia_api,
        "entsoe_xml": entsoe_xml,
        "entsoe_series": entsoe_series,
    }
