"""``calibrate`` on a small file of samples."""

from __future__ import annotations

import tomllib

import pytest


@pytest.fixture
def samples(tmp_path):
    """Two days of a host that draws 100 W when idle and 200 W at full load."""
    rows = ["time_utc,host_id,utilization_percent,power_w"]
    rows += [f"{300 * k},h1,{k % 101},{100 + k % 101}" for k in range(576)]
    path = tmp_path / "watts.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_the_curve_is_printed_for_a_fleet_file(consolidate, samples, tmp_path):
    """Summary and host type; the type alone reads back as part of a fleet."""
    done = consolidate("calibrate", samples, "--host-type", "box", "--meter", "wall")
    assert done.code == 0, done.err
    assert "CV(RMSE)" in done.out
    assert "[[host_type]]" in done.out
    only = consolidate("calibrate", samples, "--host-type", "box", "--meter", "wall", "--toml")
    assert only.out in done.out
    assert only.out.startswith("[[host_type]]")
    assert tomllib.loads(only.out)["host_type"][0]["power"]["points_w"][0] == pytest.approx(100, abs=1)


def test_a_wrong_cell_is_named(consolidate, samples):
    """File, line and column, exit code 2."""
    samples.write_text(samples.read_text().replace("300,h1,1,101", "300,h1,1,many"))
    done = consolidate("calibrate", samples, "--host-type", "box", "--meter", "wall")
    assert done.code == 2
    assert "watts.csv, line 3" in done.err
    assert "power_w" in done.err
