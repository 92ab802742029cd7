"""The reader of the Tianchi 2018 files."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import TraceError
from consolidate.inventory.tianchi import read_tianchi

FILES = {
    "app_resources.csv": (
        "app_1,0.5004|2.0|1.0,1.0|1.0|1.5,60.0,1,0,1\n"
        "app_2,1.0|1.0|1.0,2.0001|2.0|2.0,100.5,0,0,0\n"
        "app_3,0|0|0,0|0|0,0,0,0,0\n"
    ),
    "machine_resources.csv": "machine_1,32,64,1440,7,3,7\nmachine_2,92,288,2457,7,7,9\n",
    "instance_deploy.csv": (
        "inst_1,app_1,machine_1\ninst_2,app_1,\ninst_3,app_2,machine_2\ninst_4,app_2,machine_2\n"
    ),
    "app_interference.csv": (
        "app_1,app_1,0\napp_1,app_2,1\napp_2,app_1,2\napp_3,app_1,0\napp_2,app_2,0\n"
    ),
}


def write(folder, **changed):
    for name, text in {**FILES, **{f"{k}.csv": v for k, v in changed.items()}}.items():
        (folder / name).write_text(text)
    return folder


def test_needs_round_up_and_the_placement_is_kept(tmp_path):
    """Columns are the mean CPU, CPU and memory of each slot, disk and the counts."""
    instance = read_tianchi(write(tmp_path))
    assert instance.resources == (
        "cpu_demand_mcores",
        *(f"cpu_demand_mcores[{t}]" for t in range(3)),
        *(f"memory_demand_mib[{t}]" for t in range(3)),
        "disk_gb",
        "P",
        "M",
        "PM",
    )
    assert instance.need[0].tolist() == [1167, 501, 2000, 1000, 1024, 1024, 1536, 60, 1, 0, 1]
    assert instance.need[2].tolist() == [1000, 1000, 1000, 1000, 2049, 2048, 2048, 101, 0, 0, 0]
    assert instance.capacity[0].tolist() == [32_000] * 4 + [65_536] * 3 + [1440, 7, 3, 7]
    assert instance.current.host_of.tolist() == [0, -1, 1, 1]
    assert instance.active.all()
    assert instance.vms.groups == ("app_1", "app_1", "app_2", "app_2")
    assert [d.key for d in instance.defaults] == ["power", "migration energy"]


def test_only_rules_that_can_be_broken_are_kept(tmp_path):
    """Of itself an app stands one more than stated; apps without instances disturb nobody."""
    rules = read_tianchi(write(tmp_path)).rules
    assert [(r.vms, r.others, r.most) for r in rules] == [
        ((0, 1), (0, 1), 1),
        ((0, 1), (2, 3), 1),
        ((2, 3), (2, 3), 1),
    ]


def test_energy_is_the_number_of_machines(tmp_path):
    """Every machine draws the same, so the least energy is the fewest machines."""
    instance = read_tianchi(write(tmp_path))
    both = instance.energy(instance.current).total_mj
    assert both == 2 * 100_000 * 3 * 900


def test_packed_files_are_read(tmp_path):
    """A file may be packed, and its name may say more than its kind."""
    write(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).unlink()
        (tmp_path / f"b_{name}.gz").write_bytes(gzip.compress(text.encode()))
    assert len(read_tianchi(tmp_path).vms) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"app_resources": "app_1,1|x,1|1,1,0,0,0\n"}, "line 1, column 2: needs a number, got 'x'"),
        ({"app_resources": "app_1,1|nan,1|1,1,0,0,0\n"}, "line 1, column 2: needs 0 to 1e+06, got nan"),
        ({"app_resources": "app_1,1|1,1,1,0,0,0\n"}, "line 1, column 3: needs 2 slots"),
        ({"app_resources": "app_1,1,1,1,0,0,-1\n"}, "line 1, column 7: needs 0 to 1e+06, got -1"),
        ({"app_resources": "app_1,1,1,1,0,0\n"}, "line 1: needs 7 values, got 6"),
        ({"app_resources": "\n"}, "holds no row"),
        (
            {"app_resources": "app_1,1,1,1,0,0,0\n\napp_1,1,1,1,0,0,0\n"},
            "line 3, column 1: app 'app_1' is listed twice",
        ),
        ({"machine_resources": "machine_1,0.5,64,1,7,3,7\n"}, "line 1, column 2: needs 1 or more"),
        ({"instance_deploy": "inst_1,app_9,\n"}, "line 1, column 2: no app is called 'app_9'"),
        ({"instance_deploy": "inst_1,app_1,machine_7\n"}, "column 3: no machine is called 'machine_7'"),
        ({"app_interference": "app_1,app_2,-1\n"}, "line 1, column 3: needs a whole number"),
        ({"app_interference": "app_1,app_x,1\n"}, "line 1, column 2: no app is called 'app_x'"),
    ],
)
def test_mistakes_are_named_with_file_line_and_value(tmp_path, changed, message):
    """Whoever reads the message finds the place."""
    with pytest.raises(TraceError) as caught:
        read_tianchi(write(tmp_path, **changed))
    assert message in str(caught.value)
    assert next(iter(changed)) in str(caught.value)


def test_missing_and_doubled_files_are_refused(tmp_path):
    """One file of each kind, not none and not two."""
    write(tmp_path)
    (tmp_path / "old_app_resources.csv").write_text("")
    with pytest.raises(TraceError, match=r"found app_resources\.csv, old_app_resources\.csv"):
        read_tianchi(tmp_path)
    (tmp_path / "old_app_resources.csv").unlink()
    (tmp_path / "instance_deploy.csv").unlink()
    with pytest.raises(TraceError, match="found none"):
        read_tianchi(tmp_path)


@pytest.mark.slow
def test_the_published_placement_breaks_nothing():
    """The real half set: its size, and its own placement within capacities and rules."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not (folder / "tianchi-2018").is_dir():
        pytest.skip(f"no real data in {folder}; set CONSOLIDATE_DATA to their folder")
    instance = read_tianchi(folder / "tianchi-2018")
    assert instance.need.shape == (34_133, 201)
    assert (instance.current.host_of < 0).sum() == 3_485
    assert (instance.usage(instance.current) <= instance.capacity).all()
    assert not any(rule.violations(instance.current) for rule in instance.rules)
    assert np.unique(instance.capacity, axis=0).shape[0] == 2
