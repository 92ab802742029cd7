"""Rows of a study that count as CloudSim does."""

from __future__ import annotations

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import ConfigError
from consolidate.study.grid import read_study, run_study

STUDY = """\
name = "compatible"
fleets = ["planetlab-4gib"]

[cloudsim]
policies = ["npa", "dvfs", "thr-mmt-0.8", "risk-0.01"]
keep_idle_vms = [false, true]

[[trace]]
path = "20110303"
format = "planetlab"
reader = { start = "2011-03-03" }
"""
#: Watts of all hosts at full load: 400 of each of the two types of those experiments.
FULL_W = 400 * 117 + 400 * 135


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A day of 24 VMs, a few of them idle for good in the afternoon."""
    folder = tmp_path_factory.mktemp("cloudsim")
    random = np.random.default_rng(4)
    (folder / "20110303").mkdir()
    for k in range(24):
        walk = random.uniform(5, 60) + np.cumsum(random.normal(0, 6, 288))
        percent = np.abs((walk + 100) % 200 - 100).round().astype(int)
        if k < 4:
            percent[150:] = 0
        (folder / "20110303" / f"vm{k:02d}").write_text("\n".join(map(str, percent)) + "\n")
    path = folder / "study.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def rows(file, tmp_path_factory):
    """The rows in the mode ``cloudsim``."""
    table = run_study(file, tmp_path_factory.mktemp("done")).table
    return table[table["mode"] == "cloudsim"]


def test_a_row_for_each_policy_and_population(rows):
    """And none of them on any other fleet than that of those experiments."""
    assert len(rows) == 8
    assert set(rows["fleet"]) == {"planetlab-4gib"}


def test_rows_are_what_the_mode_says(file, rows):
    """A row repeats what a run of the mode gives."""
    run = cs.cloudsim.run(file.parent / "20110303", detector="thr", selector="mmt", parameter=0.8)
    row = rows[rows["policy"] == "thr-mmt-0.8 (3.0.3)"]
    assert row["energy_no_standby_kwh"].item() == run.outcome.energy_kwh
    assert row["migrations"].item() == run.outcome.migrations
    assert row["slatah_fraction"].item() == run.outcome.slatah


def test_savings_count_from_full_power_over_the_same_hours(rows):
    """The last decision is 85,800 s after the first; ``npa`` is charged for 300 s before that as well."""
    full_kwh = FULL_W * 85_800 / 3.6e6
    saved = 1 - rows["energy_no_standby_kwh"] / full_kwh
    assert rows["saved_no_standby_fraction"].to_numpy() == pytest.approx(saved.to_numpy())
    npa = rows[rows["policy"].str.startswith("npa")]
    assert npa["energy_no_standby_kwh"].to_numpy() == pytest.approx(FULL_W * 86_100.1 / 3.6e6)
    bound = rows["clairvoyant_no_standby_kwh"]
    share = (full_kwh - rows["energy_no_standby_kwh"]) / (full_kwh - bound)
    assert rows["saving_share_fraction"].to_numpy() == pytest.approx(share.to_numpy())


def test_our_controller_is_above_the_bound_and_below_the_others(rows):
    """On the same population, by the same count."""
    kept = rows["policy"].str.endswith("idle VMs kept)")
    for group in (rows[kept], rows[~kept]):
        same = group.set_index("policy")["energy_no_standby_kwh"]
        assert len(same) == 4
        ours = same[same.index.str.startswith("risk")].item()
        assert ours == same.min()
    assert (rows["bound_ratio"] > 1).all()


def test_other_traces_are_refused(file):
    """The mode is made for days of PlanetLab."""
    path = file.with_name("other.toml")
    text = STUDY.replace('format = "planetlab"', 'format = "tidy"')
    path.write_text(text.replace('"dvfs"', '"dvfx"'))
    with pytest.raises(ConfigError) as caught:
        read_study(path)
    assert "needs the format planetlab" in str(caught.value)
    assert "dvfx" in str(caught.value)
