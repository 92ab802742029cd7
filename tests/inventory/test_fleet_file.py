from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from consolidate.errors import ConfigError, UnknownNameError
from consolidate.inventory import fleet_names, read_fleet
from consolidate.model import Fleet, PowerControl, spec_servers

MINIMAL = """
[[host_type]]
name = "r740"
power = { spec = "dell-r740-8280" }

[[hosts]]
type = "r740"
count = 2
"""


def fleet_of(tmp_path: Path, text: str) -> Fleet:
    path = tmp_path / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return read_fleet(path)


def default(fleet: Fleet, key: str) -> str:
    (value,) = (d.value for d in fleet.defaults if d.key == key)
    return value


def test_planetlab_fleet_is_that_of_cloudsim() -> None:
    """Reproducing CloudSim needs its 800 hosts in its order: even numbers G4, odd numbers G5."""
    fleet = read_fleet("planetlab-4gib")
    g4, g5 = fleet.types
    assert fleet.n_hosts == 800
    assert [fleet.types[t].name for t in fleet.host_type[:4]] == [g4.name, g5.name] * 2
    assert (g4.name, g5.name) == ("hp-ml110-g4", "hp-ml110-g5")
    assert (g4.cpu_mcores, g5.cpu_mcores) == (3_720, 5_320)
    assert (g4.usable_mcores, g4.usable_memory_mib) == (3_720, 4_096)
    assert (g4.core_mcores, g5.core_mcores) == (1_860, 2_660)
    assert g4.nic_mbit_per_s == 1_000
    assert g4.power.points_mw[0] == 86_000
    assert g4.power.hosting_idle_mw == 86_200
    assert fleet.host_ids[0] == "host-0000"
    assert fleet.host_ids[-1] == "host-0799"
    assert fleet.sites[0].zone == "DE"


def test_builtin_fleets_are_listed_and_readable() -> None:
    """Each built-in name must work, and differ from the others in what guests may be promised only."""
    assert fleet_names() == ("planetlab-16gib", "planetlab-4gib", "planetlab-64gib")
    large, small, roomy = (read_fleet(name) for name in fleet_names())
    assert large.types[0].memory_mib == 4 * small.types[0].memory_mib
    assert roomy.types[0].memory_mib == 4 * large.types[0].memory_mib
    assert roomy.types[0].cpu_allocation_ratio == 16
    assert large.host_ids == small.host_ids == roomy.host_ids
    assert large.source == "built-in fleet planetlab-16gib"


def test_absent_values_are_defaulted_and_listed(tmp_path: Path) -> None:
    """What was assumed must be printable, so each absent value is an entry with the value used."""
    fleet = fleet_of(tmp_path, MINIMAL)
    (host,) = fleet.types
    assert (host.cores, host.memory_mib, host.core_speed) == (56, 192 * 1_024, 2.7)
    assert (host.off_w, host.boot_s, host.shutdown_s) == (12.0, 300, 60)
    assert host.boot_j == pytest.approx(182 * 300)
    assert host.shutdown_j == pytest.approx(114 * 60)
    assert host.power.hosting_idle_mw == 91_000  # 2 * 114 - 137
    assert host.hypervisor.moves == {"live", "saved_state"}
    assert host.hypervisor.reserved_memory_mib == 4_096
    assert host.hypervisor.reserved_mcores == 3_780  # 2.5 % of 56 cores of 2.7 reference cores
    for key, value in (
        ("host_types[r740].off_w", "12"),
        ("host_types[r740].boot_j", "54600"),
        ("host_types[r740].memory_mib", "196608"),
        ("host_types[r740].core_speed", "2.7"),
        ("host_types[r740].nic_mbit_per_s", "10000"),
        ("host_types[r740].hypervisor.kind", "type1"),
        ("host_types[r740].power.hosting_idle_w", "91"),
        ("sites[site].pue", "1"),
        ("hosts[0].power_control", "managed"),
        ("hosts[0].powered_on", "true"),
    ):
        assert default(fleet, key) == value, key
    assert all(d.source for d in fleet.defaults)


