"""The verb ``cloudsim``: tables, files, and what it refuses."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest


@pytest.fixture
def day(tmp_path):
    """A folder of eight VMs with walks at random."""
    place = tmp_path / "20110303"
    place.mkdir()
    random = np.random.default_rng(0)
    for k in range(8):
        walk = np.clip(random.integers(5, 40) + np.cumsum(random.normal(0, 3, 288)), 1, 99).astype(int)
        (place / f"vm_{k}").write_text("\n".join(map(str, walk)) + "\n")
    return place


def test_table_json_and_csv_say_the_same(consolidate, day):
    """Three ways to print one result."""
    table = consolidate("cloudsim", str(day), "--hosts", "8")
    assert table.code == 0, table.err
    assert "LR-MMT-1.2, 8 hosts, order upper, as CloudSim 3.0.3" in table.out
    assert "energy, kWh" in table.out
    assert "kernels ready after" in table.err
    [row] = json.loads(consolidate("cloudsim", str(day), "--hosts", "8", "--json").out)
    [line] = csv.DictReader(io.StringIO(consolidate("cloudsim", str(day), "--hosts", "8", "--csv").out))
    assert float(line["energy_kwh"]) == row["energy_kwh"] > 0
    assert f"{row['energy_kwh']:.2f}" in table.out
    assert row["vms"] == 8


def test_log_and_order_file(consolidate, day, tmp_path):
    """The log has one row per step; an order by name is a file with one name a line."""
    names = tmp_path / "order.txt"
    names.write_text("\n".join(f"vm_{k}" for k in reversed(range(8))) + "\n")
    out = tmp_path / "log"
    done = consolidate("cloudsim", str(day), "--hosts", "8", "--order", str(names), "--out", str(out))
    assert done.code == 0, done.err
    folder = out / "lr-mmt-1.2_20110303_given"
    assert len((folder / "steps.csv").read_text().splitlines()) == 288
    assert (folder / "initial.csv").read_text().startswith("vm,host\n0,1\n")
    assert (folder / "migrations.csv").read_text().startswith("step,seq,vm,src_host,dst_host,phase\n")


def test_seeds_and_switches(consolidate, day):
    """Several seeds get a mean; switches are named above the table."""
    done = consolidate(
        "cloudsim", str(day), "--hosts", "8", "--detector", "thr", "--selector", "rs", "--seeds", "2",
        "--variant", "corrected-pabfd", "--keep-idle-vms",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "off_hosts_cost_full fresh_baseline keep_idle_vms" in done.out
    assert {"20110303/0", "20110303/1", "mean", "s.d."} <= set(done.out.split())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--detector", "thr", "--parameter", "80"], "0.8 for 80 %"),
        (["--detector", "lrx"], "did you mean 'lr"),
        (["--order", "lower"], "'upper', 'sorted' or a file"),
        (["--variant", "3.0.9"], "no variant named '3.0.9'"),
        (["--variant", "3.0.1", "--fresh-baseline"], "exclude each other"),
        (["--json", "--csv"], "exclude each other"),
        (["--seeds", "0"], "1 or more"),
    ],
)
def test_refusals(consolidate, day, args, message):
    """Bad input ends with code 2 and a sentence."""
    done = consolidate("cloudsim", str(day), "--hosts", "8", *args)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_refused_files(consolidate, day, tmp_path):
    """A short file is named with its rows; a folder that is not there, too."""
    (day / "vm_3").write_text("5\n" * 287)
    done = consolidate("cloudsim", str(day))
    assert done.code == 2
    assert "vm_3" in done.err
    assert "287 rows" in done.err
    assert consolidate("cloudsim", str(tmp_path / "none")).code == 2
