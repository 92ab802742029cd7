"""A trace read window by window, each with one more pass over the file: for traces larger than memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from consolidate.errors import InputError, TraceError
from consolidate.model.slices import TraceSlices
from consolidate.model.trace import Trace
from consolidate.traces.assemble import fill, refuse, vm_order
from consolidate.traces.base import Batch, Sniff, TraceReader, repairs_from
from consolidate.traces.choose import choose_format, make_reader
from consolidate.traces.report import Report
from consolidate.traces.sources import checked_path, signature
from consolidate.traces.survey import MAX_CELLS, Survey, survey

__all__ = ["read_slices"]

#: Repairs that look at no other step than the one they repair.
_WITHIN_A_STEP = frozenset({"sort", "drop-duplicates", "keep-last"})


def read_slices(
    path: str | Path,
    steps: int,
    format: str | None = None,  # noqa: A002 (the word users know)
    *,
    repair: str | Iterable[str] = (),
    **options: Any,
) -> TraceSlices:
    """Open a trace of any known format to be read in windows of time.

    The file is read once now, to find every problem, and once for each window, of which one is in memory
    at a time. Each window is the same as that part of the trace that ``read_trace`` returns.

    Parameters
    ----------
    path
        File, folder or archive.
    steps
        Steps of a window; the last may be shorter.
    format
        Name of the format; default found from the file.
    repair
        Repairs that may be made: ``sort``, ``drop-duplicates`` and ``keep-last``. A gap, or a sample
        between the steps, would need the window before and is refused.
    **options
        Fields of the reader's dataclass.

    Raises
    ------
    InputError
        When ``steps`` is less than 1, a window would be too large, or a repair is not one of these.
    TraceError
        When the data have problems that no allowed repair accepts.
    """
    allowed = repairs_from(repair)
    if steps < 1:
        msg = f"a window needs 1 step or more, got {steps}"
        raise InputError(msg)
    if allowed - _WITHIN_A_STEP:
        wrong = ", ".join(sorted(allowed - _WITHIN_A_STEP))
        msg = f"{path}: {wrong} cannot be made window by window; possible: {', '.join(sorted(_WITHIN_A_STEP))}"
        raise InputError(msg)
    path = checked_path(path)
    reader = make_reader(format or choose_format(path), **options)
    before = signature([path])
    found = survey(reader, path, may_sort="sort" in allowed, most_cells=2**62)
    refuse(found.report.findings(), allowed, path=path)
    assert found.grid is not None
    order = vm_order(found)
    if len(order) * min(steps, found.grid.n_steps) > MAX_CELLS:
        msg = f"{path}: a window of {steps} steps of {len(order)} VMs is more than {MAX_CELLS} VM-steps"
        raise InputError(msg)
    vms, whole = found.report.vms(order), found.grid

    def windows() -> Iterator[Trace]:
        rows = 0
        for first in range(0, whole.n_steps, steps):
            grid = whole.window(first, min(first + steps, whole.n_steps))
            part = replace(found, grid=grid)
            filled = fill(_Windowed(reader=reader, survey=part), path, part, order)
            rows += filled.rows
            yield Trace(
                vms=vms,
                grid=grid,
                cpu_mcores=filled.cpu_mcores,
                memory_mib=filled.memory_mib,
                alive=filled.alive,
                format=reader.name,
                source=path.name,
            )
        if rows != found.rows or signature([path]) != before:
            msg = "changed while it was read; try again when it is complete"
            raise TraceError(msg, file=str(path))

    return TraceSlices(vms=vms, grid=whole, windows=windows, source=path.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windowed:
    """A reader that yields the rows of one window only."""

    reader: TraceReader
    survey: Survey

    @property
    def name(self) -> str:
        return self.reader.name

    def sniff(self, path: Path) -> Sniff:
        return self.reader.sniff(path)

    def read(self, path: Path, *, repair: Iterable[str] = frozenset()) -> Trace:
        return self.reader.read(path, repair=repair)

    def scan(self, path: Path, report: Report) -> Iterator[Batch]:
        grid = self.survey.grid
        assert grid is not None
        start_s = int(grid.start.astype(np.int64))
        for batch in self.reader.scan(path, report):
            inside = (batch.time_s >= start_s) & (batch.time_s < start_s + grid.duration_s)
            names = ("line", "vm", "time_s", "cpu_mcores", "memory_mib", "alive")
            if inside.any():
                yield replace(batch, **{name: getattr(batch, name)[inside] for name in names})
