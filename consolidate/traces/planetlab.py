"""PlanetLab: a day of CPU utilization, one file of 288 whole percents per VM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, TraceError
from consolidate.model.trace import Trace
from consolidate.traces.assemble import assemble
from consolidate.traces.base import Batch, Sniff
from consolidate.traces.report import Report
from consolidate.traces.sources import Member, is_archive, members

__all__ = ["PlanetLabReader"]

ROWS: Final = 288
STEP_S: Final = 300
#: The VM types of the CloudSim experiments; 1 MIPS is 1 mcore of a 1000-MIPS reference core.
TYPE_CPU_MCORES: Final = (2500, 2000, 1000, 500)
TYPE_MEMORY_MIB: Final = (870, 1740, 1740, 613)
_DAY = re.compile(rb"(?:\d{1,3}\r?\n){287}\d{1,3}(?:\r?\n)?")
_HEAD = re.compile(rb"\s*\d{1,3}(?:\r?\n\d{1,3}){0,3}\s*(?:\n|$)")
_INTEGER = re.compile(r"-?\d+", re.ASCII)
#: 288 rows of "100" and CR LF take 1,440 bytes.
MAX_FILE_BYTES: Final = 65_536
VMS_PER_BATCH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanetLabReader:
    """Reads a day of PlanetLab: a folder or archive of files without extension, one per VM.

    Each file has 288 whole numbers from 0 to 100, one per line: the percentage of CPU used in each
    300 s of the day. The format has neither VM sizes nor memory: sizes are those of the CloudSim
    experiments (VM i of n has type ``i // ceil(n / 4)``), and memory demand is the allocation. All VMs
    are alive all day. See Beloglazov and Buyya, 2012, doi 10.1002/cpe.1867.

    Parameters
    ----------
    order
        Order of the files, which decides the size of each VM: ``upper`` sorts by upper-cased name
        (the order behind the figures usually quoted), ``sorted`` by name.
    start
        Midnight at which the day starts, UTC, as in ``2011-03-03``; default from the name of the
        folder or archive, ``YYYYMMDD``.
    dirty_ram_fraction_per_min : fraction
        Share of its memory that a VM writes per minute while it is moved.
    """

    order: Literal["upper", "sorted"] = "upper"
    start: str | None = None
    dirty_ram_fraction_per_min: float = 0.05
    name: ClassVar[str] = "planetlab"

    def __post_init__(self) -> None:
        if self.order not in ("upper", "sorted"):
            msg = f"needs 'upper' or 'sorted', got {self.order!r}"
            raise ConfigError(msg, path="planetlab.order")
        if not 0 <= self.dirty_ram_fraction_per_min <= 60:
            msg = f"needs 0 to 60, got {self.dirty_ram_fraction_per_min}"
            raise ConfigError(msg, path="planetlab.dirty_ram_fraction_per_min")
        if self.start is not None:
            _instant(self.start)

    def sniff(self, path: Path) -> Sniff:
        """Say whether the first file holds whole percents only."""
        for member in members(path):
            if "." in member.name and member.name.rsplit(".", 1)[1] in ("csv", "parquet", "gz", "toml"):
                return Sniff(
                    matches=False, why=f"{member.name} has an extension; files of PlanetLab have none"
                )
            if _HEAD.match(member.stream.read(64)):
                return Sniff(matches=True, why=f"{member.name} holds one whole percentage per line")
            return Sniff(
                matches=False, why=f"{member.name} does not start with lines of one whole number"
            )
        return Sniff(matches=False, why="it holds no files")

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        """Return the trace; PlanetLab needs no repairs."""
        return assemble(self, path, repair=repair)

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        """Yield the rows, some files at a time, as every reader does."""
        names, folder = _names(path)
        report.step_s = STEP_S
        start = self._start(path, folder)
        key = str.upper if self.order == "upper" else str
        ordered = sorted(names, key=lambda name: (key(name), name))
        self._allocate(ordered, report, str(path))
        block = -(-len(ordered) // len(TYPE_CPU_MCORES))
        held: list[tuple[int, list[int]]] = []
        for member in members(path, report):
            index = report.find(member.name)
            percents = _percents(member, report)
            if index >= 0 and percents:
                held.append((index, percents))
            if len(held) == VMS_PER_BATCH:
                yield _batch(held, block, start, str(path))
                held = []
        if held:
            yield _batch(held, block, start, str(path))

    def _allocate(self, ordered: list[str], report: Report, file: str) -> None:
        block = -(-len(ordered) // len(TYPE_CPU_MCORES))
        per_s = report.assume_dirty_rate(self.dirty_ram_fraction_per_min)
        for i, vm_id in enumerate(ordered):
            kind = i // block
            report.allocate(
                report.vm(vm_id, file=file),
                vcpus=1,
                cpu_mcores=TYPE_CPU_MCORES[kind],
                memory_mib=TYPE_MEMORY_MIB[kind],
                dirty_mib_per_s=TYPE_MEMORY_MIB[kind] * per_s,
            )
        report.note(
            f"VM sizes are those of the CloudSim experiments, by the order {self.order!r} of the file "
            "names: PlanetLab has none; 1 MIPS is 1 mcore"
        )
        report.note("memory demand is the allocation: PlanetLab has no memory series")

    def _start(self, path: Path, folder: str) -> np.datetime64:
        if self.start is not None:
            return _instant(self.start)
        candidates = [Path(folder).name, path.resolve().name.split(".")[0]]
        for text in candidates:
            if re.fullmatch(r"\d{8}", text, re.ASCII):
                try:
                    return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "s")
                except ValueError:
                    continue
        msg = "the date of the day is not in its name (YYYYMMDD); give the option start"
        raise TraceError(msg, file=str(path))


def _instant(text: str) -> np.datetime64:
    try:
        value: np.datetime64 | None = np.datetime64(str(text).removesuffix("Z"), "s")
    except ValueError:
        value = None
    if value is None or np.isnat(value):
        msg = f"needs a UTC date as in 2011-03-03, got {text!r}"
        raise ConfigError(msg, path="planetlab.start")
    return value


def _names(path: Path) -> tuple[list[str], str]:
    names, folder = [], ""
    for member in members(path):
        names.append(member.name)
        folder = member.folder
    # Of an archive, the folder inside; of a folder, the folder itself is seen through `path`.
    return names, folder if is_archive(path) else ""


def _percents(member: Member, report: Report) -> list[int]:
    """Return the 288 percents of a file, or nothing when it has problems, which are reported."""
    data = member.stream.read(MAX_FILE_BYTES)
    if _DAY.fullmatch(data):
        values = [int(v) for v in data.split()]
        if max(values) <= 100:
            return values
    if len(data) == MAX_FILE_BYTES:
        msg = f"is larger than {MAX_FILE_BYTES} bytes; a day has {ROWS} short lines"
        report.issue("wrong-row-count", msg, file=member.file)
        return []
    lines = data.decode("utf-8", errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
    if data == b"":
        lines = []
    for number, text in enumerate(lines, start=1):
        problem = _problem(text)
        if problem:
            kind, message = problem
            report.issue(kind, message, file=member.file, line=number, column="percent")
    if len(lines) != ROWS:
        msg = f"has {len(lines)} rows; a day has {ROWS} of {STEP_S} s"
        report.issue("wrong-row-count", msg, file=member.file)
    return []


def _problem(text: str) -> tuple[str, str] | None:
    if not _INTEGER.fullmatch(text):
        hint = "; a share of one?" if re.fullmatch(r"[01]?\.\d+", text, re.ASCII) else ""
        return "not-a-number", f"{text[:40]!r} is not a whole percentage{hint}; needs 0 to 100"
    if int(text[:20]) < 0:
        return "negative", f"{text[:20]} % is negative; needs 0 to 100"
    if int(text[:20]) > 100:
        return "over-limit", f"{text[:20]} % is over 100 %"
    return None


def _batch(held: list[tuple[int, list[int]]], block: int, start: np.datetime64, file: str) -> Batch:
    index = np.array([i for i, _ in held], dtype=np.int32)
    percent: NDArray[np.int64] = np.array([values for _, values in held], dtype=np.int64)
    kind = index // block
    # Whole numbers throughout, so that rounding up is exact.
    cpu = -(-percent * np.array(TYPE_CPU_MCORES)[kind][:, None] // 100)
    times = int(start.astype(np.int64)) + STEP_S * np.arange(ROWS, dtype=np.int64)
    rows = percent.size
    return Batch(
        file=file,
        line=np.tile(np.arange(1, ROWS + 1, dtype=np.int64), len(held)),
        vm=np.repeat(index, ROWS),
        time_s=np.tile(times, len(held)),
        cpu_mcores=cpu.ravel().astype(np.float64),
        memory_mib=np.repeat(np.array(TYPE_MEMORY_MIB, dtype=np.float64)[kind], ROWS),
        alive=np.ones(rows, dtype=np.bool_),
        complete=True,
    )
