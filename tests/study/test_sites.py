"""Several sites: who may live where, what a move over the wide area takes, and that it is charged."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest

from consolidate.checks import check_run
from consolidate.errors import ConfigError
from consolidate.inventory import read_fleet, read_moves, read_rules
from consolidate.migration import MoveSettings, estimate_move
from consolidate.model import LEDGER, VMs
from consolidate.reporting import report_run
from consolidate.study import run

MOVES = """
[moves]
uplink_mbit_per_s = 100
round_trip_ms = 30
shared_storage = {shared}
"""


def far(folder, *, shared="false", disk_mib=20_000):
    """The small cloud with a thin line between its sites, and disks."""
    fleet = folder / "fleet.toml"
    text = fleet.read_text().replace(
        'zone = "SE"', 'zone = "SE"\ntags = ["EU", "nordic"]\nlatency_ms = {paris = 30}'
    )
    text = text.replace('zone = "PL"', 'zone = "PL"\ntags = ["EU"]\nlatency_ms = {paris = 18.5}')
    fleet.write_text(text + MOVES.format(shared=shared))
    if disk_mib is not None:
        lines = folder.joinpath("vms.csv").read_text().splitlines()
        rows = [lines[0] + ",disk_mib", *(f"{line},{disk_mib}" for line in lines[1:])]
        folder.joinpath("vms.csv").write_text("\n".join(rows) + "\n")
    return folder


def placement(folder):
    """Everybody on the first host of the south."""
    path = folder / "placement.csv"
    path.write_text("vm_id,host_id\n" + "".join(f"vm-{k},s-1\n" for k in range(6)))
    return str(path)


def test_moves_between_sites_carry_the_disk_and_wait_for_the_line(small, clouds, tmp_path):
    """Clean Sweden pulls all VMs over 100 Mbit/s; time, bytes and joules are those of the whole load."""
    config = clouds.config(
        far(small),
        placement=placement(small),
        objective="carbon",
        carbon="north=30,south=900",
        policy="auto",
    )
    done = run(config, tmp_path / "run")
    crossing = [m for m in done.plan.migrations if m.target < 2 <= m.source]
    assert crossing
    rate = 100e6 / 8 / 2**20
    for move in crossing:
        memory = int(done.instance.carried_mib()[move.vm])
        assert move.moved_mib >= 20_000 + memory
        assert move.end_s - move.start_s >= math.ceil(move.moved_mib / rate)
        assert move.downtime_ms >= 30
    # One line: what goes over it at a time is never more than it carries.
    edges = sorted({m.start_s for m in crossing})
    busy = [sum(m.rate_mib_per_s for m in crossing if m.start_s <= t < m.end_s) for t in edges]
    assert max(busy) <= rate * (1 + 1e-9)
    assert check_run(tmp_path / "run").ok
    report_run(done).write(tmp_path / "run")
    assert check_run(tmp_path / "run").ok
    figures = json.loads((tmp_path / "run/figures.json").read_text())["figures"]
    value = {figure["metric"]: figure["value"] for figure in figures}
    assert value["moved_between_sites_gib"] == pytest.approx(sum(m.moved_mib for m in crossing) / 1_024)
    # The replay charges the processors of both ends for all that time.
    shutil.copytree(small, tmp_path / "shared")
    fleet = tmp_path / "shared" / "fleet.toml"
    fleet.write_text(fleet.read_text().replace("shared_storage = false", "shared_storage = true"))
    more = {"objective": "carbon", "carbon": "north=30,south=900", "policy": "auto"}
    less = run(clouds.config(tmp_path / "shared", placement=config.placement, **more), tmp_path / "less")
    column = LEDGER.index("migration")
    charged = [int(arm.energy_mj[:, column].sum()) for arm in (done.consolidated, less.consolidated)]
    assert charged[0] > 3 * charged[1] > 0


def test_the_checks_know_the_disk(small, clouds, tmp_path):
    """A plan whose moves are as short as without disks is refused."""
    config = clouds.config(
        far(small),
        placement=placement(small),
        objective="carbon",
        carbon="north=30,south=900",
        policy="auto",
    )
    run(config, tmp_path / "run")
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "run", broken)
    about = json.loads((broken / "instance.json").read_text())
    about["moves"]["round_trip_ms"] = 90_000.0
    (broken / "instance.json").write_text(json.dumps(about))
    assert "V6.cost" in {v.code for v in check_run(broken).violations}


@pytest.mark.parametrize("mode", ["live", "saved_state", "restart"])
def test_what_a_move_takes_by_hand(mode):
    """1,000 MiB of memory that nobody writes to and 5,000 MiB of disk over 80 Mbit/s."""
    settings = MoveSettings(
        uplink_mbit_per_s=80, bandwidth_fraction=1.0, shared_storage=False, round_trip_ms=40, setup_s=0
    )
    about = {"nic_mbit_per_s": 10_000.0, "modes": frozenset({mode}), "settings": settings}
    rate = 80e6 / 8 / 2**20
    near = estimate_move(1_000, 0.0, **about)
    found = estimate_move(1_000, 0.0, **about, apart=True, disk_mib=5_000)
    memory = {"live": 1_000, "saved_state": 2_000, "restart": 0}[mode]
    fixed = settings.restart_s if mode == "restart" else 0
    assert found.moved_mib == 5_000 + memory
    assert found.duration_s == math.ceil((5_000 + memory) / rate + fixed)
    assert found.downtime_ms == (40 if mode == "live" else found.duration_s * 1_000)
    assert near.moved_mib == memory
    shared = estimate_move(
        1_000, 0.0, **{**about, "settings": MoveSettings()}, apart=True, disk_mib=5_000
    )
    assert shared.moved_mib == memory


def test_rules_speak_of_sites(small):
    """By name, by tag, by round trip to users; what nobody satisfies is refused."""
    fleet = read_fleet(far(small) / "fleet.toml")
    n = 2
    vms = VMs(
        ids=("a", "b"),
        vcpus=np.ones(n),
        cpu_mcores=np.full(n, 1_000),
        memory_mib=np.full(n, 1_024),
        dirty_mib_per_s=np.zeros(n),
    )
    path = small / "rules.toml"

    def hosts(text):
        path.write_text(f'[[rule]]\nname = "fence"\nvms = ["a"]\n{text}\n')
        (rule,) = read_rules(path, vms, fleet)
        return [fleet.host_ids[h] for h in rule.hosts]

    assert hosts('sites = ["south"]') == ["s-1", "s-2"]
    assert hosts('sites_tagged = ["EU"]') == ["n-1", "n-2", "s-1", "s-2"]
    assert hosts('sites_tagged = ["EU", "nordic"]') == ["n-1", "n-2"]
    assert hosts('users = "paris"\nsites_within_ms = 20') == ["s-1", "s-2"]
    for text, message in (
        ('sites = ["west"]', "no site is called 'west'"),
        ('sites_tagged = ["US"]', "no host is at a site"),
        ('sites = ["south"]\nsites_tagged = ["nordic"]', "no host is at a site"),
        ('users = "rome"\nsites_within_ms = 20', "no group of users is called 'rome'"),
        ("sites_within_ms = 20", "needs users"),
        ('hosts = ["n-1"]\nsites = ["south"]', "not both"),
    ):
        with pytest.raises(ConfigError, match=message):
            hosts(text)


def test_residency_holds_whatever_the_grid(small, clouds, tmp_path):
    """Two VMs that must stay in the south stay there, although the north is clean."""
    far(small, shared="true", disk_mib=None)
    small.joinpath("rules.toml").write_text(
        '[[rule]]\nname = "fence"\nvms = ["vm-0", "vm-3"]\nsites = ["south"]\n'
    )
    config = clouds.config(
        small, placement=placement(small), objective="carbon", carbon="north=30,south=900", policy="auto"
    )
    done = run(config, tmp_path / "run")
    site_of = done.instance.fleet.host_site[done.result.placement.host_of]
    assert site_of.tolist() == [1, 0, 0, 1, 0, 0]
    assert check_run(tmp_path / "run").ok


def test_settings_of_moves_that_cannot_be(small, clouds, tmp_path):
    """Each with its path; and no disks at all where disks have to be carried."""
    assert read_moves("planetlab-16gib") == MoveSettings()
    far(small, disk_mib=None)
    with pytest.raises(ConfigError, match="disk_mib"):
        run(clouds.config(small, carbon="100"), tmp_path / "run")
    fleet = small / "fleet.toml"
    fleet.write_text(fleet.read_text() + "bandwidth_fraction = 1.5\nmoves_in = 0\n")
    with pytest.raises(ConfigError, match=r"(?s)moves_in.*bandwidth_fraction"):
        read_fleet(fleet)