def test_explicit_values_are_not_defaults(tmp_path: Path) -> None:
    """A value that was given must not be reported as assumed."""
    fleet = fleet_of(
        tmp_path,
        """
[[site]]
name = "ams"
zone = "NL"
pue = 1.3

[[host_type]]
name = "box"
cores = 8
core_speed = 2.0
memory_gib = 64
power = { linear = { idle_w = 60, max_w = 160 }, hosting_idle_w = 70 }
off_w = 5
boot_s = 120
boot_j = 12000
shutdown_s = 10
shutdown_j = 900
nic_gbit_per_s = 25
cpu_allocation_ratio = 2
memory_allocation_ratio = 1
embodied_kg = 1200
min_on_s = 900
min_off_s = 600
max_cycles_per_day = 2

[host_type.hypervisor]
kind = "type2"
reserved_cores = 1
reserved_memory_gib = 2.5
per_vm_mcores = 10
per_vm_memory_mib = 64
background_cores = 0.5
moves = ["saved_state"]

[[hosts]]
type = "box"
ids = ["a", "b"]
site = "ams"
power_control = "keep_on"
maintenance = true
powered_on = false
""",
    )
    (box,) = fleet.types
    assert fleet.defaults == ()
    assert fleet.host_ids == ("a", "b")
    assert box.nic_mbit_per_s == 25_000
    assert (box.min_on_s, box.min_off_s, box.max_cycles_per_day) == (900, 600, 2)
    assert (box.hypervisor.reserved_mcores, box.hypervisor.background_mcores) == (2_000, 1_000)
    assert box.hypervisor.reserved_memory_mib == 2_560
    assert box.power.hosting_idle_mw == 70_000
    assert fleet.sites[0].pue == 1.3
    assert set(fleet.power_control) == {PowerControl.KEEP_ON}
    assert fleet.maintenance.all()
    assert not fleet.powered_on.any()


def test_all_problems_come_at_once_with_paths(tmp_path: Path) -> None:
    """A user who made ten mistakes should have to run the program once to see them."""
    with pytest.raises(ConfigError) as caught:
        fleet_of(
            tmp_path,
            """
rack = 3
[[site]]
name = "x"
pue = 5
[[host_type]]
name = "a"
cores = "eight"
memory_gib = 64
power = { spec = "dell-r740-8281" }
ofw = 3
[[host_type]]
name = "b"
cores = 4
memory_gib = 0.5
power = { linear = { idle_w = 200, max_w = 160 } }
[[host_type]]
name = "c"
cores = 4
core_speed = 2700
memory_gib = 4
power = { points_w = [1, 2, 3] }
[[hosts]]
type = "bb"
count = 0
""",
        )
    text = str(caught.value)
    assert caught.value.path == "rack"
    assert text.endswith("[fleet.toml]")
    for part in (
        "host_types[a].cores: expected `int`",
        "host_types[a].ofw: unknown key",
        "did you mean 'off_w'",
        "sites[x].pue",
        "host_types[b].memory_gib: needs 1 GiB to 100 TiB, got 0.5",
        "host_types[b].power.linear",
        "host_types[c].core_speed",
        "host_types[c].power.points_w",
        "hosts[0].type: no host type is called 'bb' (did you mean",
        "hosts[0].count: needs 1 to",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("count = 2", 'count = 2\nids = ["a"]', "hosts[0].count"),
        ("count = 2", 'count = 2\nname = "same"', "hosts[0].name"),
        ("count = 2", 'count = 2\nname = "{0.__class__}-{:02d}"', "hosts[0].name"),
        ("count = 2", 'ids = ["a", "a"]', "hosts[a]"),
        ("count = 2", "count = true", "hosts[0].count"),
        ("count = 2", 'count = 2\nsite = "mars"', "hosts[0].site"),
        ('"dell-r740-8280"', '"dell-r740-9999"', "host_types[r740].power.spec"),
        ("power =", "memory_gib = inf\npower =", "host_types[r740].memory_gib"),
        ("power =", "boot_s = 99999999999999999999\npower =", "host_types[r740].boot_s"),
        ("power =", "off_w = nan\npower =", "host_types[r740].off_w"),
        ("power =", "core_speed = -1\npower =", "host_types[r740].core_speed"),
        ("power =", "cores = 0\npower =", "host_types[r740].cores"),
        ("count = 2", "ids = []", "hosts[0].ids"),
        ("power =", "memory_gib = 9\nmemory_mib = 9\npower =", "host_types[r740].memory_mib"),
        ("power =", "boot_s = -1\npower =", "host_types[r740].boot_s"),
        ("power =", "min_off_s = -1\npower =", "host_types[r740].min_off_s"),
        ("power =", "min_on_s = 99999999999999999999\npower =", "host_types[r740].min_on_s"),
        ("power =", "memory_gib = 200000\npower =", "host_types[r740].memory_gib"),
        (" }", ", points_w = [1] }", "host_types[r740].power"),
        (" }", ", hosting_idle_w = 1 }", "host_types[r740].power.hosting_idle_w"),
        (
            "power =",
            "hypervisor = { reserved_cores = 99 }\npower =",
            "host_types[r740].hypervisor.reserved_mcores",
        ),
        ("power =", "hypervisor = { moves = [] }\npower =", "host_types[r740].hypervisor.moves"),
    ],
)
def test_wrong_values_are_refused_with_their_path(tmp_path: Path, old: str, new: str, path: str) -> None:
    """The path in the error has to be that of the key to change."""
    with pytest.raises(ConfigError) as caught:
        fleet_of(tmp_path, MINIMAL.replace(old, new))
    assert caught.value.path == path, caught.value


