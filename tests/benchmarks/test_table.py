"""Medians, ratios, verdicts and the two formats."""

import csv

import pytest

from benchmarks import table
from benchmarks.__main__ import peer_runs, preamble, read_options
from benchmarks.peers import PEERS
from benchmarks.worker import Job, Run, run_job


def _run(kwh, *, snapshot=1, seed=0, name="x", moves=10, wall_s=1.0, **more):
    job = Job(kind="peer", name=name, instance="flavor-100", snapshot=snapshot, seed=seed, limit_s=60.0)
    given = {"hosts": 3, "cpu_s": wall_s, "peak_mib": 100.0, **more}
    return Run(job=job, kwh=kwh, moves=None if kwh is None else moves, wall_s=wall_s, **given)


def test_a_line_has_medians_over_the_runs():
    runs = [_run(10.0, moves=3), _run(20.0, moves=5), _run(40.0, moves=4)]
    cells = dict(zip(table.COLUMNS, table.row("i", "p", runs, {1: 9.0}), strict=True))
    assert cells["kWh"] == "20.00"
    assert cells["gap"] == "55.000%"
    assert cells["moves"] == "4"
    assert cells["runs"] == "3/3"


def test_ranges_show_how_far_seeds_and_snapshots_lie_apart():
    runs = [_run(10.0, moves=3), _run(20.0, moves=5, seed=1), _run(40.0, moves=4, snapshot=2)]
    cells = dict(zip(table.COLUMNS, table.row("i", "p", runs, {1: 9.0}, ranges=True), strict=True))
    assert cells["kWh"] == "20.00 (10.00 to 40.00)"
    assert cells["gap"] == "32.500% (10.000% to 55.000%)"
    assert cells["moves"] == "4 (3 to 5)"
    alone = dict(zip(table.COLUMNS, table.row("i", "p", runs[:1], {1: 9.0}, ranges=True), strict=True))
    assert alone["moves"] == "3"
    asked = read_options(["--ranges", "--bounds=quick"])
    assert (asked.ranges, asked.bounds) == (True, "quick")


def test_a_run_without_placement_shows_its_time_and_its_reason():
    runs = [_run(None, wall_s=80.0, note="stopped after 80 s")]
    cells = dict(zip(table.COLUMNS, table.row("i", "p", runs, {1: 9.0}), strict=True))
    assert (cells["kWh"], cells["gap"], cells["wall s"]) == ("-", "-", "80.000")
    assert (cells["runs"], cells["note"]) == ("0/1", "stopped after 80 s")


def test_an_infeasible_placement_has_no_gap_and_is_marked():
    runs = [_run(8.0, fault="2 hosts over cpu_demand_mcores")]
    cells = dict(zip(table.COLUMNS, table.row("i", "p", runs, {1: 9.0}), strict=True))
    assert cells["gap"] == "-"
    assert cells["note"] == "infeasible: 2 hosts over cpu_demand_mcores"


def _verdict(theirs, ours, decided_in="Python"):
    cells = table.ratio_row("i", "p", decided_in, theirs, ours)
    return dict(zip(table.RATIO_COLUMNS, cells, strict=True))


def test_ratios_are_paired_by_snapshot():
    ours = [_run(10.0, snapshot=1), _run(12.0, snapshot=1, seed=1), _run(100.0, snapshot=2)]
    theirs = [_run(22.0, snapshot=1), _run(110.0, snapshot=2)]
    assert _verdict(theirs, ours)["joules / ours"] == "1.5500"


@pytest.mark.parametrize(
    ("kwh", "moves", "wall_s", "said"),
    [
        (11.0, 1, 10.0, "ours fewer joules, ours >= 10 x faster"),
        (10.4, 11, 10.0, "ours fewer joules, ours fewer moves, ours >= 10 x faster"),
        (10.4, 9, 9.0, "ours fewer joules, OURS NOT FEWER MOVES, OURS NOT 10 X FASTER"),
        (9.9, 11, 10.0, "OURS NOT FEWER JOULES, ours fewer moves, ours >= 10 x faster"),
        (None, 0, 10.0, "no placement, ours >= 10 x faster"),
        (None, 0, 9.0, "no placement, stopped before 10 x our time"),
    ],
)
def test_the_verdict(kwh, moves, wall_s, said):
    theirs = [_run(kwh, moves=moves, wall_s=wall_s)]
    assert _verdict(theirs, [_run(10.0)])["verdict"] == said


def test_a_peer_that_is_infeasible_does_not_win():
    theirs = [_run(1.0, fault="1 hosts over memory_demand_mib", wall_s=20.0)]
    said = _verdict(theirs, [_run(10.0)], "Haskell")["verdict"]
    assert said == "infeasible, so its joules do not count"


def test_both_formats_keep_the_cells_apart():
    cells = ("a", "b, with comma", "c")
    assert table.as_markdown(cells) == "| a | b, with comma | c |"
    assert next(csv.reader([table.as_csv(cells)])) == list(cells)
    assert table.markdown_head(("a", "b")) == "| a | b |\n|---|---|"


def test_names_are_checked_and_all_means_all(capsys):
    choice = read_options(["--peers", "all", "--instances", "flavor-100", "--seeds", "0,1"])
    assert choice.peers == tuple(PEERS)
    assert choice.seeds == (0, 1)
    with pytest.raises(SystemExit):
        read_options(["--peers", "nobody"])
    assert "there is no 'nobody'; there are watcher" in capsys.readouterr().err


def test_the_preamble_says_how_to_install_what_is_missing(monkeypatch):
    monkeypatch.setattr(type(PEERS["proxlb"]), "available", lambda _: "not installed; do this")
    choice = read_options(["--peers", "proxlb"])
    text = "\n".join(preamble(choice))
    assert "proxlb: not installed; do this" in text
    assert "seeds of the solvers [0, 1, 2, 3, 4]" in text
    (run,) = peer_runs(choice, PEERS["proxlb"], "flavor-100", [1], None)
    assert (run.kwh, run.note) == (None, "not installed; do this")


@pytest.mark.parametrize(("kind", "name"), [("policy", "keep"), ("peer", "cloudsim-pabfd-memory")])
def test_a_run_in_a_process_of_its_own(tmp_path, kind, name):
    job = Job(
        kind=kind,
        name=name,
        instance="flavor-100",
        snapshot=3,
        seed=0,
        limit_s=20.0,
        iterations=100,
    )
    run = run_job(job, tmp_path)
    assert run.job == job
    assert run.kwh > 0, run.note
    assert run.fault == ""
    assert 20 < run.peak_mib < 2_000
    assert (run.bound_kwh is not None) == (kind == "policy")


def test_a_run_that_fails_says_why(tmp_path):
    job = Job(kind="peer", name="no-such", instance="flavor-100", snapshot=1, seed=0, limit_s=1.0)
    assert "no-such" in run_job(job, tmp_path).note
