"""The benchmarks of the replay: they run, they repeat, and parking reaches what is written of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import consolidate as cs
from benchmarks import parking, replay_scale

REPAIRS = ("drop-duplicates", "fill-gaps", "keep-last", "snap")


@pytest.fixture
def data() -> Path:
    """Folder of real data; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set CONSOLIDATE_DATA to their folder")
    return folder


def test_a_scene_costs_the_same_joules_again(tmp_path):
    """Both arms do something, the plan moves VMs, and the plot is written."""
    one = replay_scale.measure(300, 60, 12, seed=1)
    again = replay_scale.measure(300, 60, 12, seed=1)
    assert [row.total_mj for row in one] == [row.total_mj for row in again]
    assert [row.arm for row in one] == ["placement", "plan"]
    assert one[0].moves == 0 < one[1].moves
    assert one[0].total_mj != one[1].total_mj
    replay_scale.draw(one, tmp_path / "cost.svg")
    assert "VM-samples" in (tmp_path / "cost.svg").read_text("utf-8")


def test_parking_is_compared_with_the_floor():
    """Memory binds, every VM of the first step has a place, and idle VMs end up in storage."""
    made = cs.generate(cs.PrivateCloud(vms=40, days=1, hosts=8), 2).trace
    busy = np.arange(made.grid.n_steps) % 96 < 12
    trace = cs.Trace(
        vms=made.vms,
        grid=made.grid,
        cpu_mcores=np.where(busy, made.cpu_mcores, 0),
        memory_mib=made.memory_mib,
        alive=made.alive,
    )
    fleet = parking.fleet_for(trace, 64, "dell-r740-8280")
    rows = parking.compare(trace, fleet, cs.Parking(rule="always"))
    floor, together, parked = (dict(zip(parking.COLUMNS, row, strict=True)) for row in rows)
    assert floor["moves"] == "0" == floor["saved VMs"] == together["saved VMs"]
    assert int(parked["saved VMs"]) > 40
    assert float(parked["kWh"]) < float(together["kWh"]) <= float(floor["kWh"])


@pytest.mark.slow
def test_bitbrains_saves_an_eighth_and_planetlab_parks_nobody(data):
    """Enterprise VMs sleep for hours; the zeros of PlanetLab are noise, and the rule sees that by itself."""
    whole = cs.read_trace(data / "bitbrains-rnd" / "rnd-2013-7-72vm.tar.xz", repair=REPAIRS)
    first = int(np.argmax(whole.alive.sum(axis=0) >= 0.8 * whole.alive.sum(axis=0).max()))
    trace = whole.window(first, whole.grid.n_steps)
    fleet = parking.fleet_for(trace, 128, "dell-r740-8280")
    for threshold in (0.01, 0.02):
        rows = parking.compare(trace, fleet, cs.Parking(threshold_fraction=threshold))
        floor, _, parked = (float(row[1]) for row in rows)
        assert parked <= 0.88 * floor, threshold
    trace = cs.read_trace(data / "planetlab" / "20110303.tar.xz")
    rows = parking.compare(trace, parking.fleet_for(trace, 16, "dell-r740-8280"), cs.Parking())
    assert rows[1][1:-1] == rows[2][1:-1]
