"""A run that minimises grams: forecasts, files for each site, the folder, the checks, the report."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.errors import ConfigError, HorizonError
from consolidate.reporting import report_run
from consolidate.study import load, load_run, run
from consolidate.study.other_arms import replay_others


def hourly(folder, name, start, values):
    """An intensity file."""
    times = np.datetime64(start, "s") + np.arange(len(values)) * np.timedelta64(1, "h")
    rows = [f"{time}Z,{value}\n" for time, value in zip(times, values, strict=True)]
    path = folder / name
    path.write_text("timestamp_utc,g_per_kwh\n" + "".join(rows))
    return path


@pytest.fixture
def carbon(tmp_path):
    """Two days of history and the day of the trace; the south is clean when the trace runs."""
    history = ["2024-03-03T00:00:00", [300] * 24 + [400] * 24 + [900] * 24]
    north = hourly(tmp_path, "north.csv", *history)
    south = hourly(tmp_path, "south.csv", history[0], [100] * 72)
    return f"north={north},south={south}"


def test_grams_choose_the_clean_site_and_everything_is_checked(small, clouds, carbon, tmp_path):
    """The PUE of the south weighs; it is still the better place, and the accounts use what came true."""
    config = clouds.config(
        small, carbon=carbon, objective="carbon", forecast="persistence", policy="auto"
    )
    done = run(config, tmp_path / "run")
    assert done.result.measure == "carbon"
    objective = done.instance.objective
    # Yesterday's 400 g/kWh; 1.5 x 100.
    assert objective.site_mg_per_kwh == (400_000, 150_000)
    used = {int(done.instance.fleet.host_site[h]) for h in done.result.placement.used_hosts()}
    assert used == {1}
    assert float(done.intensities[0].g_per_kwh[0]) == 900
    report_run(done).write(tmp_path / "run")
    verdict = check_run(tmp_path / "run")
    assert verdict.ok, verdict.violations
    figures = {
        f["metric"]: f for f in json.loads((tmp_path / "run/figures.json").read_text())["figures"]
    }
    assert figures["objective_carbon_kg"]["unit"] == "kgCO2e"
    assert figures["bound_carbon_kg"]["value"] <= figures["objective_carbon_kg"]["value"]
    assert "objective_kwh" not in figures
    again = load.load_instance(tmp_path / "run")
    assert again.objective == objective
    assert load_run(tmp_path / "run").result.measure == "carbon"
    assert "north.csv" in done.manifest["command"]
    assert str(tmp_path) not in done.manifest["command"]


def test_a_wrong_weight_and_a_wrong_forecast_are_found(small, clouds, carbon, tmp_path):
    """A weight that is not the mean of the forecast, and grams that do not follow from the weights."""
    run(clouds.config(small, carbon=carbon, objective="carbon"), tmp_path / "run")
    assert check_run(tmp_path / "run").ok
    for name, codes in ((("carbon", "site_mg_per_kwh"), {"V14.weight", "V14.objective"}),):
        broken = tmp_path / f"broken-{name[1]}"
        shutil.copytree(tmp_path / "run", broken)
        about = json.loads((broken / "instance.json").read_text())
        about[name[0]][name[1]][0] += 1_000
        (broken / "instance.json").write_text(json.dumps(about))
        assert codes <= {v.code for v in check_run(broken).violations}


def test_the_regret_of_a_wrong_forecast_is_stated_and_judged(small, clouds, tmp_path):
    """Clean yesterday, dirty today: whoever knew goes to the other site; the difference is the regret."""
    start = "2024-03-04T00:00:00"
    north = hourly(tmp_path, "north.csv", start, [10] * 24 + [900] * 24)
    south = hourly(tmp_path, "south.csv", start, [100] * 48)
    options = {"carbon": f"north={north},south={south}", "objective": "carbon", "policy": "keep"}
    folder = run(clouds.config(small, **options, forecast="persistence"), tmp_path / "run").folder
    replay_others(folder, ["perfect-forecast"])
    done = load_run(folder)
    ours, knowing = (done.emissions_g[arm] for arm in ("consolidated", "perfect-forecast"))
    assert knowing < 0.5 * ours
    report = report_run(done)
    report.write(folder)
    (regret,) = (f for f in report.figures() if f.metric == "placement_regret_kg")
    assert regret.value == pytest.approx((ours - knowing) / 1_000)
    assert "Forecast regret:" in (folder / "report.html").read_text("utf-8")
    assert check_run(folder).ok


def test_a_run_for_energy_has_no_forecast_to_regret(finished):
    """Nothing is replayed that would mean something else."""
    with pytest.raises(ConfigError, match="minimises energy"):
        replay_others(finished.folder, ["perfect-forecast"])


def test_seasonal_needs_history_and_actual_does_not(small, clouds, tmp_path):
    """The mean of two days; without a day before the replay it is refused before anything is written."""
    day = list(range(100, 124))
    whole = hourly(
        tmp_path, "whole.csv", "2024-03-03T00:00:00", day + [v + 100 for v in day] + [700] * 24
    )
    config = clouds.config(small, carbon=str(whole), objective="carbon")
    done = run(config, tmp_path / "run")
    first = done.manifest["windows"]["replay"][0] * clouds.STEP_S
    hours = [(first + s) // 3_600 % 24 for s in range(0, done.instance.objective.horizon_s, 300)]
    due = round(1_000 * float(np.mean([150 + h for h in hours])))
    assert done.instance.objective.site_mg_per_kwh == (due, round(1.5 * due))
    short = hourly(tmp_path, "short.csv", "2024-03-05T00:00:00", [700] * 24)
    config = clouds.config(small, carbon=str(short), objective="carbon")
    with pytest.raises(HorizonError, match="a day of intensities"):
        run(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()
    config = clouds.config(small, carbon=str(short), objective="carbon", forecast="actual")
    done = run(config, tmp_path / "actual")
    assert "hindsight" in done.instance.objective.forecast
    assert done.instance.objective.site_mg_per_kwh[0] == 700_000


def test_wrong_options_say_what_is_wrong(small, clouds, carbon, tmp_path):
    """Unknown sites, missing sites, unknown forecasts, a forecast for joules."""
    north = carbon.split(",")[0]
    with pytest.raises(ConfigError, match="nothing for site 'south'"):
        run(clouds.config(small, carbon=north), tmp_path / "run")
    with pytest.raises(ConfigError, match="no site 'west'"):
        run(clouds.config(small, carbon=f"{carbon},west=FR"), tmp_path / "run")
    with pytest.raises(ConfigError, match="no file and no forecast"):
        run(clouds.config(small, carbon=carbon, objective="carbon", forecast="oracle"), tmp_path / "run")
    with pytest.raises(ConfigError, match="needs no forecast"):
        clouds.config(small, forecast="persistence")
    with pytest.raises(ConfigError, match="joules or carbon"):
        clouds.config(small, objective="euros")
