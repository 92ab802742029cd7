"""First pass over a trace: what is in it, what is wrong with it, and which grid it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import TraceError
from consolidate.model.timegrid import TimeGrid
from consolidate.traces.base import Batch, TraceReader
from consolidate.traces.report import MAX_PLACES, Place, Report

__all__ = ["ROW", "Block", "Survey", "blocks_of", "survey"]

ROW: Final = np.dtype(
    [
        ("vm", np.int32),
        ("time_s", np.int64),
        ("cpu_mcores", np.float64),
        ("memory_mib", np.float64),
        ("alive", np.bool_),
        ("line", np.int64),
        ("file", np.int32),
    ]
)
Rows = NDArray[np.void]
#: Values of a trace are 32-bit integers.
MAX_VALUE: Final = 2**31 - 1
#: Building a dense trace of this many VM-steps takes about 6 GB.
MAX_CELLS: Final = 250_000_000
#: Distinct distances between samples that are told apart; files with a step have a few hundred.
MAX_DISTANCES: Final = 20_000
#: Key of all further distances: they make the trace unusable, so they need not be told apart.
OTHER: Final = -1
#: Samples further apart than this many steps have a gap between them.
GAP_STEPS: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows grouped by VM, in file order within a VM (in time order when sorted).

    Parameters
    ----------
    rows
        Rows of type :data:`ROW`.
    pending
        Rows that come again, first of their VM, in a later block: count them there.
    out_of_order
        Indices of rows that sorting had to move; empty when the block was not sorted.
    files
        Names that ``rows["file"]`` refers to.
    """

    rows: Rows
    pending: NDArray[np.bool_]
    out_of_order: Rows
    files: list[str]

    def pairs(self) -> NDArray[np.intp]:
        """Return the indices of rows whose next row is of the same VM."""
        vm = self.rows["vm"]
        return np.flatnonzero(vm[1:] == vm[:-1])

    def place(self, row: np.void, message: str) -> Place:
        """Return the place of a row."""
        return Place(file=self.files[row["file"]], line=int(row["line"]), message=message)


def blocks_of(batches: Iterable[Batch], *, sort: bool) -> Iterator[Block]:
    """Group the rows of batches by VM, carrying the last row of each VM over to the next block.

    Without ``sort``, what is held does not depend on the number of rows. With it, the rows of a VM are
    held until the reader says that they are complete.
    """
    files: list[str] = []
    held: list[Rows] = []
    for batch in batches:
        held.append(_rows(batch, files))
        if sort and not batch.complete:
            continue
        rows = np.concatenate(held)
        held = []
        if sort:
            closed = np.isin(rows["vm"], np.unique(batch.vm))
            held, rows = [rows[~closed]], rows[closed]
        rows, moved = _grouped(rows, sort=sort)
        pending = np.zeros(len(rows), dtype=np.bool_)
        if not sort:
            pending = np.append(rows["vm"][1:] != rows["vm"][:-1], True)[: len(rows)]
            if batch.complete:
                pending &= ~np.isin(rows["vm"], np.unique(batch.vm))
            held = [rows[pending]]
        yield Block(rows=rows, pending=pending, out_of_order=moved, files=files)
    if held:
        rows, moved = _grouped(np.concatenate(held), sort=sort)
        none = np.zeros(len(rows), dtype=np.bool_)
        yield Block(rows=rows, pending=none, out_of_order=moved, files=files)


def _rows(batch: Batch, files: list[str]) -> Rows:
    if not files or files[-1] != batch.file:
        files.append(batch.file)
    rows = np.empty(len(batch), dtype=ROW)
    for name in ("vm", "time_s", "line", "alive"):
        rows[name] = getattr(batch, name)
    # What a row that says "off" still shows of demand is stale.
    for name in ("cpu_mcores", "memory_mib"):
        rows[name] = np.where(batch.alive, getattr(batch, name), 0.0)
    rows["file"] = len(files) - 1
    return rows


def _grouped(rows: Rows, *, sort: bool) -> tuple[Rows, Rows]:
    vm = rows["vm"]
    if (vm[1:] < vm[:-1]).any():
        rows = rows[np.argsort(vm, kind="stable")]
    if not sort:
        return rows, rows[:0]
    back = (rows["vm"][1:] == rows["vm"][:-1]) & (rows["time_s"][1:] < rows["time_s"][:-1])
    moved = rows[1:][back]
    if len(moved):
        rows = rows[np.lexsort((rows["time_s"], rows["vm"]))]
    return rows, moved


