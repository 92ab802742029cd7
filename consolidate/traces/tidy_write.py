"""Write a trace in the tidy format."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from consolidate.errors import InputError
from consolidate.model.trace import KINDS, Trace
from consolidate.traces.report import Report

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["write_tidy"]

CELLS_PER_GROUP = 2**20


def write_tidy(
    trace: Trace,
    folder: str | Path,
    *,
    format: Literal["parquet", "csv"] = "parquet",  # noqa: A002 (the word for it)
) -> Path:
    """Write ``trace.parquet`` (or ``trace.csv``) and ``vms.csv``; return the path of the first.

    Reading them gives the same VMs, steps, demand and alive steps. Rows stand for the steps between a
    VM's first and last; a column ``alive`` is there only when a VM is off in between, or when the grid
    reaches beyond all VMs. A trace of one step per VM is read with the option ``step_s``.

    Parameters
    ----------
    trace
        The trace.
    folder
        Folder to write into; made when it does not exist.
    format
        ``parquet`` or ``csv``.

    Raises
    ------
    InputError
        When an id or group cannot stand in a table (control characters, ids that differ only in case).
    """
    if format not in ("parquet", "csv"):
        msg = f"format needs 'parquet' or 'csv', got {format!r}"
        raise InputError(msg)
    report = Report()
    for vm_id in trace.vms.ids:
        report.vm(vm_id, file="trace")
    findings = report.findings()
    if findings:
        raise findings[0].places[0].error()
    bad = [g for g in trace.vms.groups if any(ord(c) < 32 or ord(c) == 127 for c in g)]
    if bad:
        msg = f"group {bad[0]!r} has control characters"
        raise InputError(msg)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"trace.{format}"
    partial = folder / f".trace.{format}.partial"
    try:
        _write_rows(trace, partial, format)
        _write_vms(trace, folder / "vms.csv")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _write_vms(trace: Trace, path: Path) -> None:
    header = ("vm_id", "vcpus", "cpu_mcores", "memory_mib", "dirty_mib_per_s", "kind", "group")
    with_disks = bool(trace.vms.disk_mib.any())
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*header, "disk_mib") if with_disks else header)
        for i, vm in enumerate(trace.vms):
            dirty = repr(float(vm.dirty_mib_per_s))
            kind = KINDS[int(trace.vms.is_container[i])]
            row = (vm.id, vm.vcpus, vm.cpu_mcores, vm.memory_mib, dirty, kind, vm.group)
            writer.writerow((*row, vm.disk_mib) if with_disks else row)
    partial.replace(path)


def _spans(trace: Trace) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], bool]:
    """Return first and end step written for each VM, and whether a column ``alive`` is needed."""
    alive, n_steps = trace.alive, trace.grid.n_steps
    ever = alive.any(axis=1)
    first = np.where(ever, alive.argmax(axis=1), 0)
    stop = np.where(ever, n_steps - alive[:, ::-1].argmax(axis=1), 0)
    if not ever.any() or first[ever].min() > 0 or stop.max() < n_steps:
        first[0], stop[0] = 0, n_steps
    with_off = bool((stop - first != alive.sum(axis=1)).any())
    return first, stop, with_off


def _tables(trace: Trace, *, as_text: bool) -> Iterator[pa.Table]:
    import pyarrow as pa

    first, stop, with_off = _spans(trace)
    times = trace.grid.times()
    per_group = max(1, CELLS_PER_GROUP // trace.grid.n_steps)
    step = np.arange(trace.grid.n_steps)
    for begin in range(0, trace.n_vms, per_group):
        part = slice(begin, begin + per_group)
        written = (step >= first[part, None]) & (step < stop[part, None])
        vm, at = np.nonzero(written)
        vm += begin
        instants = times[at]
        stamps = pa.array(instants, type=pa.timestamp("s")).cast(pa.timestamp("s", "UTC"))
        if as_text:
            stamps = pa.array(
                np.char.add(np.datetime_as_string(instants), "Z").tolist(), type=pa.string()
            )
        columns = {
            "timestamp_utc": stamps,
            "vm_id": pa.array(trace.vms.ids, type=pa.string()).take(pa.array(vm)),
            "cpu_mcores": pa.array(trace.cpu_mcores[vm, at], type=pa.int32()),
            "memory_mib": pa.array(trace.memory_mib[vm, at], type=pa.int32()),
        }
        if with_off:
            columns["alive"] = pa.array(trace.alive[vm, at], type=pa.bool_())
        yield pa.table(columns)


def _write_rows(trace: Trace, path: Path, kind: str) -> None:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    writer: Any = None
    try:
        for table in _tables(trace, as_text=kind == "csv"):
            if writer is None:
                if kind == "parquet":
                    # Checksums, so that a flipped bit is an error when it is read, not another number.
                    writer = pq.ParquetWriter(str(path), table.schema, write_page_checksum=True)
                else:
                    writer = pa_csv.CSVWriter(str(path), table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
