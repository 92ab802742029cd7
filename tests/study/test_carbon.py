"""Carbon of a run: constants, zones, files, sites, re-dating, stage by stage."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.errors import (
    HorizonError,
    InputError,
    UnknownNameError,
)
from consolidate.study import load_run, pipeline, run


def grams(arm, intensities, site_of_step):
    """Energy times intensity, second by second's share, in fractions."""
    total = Fraction(0)
    for site, intensity in enumerate(intensities):
        for step, energy in enumerate(arm.site_energy_mj[site].tolist()):
            total += Fraction(energy, 3_600_000_000) * Fraction(site_of_step(intensity, step))
    return total


def test_carbon_of_a_constant(small, clouds, tmp_path):
    """E times I, to the last digit that a float has."""
    done = run(clouds.config(small, carbon="250"), tmp_path / "run")
    assert {i.source for i in done.intensities} == {"given as a constant"}
    for arm in (done.baseline, done.consolidated):
        assert done.emissions_g[arm.label] == pytest.approx(250 * arm.energy_kwh, rel=1e-12)
    assert check_run(tmp_path / "run").ok


def test_carbon_of_a_zone(small, clouds, tmp_path):
    """One zone for all sites when it is asked for."""
    done = run(clouds.config(small, carbon="DE"), tmp_path / "run")
    assert [i.zone for i in done.intensities] == ["DE", "DE"]
    assert done.emissions_g["baseline"] == pytest.approx(381 * done.baseline.energy_kwh, rel=1e-12)


def test_carbon_of_each_site(small, clouds, tmp_path):
    """Sweden is not Poland: each site's energy meets its own grid."""
    done = run(clouds.config(small), tmp_path / "run")
    assert [i.zone for i in done.intensities] == ["SE", "PL"]
    north, south = (float(i.g_per_kwh[0]) for i in done.intensities)
    assert north < south / 5
    for arm in (done.baseline, done.consolidated):
        due = grams(arm, done.intensities, lambda i, _: float(i.g_per_kwh[0]))
        assert done.emissions_g[arm.label] == pytest.approx(float(due), rel=1e-12)
    assert check_run(tmp_path / "run").ok


def carbon_file(folder, start, values):
    times = np.datetime64(start, "s") + np.arange(len(values)) * np.timedelta64(1, "h")
    rows = [f"{time}Z,{value}\n" for time, value in zip(times, values, strict=True)]
    path = folder / "intensity.csv"
    path.write_text("timestamp_utc,g_per_kwh\n" + "".join(rows))
    return path


def test_carbon_of_a_file_meets_each_hour(small, clouds, tmp_path):
    """Intensity that follows the hours is not its mean times the total."""
    values = [100, 900, 50, 400, 300, 200]
    path = carbon_file(tmp_path, "2024-03-05T00:00:00", values)
    done = run(clouds.config(small, carbon=str(path)), tmp_path / "run")
    first = done.manifest["windows"]["replay"][0]
    for arm in (done.baseline, done.consolidated):
        due = grams(arm, done.intensities, lambda _, step: values[(first + step) // 12])
        assert done.emissions_g[arm.label] == pytest.approx(float(due), rel=1e-12)
    assert {"intensity.csv"} < {entry["name"] for entry in done.manifest["inputs"]}
    assert check_run(tmp_path / "run").ok


def test_a_file_that_does_not_cover_the_replay_needs_redating(small, clouds, tmp_path):
    """Never a silent wrap-around; with the year it is done, and said."""
    # 5 March 2024 is a Tuesday; so is 7 March 2023.
    path = carbon_file(tmp_path, "2023-03-07T00:00:00", [100, 900, 50, 400])
    config = clouds.config(small, carbon=str(path))
    with pytest.raises(HorizonError, match="--redate YEAR") as caught:
        run(config, tmp_path / "run")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "run").exists()
    done = run(replace(config, redate_year=2023), tmp_path / "run")
    assert done.intensities[0].grid.start == np.datetime64("2024-03-05T00:00:00")
    assert done.intensities[0].g_per_kwh.tolist() == [100, 900, 50]
    assert "from 2023-03-07T00:45:00Z" in done.intensities[0].notes[-1]
    assert check_run(tmp_path / "run").ok
    with pytest.raises(HorizonError) as caught:
        run(replace(config, redate_year=2022), tmp_path / "other")
    assert "--redate" not in str(caught.value)


def test_an_assumed_zone_is_among_the_defaults(small, clouds, tmp_path):
    """A site without a zone gets one, and the report can name it."""
    fleet = small / "fleet.toml"
    fleet.write_text(fleet.read_text().replace('zone = "PL"\n', ""))
    done = run(clouds.config(small), tmp_path / "run")
    assert [i.zone for i in done.intensities] == ["SE", "DE"]
    assert "zone" in {d["key"] for d in done.manifest["defaults"]}


def test_replaying_with_other_intensities_replaces_the_account(small, clouds, tmp_path):
    """``replay --carbon`` on a finished run: the arms stay, the grams change."""
    out = tmp_path / "run"
    run(clouds.config(small, carbon="100"), out)
    before = clouds.tree(out)
    pipeline.replay_stage(out, carbon="200")
    after = clouds.tree(out)
    assert {name for name in before if before[name] != after[name]} == {"carbon.json", "carbon.parquet"}
    done = load_run(out)
    assert done.emissions_g["baseline"] == pytest.approx(200 * done.baseline.energy_kwh)
    with pytest.raises(UnknownNameError):
        pipeline.replay_stage(out, carbon="Atlantis")
    assert clouds.tree(out) == after


def test_stages_one_by_one_find_the_intensity_file_or_ask_for_it(small, clouds, tmp_path, monkeypatch):
    """A manifest names no folders, so the file has to be here, and has to be the same."""
    path = carbon_file(tmp_path, "2024-03-05T00:00:00", [100, 900, 50])
    out = tmp_path / "run"
    pipeline.solve_stage(clouds.config(small, carbon=str(path)), out)
    pipeline.plan_stage(out)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError, match=r"intensity\.csv: .* give its place with --carbon"):
        pipeline.replay_stage(out)
    elsewhere.joinpath("intensity.csv").write_text(path.read_text().replace("900", "901"))
    with pytest.raises(InputError, match="give its place"):
        pipeline.replay_stage(out)
    monkeypatch.chdir(tmp_path)
    pipeline.replay_stage(out)
    assert load_run(out).intensities[0].g_per_kwh.tolist() == [100, 900, 50]
