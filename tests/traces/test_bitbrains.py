from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import ConfigError, TraceError
from consolidate.traces import read_trace

from .conftest import HEADER, START, bitbrains_row

Write = Callable[..., Path]


def rows(n: int, *, start: int = START, step: int = 300) -> list[str]:
    return [bitbrains_row(start + i * step) for i in range(n)]


def test_units_are_converted_and_rounded_up(bitbrains: Write) -> None:
    """500 MHz of 1000-MHz cores is 500 mcores; 1024.5 KB is more than one MiB."""
    trace = read_trace(bitbrains(vm5=rows(3)))
    assert trace.vms.ids == ("5",)
    assert trace.vms[0].vcpus == 2
    assert trace.vms[0].cpu_mcores == 4000
    assert trace.vms[0].memory_mib == 2048
    assert trace.cpu_mcores.tolist() == [[500, 500, 500]]
    assert trace.memory_mib.tolist() == [[2, 2, 2]]
    assert trace.grid.start == np.datetime64(START, "s")
    assert trace.repairs == ()


def test_reference_speed_is_an_option(bitbrains: Write) -> None:
    """Fleets are described in cores of one stated speed; 2000 MHz halves the numbers exactly."""
    trace = read_trace(bitbrains(vm5=rows(3)), reference_mhz=2000)
    assert trace.vms[0].cpu_mcores == 2000
    assert trace.cpu_mcores[0, 0] == 250
    assert any("2000 MHz" in note for note in trace.notes)


def test_millisecond_stamps_are_recognised(bitbrains: Write) -> None:
    """The header says ms, the published values are seconds; files that follow the header exist too."""
    lines = [bitbrains_row((START + 300 * i) * 1000) for i in range(3)]
    trace = read_trace(bitbrains(vm5=lines))
    assert trace.grid.start == np.datetime64(START, "s")
    assert any("milliseconds" in note for note in trace.notes)


def test_wrong_time_unit_is_refused(bitbrains: Write) -> None:
    """Seconds read as milliseconds are in January 1970, which no data centre of ours was."""
    with pytest.raises(TraceError, match="outside the years 1990 to 2099"):
        read_trace(bitbrains(vm5=rows(3)), "bitbrains", time_unit="ms")


def test_ids_sort_by_number(bitbrains: Write) -> None:
    """People look for VM 10 after VM 9."""
    assert read_trace(bitbrains(vm10=rows(2), vm9=rows(2), vm100=rows(2))).vms.ids == ("9", "10", "100")


def test_common_phase_needs_no_repair(bitbrains: Write) -> None:
    """Stamps that are 204 s past the full step in all files are a grid of their own."""
    trace = read_trace(bitbrains(vm1=rows(3, start=START + 204), vm2=rows(2, start=START + 504)))
    assert trace.grid.start == np.datetime64(START + 204, "s")
    assert trace.alive.tolist() == [[True, True, True], [False, True, True]]


@pytest.mark.parametrize(
    ("lines", "repair", "line"),
    [
        ([*rows(3), rows(3)[2]], "drop-duplicates", 5),
        ([*rows(3), bitbrains_row(START + 600, used=9.0)], "keep-last", 5),
        ([rows(3)[0], rows(3)[2], rows(3)[1]], "sort", 4),
        ([*rows(3), bitbrains_row(START + 907)], "snap", 5),
        ([*rows(3), bitbrains_row(START + 1800)], "fill-gaps", 5),
    ],
)
def test_each_disorder_is_refused_and_accepted_by_its_repair(
    bitbrains: Write, lines: list[str], repair: str, line: int
) -> None:
    """Nothing is repaired unless the repair was named; the message names it."""
    folder = bitbrains(vm1=lines)
    with pytest.raises(TraceError, match=f"--repair {repair}") as caught:
        read_trace(folder)
    assert caught.value.line == line
    trace = read_trace(folder, repair=repair)
    assert [r.name for r in trace.repairs] == [repair]
    assert trace.repairs[0].count >= 1


