"""A trace that is read window by window, because all of it would not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from consolidate.errors import InputError
from consolidate.model.timegrid import TimeGrid
from consolidate.model.trace import Trace, VMs

__all__ = ["TraceSlices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSlices:
    """The same VMs over many windows of time, of which one is held at a time.

    Parameters
    ----------
    vms
        All VMs that are in any window.
    grid
        The steps of all windows together.
    windows
        Returns the windows in the order of time, each a trace of the same VMs; called once for each
        pass over the trace.
    source
        Name of the file, folder or generator.
    """

    vms: VMs
    grid: TimeGrid
    windows: Callable[[], Iterator[Trace]]
    source: str = "memory"

    def __iter__(self) -> Iterator[Trace]:
        """Yield the windows.

        Raises
        ------
        InputError
            When a window does not follow the one before it, is of other VMs, or one is missing.
        """
        step = 0
        for window in self.windows():
            due = f"steps of {self.grid.step_s} s from {self.start_of(step)}Z"
            if window.grid.step_s != self.grid.step_s or window.grid.start != self.start_of(step):
                msg = f"{self.source}: a window needs {due}, got {window.grid}"
                raise InputError(msg)
            if window.vms is not self.vms and window.vms.ids != self.vms.ids:
                msg = f"{self.source}: the window of {window.grid} is of other VMs than the trace"
                raise InputError(msg)
            step += window.grid.n_steps
            if step > self.grid.n_steps:
                msg = f"{self.source}: the windows have more than the {self.grid.n_steps} steps of the trace"
                raise InputError(msg)
            yield window
        if step != self.grid.n_steps:
            msg = f"{self.source}: the windows have {step} steps; the trace has {self.grid.n_steps}"
            raise InputError(msg)

    def start_of(self, step: int) -> object:
        """Return the instant at which a step starts, UTC."""
        return self.grid.times()[step] if step < self.grid.n_steps else self.grid.stop

    @property
    def n_vms(self) -> int:
        """Number of VMs."""
        return len(self.vms)

    @classmethod
    def of(cls, trace: Trace, steps: int) -> TraceSlices:
        """Cut a trace that is in memory into windows of so many steps.

        Raises
        ------
        InputError
            When ``steps`` is less than 1.
        """
        if steps < 1:
            msg = f"a window needs 1 step or more, got {steps}"
            raise InputError(msg)

        def windows() -> Iterator[Trace]:
            for first in range(0, trace.grid.n_steps, steps):
                yield trace.window(first, min(first + steps, trace.grid.n_steps))

        return cls(vms=trace.vms, grid=trace.grid, windows=windows, source=trace.source)
