from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import ConfigError, TraceError
from consolidate.inventory import read_placement, read_rules, write_placement
from consolidate.model import (
    Ban,
    Fence,
    Fleet,
    Gather,
    HostType,
    Interference,
    LinearPower,
    MaxOnline,
    Placement,
    Root,
    Split,
    SplitAmong,
    Spread,
    VMs,
    WattTable,
)

POWER = WattTable.sample(LinearPower(idle_w=50, max_w=100))
VMS = VMs(
    ids=("web-1", "web-2", "db", "late"),
    vcpus=np.ones(4),
    cpu_mcores=np.full(4, 1_000),
    memory_mib=np.full(4, 1_024),
    dirty_mib_per_s=np.zeros(4),
    groups=("web", "web", "", ""),
)
FLEET = Fleet(
    host_ids=("h1", "h2", "h3"),
    host_type=np.zeros(3, dtype=np.int32),
    types=(HostType(name="box", cores=8, memory_mib=65_536, power=POWER),),
    powered_on=np.array([True, True, False]),
)


def write(tmp_path: Path, text: str, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_placement_round_trip(tmp_path: Path) -> None:
    """What is written must read back the same, VMs on no host included."""
    placement = Placement(host_of=np.array([0, 1, 1, -1], dtype=np.int32))
    path = tmp_path / "placement.csv"
    write_placement(placement, path, vms=VMS, fleet=FLEET)
    assert path.read_text() == "vm_id,host_id\nweb-1,h1\nweb-2,h2\ndb,h2\nlate,\n"
    assert read_placement(path, VMS, FLEET).host_of.tolist() == [0, 1, 1, -1]


def test_placement_accepts_other_column_order_and_excel_bytes(tmp_path: Path) -> None:
    """Spreadsheets reorder columns, add a byte order mark and end lines with CR LF."""
    path = tmp_path / "placement.csv"
    rows = "host_id,vm_id\r\nh1,web-1\r\nh1,web-2\r\nh2,db\r\n,late\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + rows.encode())
    assert read_placement(path, VMS, FLEET).host_of.tolist() == [0, 0, 1, -1]


GOOD = "web-1,h1\nweb-2,h2\ndb,h2\nlate,\n"


@pytest.mark.parametrize(
    ("rows", "line", "column", "message"),
    [
        (GOOD.replace("web-2", "web-9"), 3, "vm_id", "no VM is called 'web-9' (did you mean"),
        (GOOD.replace("db,h2", "db,h9"), 4, "host_id", "no host is called 'h9'"),
        (GOOD + "db,h1\n", 6, "vm_id", "db is listed twice, first in line 4"),
        (GOOD.replace("late,\n", ""), None, None, "late has no row"),
        (GOOD.replace("db,h2", "db,h3"), 4, "host_id", "db is on h3, which is powered off"),
        (GOOD + "x\n", 6, None, "needs 2 cells, got 1"),
    ],
)
def test_wrong_placement_is_refused_at_its_line(
    tmp_path: Path, rows: str, line: int | None, column: str | None, message: str
) -> None:
    """The user must be led to the cell to change."""
    path = write(tmp_path, "vm_id,host_id\n" + rows)
    with pytest.raises(TraceError) as caught:
        read_placement(path, VMS, FLEET)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in str(caught.value)


def test_placement_lists_all_problems(tmp_path: Path) -> None:
    """One run must show every wrong row."""
    path = write(tmp_path, "vm_id,host_id\nweb-1,h9\nweb-2,h3\n")
    with pytest.raises(TraceError) as caught:
        read_placement(path, VMS, FLEET)
    text = str(caught.value)
    assert "'h9'" in text
    assert "line 3, column host_id: web-2 is on h3" in text
    assert "db has no row" in text


def test_placement_needs_its_header(tmp_path: Path) -> None:
    """A file without a header would lose its first VM."""
    with pytest.raises(TraceError, match="needs the header vm_id,host_id"):
        read_placement(write(tmp_path, GOOD), VMS, FLEET)


def test_vm_on_a_container_host_is_refused(tmp_path: Path) -> None:
    """A VM cannot run on a container engine, whatever the file says."""
    from dataclasses import replace

    from consolidate.model import Hypervisor

    engine = replace(FLEET.types[0], hypervisor=Hypervisor(kind="container_engine"))
    with pytest.raises(TraceError, match="runs no guest of kind vm"):
        read_placement(write(tmp_path, "vm_id,host_id\n" + GOOD), VMS, replace(FLEET, types=(engine,)))


def test_rules_of_every_kind(tmp_path: Path) -> None:
    """Names, aliases, groups and options must end in the rule that they mean."""
    rules = read_rules(
        write(
            tmp_path,
            """
[[rule]]
name = "spread"
group = "web"
[[rule]]
name = "anti_affinity"
vms = ["db", "web-1"]
continuous = false
[[rule]]
name = "affinity"
vms = ["db", "late"]
[[rule]]
name = "pin"
vms = ["db"]
hosts = ["h2", "h1"]
[[rule]]
name = "ban"
vms = ["db"]
hosts = ["h3"]
[[rule]]
name = "root"
vms = ["db", "web-1"]
hosts = ["h2", "h1"]
""",
        ),
        VMS,
        FLEET,
    )
    assert rules == (
        Spread(vms=(0, 1)),
        Spread(vms=(0, 2), continuous=False),
        Gather(vms=(2, 3)),
        Fence(vms=(2,), hosts=(0, 1)),
        Ban(vms=(2,), hosts=(2,)),
        # Rules keep VMs in ascending order, so the hosts have to be reordered with them.
        Root(vms=(0, 2), hosts=(0, 1)),
    )


def test_empty_rules_file_has_no_rules(tmp_path: Path) -> None:
    """A generated cloud without groups writes such a file."""
    assert read_rules(write(tmp_path, "# none\n"), VMS, FLEET) == ()


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ('name = "spred"\nvms = ["db"]', "rule[0].name", "did you mean 'spread'"),
        ('name = "spread"\nvms = ["dbb"]', "rule[0].vms[0]", "no VM is called 'dbb'"),
        ('name = "spread"\ngroup = "wb"', "rule[0].group", "did you mean 'web'"),
        ('name = "spread"', "rule[0]", "either vms or group"),
        ('name = "spread"\nvms = ["db"]\ngroup = "web"', "rule[0]", "either vms or group"),
        ('name = "spread"\nvms = []', "rule[0].vms", "at least one VM"),
        ('name = "spread"\nvms = ["db"]\nhosts = ["h1"]', "rule[0].hosts", "takes no hosts"),
        ('name = "fence"\nvms = ["db"]', "rule[0].hosts", "at least one host"),
        ('name = "fence"\nvms = ["db"]\nhosts = ["h9"]', "rule[0].hosts[0]", "no host is called"),
        (
            'name = "root"\nvms = ["db", "late"]\nhosts = ["h1", "h2", "h3"]',
            "rule[0].hosts",
            "got 2 VMs",
        ),
        ('name = "spread"\nvms = "db"', "rule[0].vms", "expected `array"),
        ('name = "spread"\nvm = ["db"]', "rule[0].vm", "unknown key"),
    ],
)
def test_wrong_rule_is_refused_with_its_path(tmp_path: Path, rule: str, path: str, message: str) -> None:
    """A rule that is silently ignored is worse than none."""
    with pytest.raises(ConfigError) as caught:
        read_rules(write(tmp_path, f"[[rule]]\n{rule}\n"), VMS, FLEET)
    assert caught.value.path == path
    assert message in str(caught.value)