def test_keep_last_keeps_the_last_row(bitbrains: Write) -> None:
    """The later row is the correction."""
    folder = bitbrains(vm1=[*rows(3), bitbrains_row(START + 600, used=9.0)])
    assert read_trace(folder, repair=["keep-last"]).cpu_mcores[0].tolist() == [500, 500, 9]


def test_three_copies_count_twice(bitbrains: Write) -> None:
    """The published files have up to three copies of a row."""
    folder = bitbrains(vm1=[rows(1)[0]] * 3 + rows(2)[1:])
    (repair,) = read_trace(folder, repair="drop-duplicates").repairs
    assert repair.count == 2


def test_duplicates_hidden_by_disorder_are_found_after_sorting(bitbrains: Write) -> None:
    """Sorting must not smuggle a second value of one instant in."""
    folder = bitbrains(vm1=[*rows(3), rows(3)[0]])
    with pytest.raises(TraceError, match="drop-duplicates"):
        read_trace(folder, repair="sort")
    trace = read_trace(folder, repair="sort,drop-duplicates")
    assert trace.cpu_mcores[0].tolist() == [500, 500, 500]


def test_snap_takes_the_mean_of_cpu_and_the_maximum_of_memory(bitbrains: Write) -> None:
    """Two samples in one step: energy follows the mean, memory must fit at its peak."""
    lines = [
        bitbrains_row(START, used=100, memory_used=1024),
        bitbrains_row(START + 299, used=301, memory_used=4096),
        bitbrains_row(START + 600, used=7),
    ]
    trace = read_trace(bitbrains(vm1=lines), repair="snap")
    # The samples at 299 s and 600 s are one step apart; the step between them repeats.
    assert trace.cpu_mcores[0].tolist() == [201, 201, 7]
    assert trace.memory_mib[0].tolist() == [4, 4, 2]
    assert "1 steps are the mean" in trace.repairs[0].detail
    assert "1 steps between close samples" in trace.repairs[0].detail


def test_mean_of_equal_values_is_that_value(bitbrains: Write) -> None:
    """A mean must not gain a millicore by floating point."""
    lines = [bitbrains_row(START + 30 * i, used=0.1 * 30) for i in range(10)]
    lines.append(bitbrains_row(START + 300, used=0.1 * 30))
    assert read_trace(bitbrains(vm1=lines), repair="all").cpu_mcores[0].tolist() == [3, 3]


def test_fill_gaps_holds_the_last_value_up_to_its_limit(bitbrains: Write) -> None:
    """An hour of silence is bridged; after a day nobody knows what the VM did."""
    folder = bitbrains(vm1=[*rows(1), bitbrains_row(START + 1500)])
    trace = read_trace(folder, repair="fill-gaps", max_gap_s=600)
    assert trace.alive[0].tolist() == [True, True, True, False, False, True]
    assert trace.cpu_mcores[0].tolist() == [500, 500, 500, 0, 0, 500]
    assert trace.repairs[0].count == 4
    assert "2 repeat the last value, 2 beyond 600 s" in trace.repairs[0].detail


def test_outage_of_the_measurement_is_noted(bitbrains: Write) -> None:
    """A month's trace with a day on which every VM seems dead would fake savings."""
    lines = [*rows(2), *rows(2, start=START + 300 * 100)]
    trace = read_trace(bitbrains(vm1=lines, vm2=lines), repair="fill-gaps")
    assert any("98 steps more than half" in note for note in trace.notes)


def test_off_rows_are_not_alive(bitbrains: Write) -> None:
    """0 cores and 0 MHz mean that the VM is off, even if a memory figure is left over."""
    off = bitbrains_row(START + 300, cores=0, mhz=0.0, used=0.0, memory=2097152.0, memory_used=77.0)
    trace = read_trace(bitbrains(vm1=[rows(1)[0], off, rows(3)[2]]))
    assert trace.alive[0].tolist() == [True, False, True]
    assert trace.memory_mib[0].tolist() == [2, 0, 2]
    assert any(note.startswith("1 rows of a VM that is off (0 cores") for note in trace.notes)
    assert any(note.startswith("1 rows of a VM that is off still show memory") for note in trace.notes)


