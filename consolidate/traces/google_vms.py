"""Google VM-days: CPU and memory in percent, one file of 288 lines per job and day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, TraceError
from consolidate.model.trace import Trace
from consolidate.traces.assemble import assemble
from consolidate.traces.base import Batch, Sniff
from consolidate.traces.report import Report
from consolidate.traces.sources import Member, members

__all__ = ["GoogleVmsReader"]

ROWS: Final = 288
STEP_S: Final = 300
#: The data give no dates; the cell was recorded from 1 May 2011, 19:00 in New York.
FIRST_DAY: Final = np.datetime64("2011-05-02", "s")
#: 288 lines of two doubles with all their digits take some 12 kB.
MAX_FILE_BYTES: Final = 65_536
_NAME = re.compile(r"vm_\d+_(\d{1,2})", re.ASCII)
_NUMBER = r"\d{1,4}(?:\.\d{1,20})?"
_LINE = re.compile(rf"({_NUMBER}) ({_NUMBER})", re.ASCII)
_HEAD = re.compile(rf"{_NUMBER} {_NUMBER}(?:\r?\n|$)".encode())
_FLAVOR = re.compile(r"(\d{1,4})x(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleVmsReader:
    """Reads days of jobs of the Google cluster trace of 2011, published as VMs for studies of consolidation.

    A folder or archive of files ``vm_<job>_<day>``, each with 288 lines ``cpu memory``: percent used in each
    300 s of a day. The format states neither sizes nor dates: sizes are the option ``flavors``, in turn by file
    name, and day 1 is taken for 2 May 2011. Memory above 100 % occurs, as a job is a sum of tasks; the peak of
    such a VM is its memory allocation. All VMs are alive all day. Source: Reiss, Wilkes, Hellerstein, Google
    cluster-usage traces, 2011 (CC-BY 4.0); files of HiPro-IT, "VM Consolidation with Multiple Usage
    Prediction".

    Parameters
    ----------
    day
        The day that is read; default the only one that the files hold.
    flavors
        Sizes of VMs in turn, ``<vCPUs>x<GiB>`` with commas between; a vCPU is a reference core.
    dirty_ram_fraction_per_min : fraction
        Share of its memory that a VM writes per minute while it is moved.
    """

    day: int | None = None
    flavors: str = "1x2,2x4,4x8,8x16"
    dirty_ram_fraction_per_min: float = 0.05
    name: ClassVar[str] = "google-vms"

    def __post_init__(self) -> None:
        if self.day is not None and not 1 <= self.day <= 99:
            msg = f"needs 1 to 99, got {self.day}"
            raise ConfigError(msg, path="google-vms.day")
        _sizes(self.flavors)
        if not 0 <= self.dirty_ram_fraction_per_min <= 60:
            msg = f"needs 0 to 60, got {self.dirty_ram_fraction_per_min}"
            raise ConfigError(msg, path="google-vms.dirty_ram_fraction_per_min")

    def sniff(self, path: Path) -> Sniff:
        """Say whether the first file is named as a VM-day and holds two numbers per line."""
        for member in members(path):
            if not _NAME.fullmatch(member.name):
                return Sniff(matches=False, why=f"{member.name} is not named vm_<job>_<day>")
            if _HEAD.match(member.stream.read(64)):
                return Sniff(matches=True, why=f"{member.name} holds two percentages per line")
            return Sniff(
                matches=False, why=f"{member.name} does not start with two numbers and a space between"
            )
        return Sniff(matches=False, why="it holds no files")

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        """Return the trace; nothing in the format has a repair."""
        return assemble(self, path, repair=repair)

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        """Yield the VMs of the day, one at a time."""
        names, day = self._names(path)
        report.step_s = STEP_S
        sizes = _sizes(self.flavors)
        per_s = report.assume_dirty_rate(self.dirty_ram_fraction_per_min)
        for name in names:
            report.vm(name, file=str(path))
        report.note(f"VM sizes are assumed: {self.flavors} (vCPUs x GiB) in turn by file name")
        report.note(f"the data give no dates: day 1 is taken for {FIRST_DAY.astype('datetime64[D]')}")
        start = int(FIRST_DAY.astype(np.int64)) + (day - 1) * 86_400
        for member in members(path, report):
            index = report.find(member.name)
            if index < 0:
                continue
            vcpus, gib = sizes[index % len(sizes)]
            cpu, memory = _demand(member, vcpus * 1_000, gib * 1_024, report)
            peak = int(memory.max(initial=0.0))
            memory_mib = max(gib * 1_024, peak)
            over = "VMs use more memory than their flavor has: their peak is their allocation"
            report.count(over, int(peak > gib * 1_024))
            report.allocate(
                index,
                vcpus=vcpus,
                cpu_mcores=vcpus * 1_000,
                memory_mib=memory_mib,
                dirty_mib_per_s=memory_mib * per_s,
            )
            yield Batch(
                file=member.file,
                line=np.arange(1, len(cpu) + 1, dtype=np.int64),
                vm=np.full(len(cpu), index, dtype=np.int32),
                time_s=start + STEP_S * np.arange(len(cpu), dtype=np.int64),
                cpu_mcores=cpu,
                memory_mib=memory,
                alive=np.ones(len(cpu), dtype=np.bool_),
                complete=True,
            )

    def _names(self, path: Path) -> tuple[list[str], int]:
        """Return the sorted files of the day, and the day.

        Raises
        ------
        TraceError
            When there is no such day, or several and none is chosen.
        """
        by_day: dict[int, list[str]] = {}
        for member in members(path):
            match = _NAME.fullmatch(member.name)
            if match is None:
                msg = f"{member.name} is not named vm_<job>_<day>"
                raise TraceError(msg, file=member.file)
            by_day.setdefault(int(match[1]), []).append(member.name)
        day = self.day
        if day is None and len(by_day) == 1:
            day = next(iter(by_day))
        if day is None or day not in by_day:
            held = ", ".join(str(d) for d in sorted(by_day)) or "none"
            what = "give the option day" if day is None else f"day {day} is not among them"
            msg = f"holds the days {held}; {what}"
            raise TraceError(msg, file=str(path))
        return sorted(by_day[day]), day


def _sizes(text: str) -> list[tuple[int, int]]:
    """Return the flavors of a text as pairs of vCPUs and GiB.

    Raises
    ------
    ConfigError
        When one is not of the form ``4x8``, or has nothing.
    """
    sizes = []
    for flavor in str(text).split(","):
        match = _FLAVOR.fullmatch(flavor.strip())
        if match is None or not int(match[1]) * int(match[2]):
            msg = f"needs <vCPUs>x<GiB> with commas between, as in 2x4,4x8; got {flavor!r}"
            raise ConfigError(msg, path="google-vms.flavors")
        sizes.append((int(match[1]), int(match[2])))
    return sizes


def _demand(
    member: Member, cpu_mcores: int, memory_mib: int, report: Report
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return demand in mcores and MiB, rounded up; nothing when the file has problems, which are reported."""
    nothing = np.zeros(0), np.zeros(0)
    data = member.stream.read(MAX_FILE_BYTES)
    if len(data) == MAX_FILE_BYTES:
        msg = f"is larger than {MAX_FILE_BYTES} bytes; a day has {ROWS} lines of two numbers"
        report.issue("wrong-row-count", msg, file=member.file)
        return nothing
    lines = data.decode("utf-8", errors="replace").splitlines()
    rows, sound = [], True
    for number, text in enumerate(lines, start=1):
        match = _LINE.fullmatch(text.strip())
        if match is None:
            msg = f"{text[:40]!r} is not two percentages with a space between"
            report.issue("not-a-number", msg, file=member.file, line=number)
            sound = False
            continue
        cpu, memory = Fraction(match[1]), Fraction(match[2])
        if cpu > 100:
            msg = f"{match[1]} % is over 100 %"
            report.issue("over-limit", msg, file=member.file, line=number, column="cpu")
            sound = False
        # Exact, so that rounding up is.
        rows.append((-(-cpu * cpu_mcores // 100), -(-memory * memory_mib // 100)))
    if len(lines) != ROWS:
        msg = f"has {len(lines)} rows; a day has {ROWS} of {STEP_S} s"
        report.issue("wrong-row-count", msg, file=member.file)
        sound = False
    if not sound:
        return nothing
    table = np.array(rows, dtype=np.float64)
    return table[:, 0], table[:, 1]
