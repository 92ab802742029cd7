"""The tidy format: one table of demand in rows, one table of VMs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, TraceError
from consolidate.model.trace import Trace
from consolidate.traces.assemble import assemble
from consolidate.traces.base import Batch, Sniff
from consolidate.traces.columns import Chunk, numbers
from consolidate.traces.report import Report
from consolidate.traces.sources import checked_path
from consolidate.traces.tables import (
    check_columns,
    column_names,
    flags,
    instants,
    table_chunks,
    texts,
    vm_indices,
)

__all__ = ["TABLE_SUFFIXES", "TidyReader"]

TABLE_SUFFIXES = (".parquet", ".csv", ".csv.gz")
TIME_NAMES = ("timestamp_utc", "timestamp")
ROW_COLUMNS = ("vm_id", "cpu_mcores", "memory_mib")
VM_COLUMNS = ("vm_id", "vcpus", "cpu_mcores", "memory_mib")
VM_OPTIONAL = ("dirty_mib_per_s", "kind", "group", "disk_mib")


@dataclass(frozen=True, slots=True, kw_only=True)
class TidyReader:
    """Reads the tidy format: CSV, gzipped CSV or Parquet.

    A table of demand with the columns ``timestamp_utc`` (or ``timestamp``, with a zone), ``vm_id``,
    ``cpu_mcores``, ``memory_mib`` and, where VMs are off in between, ``alive``; and beside it a table
    ``vms.csv`` or ``vms.parquet`` with ``vm_id``, ``vcpus``, ``cpu_mcores``, ``memory_mib`` and
    optionally ``dirty_mib_per_s``, ``kind`` (``vm`` or ``container``), ``group`` and ``disk_mib``. The
    path is the table of demand, or a folder with ``trace.parquet`` or ``trace.csv``.

    Parameters
    ----------
    vms
        Path of the table of VMs; default ``vms.parquet`` or ``vms.csv`` beside the table of demand.
    step_s : s
        Length of a step; default the most frequent distance between samples of a VM.
    max_gap_s : s
        Longest time over which ``fill-gaps`` repeats the last value.
    assume_utc
        Whether timestamps without a zone are UTC even if the column's name does not say so.
    dirty_ram_fraction_per_min : fraction
        Share of its memory that a VM writes per minute, where the table of VMs does not say.
    """

    vms: str | None = None
    step_s: int | None = None
    max_gap_s: int = 3600
    assume_utc: bool = False
    dirty_ram_fraction_per_min: float = 0.05
    name: ClassVar[str] = "tidy"

    def __post_init__(self) -> None:
        if self.step_s is not None and self.step_s < 1:
            msg = f"needs 1 or more, got {self.step_s}"
            raise ConfigError(msg, path="tidy.step_s")
        if self.max_gap_s < 0:
            msg = f"needs 0 or more, got {self.max_gap_s}"
            raise ConfigError(msg, path="tidy.max_gap_s")
        if not 0 <= self.dirty_ram_fraction_per_min <= 60:
            msg = f"needs 0 to 60, got {self.dirty_ram_fraction_per_min}"
            raise ConfigError(msg, path="tidy.dirty_ram_fraction_per_min")

    def sniff(self, path: Path) -> Sniff:
        """Say whether the table of demand has the columns that tell a tidy trace."""
        table = _demand_table(path)
        if table is None:
            what = (
                "no trace.parquet or trace.csv inside"
                if path.is_dir()
                else f"the name ends in none of {', '.join(TABLE_SUFFIXES)}"
            )
            return Sniff(matches=False, why=what)
        names = column_names(table)
        time = next((n for n in TIME_NAMES if n in names), None)
        if time and "vm_id" in names:
            return Sniff(matches=True, why=f"{table.name} has the columns {time} and vm_id")
        missing = " and ".join(
            n for n, known in (("timestamp_utc", time), ("vm_id", "vm_id" in names)) if not known
        )
        return Sniff(matches=False, why=f"{table.name} has no column {missing}")

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        """Return the trace; see :func:`~consolidate.traces.assemble.assemble`."""
        return assemble(self, path, repair=repair)

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        """Yield the rows, a part at a time, as every reader does."""
        report.step_s, report.max_gap_s = self.step_s, self.max_gap_s
        table = _demand_table(path)
        if table is None:
            msg = f"is not a table of demand; needs a file ending in {', '.join(TABLE_SUFFIXES)}"
            raise TraceError(msg, file=str(path))
        vms = self._vm_table(table)
        report.inputs = [table, vms]
        self._read_vms(vms, report)
        with_rows = np.zeros(len(report.ids), dtype=np.bool_)
        first = True
        for chunk in table_chunks(table, report):
            if first:
                check_columns(
                    list(chunk.columns), ROW_COLUMNS, (*TIME_NAMES, "alive"), report, file=str(table)
                )
                first = False
            batch = self._batch(chunk, report, str(table))
            with_rows[batch.vm] = True
            if len(batch):
                yield batch
        silent = [report.ids[i] for i in np.flatnonzero(~with_rows)]
        if silent:
            shown = ", ".join(silent[:5]) + (" ..." if len(silent) > 5 else "")
            report.note(f"{len(silent)} VMs have no rows and are never alive: {shown}")

    def _vm_table(self, table: Path) -> Path:
        if self.vms is not None:
            return checked_path(self.vms)
        beside = _only(table.parent, "vms")
        if beside is not None:
            return beside
        msg = (
            f"no table of VMs beside it (vms.csv or vms.parquet with {', '.join(VM_COLUMNS)}); "
            "write one, or give its path as the option vms"
        )
        raise TraceError(msg, file=str(table))

    def _read_vms(self, table: Path, report: Report) -> None:
        file = str(table)
        first = True
        dirty_default: float | None = None
        for chunk in table_chunks(table, report):
            if first:
                check_columns(list(chunk.columns), VM_COLUMNS, VM_OPTIONAL, report, file=file)
                first = False
            if "dirty_mib_per_s" not in chunk.columns and dirty_default is None:
                dirty_default = report.assume_dirty_rate(self.dirty_ram_fraction_per_min)
            _add_vms(chunk, report, file, dirty_default)

    def _batch(self, chunk: Chunk, report: Report, file: str) -> Batch:
        at = chunk.at
        vm = vm_indices(chunk.columns["vm_id"], report, at=at.of("vm_id"))
        name = next((n for n in TIME_NAMES if n in chunk.columns), None)
        if name is None:
            msg = "has no column timestamp_utc (UTC instants, as in 2024-01-31T00:05:00Z)"
            raise TraceError(msg, file=file, line=1)
        naive = self.assume_utc or name.endswith("_utc")
        time = instants(chunk.columns[name], report, at=at.of(name), naive_is_utc=naive)
        cpu = numbers(chunk.columns["cpu_mcores"], report, at=at.of("cpu_mcores"))
        memory = numbers(chunk.columns["memory_mib"], report, at=at.of("memory_mib"))
        good = (vm >= 0) & np.isfinite(time) & np.isfinite(cpu) & np.isfinite(memory)
        alive = np.ones(len(vm), dtype=np.bool_)
        if "alive" in chunk.columns:
            alive, known = flags(chunk.columns["alive"], report, at=at.of("alive"))
            good &= known
        stale = good & ~alive & ((cpu > 0) | (memory > 0))
        report.rows(
            "demand-while-off",
            stale,
            at=at.of("alive"),
            message=lambda i: f"is false, but there are {cpu[i]:g} mcores and {memory[i]:g} MiB",
        )
        good &= ~stale
        return Batch(
            file=file,
            line=at.line[good],
            vm=vm[good],
            time_s=time[good].astype(np.int64),
            cpu_mcores=cpu[good],
            memory_mib=memory[good],
            alive=alive[good],
        )


def _demand_table(path: Path) -> Path | None:
    """Return the table of demand that a path means."""
    if path.is_dir():
        return _only(path, "trace")
    return path if path.name.lower().endswith(TABLE_SUFFIXES) else None


def _only(folder: Path, stem: str) -> Path | None:
    found = [c for c in (folder / f"{stem}{suffix}" for suffix in TABLE_SUFFIXES) if c.is_file()]
    if len(found) > 1:
        msg = f"holds both {found[0].name} and {found[1].name}; keep one, or give the path of the file"
        raise TraceError(msg, file=str(folder))
    return found[0] if found else None


def _too_small(values: NDArray[np.float64], i: int) -> str:
    return f"{values[i]:g} is too small; needs 1 or more"


def _add_vms(chunk: Chunk, report: Report, file: str, dirty_default: float | None) -> None:
    at = chunk.at
    ids = texts(chunk.columns["vm_id"])
    values = {
        name: numbers(chunk.columns[name], report, at=at.of(name))
        for name in (*VM_COLUMNS[1:], "dirty_mib_per_s", "disk_mib")
        if name in chunk.columns
    }
    for name in ("vcpus", "cpu_mcores"):
        given = values[name]
        report.rows("too-small", given < 1, at=at.of(name), message=partial(_too_small, given))
    vcpus = values["vcpus"]
    report.rows(
        "not-a-number",
        np.isfinite(vcpus) & (vcpus != np.floor(vcpus)),
        at=at.of("vcpus"),
        message=lambda i: f"{vcpus[i]:g} is not a whole number",
    )
    kinds = texts(chunk.columns["kind"]) if "kind" in chunk.columns else ["vm"] * len(ids)
    groups = texts(chunk.columns["group"]) if "group" in chunk.columns else [""] * len(ids)
    bad = np.array([kind not in ("vm", "container") for kind in kinds], dtype=np.bool_)
    report.rows(
        "unknown-kind",
        bad,
        at=at.of("kind"),
        message=lambda i: f"{kinds[i]!r} is neither 'vm' nor 'container'",
    )
    for i, vm_id in enumerate(ids):
        line = int(at.line[i])
        if report.find(vm_id) >= 0:
            msg = f"VM {vm_id!r} occurs twice"
            report.issue("duplicate-vm", msg, file=file, line=line, column="vm_id")
            continue
        index = report.vm(vm_id, file=file, line=line)
        numeric = [values[name][i] for name in (*VM_COLUMNS[1:], "disk_mib") if name in values]
        if not np.isfinite(numeric).all() or max(numeric) > 2**31 - 1:
            continue
        memory = int(np.ceil(numeric[2]))
        dirty = values["dirty_mib_per_s"][i] if dirty_default is None else memory * dirty_default
        report.allocate(
            index,
            vcpus=int(numeric[0]),
            cpu_mcores=int(np.ceil(numeric[1])),
            memory_mib=memory,
            dirty_mib_per_s=float(dirty),
            is_container=kinds[i] == "container",
            group=groups[i],
            disk_mib=int(np.ceil(values["disk_mib"][i])) if "disk_mib" in values else 0,
        )
