"""Work shifted in time on a run: room, regret, lines that add up, the checks, the report."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from consolidate.checks import check_run
from consolidate.cli.main import cli
from consolidate.errors import ConfigError, InfeasibleError, TraceError
from consolidate.inventory import read_jobs
from consolidate.model import TimeGrid
from consolidate.reporting import report_run
from consolidate.study import run
from consolidate.study.shifting import shift_run

HEADER = "job_id,cpu_mcores,memory_mib,power_w,earliest_utc,deadline_utc,duration_s\n"


@pytest.fixture
def replayed(small, clouds, tmp_path):
    """Two days of history say that the first hour of the replay is dirty; then the second one is."""
    # The replay runs from 0:45 to 3:00.
    history = [500, 400, 100, 300, *[200] * 20]
    actual = [500, 400, 300, 100, *[200] * 20]
    path = tmp_path / "grid.csv"
    times = np.datetime64("2024-03-03T00:00:00", "s") + np.arange(72) * np.timedelta64(1, "h")
    rows = zip(times, [*history, *history, *actual], strict=True)
    path.write_text("timestamp_utc,g_per_kwh\n" + "".join(f"{t}Z,{v}\n" for t, v in rows))
    run(clouds.config(small, carbon=str(path)), tmp_path / "run")
    return tmp_path / "run", str(path)


def jobs_file(folder, *rows):
    path = folder / "jobs.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


WINDOW = "2024-03-05T00:45:00Z,2024-03-05T03:00:00Z"


def test_the_account_of_one_job_by_hand(replayed, tmp_path):
    """100 W for half an hour: 2 o'clock is expected at 100 g/kWh and comes true at 300."""
    folder, carbon = replayed
    jobs = jobs_file(tmp_path, f"night,1000,100,100,{WINDOW},1800")
    found = shift_run(folder, jobs, carbon=carbon)
    # Expected: 0.05 kWh x 100 g/kWh; true: x 300. At once: a quarter each at 500 and 400.
    assert found.planned.cost_ug == found.planned.bound_ug == 5_000_000
    assert found.actual_ug == {"unshifted": 22_500_000, "planned": 15_000_000, "perfect": 15_000_000}
    assert found.saved_by_shifting_ug == 7_500_000
    assert found.regret_ug == 0
    assert found.saved_ug == found.saved_by_consolidation_ug + 7_500_000
    verdict = check_run(folder)
    assert verdict.ok, verdict.violations
    assert verdict.checked["shifted jobs"] == 1


def test_regret_is_what_a_wrong_forecast_costs(replayed, tmp_path):
    """With hours at 400 and 300 the forecast of the day before is right about the order; regret stays 0.

    A forecast file that is wrong about it makes the schedule dirtier than what perfect knowledge finds.
    """
    folder, carbon = replayed
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(
        "timestamp_utc,g_per_kwh\n"
        + "".join(f"2024-03-05T0{h}:00:00Z,{v}\n" for h, v in enumerate((100, 300, 900, 900)))
    )
    jobs = jobs_file(tmp_path, f"night,1000,100,100,{WINDOW},900")
    found = shift_run(folder, jobs, carbon=carbon, forecast=str(wrong))
    assert found.actual_ug["planned"] == 12_500_000
    assert found.actual_ug["perfect"] == 7_500_000
    assert found.regret_ug == 5_000_000
    assert shift_run(folder, jobs, carbon=carbon, forecast="actual").regret_ug == 0


def test_jobs_share_the_room_that_vms_leave(replayed, tmp_path):
    """Two hosts stay on; jobs of most of a host do not overlap there, whatever the hour costs."""
    folder, carbon = replayed
    rows = [f"job-{k},4000,100,100,{WINDOW},2700" for k in range(3)]
    found = shift_run(folder, jobs_file(tmp_path, *rows), carbon=carbon)
    assert check_run(folder).ok
    spans = sorted(zip(found.planned.host.tolist(), found.planned.start.tolist(), strict=True))
    for (host, start), (other, later) in pairwise(spans):
        assert host != other or later >= start + 9
    too_large = jobs_file(tmp_path, f"huge,8000,100,100,{WINDOW},300")
    with pytest.raises(InfeasibleError, match="huge has no room"):
        shift_run(folder, too_large, carbon=carbon)


