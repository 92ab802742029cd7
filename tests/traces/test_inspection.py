from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from consolidate.errors import InputError
from consolidate.traces import inspect_trace, read_trace

from .conftest import START, bitbrains_row, instant

Write = Callable[..., Path]


def test_clean_file_is_described(planetlab_day: Path) -> None:
    """What it is, how much, and the command that runs on it."""
    found = inspect_trace(planetlab_day)
    assert found.format == "planetlab"
    assert (found.vms, found.rows, found.steps, found.step_s) == (5, 1440, 288, 300)
    assert found.start_utc == "2011-03-03T00:00:00Z"
    assert found.mean_cpu_mcores == pytest.approx(53.0)
    assert found.mean_cpu_fraction == pytest.approx(53 / 2000)
    assert found.usable
    assert not found.findings
    assert found.command == f"consolidate run {planetlab_day} --out RUN"


def test_dirty_file_is_described_with_the_repairs_that_accept_it(bitbrains: Write) -> None:
    """It must not stop at the first problem, and its command must work."""
    lines = [bitbrains_row(START + t) for t in (0, 300, 300, 607, 900, 2400, 2100)]
    folder = bitbrains(vm1=lines)
    found = inspect_trace(folder)
    assert {f.kind: f.count for f in found.findings} == {
        "duplicate": 1,
        "unsorted": 1,
        "off-grid": 2,
        "gap": 1,
    }
    assert found.repairs == ("sort", "drop-duplicates", "snap", "fill-gaps")
    assert "--repair sort,drop-duplicates,snap,fill-gaps" in found.command
    trace = read_trace(folder, repair=found.repairs)
    assert tuple(r.name for r in trace.repairs) == found.repairs
    assert found.steps == trace.grid.n_steps


def test_hopeless_file_lists_all_kinds(bitbrains: Write) -> None:
    """No repair turns text into a number: the page says what to correct."""
    lines = [
        bitbrains_row(START),
        bitbrains_row(START + 300, used="x"),
        "1;\t2",
        bitbrains_row(START + 300),
    ]
    found = inspect_trace(bitbrains(vm1=lines))
    assert {f.kind for f in found.findings} == {"not-a-number", "ragged-row"}
    assert not found.usable
    assert found.repairs == ()
    text = found.to_text()
    assert "line 3, column CPU usage [MHZ]: 'x' is not a number" in text
    assert "needed: correct this" in text


def test_unknown_file_says_what_misses(tmp_path: Path) -> None:
    """The nearest format, and what the file lacks."""
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    found = inspect_trace(path)
    assert found.format == ""
    assert "nearest format: tidy; notes.csv has no column timestamp_utc and vm_id" in found.to_text()
    assert not found.usable


def test_tidy_without_vms_says_what_is_needed(tidy: Write) -> None:
    """The commonest case of a user's own file."""
    path = tidy(f"{instant(0)},web,1,1", f"{instant(1)},web,1,1", vms=None)
    found = inspect_trace(path)
    assert found.format == "tidy"
    assert "vms.csv or vms.parquet" in found.needs[0]


def test_broken_archive_and_empty_folder_do_not_raise(tmp_path: Path) -> None:
    """Inspecting is what one does with a broken file."""
    path = tmp_path / "20110303.tar.xz"
    path.write_bytes(b"\xfd7zXZ\0garbage")
    assert "damaged" in inspect_trace(path).to_text()
    folder = tmp_path / "empty"
    folder.mkdir()
    assert "holds no files" in inspect_trace(folder).to_text()


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """There is nothing to describe."""
    with pytest.raises(InputError, match="cannot be opened"):
        inspect_trace(tmp_path / "nothing")


def test_to_dict_is_plain(bitbrains: Write) -> None:
    """The command line prints it as JSON."""
    found = inspect_trace(bitbrains(vm1=[bitbrains_row(START), bitbrains_row(START)]))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["format"] == "bitbrains"
    assert plain["findings"][0]["repair"] == "drop-duplicates"
    assert plain["findings"][0]["places"][0]["line"] == 3
    assert plain["usable"] is True


def test_paths_with_spaces_are_quoted(planetlab_day: Path) -> None:
    """The command is meant to be pasted."""
    moved = planetlab_day.rename(planetlab_day.parent / "my day")
    command = inspect_trace(moved, start="2011-03-03").command
    assert command.startswith(f"consolidate run '{moved}' --reader start=2011-03-03")


def test_real_sample(shared_data: Path) -> None:
    """The real month that reading refuses."""
    found = inspect_trace(shared_data / "bitbrains-rnd" / "rnd-2013-7-72vm.tar.xz")
    assert (found.vms, found.rows, found.steps) == (72, 658_163, 8640)
    assert {f.kind: f.count for f in found.findings} == {
        "duplicate": 59_065,
        "conflict": 1,
        "off-grid": 126_846,
        "gap": 227,
    }
    assert found.usable
