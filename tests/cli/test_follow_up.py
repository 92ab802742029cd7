"""``plan --resume`` and ``plan --undo``: going on from what was carried out, and going back."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def planned(consolidate, cloud, options, tmp_path):
    """A run folder with a plan."""
    run = tmp_path / "run"
    assert consolidate("solve", cloud, "--out", run, *options).code == 0
    assert consolidate("plan", run, "--quiet").code == 0
    return run


def actions(outcome):
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_the_rest_of_a_plan(consolidate, planned, tmp_path):
    """After the first move only the others are left; ids may come from a file; the folder stays."""
    before = {p.name: p.read_bytes() for p in planned.iterdir() if p.is_file()}
    plan = actions(consolidate("plan", planned, "--json", "--quiet"))
    moves = [a for a in plan if a["kind"] == "migration"]
    first = min(moves, key=lambda a: (a["start_s"], a["action_id"]))
    done = [*map(int, first["after"].split()), first["action_id"]]
    listed = tmp_path / "done.txt"
    listed.write_text("\n".join(map(str, done)))
    rest = actions(consolidate("plan", planned, "--resume", listed, "--json", "--quiet"))
    assert {a["vm"] for a in rest if a["kind"] == "migration"} == {
        a["vm"] for a in moves if a is not first
    }
    assert before == {p.name: p.read_bytes() for p in planned.iterdir() if p.is_file()}


def test_the_way_back(consolidate, planned):
    """Every VM that moved goes home."""
    plan = actions(consolidate("plan", planned, "--json", "--quiet"))
    back = actions(consolidate("plan", planned, "--undo", "all", "--json", "--quiet"))
    went = {(a["vm"], a["target"]) for a in plan if a["kind"] == "migration" and not a["parking"]}
    assert {(a["vm"], a["source"]) for a in back if a["kind"] == "migration"} == went


def test_a_plan_in_change_windows(consolidate, planned):
    """The same VMs arrive in two windows as at once; nothing happens outside; nonsense is refused."""
    whole = actions(consolidate("plan", planned, "--json", "--quiet"))
    half = (max(a["end_s"] for a in whole) * 2) // 3
    later = 100_000
    windows = ("--window", f"0-{half}", "--window", f"{later}-{2 * later}")
    parts = actions(consolidate("plan", planned, *windows, "--json"))
    assert {a["part"] for a in parts} == {1, 2}
    assert all(a["end_s"] <= half if a["part"] == 1 else a["start_s"] >= later for a in parts)

    def ends(rows):
        return {a["vm"]: a["target"] for a in rows if a["kind"] == "migration"}

    assert ends(parts) == ends(whole)
    assert "part 2, from 1" in consolidate("plan", planned, *windows).out
    assert consolidate("plan", planned, "--window", "7").code == 2
    assert consolidate("plan", planned, "--window", "9-7").code == 3
    assert consolidate("plan", planned, "--window", "0-9", "--undo", "all").code == 2


def test_a_stale_plan_is_not_gone_on_with(consolidate, planned):
    """Another VM has been changed since: the plan is superseded, and says so."""
    about = planned / "instance.json"
    text = json.loads(about.read_text("utf-8"))
    text["moves"]["moves_in"] += 1
    about.write_text(json.dumps(text), "utf-8")
    stale = consolidate("plan", planned, "--resume", "1")
    assert stale.code == 3
    assert "SUPERSEDED" in stale.err


def test_unknown_actions_are_refused(consolidate, planned):
    """An id that the plan does not have, a word that is no id, and both options at once."""
    unknown = consolidate("plan", planned, "--resume", "9999")
    assert unknown.code == 3
    assert "no action 9999" in unknown.err
    word = consolidate("plan", planned, "--resume", "1,two")
    assert word.code == 2
    assert "entry 2 is 'two'" in word.err
    assert consolidate("plan", planned, "--resume", "1", "--undo", "all").code == 2


def test_carrying_it_out(consolidate, planned):
    """Without faults everything comes true; with some, the history is printed and judged; the folder stays."""
    before = {p.name: p.read_bytes() for p in planned.iterdir() if p.is_file()}
    clean = consolidate("execute", planned, "--faults", "none", "--quiet")
    assert clean.code == 0, clean.err
    assert "0 VMs are not where the plan wanted them; everything is done" in clean.out
    told = consolidate("execute", planned, "--faults", "setup=0.5,late-boot=1", "--seed", "1")
    assert "move fail" in told.out
    assert "the history is judged" in told.out
    rows = actions(consolidate("execute", planned, "--faults", "none", "--json"))
    assert {"time_s", "kind", "vm", "source", "target", "detail"} == set(rows[0])
    assert before == {p.name: p.read_bytes() for p in planned.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ("setup=x", "needs NAME=P with a number P, got 'setup=x'"),
        ("gremlins=0.1", "no fault is called 'gremlins'"),
        ("boot=2", "needs a probability from 0 to 1"),
    ],
)
def test_faults_that_are_none(consolidate, planned, faults, message):
    """Bad input, with the word that is wrong."""
    told = consolidate("execute", planned, "--faults", faults)
    assert told.code == 2
    assert message in told.err


def test_nothing_to_carry_out(consolidate, cloud, options, tmp_path):
    """A folder that is not planned yet says what to run."""
    run = tmp_path / "run"
    assert consolidate("solve", cloud, "--out", run, *options).code == 0
    told = consolidate("execute", run)
    assert told.code == 2
    assert "consolidate plan" in told.err


def test_a_run_within_a_budget(consolidate, cloud, options, tmp_path):
    """Three moves at most, none of them of a named VM; price and budget together are refused."""
    run = tmp_path / "run"
    limits = ("--most-moves", "3", "--most-gib", "64", "--most-minutes", "600")
    told = consolidate("solve", cloud, "--out", run, *options, *limits)
    assert told.code == 0, told.err
    plan = actions(consolidate("plan", run, "--json", "--quiet"))
    assert len({a["vm"] for a in plan if a["kind"] == "migration"}) <= 3
    assert consolidate("check", run).code == 0
    other = consolidate("solve", cloud, "--out", tmp_path / "x", *options, *limits, "--move-price", "5")
    assert other.code == 2
    assert "not both" in other.err
    nobody = consolidate("solve", cloud, "--out", tmp_path / "y", *options, "--stay", "nobody")
    assert nobody.code == 2
    assert "no VM is called 'nobody'" in nobody.err


def test_the_reserve_of_a_plan(consolidate, planned):
    """Proven or not, it is said in words; not together with another plan."""
    told = consolidate("plan", planned, "--reserve", "1", "--quiet")
    assert told.code == 0, told.err
    assert "reserve N+1: " in told.out
    assert consolidate("plan", planned, "--reserve", "0").code == 2
    assert consolidate("plan", planned, "--reserve", "1", "--undo", "all").code == 2
