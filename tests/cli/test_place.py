"""``consolidate place`` on a file of a packing library."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from consolidate.cli.main import cli

VBP = "1\n10\n2\n6 2\n4 2\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.vbp"
    path.write_text(VBP, encoding="utf-8")
    return path


def test_it_prints_the_figures_and_writes_the_placement(file, tmp_path):
    """Two bins, proved; every item has a host in the table."""
    out = tmp_path / "placement.csv"
    done = CliRunner().invoke(cli, ["place", str(file), "--json", "--quiet", "--out", str(out)])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output)
    assert figures["hosts_used"] == 2
    assert figures["status"] == "optimal"
    assert figures["moves"] == 0
    assert len(out.read_text().splitlines()) == 5


def test_it_speaks_in_words(file):
    """Size, result, bound and gap."""
    done = CliRunner().invoke(cli, ["place", str(file), "--quiet"])
    assert "4 VMs" in done.output
    assert "lower bound" in done.output
    assert "gap 0.0000%" in done.output


def test_a_budget_of_moves(tmp_path):
    """Three hosts with a small VM each: one move allowed, two hosts left; a stranger is bad input."""
    view = {"id": "shareableResource", "rcId": "cpu", "defCapacity": 9, "defConsumption": 1}
    mapping = {"onlineNodes": {str(h): {"runningVMs": [h]} for h in range(3)}}
    path = tmp_path / "three.json"
    path.write_text(json.dumps({"model": {"mapping": mapping, "views": [view]}}), "utf-8")
    args = ["place", str(path), "--json", "--quiet", "--most-moves", "1", "--stay", "vm0"]
    done = CliRunner().invoke(cli, args)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output)
    assert (figures["hosts_used"], figures["moves"], figures["status"]) == (2, 1, "optimal")
    assert CliRunner().invoke(cli, [*args[:-1], "nobody"]).exit_code != 0


def test_with_a_plan(file, tmp_path):
    """Four starts and two boots at most; actions as lines of JSON; time and memory in words."""
    out = tmp_path / "plan.jsonl"
    done = CliRunner().invoke(cli, ["place", str(file), "--quiet", "--plan-out", str(out)])
    assert done.exit_code == 0, done.output
    assert "4 starts" in done.output
    assert "peak memory" in done.output
    kinds = [json.loads(line)["kind"] for line in out.read_text().splitlines()]
    assert kinds.count("start") == 4
    fast = CliRunner().invoke(cli, ["place", str(file), "--quiet", "--fast"])
    assert (fast.exit_code, "4 starts" in fast.output) == (0, True)


def test_a_wrong_name_is_bad_input(tmp_path):
    """The file is missing, or of no known kind."""
    done = CliRunner().invoke(cli, ["place", str(tmp_path / "x.vbp")])
    assert done.exit_code != 0
