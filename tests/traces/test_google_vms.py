from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consolidate.errors import ConfigError, TraceError
from consolidate.testing import check_reader
from consolidate.traces import make_reader, read_trace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two VMs on day 1 and one on day 2; percentages by hand."""
    made = tmp_path / "google"
    made.mkdir()
    for name, line in (("vm_20_1", "12.345 50"), ("vm_3_1", "100 215.3"), ("vm_3_2", "7 1.5")):
        made.joinpath(name).write_text(f"{line}\n" * 288)
    return made


def test_percentages_are_of_the_flavor_in_turn_rounded_up(folder: Path) -> None:
    """Flavors decide every later figure, so the mapping is checked by hand."""
    trace = read_trace(folder, day=1, flavors="2x4,1x1")
    assert trace.format == "google-vms"
    assert trace.vms.ids == ("vm_20_1", "vm_3_1")
    assert trace.vms.cpu_mcores.tolist() == [2000, 1000]
    # 2,000 x 12.345 % = 246.9; 4 GiB x 50 %; 1 GiB x 215.3 % = 2,204.672.
    assert trace.cpu_mcores[:, 5].tolist() == [247, 1000]
    assert trace.memory_mib[:, 5].tolist() == [2048, 2205]
    assert trace.grid.start == np.datetime64("2011-05-02", "s")
    assert trace.alive.all()


def test_memory_beyond_the_flavor_becomes_the_allocation_and_is_noted(folder: Path) -> None:
    """A VM cannot use more than it has; the sum of tasks of a job can."""
    trace = read_trace(folder, day=1, flavors="2x4,1x1")
    assert trace.vms.memory_mib.tolist() == [4096, 2205]
    assert trace.vms.dirty_mib_per_s == pytest.approx(np.array([4096, 2205]) * 0.05 / 60)
    assert any(note.startswith("1 VMs use more memory") for note in trace.notes)


def test_the_only_day_needs_no_option_and_one_of_several_does(folder: Path) -> None:
    """A day that nobody chose must not be chosen by the order of files."""
    with pytest.raises(TraceError, match="days 1, 2; give the option day"):
        read_trace(folder)
    with pytest.raises(TraceError, match="day 3 is not among them"):
        read_trace(folder, day=3)
    for name in ("vm_20_1", "vm_3_1"):
        folder.joinpath(name).unlink()
    assert read_trace(folder).grid.start == np.datetime64("2011-05-03", "s")


@pytest.mark.parametrize(
    ("line", "what"),
    [("101 5", "over 100 %"), ("5", "not two percentages"), ("5 nan", "not two"), ("-1 5", "not two")],
)
def test_bad_lines_are_refused_with_their_place(folder: Path, line: str, what: str) -> None:
    """Nothing is repaired silently."""
    folder.joinpath("vm_3_2").write_text("5 5\n" * 287 + f"{line}\n")
    with pytest.raises(TraceError, match=what) as caught:
        read_trace(folder, day=2)
    assert "288" in str(caught.value)


def test_a_short_day_and_a_foreign_file_are_refused(folder: Path) -> None:
    """A day has 288 lines, and every file is a VM."""
    folder.joinpath("vm_3_2").write_text("5 5\n" * 287)
    with pytest.raises(TraceError, match="287 rows"):
        read_trace(folder, day=2)
    folder.joinpath("README").write_text("hello\n")
    with pytest.raises(TraceError, match="README is not named"):
        read_trace(folder, "google-vms", day=1)


@pytest.mark.parametrize(
    "options", [{"flavors": "2x"}, {"flavors": "0x4"}, {"day": 0}, {"dirty_ram_fraction_per_min": -1.0}]
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    """Options are checked before any file is opened."""
    with pytest.raises(ConfigError, match="needs"):
        make_reader("google-vms", **options)


def test_it_keeps_the_contract_of_readers(folder: Path) -> None:
    """As every format."""
    check_reader(make_reader("google-vms", day=1), folder)


def test_days_of_the_real_archive(shared_data: Path) -> None:
    """The published files read without a problem."""
    path = shared_data / "gcd-vms" / "gcd_vms_days_1-5.tar.xz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    trace = read_trace(path, day=1)
    assert trace.n_vms > 100
    share = trace.cpu_mcores / trace.vms.cpu_mcores[:, np.newaxis]
    assert 0.1 < share.mean() < 0.4
    assert share.max() <= 1
