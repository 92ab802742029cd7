from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from consolidate.errors import InfeasibleError, InstanceError
from consolidate.model import Placement, TimeGrid
from consolidate.plotting.text import MINUS
from consolidate.reporting import report, summary_row, write_summary_table
from consolidate.reporting.files import write_files
from consolidate.reporting.tables import figures_csv, plan_csv, safe_cell

NAMES = ["report.html", "figures.csv", "plan.csv", "figures.json", "account.json", "account.parquet"]


@pytest.mark.parametrize("name", ["saved", "hostile"])
def test_two_writes_give_equal_bytes(reports, tmp_path, name):
    """Equal input, equal bytes: a report can be hashed and signed."""
    one, two = reports[name].write(tmp_path / "a"), reports[name].write(tmp_path / "b")
    assert [p.name for p in one] == NAMES
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(NAMES)


def test_bytes_do_not_depend_on_the_process(tmp_path):
    """Hash seed, time zone, folder and backend of another process must not show."""
    helper = Path(__file__).with_name("synthetic.py")
    code = (
        "import runpy, sys; m = runpy.run_path(sys.argv[1], run_name='synthetic')\n"
        "m['make_report'](m['make_case'](n_hosts=5, n_vms=9)).write(sys.argv[2])"
    )
    for folder, seed, zone in (("a", "1", "UTC"), ("b", "77", "Pacific/Auckland")):
        (tmp_path / f"cwd-{folder}").mkdir()
        env = os.environ | {
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "MPLCONFIGDIR": str(tmp_path / f"mpl-{folder}"),
        }
        env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
        subprocess.run(
            [sys.executable, "-c", code, str(helper), str(tmp_path / folder)],
            env=env, cwd=tmp_path / f"cwd-{folder}", check=True,
        )  # fmt: skip
    for name in NAMES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_failed_write_leaves_the_old_files(tmp_path, monkeypatch):
    """Half a report is worse than yesterday's."""
    write_files(tmp_path, {"one": "old", "two": "old"})
    calls = []

    def full_disk(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_files(tmp_path, {"one": "new", "two": "new"})
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"one": "old", "two": "old"}


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\n-2", "＠x"],  # noqa: RUF001
)
def test_cells_that_a_spreadsheet_would_run_are_defused(cell):
    """A VM named =cmd|... must stay a name."""
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "vm-1", "a=b", "1-2", "'=1"])
def test_other_cells_are_left_alone(cell):
    """Names keep their spelling, so tables can be joined."""
    assert safe_cell(cell) == cell


def test_negative_numbers_stay_numbers(reports):
    """The guard is for text; a loss must still be summed by a spreadsheet."""
    lines = figures_csv(reports["lost"].figures()).splitlines()
    line = next(x for x in lines if x.startswith('"energy_saved_kwh"'))
    assert ',"",-' in line


def test_plan_csv_has_every_action_by_name(reports):
    """Operators execute by name, from first to last."""
    report = reports["hostile"]
    rows = list(csv.DictReader(io.StringIO(plan_csv(report), newline="")))
    assert [int(r["action_id"]) for r in rows] == [a.id for a in report.plan.actions]
    for row, action in zip(rows, report.plan.actions, strict=True):
        if action.kind == "migration":
            assert row["vm_id"].removeprefix("'") == report.instance.vms.ids[action.vm]
            assert row["source_host"].removeprefix("'") == report.before.host_ids[action.source]
            assert not row["vm_id"].lstrip().startswith(("=", "+", "-", "@"))
            assert float(row["moved_mib"]) == action.moved_mib
        else:
            assert row["vm_id"] == row["mode"] == row["moved_mib"] == ""


def test_parts_that_do_not_belong_together_are_refused(synthetic):
    """A saving between different windows or fleets means nothing; all issues come at once."""
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    other = synthetic.make_case(n_hosts=5, n_vms=7)
    late = TimeGrid(start="2012-01-01", step_s=300, n_steps=72)
    after = replace(case.after, grid=late, host_ids=("a", "b", "c", "d"))
    with pytest.raises(InstanceError) as caught:
        synthetic.make_report(
            replace(case, after=after), emissions_g={"baseline": 1.0}, instance=other.instance,
            plan=other.plan, pue_variable_fraction=2.0,
        )  # fmt: skip
    paths = {issue.path for issue in caught.value.issues}
    assert {
        "report.after.grid", "report.after.host_ids", "report.emissions_g.consolidated",
        "report.instance", "report.pue_variable_fraction",
    } <= paths  # fmt: skip
    assert any(path.startswith("report.plan.actions") for path in paths)


def test_intensities_of_different_kinds_are_refused(synthetic):
    """Average and marginal intensities answer different questions and are never added."""
    case = synthetic.make_case(n_hosts=4, n_vms=6, pues=(1.0, 1.0))
    other = replace(case.intensity, kind="marginal")
    with pytest.raises(InstanceError, match="mixes kinds"):
        synthetic.make_report(case, intensities=(case.intensity, other))
    with pytest.raises(InstanceError, match="one for each site"):
        synthetic.make_report(case, intensities=(other,))


def test_emissions_are_computed_per_site(synthetic):
    """Each site draws from its own grid."""
    carbon = pytest.importorskip("consolidate.carbon")
    case = synthetic.make_case(n_hosts=4, n_vms=6, pues=(1.0, 1.0))
    clean = replace(case.intensity, g_per_kwh=case.intensity.g_per_kwh / 10, zone="SE")
    made = report(case.before, case.after, plan=case.plan, carbon=(case.intensity, clean))
    sites = case.before.site_energy_mj.sum(axis=1) / 3.6e9
    assert made.emissions_g["baseline"] == pytest.approx(sites[0] * 380 + sites[1] * 38)
    one = report(case.before, case.after, plan=case.plan, carbon=case.intensity)
    assert one.emissions_g["baseline"] == pytest.approx(case.before.energy_kwh * 380)
    assert report(case.before, case.after, plan=case.plan).emissions_g is None
    assert carbon


def test_an_infeasible_result_is_no_report(synthetic):
    """There is nothing to save where no placement exists."""
    case = synthetic.make_case(n_hosts=4, n_vms=6)
    with pytest.raises(InfeasibleError):
        synthetic.make_report(case, result=replace(case.result, status="infeasible", message="vm-1"))


def test_released_hosts_are_those_that_the_target_empties(synthetic):
    """Hosts that were empty before are not released by the plan."""
    case = synthetic.make_case(n_hosts=9, n_vms=5, kept=2)
    values = {f.metric: f.value for f in synthetic.make_report(case).figures()}
    assert values["released_hosts_count"] == 3
    assert isinstance(case.plan.target, Placement)


def test_summary_table_prints_runs_side_by_side(reports, tmp_path):
    """One line per run in the reports folder, alike in Markdown and CSV."""
    rows = [summary_row(f"{name} | <b>", report) for name, report in reports.items()]
    markdown, table = write_summary_table(rows, tmp_path / "table.v1.md")
    assert (markdown.name, table.name) == ("table.v1.md", "table.v1.csv")
    lines = markdown.read_text("utf-8").splitlines()
    assert len(lines) == 2 + len(rows)
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
    assert "<b>" not in markdown.read_text("utf-8")
    lost = next(line for line in lines if line.startswith("| lost"))
    assert MINUS in lost
    values = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert [float(v["energy_baseline_kwh"]) for v in values] == [r.energy_baseline_kwh for r in rows]
    assert values[-1]["gap_fraction"] == ""
    assert values[0]["bound_kind"] == "certified"