def test_vm_that_is_always_off_is_left_out_and_named(bitbrains: Write) -> None:
    """It has no size, so it can be placed nowhere; it must not vanish without a word."""
    off = [
        bitbrains_row(START + 300 * i, cores=0, mhz=0, used=0, memory=0, memory_used=0) for i in range(3)
    ]
    trace = read_trace(bitbrains(vm1=off, vm2=rows(3)))
    assert trace.vms.ids == ("2",)
    assert "1 VMs that are off in all rows are left out: 1" in trace.notes


def test_usage_over_capacity_is_kept_and_counted(bitbrains: Write) -> None:
    """Bursting and ballooning are real; clipping them would hide overload."""
    over = bitbrains_row(START + 300, used=4400.0, percent=110.0, memory_used=3e6)
    trace = read_trace(bitbrains(vm1=[rows(1)[0], over]))
    assert trace.cpu_mcores[0].tolist() == [500, 4400]
    assert any("1 rows with CPU usage over 100 %" in note for note in trace.notes)
    assert any("1 rows with memory usage over" in note for note in trace.notes)


def test_resized_vm_has_its_largest_allocation(bitbrains: Write) -> None:
    """A placement must hold at the largest size."""
    large = bitbrains_row(START + 300, cores=4, mhz=8000.0, memory=4194304.0)
    trace = read_trace(bitbrains(vm1=[rows(1)[0], large, rows(3)[2]]))
    assert (trace.vms[0].vcpus, trace.vms[0].cpu_mcores, trace.vms[0].memory_mib) == (4, 8000, 4096)
    assert any("1 VMs whose CPU was resized" in note for note in trace.notes)
    assert any("1 VMs whose memory was resized" in note for note in trace.notes)


@pytest.mark.parametrize(
    ("line", "what", "column"),
    [
        (bitbrains_row(START + 300, used="nan"), "not a finite number", "CPU usage"),
        (bitbrains_row(START + 300, used="inf"), "not a finite number", "CPU usage"),
        (bitbrains_row(START + 300, used="1e9999"), "not a finite number", "CPU usage"),
        (bitbrains_row(START + 300, used="-5"), "is negative", "CPU usage"),
        (bitbrains_row(START + 300, used="12,5"), "'12,5' is not a number", "CPU usage"),
        (bitbrains_row(START + 300, used="0x10"), "is not a number", "CPU usage"),
        (bitbrains_row(START + 300, used="\uff11"), "is not a number", "CPU usage"),
        (bitbrains_row(START + 300, memory_used=""), "is missing", "Memory usage"),
        (bitbrains_row(START + 300, memory="1e30"), "too large", "Memory capacity"),
        (bitbrains_row("01/07/2013"), "is not a number", "Timestamp"),
        (bitbrains_row(0), "outside the years", "Timestamp"),
        (bitbrains_row(START + 300.5), "not a whole second", "Timestamp"),
        (bitbrains_row(START + 300, cores=0), "neither on nor off", "CPU cores"),
        (bitbrains_row(START + 300, cores=1.5), "whole number of cores", "CPU cores"),
        (bitbrains_row(START + 300, mhz=5.2), "GHz", "CPU capacity"),
    ],
)
def test_bad_value_is_refused_with_place(bitbrains: Write, line: str, what: str, column: str) -> None:
    """Each kind of wrong value, with file, line and column."""
    folder = bitbrains(vm1=[rows(1)[0], line, rows(3)[2]])
    with pytest.raises(TraceError, match=what) as caught:
        read_trace(folder, repair="all")
    assert caught.value.line == 3
    assert str(caught.value.column).startswith(column)
    assert caught.value.file.endswith("1.csv")


def test_ragged_row_is_refused_and_later_lines_keep_their_numbers(bitbrains: Write) -> None:
    """Line numbers after a row that was left out must not shift."""
    folder = bitbrains(vm1=[rows(1)[0], "1;\t2", "", rows(3)[1], bitbrains_row(START + 600, used="x")])
    with pytest.raises(TraceError) as caught:
        read_trace(folder)
    assert "line 3: has 2 fields; the header has 11" in str(caught.value)
    assert "line 6, column CPU usage [MHZ]: 'x' is not a number" in str(caught.value)