def test_rules_about_company_and_zones(tmp_path: Path) -> None:
    """Parts and zones are lists of names, limits are numbers, and a rule about hosts names no VMs."""
    text = """
    [[rule]]
    name = "interference"
    group = "web"
    others = ["db"]
    most = 1

    [[rule]]
    name = "split"
    parts = [["web-1"], ["db", "late"]]

    [[rule]]
    name = "split_among"
    parts = [["web-1"], ["db"]]
    zones = [["h1"], ["h2", "h3"]]

    [[rule]]
    name = "max_online"
    hosts = ["h1", "h2"]
    most = 1
    """
    assert read_rules(write(tmp_path, text), VMS, FLEET) == (
        Interference(vms=(0, 1), others=(2,), most=1),
        Split(parts=((0,), (2, 3))),
        SplitAmong(parts=((0,), (2,)), zones=((0,), (1, 2))),
        MaxOnline(hosts=(0, 1), most=1),
    )


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('name = "spread"\nvms = ["db"]\nmost = 2', "rule[0].most", "takes no limit"),
        ('name = "spread"\nvms = ["db"]\nzones = [["h1"]]', "rule[0].zones", "takes no zones"),
        ('name = "max_online"\nhosts = ["h1"]', "rule[0].most", "whole number"),
        ('name = "max_online"\nhosts = ["h1"]\nmost = 1\nvms = ["db"]', "rule[0]", "not of VMs"),
        ('name = "among"\nvms = ["db"]', "rule[0].zones", "lists of host names"),
        ('name = "among"\nvms = ["db"]\nzones = [["h9"]]', "rule[0].zones[0][0]", "h9"),
        ('name = "interference"\nvms = ["db"]\nmost = 1', "rule[0]", "others or other_group"),
    ],
)
def test_wrong_keys_of_rules_are_named(tmp_path: Path, text: str, path: str, words: str) -> None:
    """Keys that a rule does not know, and those that it lacks."""
    with pytest.raises(ConfigError) as caught:
        read_rules(write(tmp_path, f"[[rule]]\n{text}\n"), VMS, FLEET)
    assert path in str(caught.value)
    assert words in str(caught.value)
