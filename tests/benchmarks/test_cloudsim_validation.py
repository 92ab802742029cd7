"""The validation agrees with itself, and says so when a figure is off."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchmarks.cloudsim_validation import main
from consolidate import cloudsim


@pytest.fixture
def results(tmp_path):
    """A day of eight VMs, and a table of what our mode says about it, one value changed on request."""
    day = tmp_path / "20110303"
    day.mkdir()
    random = np.random.default_rng(1)
    for k in range(8):
        values = np.clip(20 + np.cumsum(random.normal(0, 4, 288)), 1, 99).astype(int)
        (day / f"vm{k}").write_text("\n".join(map(str, values)) + "\n")

    def write(**changes):
        rows = []
        for detector, selector, parameter in (
            ("thr", "mmt", "0.8"),
            ("dvfs", "-", "-"),
            ("thr", "rs", "0.8"),
        ):
            moves = selector != "-"
            outcome = cloudsim.run(
                day,
                detector,
                selector if moves else "mmt",
                parameter=float(parameter) if moves else None,
                hosts=8,
            ).outcome
            about = {
                "version": "3.0.3",
                "detector": detector,
                "selector": selector,
                "parameter": parameter,
            }
            about |= {"day": "20110303", "file_order": "upper", "hosts": 8, "rep": 0, "wall_s": ""}
            rows.append(about | outcome.to_dict() | (changes if selector == "mmt" else {}))
        table = tmp_path / "results.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return [str(table), "--days", str(tmp_path)]

    return write


def test_equal_rows_pass(results, capsys):
    """What is drawn at random is shown and does not count."""
    assert main(results()) == 0
    assert "2 of 2 rows agree; 1 drawn at random" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "value"), [("migrations", 100_000), ("slatah", 0.5), ("pdm", "NaN")])
def test_a_wrong_figure_fails(results, capsys, name, value):
    """One wrong figure is named, and the command ends with 1."""
    assert main(results(**{name: value})) == 1
    out = capsys.readouterr().out
    assert f"differs in {name}" in out
    assert "1 of 2 rows agree" in out


def test_a_row_of_another_version_fails(results, capsys):
    """What cannot be compared is no agreement."""
    assert main(results(version="7.0.1")) == 1
    assert "not covered" in capsys.readouterr().out