def test_foreign_header_is_refused(bitbrains: Write) -> None:
    """A file with other columns in the same folder is not data of this format."""
    folder = bitbrains(vm1=rows(3))
    folder.joinpath("2.csv").write_text("time;cpu\n1;2\n")
    with pytest.raises(TraceError, match="no column 'Timestamp") as caught:
        read_trace(folder, "bitbrains")
    assert caught.value.line == 1


def test_header_without_rows_everywhere_is_refused(bitbrains: Write) -> None:
    """There is nothing to place."""
    with pytest.raises(TraceError, match="has no rows"):
        read_trace(bitbrains(vm1=[]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe" + HEADER.encode("utf-16-le"),
        HEADER.encode().replace(b"\n", b"\r") + b"\r1\r2",
        b"x" * 70_000,
    ],
)
def test_odd_encodings_are_refused(tmp_path: Path, content: bytes) -> None:
    """UTF-16, bare carriage returns, no line feeds at all: an error with the file, no crash."""
    path = tmp_path / "7.csv"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"7\.csv"):
        read_trace(path, "bitbrains")


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A spreadsheet saves like this, and the data are intact."""
    path = tmp_path / "7.csv"
    path.write_bytes(("\ufeff" + "\r\n".join([HEADER, *rows(3)]) + "\r\n").encode())
    assert read_trace(path).cpu_mcores.tolist() == [[500, 500, 500]]


def test_one_vm_with_a_gap_is_no_outage(bitbrains: Write) -> None:
    """A note that blames the measurement needs more than one witness."""
    trace = read_trace(bitbrains(vm1=[*rows(2), *rows(2, start=START + 1500)]), repair="fill-gaps")
    assert not any("measurement" in note for note in trace.notes)


def test_unknown_repair_is_refused(bitbrains: Write) -> None:
    """A misspelt repair must not be ignored."""
    with pytest.raises(ConfigError, match="no repair named 'snapp'"):
        read_trace(bitbrains(vm1=rows(3)), repair="snapp")


def test_file_longer_than_a_block_reads_as_one(tmp_path: Path) -> None:
    """Blocks are cut between lines; carrying the last row over must lose and double nothing."""
    n = 20_000
    path = tmp_path / "7.csv"
    lines = [bitbrains_row(START + 300 * i, used=float(i % 997)) for i in range(n)]
    lines[15_000] = bitbrains_row(START + 300 * 15_000, used="x")
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    assert path.stat().st_size > 2**20
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert caught.value.line == 15_002
    lines[15_000] = bitbrains_row(START + 300 * 15_000, used=float(15_000 % 997))
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    for repair in ((), ("sort",)):
        trace = read_trace(path, repair=repair)
        assert trace.cpu_mcores[0].tolist() == [i % 997 for i in range(n)]
        assert trace.repairs == ()


def test_real_sample_is_refused_and_then_accepted_with_counts(shared_data: Path) -> None:
    """72 VMs of July 2013 with every oddity that the published files have."""
    path = shared_data / "bitbrains-rnd" / "rnd-2013-7-72vm.tar.xz"
    with pytest.raises(TraceError, match="--repair drop-duplicates,fill-gaps,keep-last,snap"):
        read_trace(path)
    trace = read_trace(path, repair="all")
    assert trace.n_vms == 72
    assert trace.grid.n_steps == 8640
    counts = {r.name: r.count for r in trace.repairs}
    assert counts == {"drop-duplicates": 59_065, "keep-last": 1, "snap": 597_305, "fill-gaps": 19_548}
    assert any(note.startswith("12406 rows with CPU usage over 100 %") for note in trace.notes)
    assert any(note.startswith("158429 rows of a VM that is off") for note in trace.notes)
    assert any("366 steps more than half" in note for note in trace.notes)
