from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

from consolidate.model import Trace
from consolidate.testing import check_reader
from consolidate.traces import Batch, Report, make_reader
from consolidate.traces.planetlab import PlanetLabReader

from .conftest import START, bitbrains_row, instant

Write = Callable[..., Path]


def test_builtin_readers_conform(planetlab_day: Path, bitbrains: Write, tidy: Write) -> None:
    """Ours keep the contract that we ask of others."""
    check_reader(make_reader("planetlab"), planetlab_day)
    folder = bitbrains(vm1=[bitbrains_row(START + 307 * i) for i in range(9)])
    check_reader(make_reader("bitbrains"), folder, repair="snap")
    path = tidy(*[f"{instant(i)},{vm},{i},2" for i in range(4) for vm in ("web", "db")])
    check_reader(make_reader("tidy"), path)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongName(PlanetLabReader):
    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        return replace(make_reader("planetlab").read(path, repair=repair), format="other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Litterer(PlanetLabReader):
    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        path.parent.joinpath("cache").write_text("x")
        return make_reader("planetlab").read(path, repair=repair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halver(PlanetLabReader):
    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        for batch in make_reader("planetlab").scan(path, report):
            yield replace(batch, cpu_mcores=batch.cpu_mcores / 2)

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        return make_reader("planetlab").read(path, repair=repair)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crasher(PlanetLabReader):
    name: ClassVar[str] = "planetlab"

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        if path.is_file():
            raise KeyError(path)
        return make_reader("planetlab").read(path, repair=repair)


@pytest.mark.parametrize(
    ("reader", "what"),
    [
        (WrongName(), "format is 'other'"),
        (Litterer(), "changed the files"),
        (Halver(), "cpu_mcores of scan and read differ"),
        (Crasher(), "must be refused with InputError"),
        (object(), "needs name, sniff"),
    ],
)
def test_broken_readers_are_caught(planetlab_day: Path, reader: PlanetLabReader, what: str) -> None:
    """A conformance test that passes everything is worth nothing."""
    with pytest.raises(AssertionError, match=what):
        check_reader(reader, planetlab_day)


def test_reader_of_the_documentation_conforms(tmp_path: Path) -> None:
    """The example that users copy must work as printed."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "trace-formats.md"
    code = next(part for part in page.read_text().split("```python\n")[1:] if "class OneVm" in part)
    space: dict[str, type] = {"__name__": __name__}  # type: ignore[dict-item]
    exec(compile(code.split("```")[0], str(page), "exec", dont_inherit=True), space)
    path = tmp_path / "web.mcores"
    path.write_text("".join(f"{i * 7}\n" for i in range(50)))
    trace = check_reader(space["OneVm"](memory_mib=512), path)
    assert trace.cpu_mcores[0].tolist() == [i * 7 for i in range(50)]
