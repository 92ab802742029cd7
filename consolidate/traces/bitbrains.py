"""Bitbrains (GWA-T-12): one CSV of measured CPU and memory per VM."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, TraceError
from consolidate.model.trace import Trace
from consolidate.traces.assemble import assemble
from consolidate.traces.base import Batch, Sniff
from consolidate.traces.columns import Chunk, csv_chunks, numbers, to_epoch_s
from consolidate.traces.report import Report, Where
from consolidate.traces.sources import Member, members
from consolidate.units import kb_to_mib_ceil

__all__ = ["BitbrainsReader"]

TIME: Final = "Timestamp [ms]"
CORES: Final = "CPU cores"
CAPACITY: Final = "CPU capacity provisioned [MHZ]"
USAGE: Final = "CPU usage [MHZ]"
PERCENT: Final = "CPU usage [%]"
MEMORY: Final = "Memory capacity provisioned [KB]"
MEMORY_USAGE: Final = "Memory usage [KB]"
#: The columns that are read; disk and network follow and are not.
COLUMNS: Final = (TIME, CORES, CAPACITY, USAGE, PERCENT, MEMORY, MEMORY_USAGE)
_UNUSED = re.compile(r"(disk|network) .*throughput \[KB/s\]", re.IGNORECASE)
MAX_CORES: Final = 4096
#: A core slower or faster than this is a unit error.
CORE_MHZ: Final = (100.0, 10_000.0)
MAX_MEMORY_KB: Final = 100 * 2**30


@dataclass(slots=True)
class _Allocations:
    """Smallest and largest allocation that the rows of one VM show: cores, MHz, KB."""

    low: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.inf))
    high: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))

    def add(self, table: NDArray[np.float64]) -> None:
        if table.size:
            self.low = np.minimum(self.low, table.min(axis=1))
            self.high = np.maximum(self.high, table.max(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class BitbrainsReader:
    """Reads Bitbrains: a folder or archive of ``<id>.csv``, or one such file.

    Fields are separated by ``;`` and a tab. The header says that stamps are milliseconds; they are
    seconds in the published files, and either is recognised by its size. Samples are nominally 300 s
    apart, but drift, so that real files need the repair ``snap``. A row of 0 cores, 0 MHz capacity and
    0 MHz usage means that the VM is off. Usage above the capacity is real and kept. The allocation is
    the largest that the rows show. See Shen, van Beek and Iosup, 2015, doi 10.1109/CCGrid.2015.60.

    Parameters
    ----------
    time_unit
        ``s``, ``ms``, or ``auto`` to tell by the size of each file's first stamp.
    reference_mhz : MHz
        Speed of the reference core that mcores count; 1000 agrees with PlanetLab's 1 MIPS = 1 mcore.
    step_s : s
        Length of a step.
    max_gap_s : s
        Longest time over which ``fill-gaps`` repeats the last value.
    dirty_ram_fraction_per_min : fraction
        Share of its memory that a VM writes per minute while it is moved.
    """

    time_unit: Literal["auto", "s", "ms"] = "auto"
    reference_mhz: float = 1000.0
    step_s: int = 300
    max_gap_s: int = 3600
    dirty_ram_fraction_per_min: float = 0.05
    name: ClassVar[str] = "bitbrains"

    def __post_init__(self) -> None:
        if self.time_unit not in ("auto", "s", "ms"):
            msg = f"needs 'auto', 's' or 'ms', got {self.time_unit!r}"
            raise ConfigError(msg, path="bitbrains.time_unit")
        for key, least in (("reference_mhz", 1), ("step_s", 1), ("max_gap_s", 0)):
            if not getattr(self, key) >= least:
                msg = f"needs {least} or more, got {getattr(self, key)}"
                raise ConfigError(msg, path=f"bitbrains.{key}")
        if not 0 <= self.dirty_ram_fraction_per_min <= 60:
            msg = f"needs 0 to 60, got {self.dirty_ram_fraction_per_min}"
            raise ConfigError(msg, path="bitbrains.dirty_ram_fraction_per_min")

    def sniff(self, path: Path) -> Sniff:
        """Say whether the first file has the header of Bitbrains."""
        for member in members(path):
            head = member.stream.read(1024).split(b"\n")[0].decode("utf-8", errors="replace")
            names = [name.strip() for name in head.lstrip("\ufeff").split(";")]
            if names[0] == TIME or USAGE in names:
                return Sniff(
                    matches=True, why=f"{member.name} has the column {names[0]!r} and ';' between"
                )
            return Sniff(
                matches=False, why=f"the first line of {member.name} does not start with {TIME!r}"
            )
        return Sniff(matches=False, why="it holds no files")

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        """Return the trace; see :func:`~consolidate.traces.assemble.assemble`."""
        return assemble(self, path, repair=repair)

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        """Yield the rows, a part of a file at a time, as every reader does."""
        report.step_s, report.max_gap_s, report.sort_key = self.step_s, self.max_gap_s, _natural
        report.note(
            f"mcores are thousandths of a core of {self.reference_mhz:g} MHz: "
            "used and provisioned MHz are divided by that"
        )
        report.note("disk and network columns are not used")
        per_s = report.assume_dirty_rate(self.dirty_ram_fraction_per_min)
        for member in members(path, report):
            vm = report.vm(member.name.removesuffix(".csv"), file=member.file)
            seen = _Allocations()
            held: Batch | None = None
            for chunk in csv_chunks(member.stream, report, file=member.file, delimiter=";", quote=False):
                if held is None:
                    _check_header(chunk, member)
                else:
                    yield held
                held = self._batch(chunk, vm, seen, report)
            if held is not None:
                yield replace(held, complete=True)
            self._allocate(vm, seen, report, per_s)

    def _batch(
        self,
        chunk: Chunk,
        vm: int,
        seen: _Allocations,
        report: Report,
    ) -> Batch:
        limits = {CORES: MAX_CORES, MEMORY: MAX_MEMORY_KB}
        table = {
            name: numbers(
                chunk.columns[name],
                report,
                at=chunk.at.of(name),
                most=limits.get(name, np.inf),
            )
            for name in COLUMNS
        }
        time = to_epoch_s(table[TIME], report, at=chunk.at.of(TIME), unit=self.time_unit)
        off = (table[CORES] == 0) & (table[CAPACITY] == 0) & (table[USAGE] == 0)
        good = np.isfinite(time) & np.isfinite([table[n] for n in COLUMNS]).all(axis=0)
        good &= _plausible(table, good & ~off, report, chunk.at)
        self._count(table, good & off, good & ~off, time, report)
        on = good & ~off
        seen.add(np.stack([table[name][on] for name in (CORES, CAPACITY, MEMORY)]))
        return Batch(
            file=chunk.at.file,
            line=chunk.at.line[good],
            vm=np.full(int(good.sum()), vm, dtype=np.int32),
            time_s=time[good].astype(np.int64),
            cpu_mcores=table[USAGE][good] * 1000 / self.reference_mhz,
            memory_mib=np.ceil(table[MEMORY_USAGE][good] / 1024),
            alive=~off[good],
        )

    def _count(
        self,
        table: dict[str, NDArray[np.float64]],
        off: NDArray[np.bool_],
        on: NDArray[np.bool_],
        time: NDArray[np.float64],
        report: Report,
    ) -> None:
        finite = np.isfinite(time)
        if finite.any():
            scale = "milliseconds" if table[TIME][finite][0] > 2 * time[finite][0] else "seconds"
            report.note(f"timestamps are {scale} since 1970 UTC (the header says ms in any case)")
        report.count("rows of a VM that is off (0 cores, 0 MHz): not alive there", int(off.sum()))
        stale = off & ((table[MEMORY] > 0) | (table[MEMORY_USAGE] > 0))
        report.count("rows of a VM that is off still show memory, which is ignored", int(stale.sum()))
        report.count(
            "rows with CPU usage over 100 % of the capacity, kept",
            int((on & (table[PERCENT] > 100)).sum()),
        )
        over = on & (table[MEMORY_USAGE] > table[MEMORY])
        report.count("rows with memory usage over the capacity, kept", int(over.sum()))

    def _allocate(self, vm: int, seen: _Allocations, report: Report, per_s: float) -> None:
        cores, mhz, kb = seen.high.tolist()
        if cores == 0:
            return
        memory_mib = kb_to_mib_ceil(kb)
        report.allocate(
            vm,
            vcpus=int(cores),
            cpu_mcores=max(1, int(np.ceil(mhz * 1000 / self.reference_mhz))),
            memory_mib=memory_mib,
            dirty_mib_per_s=memory_mib * per_s,
        )
        # Capacities that differ in the eighth digit are one capacity, measured twice.
        changed = seen.high > seen.low * (1 + 1e-6)
        report.count("VMs whose CPU was resized: the largest allocation holds", int(changed[:2].any()))
        report.count("VMs whose memory was resized: the largest allocation holds", int(changed[2]))


def _check_header(chunk: Chunk, member: Member) -> None:
    names = list(chunk.columns)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        msg = (
            f"has no column {missing[0]!r} (fields are separated by ';' and a tab); "
            f"it has {', '.join(repr(n) for n in names[:12])}"
        )
        raise TraceError(msg, file=member.file, line=1)
    unknown = [name for name in names if name not in COLUMNS and not _UNUSED.fullmatch(name)]
    if unknown:
        msg = f"has the column {unknown[0]!r}, which Bitbrains does not have"
        raise TraceError(msg, file=member.file, line=1, column=unknown[0])


def _plausible(
    table: dict[str, NDArray[np.float64]],
    on: NDArray[np.bool_],
    report: Report,
    at: Where,
) -> NDArray[np.bool_]:
    """Report rows that say "on" without CPU, or with cores of an impossible speed."""
    cores, mhz = table[CORES], table[CAPACITY]
    empty = on & ((cores == 0) | (mhz == 0))
    report.rows(
        "neither-on-nor-off",
        empty,
        at=at.of(CORES),
        message=lambda i: f"{cores[i]:g} cores and {mhz[i]:g} MHz: neither on nor off",
    )
    fraction = on & ~empty & (cores != np.floor(cores))
    report.rows(
        "not-a-number",
        fraction,
        at=at.of(CORES),
        message=lambda i: f"{cores[i]:g} is not a whole number of cores",
    )
    per_core = np.divide(mhz, cores, out=np.full_like(mhz, CORE_MHZ[0]), where=on & ~empty)
    wrong = on & ~empty & ((per_core < CORE_MHZ[0]) | (per_core > CORE_MHZ[1]))
    report.rows(
        "implausible",
        wrong,
        at=at.of(CAPACITY),
        message=lambda i: (
            f"{per_core[i]:g} MHz per core is impossible (needs {CORE_MHZ[0]:g} to {CORE_MHZ[1]:g}); "
            "is it given in GHz or Hz?"
        ),
    )
    usable: NDArray[np.bool_] = ~(empty | fraction | wrong)
    return usable


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts 5 before 10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts)