@dataclass(slots=True)
class _Distances:
    """How often each distance between consecutive samples occurs, and where first."""

    seen: dict[int, tuple[int, list[Place]]] = field(default_factory=dict)

    def add(self, distance: NDArray[np.int64], block: Block, later: Rows) -> None:
        values, first, counts = np.unique(distance, return_index=True, return_counts=True)
        for value, index, count in zip(values.tolist(), first.tolist(), counts.tolist(), strict=True):
            key = value if value in self.seen or len(self.seen) < MAX_DISTANCES else OTHER
            total, places = self.seen.setdefault(key, (0, []))
            if len(places) < 3:
                places.append(block.place(later[index], f"is {value} s after the sample before it"))
            self.seen[key] = (total + count, places)


@dataclass(slots=True, kw_only=True)
class Survey:
    """What a pass over the rows found; ``report`` has the problems and the VMs."""

    report: Report
    rows: int = 0
    off_rows: int = 0
    cpu_mcores_sum: float = 0.0
    memory_mib_sum: float = 0.0
    first_s: dict[int, int] = field(default_factory=dict)
    last_s: dict[int, int] = field(default_factory=dict)
    distances: _Distances = field(default_factory=_Distances)
    is_sorted: bool = False
    disordered: int = 0
    on_rows_of: dict[int, int] = field(default_factory=dict)
    grid: TimeGrid | None = None
    aligned: bool = True

    def mean_allocation_mcores(self, on_rows: int) -> float:
        """Return the mean CPU allocation over the rows in which the VM is not off."""
        vms = self.report.cpu_allocations()
        return sum(n * vms[vm] for vm, n in self.on_rows_of.items()) / on_rows


def survey(reader: TraceReader, path: Path, *, may_sort: bool, most_cells: int | None = None) -> Survey:
    """Scan a trace and collect every problem.

    Parameters
    ----------
    reader
        Reader of its format.
    path
        The trace.
    may_sort
        Whether to hold and sort the rows when they turn out to be out of time order. If not, gaps and
        distances of such a trace are not judged, and it has no grid.
    most_cells
        VM-steps beyond which a trace is refused; default :data:`MAX_CELLS`.
    """
    found = _pass(reader, path, sort=False)
    if found.disordered and may_sort:
        found = _pass(reader, path, sort=True)
    if found.rows == 0 and not found.report.findings():
        msg = "has no rows; a trace needs at least one sample"
        raise TraceError(msg, file=str(path))
    if found.is_sorted or not found.disordered:
        _settle_grid(found, path, MAX_CELLS if most_cells is None else most_cells)
    return found


def _pass(reader: TraceReader, path: Path, *, sort: bool) -> Survey:
    found = Survey(report=Report(), is_sorted=sort)
    for block in blocks_of(reader.scan(path, found.report), sort=sort):
        _count(found, block)
        at = block.pairs()
        left, right = block.rows[at], block.rows[at + 1]
        gap = right["time_s"] - left["time_s"]
        same = same_values(left, right)
        back = block.out_of_order if sort else right[gap < 0]
        for kind, bad in (
            ("duplicate", right[(gap == 0) & same]),
            ("conflict", right[(gap == 0) & ~same]),
            ("unsorted", back),
        ):
            text, repair = _ORDER[kind]
            _problems(found.report, block, bad, kind=kind, text=text, repair=repair)
        found.disordered += len(back)
        found.distances.add(gap[gap > 0], block, right[gap > 0])
    return found