def test_broken_schedules_are_found(replayed, tmp_path):
    """Time, room, grams, lines: each by its code."""
    folder, carbon = replayed
    rows = [f"job-{k},4000,100,100,{WINDOW},2700" for k in range(3)]
    shift_run(folder, jobs_file(tmp_path, *rows), carbon=carbon)
    about = json.loads((folder / "shift.json").read_text())

    def codes(change):
        broken = tmp_path / "broken"
        shutil.copytree(folder, broken)
        changed = json.loads(json.dumps(about))
        change(changed)
        (broken / "shift.json").write_text(json.dumps(changed))
        found = {v.code for v in check_run(broken).violations}
        shutil.rmtree(broken)
        return found

    def late(c):
        c["schedules"]["planned"]["start_step"][0] = 26

    def together(c):
        for key in ("start_step", "host"):
            c["schedules"]["planned"][key] = [c["schedules"]["planned"][key][0]] * 3

    def on_a_dark_host(c):
        used = set(c["schedules"]["planned"]["host"])
        c["schedules"]["planned"]["host"][0] = next(h for h in range(4) if h not in used)

    def more_saved(c):
        c["saved_by_shifting_ug"] += 1

    def fewer_grams(c):
        c["schedules"]["planned"]["actual_ug"] = 1

    def better_bound(c):
        c["forecast_bound_ug"] = c["forecast_ug"] + 1

    assert "V18.time" in codes(late)
    assert "V18.room" in codes(together)
    assert "V18.room" in codes(on_a_dark_host)
    assert codes(more_saved) == {"V18.lines"}
    assert "V18.grams" in codes(fewer_grams)
    assert codes(better_bound) == {"V18.bound"}
    assert codes(lambda c: None) == set()


def test_command_and_report(replayed, tmp_path):
    """The verb prints the lines; the report has them, and the checks derive them again."""
    folder, carbon = replayed
    jobs = jobs_file(tmp_path, f"night,1000,100,100,{WINDOW},1800")
    done = CliRunner().invoke(cli, ["shift", str(folder), "--jobs", str(jobs), "--carbon", carbon])
    assert done.exit_code == 0, done.output
    assert "forecast regret 0.0 g CO2e" in done.output
    assert "saved by shifting, on top 7.5 g CO2e" in done.output
    report_run(folder).write(folder)
    figures = {
        f["metric"]: f["value"] for f in json.loads((folder / "figures.json").read_text())["figures"]
    }
    assert figures["shift_saved_by_shifting_kg"] == pytest.approx(0.0075)
    whole = figures["shift_saved_by_consolidation_kg"] + figures["shift_saved_by_shifting_kg"]
    assert figures["shift_saved_kg"] == pytest.approx(whole)
    assert "Work shifted in time" in (folder / "report.html").read_text()
    verdict = check_run(folder)
    assert verdict.ok, verdict.violations


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,1000,100,100,2024-03-05T00:45:00Z,2024-03-05T03:00:00Z,1000", "whole steps of 300 s"),
        ("a,1000,100,-1,2024-03-05T00:45:00Z,2024-03-05T03:00:00Z,300", "power_w.*'-1'"),
        ("a,1000,100,nan,2024-03-05T00:45:00Z,2024-03-05T03:00:00Z,300", "power_w.*'nan'"),
        ("a,1000,100,5,2024-03-05T00:45:00Z,2024-03-06T03:00:00Z,300", "outside of the replay"),
        ("a,1000,100,5,soon,2024-03-05T03:00:00Z,300", "needs an instant"),
        ("a,1000,100,5,2024-03-05T00:45:00Z,2024-03-05T00:50:00Z,600", "its earliest start and its"),
        (",1000,100,5,2024-03-05T00:45:00Z,2024-03-05T03:00:00Z,300", "needs a name"),
        ("a,1000,100,5", "needs 7 cells, got 4"),
    ],
)
def test_wrong_jobs_are_refused_with_line_and_value(tmp_path, row, message):
    """Each wrong cell by file, line and column."""
    grid = TimeGrid(start=np.datetime64("2024-03-05T00:45:00", "s"), step_s=300, n_steps=27)
    with pytest.raises(TraceError, match=message) as caught:
        read_jobs(jobs_file(tmp_path, row), grid)
    assert caught.value.exit_code == 2


def test_a_limit_that_is_no_fraction(replayed, tmp_path):
    """Refused before anything is searched."""
    folder, carbon = replayed
    jobs = jobs_file(tmp_path, f"night,1000,100,100,{WINDOW},1800")
    with pytest.raises(ConfigError, match="at most 1"):
        shift_run(folder, jobs, carbon=carbon, cpu_limit_fraction=1.5)
