"""VMs and traces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from consolidate.errors import HorizonError, InstanceError
from consolidate.model import VM
from consolidate.units import SUFFIXES


def test_arrays_are_frozen(builders):
    """Demand cannot change after a trace is made."""
    trace = builders.trace([[1, 2], [3, 4]])
    for array in (trace.cpu_mcores, trace.memory_mib, trace.alive, trace.vms.vcpus):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_callers_array_stays_his(builders):
    """Changing the source afterwards changes nothing here."""
    mine = np.array([[1, 2]], dtype=np.int32)
    trace = builders.trace(mine, vms=builders.vms(1))
    mine[0, 0] = 99
    assert trace.cpu_mcores.tolist() == [[1, 2]]


def test_negative_demand_is_refused(builders):
    """The message names the VM and the step."""
    with pytest.raises(InstanceError, match=r"trace\.cpu_mcores\[vm1, 2\]: -5 is negative"):
        builders.trace([[1, 1, 1], [1, 1, -5]])


def test_demand_of_a_vm_that_is_not_there_is_refused(builders):
    """Demand without a VM is a fault of the reader, not something to add up."""
    good = builders.trace([[1, 0]], vms=builders.vms(1), alive=[[True, False]])
    with pytest.raises(InstanceError, match=r"\[vm0, 1\]: 7 is given although the VM is not alive"):
        type(good)(
            vms=good.vms,
            grid=good.grid,
            cpu_mcores=[[1, 7]],
            memory_mib=good.memory_mib,
            alive=good.alive,
        )


def test_wrong_shapes_are_reported_together(builders):
    """Every array that does not match is named."""
    good = builders.trace([[1, 2]], vms=builders.vms(1))
    with pytest.raises(InstanceError) as caught:
        type(good)(
            vms=builders.vms(2),
            grid=good.grid,
            cpu_mcores=good.cpu_mcores,
            memory_mib=good.memory_mib,
            alive=good.alive,
        )
    assert {i.path for i in caught.value.issues} == {
        "trace.cpu_mcores",
        "trace.memory_mib",
        "trace.alive",
    }


def test_numbers_too_large_for_their_column_are_refused(builders):
    """Three thousand million mcores must not wrap around to a small number."""
    with pytest.raises(ValueError, match="2147483647"):
        builders.trace([[3_000_000_000]], vms=builders.vms(1))


def test_a_fraction_of_a_millicore_is_refused(builders):
    """Demand rounds up where it is read; cutting it off here would round it down in silence."""
    good = builders.trace([[1]], vms=builders.vms(1))
    with pytest.raises(ValueError, match=r"whole numbers, got 1\.7"):
        replace(good, cpu_mcores=np.array([[1.7]]))
    assert replace(good, cpu_mcores=np.array([[2.0]])).cpu_mcores.tolist() == [[2]]


def test_a_read_only_view_of_a_writable_array_is_copied(builders):
    """Sharing it would let its owner change a trace that is said to be frozen."""
    mine = np.array([[1, 2]], dtype=np.int32)
    view = mine.view()
    view.flags.writeable = False
    trace = replace(builders.trace([[1, 2]], vms=builders.vms(1)), cpu_mcores=view)
    mine[0, 0] = 99
    assert trace.cpu_mcores.tolist() == [[1, 2]]


def test_window_shows_the_same_vms(builders):
    """A window cuts steps, never VMs."""
    trace = builders.trace([[1, 2, 3], [4, 5, 6]])
    part = trace.window(1, 3)
    assert part.cpu_mcores.tolist() == [[2, 3], [5, 6]]
    assert part.vms is trace.vms
    assert part.grid.start == trace.grid.times()[1]
    with pytest.raises(ValueError, match="read-only"):
        part.cpu_mcores[0, 0] = 1
    with pytest.raises(HorizonError):
        trace.window(1, 4)


def test_frame_has_one_row_per_living_step(builders):
    """The tidy table leaves out steps in which a VM does not exist."""
    frame = builders.trace([[5, 6], [7, 0]], alive=[[True, True], [True, False]]).to_frame()
    assert frame["vm_id"].tolist() == ["vm0", "vm0", "vm1"]
    assert frame["cpu_mcores"].tolist() == [5, 6, 7]
    for column in frame.columns.drop("vm_id"):
        assert any(column.endswith(f"_{suffix}") for suffix in SUFFIXES), column


def test_vms_are_values_and_rows(builders):
    """The struct of arrays and the single VM say the same."""
    vms = builders.vms(
        2, vcpus=[1, 4], memory_mib=[512, 1_024], is_container=[False, True], groups=("", "web")
    )
    assert [vm.id for vm in vms] == ["vm0", "vm1"]
    assert vms[1] == VM(
        id="vm1",
        vcpus=4,
        cpu_mcores=2_000,
        memory_mib=1_024,
        dirty_mib_per_s=10.0,
        kind="container",
        group="web",
    )
    assert vms.to_frame()["kind"].tolist() == ["vm", "container"]


def test_every_wrong_vm_is_reported(builders):
    """Names used twice, zero vCPUs, a NaN rate and missing groups in one error."""
    with pytest.raises(InstanceError) as caught:
        builders.vms(
            ids=("a", "b", "a"), vcpus=[1, 0, 1], dirty_mib_per_s=[1.0, 1.0, np.nan], groups=("x",)
        )
    assert {i.path for i in caught.value.issues} == {
        "vms[b].vcpus",
        "vms[a].dirty_mib_per_s",
        "vms.groups",
        "vms[a]",
    }


def test_a_trace_has_vms(builders):
    """An empty trace is refused at birth."""
    with pytest.raises(InstanceError, match="at least one VM"):
        builders.trace(np.zeros((0, 3)), vms=builders.vms(0))
