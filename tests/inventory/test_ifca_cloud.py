"""The reader of a measured cloud, on a small made-up one and on the real one where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import consolidate as cs
from consolidate.errors import ConfigError, TraceError

GROUPS = """\
node_group,model,#sockets,cpu,#cores_per_socket,#threads_per_core,memory_total_size_GB,#gpus
aaaa0001,Old blade,2,Intel(R) Xeon(R) CPU E5-2697 v2 @ 2.70GHz,12,2,16.0,0
bbbb0002,New server,2,Intel(R) Xeon(R) Platinum 8358 CPU @ 2.60GHz,32,2,384.0,0
"""
FLAVOURS = """\
vm_id,user_id,vcpus,memory_mb
00366801,u,48.0,94000.0
15238002,u,4.0,8000.0
5433e306,u,8.0,16000.0
ffffffff,u,8.0,16000.0
"""


@pytest.fixture
def folder(tmp_path):
    """Three VMs on three hosts of two groups over one day; ids that a number reader would spoil."""
    (tmp_path / "groups.csv").write_text(GROUPS)
    (tmp_path / "vms_fixed.csv").write_text(FLAVOURS)
    rows = []
    vms = (
        ("aaaa0001", "1e5", "00366801", 100.0),
        ("bbbb0002", "2e5", "15238002", 7.5),
        ("bbbb0002", "3e5", "5433e306", 0.04),
    )
    for k, (group, host, vm, watts) in enumerate(vms):
        for step in range(48):
            time = pd.Timestamp("2025-01-17", tz="UTC") + pd.Timedelta(minutes=30 * step)
            value = np.nan if (k, step) == (1, 5) else watts
            rows.append((group, host, vm, time, value))
    names = ["node_group", "node_name", "vm_id", "timestamp", "power_w_mean"]
    pd.DataFrame(rows, columns=names).to_parquet(tmp_path / "all_groups_vm_power_30min.parquet")
    return tmp_path


def test_ids_stay_texts_and_watts_are_exact(folder):
    """``5433e306`` is no number; a replay charges idle plus what was measured."""
    cloud = cs.read_ifca_cloud(folder)
    assert cloud.trace.vms.ids == ("00366801", "15238002", "5433e306")
    done = cs.replay(cloud.trace, cloud.fleet, cloud.placement_at(0))
    measured_j = (100.0 * 48 + 7.5 * 47 + 0.04 * 48) * 1_800
    idle_j = (51.0 + 127.0 + 127.0) * 86_400
    assert done.total_mj / 1_000 == pytest.approx(measured_j + idle_j, rel=1e-6)
    assert done.service.unmet_mcore_s == 0


def test_what_is_wrong_with_the_files_is_listed(folder):
    """A missing value, a VM without watts, a blade with less memory than its one VM."""
    text = "\n".join(str(issue) for issue in cs.read_ifca_cloud(folder).issues)
    assert "1 half-hours" in text
    assert "1 VMs have a flavour and no watts" in text
    assert "groups[aaaa0001].memory_total_size_GB: states 16384 MiB" in text


def test_vms_stay_in_their_group_and_one_host_is_emptied(folder):
    """The two of the same group share a host; the other stays."""
    cloud = cs.read_ifca_cloud(folder, idle="hosting")
    instance = cs.Instance.from_trace(
        cloud.trace,
        cloud.fleet,
        sizing=cs.Percentile(95),
        current=cloud.placement_at(0),
        rules=cloud.rules,
        hindsight=True,
    )
    placed = cs.solve(instance, "drain").placement.host_of
    assert placed[1] == placed[2]
    assert placed[0] == 0


def test_bad_input_is_refused(folder):
    """With the file, or the option."""
    with pytest.raises(ConfigError, match="density"):
        cs.read_ifca_cloud(folder, density="full")
    with pytest.raises(ConfigError, match="no row"):
        cs.read_ifca_cloud(folder, first="2030-01-01", stop="2030-01-02")
    (folder / "vms_fixed.csv").write_text("vm_id,vcpus\n00366801,many\n")
    with pytest.raises(TraceError, match=r"vms_fixed\.csv"):
        cs.read_ifca_cloud(folder)


def test_the_real_cloud():
    """425 VMs with watts on 113 hosts from 17 January to 11 February 2025."""
    named = os.environ.get("CONSOLIDATE_DATA")
    data = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not (data / "ifca-cloud").is_dir():
        pytest.skip(f"no IFCA cloud in {data}; set CONSOLIDATE_DATA to a folder that has it")
    cloud = cs.read_ifca_cloud(data / "ifca-cloud")
    assert (cloud.trace.n_vms, cloud.fleet.n_hosts, len(cloud.fleet.types)) == (425, 113, 6)
    # Parquet gives 4.08 kW on average over the range.
    assert cloud.measured_w().sum(axis=0).mean() == pytest.approx(4_080, rel=0.001)