def test_host_names_follow_the_pattern(tmp_path: Path) -> None:
    """Names in the file must be those of the operator: numbers within a table, or within the fleet."""
    text = MINIMAL.replace("count = 2", 'count = 2\nname = "rack1-{:02d}"\nfirst = 1')
    text += '[[hosts]]\ntype = "r740"\ncount = 2\nname = "h{index:03d}"\n'
    assert fleet_of(tmp_path, text).host_ids == ("rack1-01", "rack1-02", "h002", "h003")
    interleaved = fleet_of(tmp_path, 'order = "interleaved"\n' + text)
    assert interleaved.host_ids == ("rack1-01", "h001", "rack1-02", "h003")


def test_small_host_keeps_three_quarters_of_its_memory(tmp_path: Path) -> None:
    """A fixed 4 GiB reservation would take the whole of a small host."""
    text = MINIMAL.replace("power =", "memory_gib = 4\ncores = 2\npower =")
    (host,) = fleet_of(tmp_path, text).types
    assert host.hypervisor.reserved_memory_mib == 1_024


def test_container_hosts_restart_their_guests(tmp_path: Path) -> None:
    """There is no live migration of containers, so the default must not promise it."""
    text = MINIMAL.replace("power =", 'hypervisor = { kind = "container_engine" }\npower =')
    (host,) = fleet_of(tmp_path, text).types
    assert host.hypervisor.moves == {"restart"}
    assert host.hypervisor.per_vm_memory_mib == 0


def test_broken_or_absent_file_says_which(tmp_path: Path) -> None:
    """TOML errors carry line and column; a wrong name carries the right ones."""
    with pytest.raises(ConfigError, match="line 2"):
        fleet_of(tmp_path, "a = 1\nb = = 2\n")
    with pytest.raises(ConfigError, match="no such file"):
        read_fleet(tmp_path / "none.toml")
    with pytest.raises(UnknownNameError, match="planetlab-16gib"):
        read_fleet("planetlab-16gb")


def test_each_spec_server_has_a_clock() -> None:
    """A server without one would count as 1 GHz and look three times too small."""
    assert all(1 <= server.nominal_ghz <= 5 for server in spec_servers().values())


def test_import_does_not_load_the_decoder() -> None:
    """Importing must stay cheap: msgspec and pandas are loaded by the functions that need them."""
    code = (
        "import sys, consolidate.inventory; print({'msgspec', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert done.stdout.strip() == "set()"
