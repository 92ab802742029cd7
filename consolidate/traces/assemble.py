"""Build a dense trace from row batches: checks, repairs on request, resampling on the grid."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InternalError, TraceError
from consolidate.model.timegrid import TimeGrid
from consolidate.model.trace import Repair, Trace
from consolidate.traces.base import TraceReader, repairs_from
from consolidate.traces.report import MAX_PLACES, Finding, Report
from consolidate.traces.sources import checked_path, sha256_of, signature
from consolidate.traces.survey import (
    GAP_STEPS,
    MAX_VALUE,
    Block,
    Survey,
    blocks_of,
    same_values,
    survey,
)

__all__ = ["assemble", "fill", "refuse", "vm_order"]

Scalar = TypeVar("Scalar", bound=np.generic)
logger = logging.getLogger("consolidate")


def assemble(
    reader: TraceReader, path: str | Path, *, repair: str | Iterable[str] = frozenset()
) -> Trace:
    """Read a trace in two passes: one that finds every problem, one that fills the arrays.

    CPU demand of a step is the mean of its samples, memory demand their maximum; both are rounded up,
    once. A VM is not alive before its first and after its last sample, and where its rows say so.

    Parameters
    ----------
    reader
        Reader of the format.
    path
        The trace.
    repair
        Names of the repairs that may be made (:data:`~consolidate.traces.base.REPAIRS`), or ``all``.

    Raises
    ------
    TraceError
        When there is a problem that no allowed repair accepts; names the first places and the counts.
    """
    path = checked_path(path)
    allowed = repairs_from(repair)
    before = signature([path])
    found = survey(reader, path, may_sort="sort" in allowed)
    refuse(found.report.findings(), allowed, path=path)
    assert found.grid is not None
    order = vm_order(found)
    filled = fill(reader, path, found, order)
    if filled.rows != found.rows or signature([path]) != before:
        msg = "changed while it was read; try again when it is complete"
        raise TraceError(msg, file=str(path))
    trace = Trace(
        vms=found.report.vms(order),
        grid=found.grid,
        cpu_mcores=filled.cpu_mcores,
        memory_mib=filled.memory_mib,
        alive=filled.alive,
        format=reader.name,
        source=path.name,
        sha256=sha256_of(found.report.inputs or [path]),
        repairs=_repairs(found, filled),
        notes=(*found.report.notes(), *filled.notes),
    )
    logger.info("%s: %d VMs, %s", path.name, trace.n_vms, trace.grid)
    return trace


def refuse(findings: Iterable[Finding], allowed: frozenset[str], *, path: Path) -> None:
    """Raise :class:`TraceError` for the problems that no allowed repair accepts."""
    bad = [f for f in findings if not f.repair or f.repair not in allowed]
    if not bad:
        return
    share = max(1, MAX_PLACES // len(bad))
    places = [p for f in bad for p in f.places[:share]]
    total = sum(f.count for f in bad)
    counts = ", ".join(f"{f.count} {f.kind}" for f in bad)
    lines = [f"\n{p}" for p in places[1:]]
    if total > len(places):
        lines.append(f"\n... {total} problems in all")
    lines.append(f"\n({counts})")
    repairs = sorted({f.repair for f in bad if f.repair} | allowed)
    if all(f.repair for f in bad):
        lines.append(f"\nTo accept them, counted and listed in the result: --repair {','.join(repairs)}")
    else:
        lines.append(f"\nCorrect the file; consolidate inspect {path} lists all kinds of problems.")
    raise places[0].error("".join(lines))


def vm_order(found: Survey) -> list[int]:
    """Return the VMs of the trace: sorted as the reader asks, without those never allocated anything."""
    report = found.report
    out = report.without_allocation()
    unknown = [i for i in out if i in found.on_rows_of]
    if unknown:
        msg = f"the reader states no allocation of VM {report.ids[unknown[0]]!r}, which has demand"
        raise InternalError(msg)
    if out:
        names = ", ".join(report.ids[i] for i in out[:5]) + (" ..." if len(out) > 5 else "")
        report.note(f"{len(out)} VMs that are off in all rows are left out: {names}")
    left_out = set(out)
    order = [i for i in range(len(report.ids)) if i not in left_out]
    key = report.sort_key
    return order if key is None else sorted(order, key=lambda i: key(report.ids[i]))  # type: ignore[arg-type,return-value]


@dataclass(slots=True, kw_only=True)
class _Filled:
    cpu_mcores: NDArray[np.int32]
    memory_mib: NDArray[np.int32]
    alive: NDArray[np.bool_]
    notes: tuple[str, ...]
    counts: dict[str, int]
    rows: int


@dataclass(slots=True, kw_only=True)
class _Sums:
    """Accumulators per VM and step, flat."""

    cpu: NDArray[np.float64]
    memory: NDArray[np.int32]
    alive_samples: NDArray[np.int32]
    seen: NDArray[np.bool_]


def fill(reader: TraceReader, path: Path, found: Survey, order: list[int]) -> _Filled:
    """Fill the arrays of the grid of a survey, with the VMs in this order."""
    grid = found.grid
    assert grid is not None
    shape = (len(order), grid.n_steps)
    cells = shape[0] * shape[1]
    sums = _Sums(
        cpu=np.zeros(cells),
        memory=np.zeros(cells, dtype=np.int32),
        alive_samples=np.zeros(cells, dtype=np.int32),
        seen=np.zeros(cells, dtype=np.bool_),
    )
    position = np.full(len(found.report.ids), -1, dtype=np.int64)
    position[order] = np.arange(len(order))
    counts = dict.fromkeys(("duplicate", "conflict", "moved", "averaged"), 0)
    holes = [np.zeros((0, 3), dtype=np.int64)]
    rows = 0
    for block in blocks_of(reader.scan(path, Report()), sort=found.is_sorted):
        rows += int((~block.pending).sum())
        if _is_foreign(block, len(position), grid):
            rows = -1  # the file has changed since the survey
            break
        holes.append(_add(block, sums, counts, position, grid))
    many = sums.alive_samples > 1
    counts["averaged"] = int(many.sum())
    # Rounded first, or the last bit of a mean of equal values would round up to the next mcore.
    sums.cpu[many] = np.round(sums.cpu[many] / sums.alive_samples[many], 6)
    cpu = np.ceil(sums.cpu).astype(np.int32)
    alive = sums.alive_samples > 0
    all_holes = np.concatenate(holes)
    notes = _outages(sums.seen.reshape(shape).sum(axis=0), all_holes, grid)
    limit = found.report.max_gap_s // grid.step_s
    counts |= _fill_holes(all_holes, cpu, sums.memory, alive, limit=limit)
    return _Filled(
        cpu_mcores=_read_only(cpu, shape),
        memory_mib=_read_only(sums.memory, shape),
        alive=_read_only(alive, shape),
        notes=notes,
        counts=counts,
        rows=rows,
    )


def _is_foreign(block: Block, n_vms: int, grid: TimeGrid) -> bool:
    time_s = block.rows["time_s"]
    start = int(grid.start.astype(np.int64))
    inside = (time_s >= start) & (time_s < start + grid.duration_s)
    return not inside.all() or bool((block.rows["vm"] >= n_vms).any())


def _read_only(flat: NDArray[Scalar], shape: tuple[int, int]) -> NDArray[Scalar]:
    table = flat.reshape(shape)
    table.flags.writeable = False
    return table


def _add(
    block: Block,
    sums: _Sums,
    counts: dict[str, int],
    position: NDArray[np.int64],
    grid: TimeGrid,
) -> NDArray[np.int64]:
    """Add the rows of a block to the sums and return its holes: cell before, steps, is a gap."""
    rows = block.rows
    start = int(grid.start.astype(np.int64))
    step = (rows["time_s"] - start) // grid.step_s
    vm = position[rows["vm"]]
    cell = vm * grid.n_steps + step
    at = block.pairs()
    gap = rows["time_s"][at + 1] - rows["time_s"][at]
    same = same_values(rows[at], rows[at + 1])
    counts["duplicate"] += int(((gap == 0) & same).sum())
    counts["conflict"] += int(((gap == 0) & ~same).sum())
    keep = ~block.pending & (vm >= 0)
    keep[at[gap == 0]] = False
    counts["moved"] += int((keep & ((rows["time_s"] - start) % grid.step_s != 0)).sum())
    sums.seen[cell[keep]] = True
    use = keep & rows["alive"]
    np.add.at(sums.cpu, cell[use], rows["cpu_mcores"][use])
    memory = np.minimum(np.ceil(rows["memory_mib"][use]), MAX_VALUE).astype(np.int32)
    np.maximum.at(sums.memory, cell[use], memory)
    np.add.at(sums.alive_samples, cell[use], 1)
    missing = step[at + 1] - step[at] - 1
    hole = (missing > 0) & (vm[at] >= 0)
    is_gap = gap[hole] > GAP_STEPS * grid.step_s
    return np.stack([cell[at][hole], missing[hole], is_gap.astype(np.int64)], axis=1)


def _fill_holes(
    holes: NDArray[np.int64],
    cpu: NDArray[np.int32],
    memory: NDArray[np.int32],
    alive: NDArray[np.bool_],
    *,
    limit: int,
) -> dict[str, int]:
    """Repeat the value before each hole, up to ``limit`` steps."""
    before, missing, is_gap = holes.T
    held = np.minimum(missing, limit)
    held = np.where(is_gap == 1, held, missing)
    source = np.repeat(before, held)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(held) - held, held) + 1
    target = source + offset
    for array in (cpu, memory, alive):
        array[target] = array[source]
    gaps = is_gap == 1
    return {
        "bridged": int(missing[~gaps].sum()),
        "filled": int(held[gaps].sum()),
        "left_out": int((missing - held)[gaps].sum()),
        "gaps": int(gaps.sum()),
    }


def _outages(sampled: NDArray[np.int64], holes: NDArray[np.int64], grid: TimeGrid) -> tuple[str, ...]:
    """Note the steps in which most VMs lie in a gap: the measurement stopped there, not the VMs."""
    before, missing = holes[holes[:, 2] == 1][:, :2].T
    change = np.zeros(grid.n_steps + 2, dtype=np.int64)
    first = before % grid.n_steps + 1
    np.add.at(change, first, 1)
    np.add.at(change, first + missing, -1)
    # One VM in a gap says nothing about the others.
    out = np.cumsum(change)[: grid.n_steps] > np.maximum(sampled, 1)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], out, [False])).astype(np.int8)))
    if not len(edges):
        return ()
    starts, stops = edges[::2], edges[1::2]
    longest = int(np.argmax(stops - starts))
    return (
        f"in {int(out.sum())} steps more than half of the VMs have no sample; the longest stretch is "
        f"{stops[longest] - starts[longest]} steps from {grid.times()[starts[longest]]}Z: the "
        "measurement stopped there, not the VMs; consider a window without it",
    )


def _repairs(found: Survey, filled: _Filled) -> tuple[Repair, ...]:
    counts = filled.counts
    limit = found.report.max_gap_s
    listed = (
        ("sort", found.disordered, "rows out of time order, sorted within their VM"),
        ("drop-duplicates", counts["duplicate"], "rows that repeat the row before them, dropped"),
        ("keep-last", counts["conflict"], "rows replaced by a later row of the same instant"),
        (
            "snap",
            0 if found.aligned else counts["moved"],
            f"samples put into the step that contains them; {counts['averaged']} steps are the mean of "
            f"several samples, {counts['bridged']} steps between close samples repeat the last value",
        ),
        (
            "fill-gaps",
            counts["filled"] + counts["left_out"],
            f"steps without a sample in {counts['gaps']} gaps: {counts['filled']} repeat the last "
            f"value, {counts['left_out']} beyond {limit} s are not alive",
        ),
    )
    return tuple(Repair(name=n, count=c, detail=d) for n, c, d in listed if c)
