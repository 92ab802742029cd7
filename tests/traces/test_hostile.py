from __future__ import annotations

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consolidate.errors import InputError, TraceError
from consolidate.traces import inspect_trace, read_trace, sources
from consolidate.traces.assemble import assemble
from consolidate.traces.planetlab import PlanetLabReader

from .conftest import HEADER, START, TIDY_VMS, bitbrains_row, instant

Write = Callable[..., Path]
NAMES = (
    "20110303",
    "20110303.tar",
    "20110303.tar.gz",
    "20110303.zip",
    "5.csv",
    "trace.csv.gz",
    "trace.parquet",
)


def beginnings(name: str) -> bytes:
    """Return a plausible beginning of a file of that name."""
    if name.endswith(".parquet"):
        return b"PAR1"
    if name == "5.csv":
        return "\n".join([HEADER, bitbrains_row(START), ""]).encode()
    if name.endswith(".csv.gz"):
        text = f"timestamp_utc,vm_id,cpu_mcores,memory_mib\n{instant(0)},web,1,1\n"
        return gzip.compress(text.encode())
    return b"24\n34\n" if name == "20110303" else b""


@settings(max_examples=120, deadline=None)
@given(name=st.sampled_from(NAMES), start=st.booleans(), data=st.binary(max_size=400))
def test_any_bytes_end_in_a_trace_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, start: bool, data: bytes
) -> None:
    """Whatever is given: no crash, no warning, an error that names the file, and nothing left behind."""
    folder = tmp_path_factory.mktemp("hostile")
    folder.joinpath("vms.csv").write_text(TIDY_VMS)
    path = folder / name
    path.write_bytes((beginnings(name) if start else b"") + data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inspect_trace(path).to_text()
        message = ""
        try:
            read_trace(path, repair="all")
        except InputError as error:
            message = str(error)
    assert name in message or not message
    assert sorted(f.name for f in folder.iterdir()) == sorted({"vms.csv", name})


@pytest.mark.parametrize("row", [b"\xff;\t2", b"1;\t\xa2;\t3", b"1\0"])
def test_ragged_row_that_is_not_text_is_not_lost(tmp_path: Path, row: bytes) -> None:
    """Arrow drops a ragged row that is not UTF-8 without telling; that must not pass."""
    path = tmp_path / "5.csv"
    lines = [HEADER.encode(), bitbrains_row(START).encode(), row, bitbrains_row(START + 300).encode()]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(TraceError, match=r"UTF-8|NUL") as caught:
        read_trace(path)
    assert caught.value.line == 3


def test_endless_line_is_refused(tmp_path: Path) -> None:
    """A field of ten megabytes must not be held in memory to be refused."""
    path = tmp_path / "5.csv"
    path.write_bytes(HEADER.encode() + b"\n" + b"9" * (10 * 2**20))
    with pytest.raises(TraceError, match="line of more than"):
        read_trace(path)


def test_hundred_thousand_columns_are_refused(tmp_path: Path) -> None:
    """As a line without end, but with separators."""
    path = tmp_path / "trace.csv"
    path.write_text(",".join(f"c{i}" for i in range(100_000)) + "\n")
    with pytest.raises(TraceError, match="header of more than"):
        read_trace(path)


def test_dangling_link_in_a_folder_is_refused(planetlab_day: Path) -> None:
    """A file that is not there must not be left out."""
    planetlab_day.joinpath("aa").symlink_to(planetlab_day / "nothing")
    with pytest.raises(TraceError, match="not a regular file"):
        read_trace(planetlab_day, "planetlab")


def test_far_timestamp_does_not_fill_memory(tidy: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row in a wrong year would ask for a grid of decades."""
    from consolidate.traces import survey

    monkeypatch.setattr(survey, "MAX_CELLS", 1000)
    path = tidy(f"{instant(0)},web,1,1", f"{instant(1)},web,1,1", "2090-01-01T00:00:00Z,web,1,1")
    with pytest.raises(TraceError, match="is a timestamp wrong"):
        read_trace(path, repair="all")


def test_file_that_grows_while_it_is_read_is_refused(
    planetlab_day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two passes over a file that changes in between would mix two states."""
    changed = PlanetLabReader.scan
    passes = []

    def scan(self: PlanetLabReader, path: Path, report: object) -> object:
        passes.append(1)
        if len(passes) == 2:
            path.joinpath("f_host").write_text("1\n" * 288)
        return changed(self, path, report)  # type: ignore[arg-type]

    monkeypatch.setattr(PlanetLabReader, "scan", scan)
    with pytest.raises(TraceError, match="changed while it was read"):
        assemble(PlanetLabReader(), planetlab_day)


def test_unpacking_has_an_absolute_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ratio alone would let a large bomb through."""
    monkeypatch.setattr(sources, "MAX_BYTES", 100)
    with pytest.raises(TraceError, match="more than 100 bytes"):
        sources.refuse_bomb(101, 100, file="x")
    sources.refuse_bomb(100, 100, file="x")


def test_samples_without_any_step_are_refused(tidy: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances that are no longer told apart must not hide a gap."""
    from consolidate.traces import survey

    monkeypatch.setattr(survey, "MAX_DISTANCES", 3)
    rows = [f"{instant(0, second=i * i)},web,1,1" for i in range(9)]
    with pytest.raises(TraceError, match="more than 3 different distances"):
        read_trace(tidy(*rows), repair="all")