def _count(found: Survey, block: Block) -> None:
    rows = block.rows[~block.pending]
    found.rows += len(rows)
    found.off_rows += int((~rows["alive"]).sum())
    found.cpu_mcores_sum += float(rows["cpu_mcores"].sum())
    found.memory_mib_sum += float(rows["memory_mib"].sum())
    for name in ("cpu_mcores", "memory_mib"):
        bad = rows[rows[name] > MAX_VALUE]
        text = f"is too large; at most {MAX_VALUE} is possible"
        _problems(found.report, block, bad, kind="over-limit", text=text, column=name)
    starts = np.flatnonzero(np.append(True, block.rows["vm"][1:] != block.rows["vm"][:-1]))
    if not len(block.rows):
        return
    low = np.minimum.reduceat(block.rows["time_s"], starts)
    high = np.maximum.reduceat(block.rows["time_s"], starts)
    for vm, a, b in zip(block.rows["vm"][starts].tolist(), low.tolist(), high.tolist(), strict=True):
        found.first_s[vm] = min(a, found.first_s.get(vm, a))
        found.last_s[vm] = max(b, found.last_s.get(vm, b))
    vms, counts = np.unique(rows["vm"][rows["alive"]], return_counts=True)
    for vm, n in zip(vms.tolist(), counts.tolist(), strict=True):
        found.on_rows_of[vm] = found.on_rows_of.get(vm, 0) + n


def same_values(left: Rows, right: Rows) -> NDArray[np.bool_]:
    """Return where two rows say the same."""
    same: NDArray[np.bool_] = left["alive"] == right["alive"]
    for name in ("cpu_mcores", "memory_mib"):
        same &= left[name] == right[name]
    return same


_ORDER: Final = {
    "duplicate": ("repeats the sample before it", "drop-duplicates"),
    "conflict": ("differs from another sample of the same VM and instant", "keep-last"),
    "unsorted": ("is earlier than the sample before it", "sort"),
}


def _problems(
    report: Report,
    block: Block,
    rows: Rows,
    *,
    kind: str,
    text: str,
    repair: str = "",
    column: str | None = None,
) -> None:
    for n, row in enumerate(rows[: MAX_PLACES + 1]):
        message = text if column is None else f"{row[column]:g} {text}"
        report.issue(
            kind,
            message,
            file=block.files[row["file"]],
            line=int(row["line"]),
            column=column,
            repair=repair,
            count=1 if n < MAX_PLACES else len(rows) - MAX_PLACES,
        )


def _settle_grid(found: Survey, path: Path, most_cells: int) -> None:
    """Fix step and start, and report what does not lie on them."""
    report = found.report
    seen = found.distances.seen
    if OTHER in seen:
        msg = f"samples have more than {MAX_DISTANCES} different distances; a trace has a regular step"
        report.issue("no-step", msg, file=str(path))
        return
    if report.step_s is None and seen:
        report.step_s = max(seen, key=lambda d: (seen[d][0], -d))
    if report.step_s is None or report.step_s <= 0:
        if found.rows:
            msg = "the step cannot be told: no VM has two samples; give the option step_s"
            report.issue("no-step", msg, file=str(path))
        return
    step = report.step_s
    for distance, (count, places) in seen.items():
        if distance % step:
            _add_places(report, "off-grid", places, count, f"; the step is {step} s", "snap")
        if distance > GAP_STEPS * step:
            missing = max(1, round(distance / step) - 1)
            hint = f"; {missing} steps of {step} s have no sample"
            _add_places(report, "gap", places, count, hint, "fill-gaps")
    phases = {first % step for first in found.first_s.values()}
    found.aligned = len(phases) == 1 and not any(d % step for d in seen)
    if len(phases) > 1 and not any(d % step for d in seen):
        vm = next(v for v, first in found.first_s.items() if first % step != min(phases))
        msg = f"VM {report.ids[vm]!r} is sampled at other instants than the first VM"
        report.issue("off-grid", msg, file=str(path), repair="snap", count=len(phases) - 1)
    if not found.first_s:
        return
    first, last = min(found.first_s.values()), max(found.last_s.values())
    start = first if found.aligned else first // step * step
    n_steps = (last - start) // step + 1
    if n_steps * len(report.ids) > most_cells:
        msg = (
            f"{len(report.ids)} VMs over {n_steps} steps of {step} s are more than {most_cells} "
            "VM-steps; is a timestamp wrong, or the step too short?"
        )
        report.issue("too-large", msg, file=str(path))
    else:
        found.grid = TimeGrid(start=np.datetime64(start, "s"), step_s=step, n_steps=n_steps)


def _add_places(
    report: Report, kind: str, places: list[Place], count: int, hint: str, repair: str
) -> None:
    rest = count - len(places)
    for i, place in enumerate(places):
        more = rest + 1 if i == len(places) - 1 else 1
        report.issue(
            kind, place.message + hint, file=place.file, line=place.line, repair=repair, count=more
        )
