"""What no policy undercuts in a replay: written with its proof, judged, and printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.reporting import report_run
from consolidate.reporting.alternatives import missing_arms
from consolidate.study.folder import read_table, write_table
from consolidate.study.replay_bounds import CERTIFICATE, FILE, bound_replay


@pytest.fixture(scope="module")
def bounded(finished, tmp_path_factory) -> Path:
    folder = shutil.copytree(finished.folder, tmp_path_factory.mktemp("bound") / "run")
    bound_replay(folder)
    return folder


@pytest.fixture
def folder(bounded, tmp_path) -> Path:
    return shutil.copytree(bounded, tmp_path / "run")


def state(folder: Path, value_mj: int) -> None:
    about = json.loads((folder / FILE).read_text("utf-8"))
    (folder / FILE).write_text(json.dumps(about | {"value_mj": value_mj}), "utf-8")


def messages(folder: Path) -> list[str]:
    return [f"{v.code} {v.message}" for v in check_run(folder).violations]


def test_the_checks_prove_the_bound_again(bounded):
    """Whoever doubts the share of the possible has a proof that needs no solver."""
    verdict = check_run(bounded)
    assert verdict.ok
    assert any("lower bound of the replay follows from its prices" in words for words in verdict.proven)


def test_a_bound_above_its_proof_is_found(folder):
    """A bound that is a thousandth too high makes a saving look better than it is."""
    stated = json.loads((folder / FILE).read_text("utf-8"))["value_mj"]
    state(folder, stated + stated // 1_000)
    (found,) = messages(folder)
    assert found.startswith("V11.replay")
    assert "its prices prove" in found


def test_without_prices_little_is_proven(folder):
    """The value must follow from the certificate, not from the program that wrote both."""
    table = {name: column.to_numpy() for name, column in zip(*_columns(folder), strict=True)}
    nothing = {name: np.zeros_like(v) if name != "step" else v for name, v in table.items()}
    write_table(folder / CERTIFICATE, nothing)
    (found,) = messages(folder)
    assert found.startswith("V11.replay")


def test_prices_below_zero_are_refused(folder):
    """A negative price would turn the proof around."""
    table = {name: column.to_numpy() for name, column in zip(*_columns(folder), strict=True)}
    write_table(folder / CERTIFICATE, table | {"host_mw": table["host_mw"] - 1e9})
    (found,) = messages(folder)
    assert "column host_mw needs numbers from 0" in found


def test_the_report_says_which_part_of_the_possible_is_saved(bounded, finished):
    """By hand: baseline less consolidated, over baseline less bound; without a bound, the page says so."""
    report = report_run(bounded)
    value = {f.metric: f.value for f in report.figures()}
    least_kwh = json.loads((bounded / FILE).read_text("utf-8"))["value_mj"] / 3.6e9
    assert value["replay_bound_kwh"] == pytest.approx(least_kwh)
    before, after = value["energy_baseline_kwh"], value["energy_consolidated_kwh"]
    assert least_kwh < after < before
    share = (before - after) / (before - least_kwh)
    assert value["possible_share_replayed_fraction"] == pytest.approx(share)
    report.write(bounded)
    assert check_run(bounded).ok
    page = (bounded / "report.html").read_text("utf-8")
    assert "Of what was possible, this plan saves" in page
    assert "lower bound" not in next(line for line in page.splitlines() if "Not replayed:" in line)
    assert "the lower bound of the replay" in missing_arms(report_run(finished))


def _columns(folder: Path):
    table = read_table(folder / CERTIFICATE)
    return table.column_names, table.columns
