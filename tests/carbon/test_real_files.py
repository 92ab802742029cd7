"""Every real file reads, or is refused for the right reason. The table is printed (``pytest -s``)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from consolidate.carbon import inspect_intensity, read_intensity
from consolidate.errors import TraceError

DATA = Path(os.environ.get("CONSOLIDATE_DATA", Path(__file__).parents[3] / "shared" / "data"))
CARBON = DATA / "carbon"
pytestmark = pytest.mark.skipif(
    not CARBON.is_dir(), reason="real data absent: set CONSOLIDATE_DATA to its folder"
)

#: Steps, their length, and the kinds of repair, counted beforehand with other tools.
READ: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "eia/CISO_NG_avgCI.csv.gz": (8_760, 3_600, ("gap", "gap", "gap")),
    "eia/NYIS_NG_avgCI.csv.gz": (8_760, 3_600, ()),
    "eia/WAAT_NG_avgCI.csv.gz": (8_760, 3_600, ()),
    "entsoe-spain/generation.csv.gz": (11_516, 900, ("clock",)),
    "opendc-electricitymaps/DE_2021-2024.parquet": (35_064, 3_600, ()),
    "opendc-entsoe/2021_GB_carbon_intensity.parquet": (7_892, 1_800, ()),
    "opendc-entsoe/2022_DE_carbon_intensity.parquet": (35_036, 900, ()),
    "opendc-entsoe/2022_ES_carbon_intensity.parquet": (35_036, 900, ("step",)),
    "opendc-entsoe/2022_FR_carbon_intensity.parquet": (8_759, 3_600, ("gap",)),
    "opendc-entsoe/2023_NL_carbon_intensity.parquet": (35_036, 900, ()),
    "uk-neso/2023-03-14T0331Z.csv": (96, 1_800, ("stand_in",) * 96),
}
READ |= {
    f"electricitymaps/{zone}_hourly.csv.gz": (8_760, 3_600, ())
    for zone in (
        "AU-NSW_2023",
        "CA-ON_2023",
        "DE-LU_2022",
        "DE-LU_2023",
        "GB_2023",
        "IN-WE_2023",
        "US-CAL-CISO_2023",
    )
}
REFUSED = {
    "entsoe-spain/crossborder_flows_export.csv.gz": "flows over borders in MW",
    "entsoe-spain/crossborder_flows_import.csv.gz": "flows over borders in MW",
    "gsf/Cloud_Region_Metadata.csv": "yearly figures of cloud regions",
    "lets-wait-awhile/ger_ci.csv.gz": "does not say its unit",
    "vessim/watttime_example.csv": "does not say its unit",
}


def test_no_file_is_left_out() -> None:
    """A file that somebody adds has to be put into one of the two tables."""
    there = {str(path.relative_to(CARBON)) for path in CARBON.rglob("*") if path.is_file()}
    assert there == {*READ, *REFUSED}


@pytest.mark.parametrize("file", READ)
def test_real_file_reads(file: str) -> None:
    """Steps and repairs as counted; the mean of a grid between hydro and coal."""
    if not (CARBON / file).is_file():
        pytest.skip(f"{file} absent")
    found = inspect_intensity(CARBON / file)
    n_steps, step_s, repairs = READ[file]
    assert (found.intensity.grid.n_steps, found.intensity.grid.step_s) == (n_steps, step_s)
    assert tuple(repair.kind for repair in found.repairs) == repairs
    assert 20 < found.intensity.g_per_kwh.mean() < 800
    values = found.intensity.g_per_kwh
    print(  # noqa: T201
        f"{file:48} {found.intensity.zone:12} {found.intensity.grid} mean {values.mean():6.1f} g/kWh "
        f"{found.estimated.mean():7.2%} estimated, repairs: {len(repairs)}"
    )


@pytest.mark.parametrize("file", REFUSED)
def test_real_file_is_refused(file: str) -> None:
    """Not an intensity, or no unit: with the next step for its owner."""
    if not (CARBON / file).is_file():
        pytest.skip(f"{file} absent")
    with pytest.raises(TraceError, match=REFUSED[file]) as caught:
        read_intensity(CARBON / file)
    print(f"{file:48} refused: {caught.value}")  # noqa: T201


@pytest.mark.parametrize(
    ("file", "columns", "options", "repairs"),
    [
        ("lets-wait-awhile/ger_ci.csv.gz", ("Time", "Carbon Intensity"), {"kind": "average"}, 2),
        (
            "vessim/watttime_example.csv",
            ("oootime", "Caiso_North"),
            {"kind": "marginal", "scope": "direct"},
            0,
        ),
    ],
)
def test_files_without_unit_read_once_it_is_stated(
    file: str, columns: tuple[str, str], options: dict[str, str], repairs: int
) -> None:
    """The refusal says how; doing so works, with the gaps that the file has."""
    if not (CARBON / file).is_file():
        pytest.skip(f"{file} absent")
    found = inspect_intensity(
        CARBON / file,
        format="tidy",
        time_column=columns[0],
        value_column=columns[1],
        unit="g_per_kwh",
        **options,  # type: ignore[arg-type]
    )
    assert len(found.repairs) == repairs
    assert 200 < found.intensity.g_per_kwh.mean() < 400


def test_spanish_generation_against_a_separate_calculation() -> None:
    """The first quarter of an hour from the cells of the file: MW and factor of each technology."""
    file = CARBON / "entsoe-spain/generation.csv.gz"
    if not file.is_file():
        pytest.skip("file absent")
    parts = [
        (464, 230),  # biomass
        (14_864, 490),  # gas
        (288, 820),  # hard coal
        (28, 650),  # oil
        (1_012 + 2_640, 24),  # run of river and reservoirs; pumped storage left out
        (5_108, 12),  # nuclear
        (48, 700),  # other
        (88 + 228, 230),  # other renewable, waste
        (44, 45),  # solar
        (1_656, 11),  # wind
    ]
    due = sum(mw * g for mw, g in parts) / sum(mw for mw, _ in parts)
    found = read_intensity(file)
    assert found.g_per_kwh[0] == pytest.approx(due, rel=1e-12)
    assert str(found.grid.start) == "2024-12-13T23:00:00"
