"""A year's figures: never by themselves, with caveats and a band, judged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.cli.main import _run
from consolidate.study import run


def figures(folder):
    listed = json.loads((folder / "figures.json").read_text())["figures"]
    return {f["metric"]: f["value"] for f in listed}


def test_a_year_only_when_asked_for(small, clouds, tmp_path, capsys):
    """Factor, band and caveats; the checks derive them; without the option there is nothing of it."""
    folder = tmp_path / "run"
    run(clouds.config(small, carbon="200"), folder)
    year = tmp_path / "year.csv"
    # A leap year of hours: half of it at 100, half at 300 g/kWh.
    times = np.datetime64("2024-01-01T00:00:00", "s") + np.arange(8_784) * np.timedelta64(1, "h")
    values = np.where(np.arange(8_784) < 4_392, 100, 300)
    rows = "".join(f"{t}Z,{v}\n" for t, v in zip(times, values, strict=True))
    year.write_text("timestamp_utc,g_per_kwh\n" + rows)
    assert _run(["report", str(folder)]) == 0
    assert not [m for m in figures(folder) if m.startswith("annual")]
    assert "A year like this window" not in (folder / "report.html").read_text()
    assert _run(["report", str(folder), "--annual-carbon", str(year)]) == 0
    assert "not measured" in capsys.readouterr().out
    found = figures(folder)
    factor = 365.25 * 86_400 / found["window_s"]
    assert found["annual_factor"] == pytest.approx(factor)
    assert found["annual_energy_saved_kwh"] == pytest.approx(factor * found["energy_saved_kwh"])
    kg = factor * found["operational_carbon_saved_kg"]
    assert found["annual_operational_carbon_saved_kg"] == pytest.approx(kg)
    # A window is all at half or all at one and a half of the mean.
    assert found["annual_operational_carbon_saved_low_kg"] == pytest.approx(kg / 1.5)
    assert found["annual_operational_carbon_saved_high_kg"] == pytest.approx(kg / 0.5)
    page = (folder / "report.html").read_text()
    assert "not measured" in page
    assert "Band from" in page
    verdict = check_run(folder)
    assert verdict.ok, verdict.violations
    assert _run(["report", str(folder), "--annual"]) == 0
    assert "there is no band" in (folder / "report.html").read_text()
    assert check_run(folder).ok


def test_a_series_that_says_nothing_of_windows_is_refused(small, clouds, tmp_path):
    """Three hours are no two windows of more than two hours."""
    run(clouds.config(small, carbon="200"), tmp_path / "run")
    short = tmp_path / "short.csv"
    short.write_text(
        "timestamp_utc,g_per_kwh\n" + "".join(f"2024-01-01T0{h}:00:00Z,200\n" for h in range(3))
    )
    assert _run(["report", str(tmp_path / "run"), "--annual-carbon", str(short)]) == 2
