"""Studies: axes, refusals, resuming, and bytes that no number of processes changes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from consolidate.errors import ConfigError
from consolidate.reporting import write_study
from consolidate.study.grid import read_study, run_study
from consolidate.study.grid import running as running_module

STUDY = """\
name = "two axes"
policies = ["ffd", {{ name = "drain" }}]
controllers = ["do-nothing"]
fleets = ["{folder}/fleet.toml"]
seeds = [0]

[parameters]
percentile = [90.0, 99.0]
iterations = 20
deterministic_s = 0.1

[[trace]]
path = "{folder}"
name = "small"
"""


@pytest.fixture(scope="module")
def file(clouds, tmp_path_factory):
    """A study of two policies, a controller and two percentiles on a small cloud."""
    folder = tmp_path_factory.mktemp("study")
    clouds.write_cloud(folder / "cloud", [(0, 24)] * 5)
    path = folder / "axes.toml"
    path.write_text(STUDY.format(folder="cloud"))
    return path


@pytest.fixture(scope="module")
def done(file, tmp_path_factory):
    return run_study(file, tmp_path_factory.mktemp("done"))


def test_every_combination_is_a_row(file, done):
    """Two percentiles times (nothing, two policies and a controller)."""
    assert len(read_study(file).cells) == len(done.table) == done.computed == 2 * (1 + 3)
    assert done.table["parameters"].nunique() == 2
    assert set(done.table["policy"]) == {"do-nothing", "ffd", "drain"}


def test_rows_hold_together(done):
    """Nothing is below its bound, doing nothing saves nothing, and shares follow from the energies."""
    table = done.table
    assert (table["energy_kwh"] >= table["clairvoyant_kwh"]).all()
    assert (table["energy_no_standby_kwh"] >= table["clairvoyant_no_standby_kwh"]).all()
    nothing = table[table["policy"] == "do-nothing"]
    assert (nothing["saved_fraction"] == 0).all()
    ffd = table[table["policy"] == "ffd"]
    assert (ffd["saving_share_fraction"] > 0.3).all()
    base, bound = nothing["energy_kwh"].iloc[0], nothing["clairvoyant_kwh"].iloc[0]
    expected = (base - ffd["energy_kwh"]) / (base - bound)
    assert ffd["saving_share_fraction"].to_numpy() == pytest.approx(expected.to_numpy())


def bytes_of(folder):
    return {
        p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != "provenance.json"
    }


def test_two_processes_write_the_same_bytes(file, done, tmp_path):
    """And other places of the data do not change them, nor the names of the kept cells."""
    other = run_study(file, tmp_path / "other", workers=2)
    write_study(done, tmp_path / "one")
    write_study(other, tmp_path / "two")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    names = [sorted(p.name for p in (d / "cells").iterdir()) for d in (done.folder, tmp_path / "other")]
    assert names[0] == names[1]


def test_an_interrupted_study_goes_on(file, done, tmp_path, monkeypatch):
    """What was finished is not run again; the table is the same."""
    calls = []

    def stops(cell):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(cell)
        return run(cell)

    run = running_module.run_cell
    monkeypatch.setattr(running_module, "run_cell", stops)
    with pytest.raises(KeyboardInterrupt):
        run_study(file, tmp_path)
    monkeypatch.setattr(running_module, "run_cell", run)
    again = run_study(file, tmp_path)
    assert again.computed == done.computed - 5
    pd.testing.assert_frame_equal(again.table, done.table)
    assert run_study(file, tmp_path).computed == 0


def test_a_changed_input_is_run_again(file, done, clouds, tmp_path):
    """A kept cell is of the files as they were."""
    before = {c.key({c.path: "a"}) for c in done.study.cells}
    after = {c.key({c.path: "b"}) for c in done.study.cells}
    assert not before & after


def test_the_written_study(done, tmp_path):
    """Table, page, front and manifest, and nothing of the machine in them."""
    names = {p.name for p in write_study(done, tmp_path)}
    assert names == {
        "table.csv",
        "table.parquet",
        "summary.md",
        "manifest.json",
        "front-small-fleet-engine.svg",
    }
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "table.parquet"), done.table, check_dtype=False
    )
    about = json.loads((tmp_path / "manifest.json").read_text())
    assert [i["name"] for i in about["inputs"]] == ["cloud", "fleet.toml"]
    for name in ("summary.md", "manifest.json", "table.csv"):
        assert str(done.folder.parent) not in (tmp_path / name).read_text()


BROKEN = """\
polices = ["ffd"]
policies = ["fdd", { name = "lns", destroy = 3 }]
controllers = [7]
seeds = [-1]

[parameters]
percentile = "high"
percentil = 90.0

[[trace]]
path = "nowhere"
"""


def test_everything_wrong_is_listed_at_once(tmp_path):
    """With dotted paths, so that a file is mended once."""
    path = tmp_path / "broken.toml"
    path.write_text(BROKEN)
    with pytest.raises(ConfigError) as caught:
        read_study(path)
    text = str(caught.value)
    for part in (
        "polices",
        "policies[0]",
        "did you mean 'ffd'",
        "policies[1].destroy",
        "controllers[0]",
        "seeds",
        "parameters.percentile:",
        "parameters.percentil:",
        "trace[0].path",
    ):
        assert part in text, part


def test_a_combination_named_twice_is_refused(file, tmp_path):
    """Two equal rows would be one cell."""
    path = file.with_name("twice.toml")
    path.write_text(file.read_text().replace('"ffd", {', '"ffd", "ffd", {'))
    with pytest.raises(ConfigError, match="twice"):
        read_study(path)


def test_a_fleet_lies_among_the_data_or_beside_the_study(file, tmp_path):
    """Data are somebody else's; hosts that are assumed for them belong to the study."""
    path = tmp_path / "beside.toml"
    path.write_text(file.read_text().replace("cloud/fleet.toml", "mine.toml"))
    mine = tmp_path / "mine.toml"
    mine.write_text((file.parent / "cloud" / "fleet.toml").read_text())
    assert {cell.fleet for cell in read_study(path, data=file.parent).cells} == {str(mine)}
