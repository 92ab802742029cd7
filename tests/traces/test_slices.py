"""A trace in windows is the trace: the same numbers, the same refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import consolidate as cs
from consolidate.errors import InputError, TraceError
from consolidate.model import TraceSlices

CLOUD = cs.PrivateCloud(vms=12, days=1 / 4, hosts=6, departures_per_day=0.5, newcomer_fraction=0.4)


@pytest.fixture(scope="module", params=["csv", "parquet"])
def cloud(request, tmp_path_factory):
    """A trace with VMs that come and go, in a file, and as it is read whole."""
    path = tmp_path_factory.mktemp("slices") / "data"
    trace = cs.generate(CLOUD, 5).trace
    cs.write_tidy(trace, path, format=request.param)
    return path, cs.read_trace(path)


@pytest.mark.parametrize("steps", [1, 7, 36, 1_000])
def test_windows_are_the_trace(cloud, steps):
    """Whatever the length of a window, also where VMs leave, arrive, or are away for a whole window."""
    path, whole = cloud
    slices = cs.read_slices(path, steps)
    assert slices.grid == whole.grid
    windows = list(slices)
    assert len(windows) == -(-whole.grid.n_steps // steps)
    for name in ("cpu_mcores", "memory_mib", "alive"):
        joined = np.concatenate([getattr(w, name) for w in windows], axis=1)
        assert np.array_equal(joined, getattr(whole, name)), name
    for field in dataclasses.fields(whole.vms):
        assert np.array_equal(getattr(slices.vms, field.name), getattr(whole.vms, field.name))
    # A second pass gives the same again.
    assert sum(w.grid.n_steps for w in slices) == whole.grid.n_steps


def test_a_replay_of_windows_is_the_replay(cloud):
    """From the file to the ledger."""
    path, whole = cloud
    fleet = cs.sized_fleet(whole)
    start = cs.Placement(host_of=np.where(whole.alive[:, 0], 0, -1))
    one, other = (cs.replay(t, fleet, start) for t in (whole, cs.read_slices(path, 10)))
    assert np.array_equal(one.step_energy_mj, other.step_energy_mj)
    assert np.array_equal(one.residency, other.residency)
    assert one.service == other.service


def test_what_needs_another_window_is_refused(cloud, tmp_path):
    """Gaps and samples between the steps are problems here as well, and cannot be repaired."""
    path, _ = cloud
    with pytest.raises(InputError, match="fill-gaps cannot be made window by window"):
        cs.read_slices(path, 5, repair="fill-gaps")
    with pytest.raises(InputError, match="1 step or more"):
        cs.read_slices(path, 0)
    rows = ["timestamp_utc,vm_id,cpu_mcores,memory_mib"]
    rows += [f"2024-03-05T0{h}:00:00Z,a,100,200" for h in (0, 1, 2, 5)]
    (tmp_path / "trace.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "vms.csv").write_text(
        "vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s\na,2,2000,4096,1\n"
    )
    with pytest.raises(TraceError, match="gap"):
        cs.read_slices(tmp_path, 2)


def test_windows_have_to_follow_each_other():
    """A source of windows that skips, repeats or swaps is refused with what was due."""
    trace = cs.generate(CLOUD, 5).trace
    parts = list(TraceSlices.of(trace, 20))
    with pytest.raises(InputError, match="a window needs steps of 300 s"):
        list(TraceSlices(vms=trace.vms, grid=trace.grid, windows=lambda: iter(parts[1:])))
    with pytest.raises(InputError, match="the windows have 20 steps"):
        list(TraceSlices(vms=trace.vms, grid=trace.grid, windows=lambda: iter(parts[:1])))
    with pytest.raises(InputError, match="1 step or more"):
        TraceSlices.of(trace, 0)
