from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from consolidate.errors import InputError, UnknownNameError
from consolidate.traces import READERS, Sniff, make_reader, read_trace
from consolidate.traces.planetlab import PlanetLabReader
from consolidate.traces.sources import checked_path

from .conftest import START, bitbrains_row, instant

Write = Callable[..., Path]


def test_format_is_found(planetlab_day: Path, bitbrains: Write, tidy: Write) -> None:
    """A user who has a file does not know our names of formats."""
    assert read_trace(planetlab_day).format == "planetlab"
    folder = bitbrains(vm1=[bitbrains_row(START), bitbrains_row(START + 300)])
    assert read_trace(folder).format == "bitbrains"
    assert read_trace(folder / "1.csv").format == "bitbrains"
    assert read_trace(tidy(f"{instant(0)},web,1,1", f"{instant(1)},web,1,1")).format == "tidy"


def test_unknown_file_is_refused_with_every_reason(tmp_path: Path) -> None:
    """The reasons tell which format the user came close to."""
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError) as caught:
        read_trace(path)
    for name in ("planetlab: no", "bitbrains: no", "tidy: no", "no column timestamp_utc"):
        assert name in str(caught.value)


def test_ambiguous_file_is_refused(planetlab_day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking the first of two that fit would be a guess."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Greedy(PlanetLabReader):
        name: ClassVar[str] = "greedy"

        def sniff(self, path: Path) -> Sniff:
            return Sniff(matches=True, why="takes all")

    loaded = {**READERS._loaded, "greedy": Greedy}
    monkeypatch.setattr(READERS, "_loaded", loaded)
    with pytest.raises(InputError, match="several trace formats"):
        read_trace(planetlab_day)
    assert read_trace(planetlab_day, "greedy").format == "greedy"


def test_unknown_format_names_the_nearest(planetlab_day: Path) -> None:
    """A slip of the keyboard is answered with the word that was meant."""
    with pytest.raises(UnknownNameError, match="planetlab"):
        read_trace(planetlab_day, "planetlabs")


def test_every_builtin_is_a_reader_whose_options_have_defaults() -> None:
    """Sniffing makes each reader without options."""
    assert set(READERS) >= {"planetlab", "bitbrains", "google-vms", "tidy"}
    for name in READERS:
        assert make_reader(name).name == name


def test_pipe_and_nul_are_refused(tmp_path: Path) -> None:
    """Reading a pipe would wait for ever."""
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        checked_path(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        checked_path("/dev/zero")
    with pytest.raises(InputError, match="cannot be opened"):
        checked_path("a\0b")


def test_import_is_cheap() -> None:
    """Listing formats must not load Arrow or pandas."""
    code = (
        "import sys, consolidate.traces as t; list(t.READERS);"
        "sys.exit(any(m in sys.modules for m in ('pyarrow', 'pandas', 'numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
