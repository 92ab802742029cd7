"""Demand step after step, whether the trace is in memory or comes in windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Trace, TraceSlices

__all__ = ["Demand"]

#: Steps that are turned from rows per VM into rows per step at a time: whole lines of cache.
_BLOCK_STEPS = 64


class Demand:
    """What VMs ask for now, asked for in the step before, and in the steps that are kept.

    Parameters
    ----------
    trace
        The trace, or its windows.
    history_steps
        Past steps that are kept at least, if the trace comes in windows; ``None`` keeps all.

    Attributes
    ----------
    step
        The present step, -1 at first.
    alive, cpu_mcores, memory_mib
        Of the present step, shape ``(vms,)``.
    """

    def __init__(self, trace: Trace | TraceSlices, history_steps: int | None) -> None:
        self._keep = history_steps
        self._windows: Iterator[Trace] = iter((trace,) if isinstance(trace, Trace) else trace)
        n_vms = trace.n_vms
        self._first = self._end = self._kept_from = 0
        self._kept: tuple[NDArray[np.int32], ...] = ()
        self._window: Trace | None = None
        self._block: tuple[NDArray[Any], ...] = ()
        self._block_from = self._block_end = 0
        self.step = -1
        self.alive = np.zeros(n_vms, dtype=np.bool_)
        self.cpu_mcores = self.memory_mib = self._cpu_before = np.zeros(n_vms, dtype=np.int32)

    def advance(self) -> None:
        """Go to the next step."""
        self.step += 1
        if self.step >= self._end:
            self._open_window()
        if self.step >= self._block_end:
            self._turn()
        row = self.step - self._block_from
        self._cpu_before = self.cpu_mcores
        self.alive, self.cpu_mcores, self.memory_mib = (part[row] for part in self._block)

    def _open_window(self) -> None:
        drop = 0 if self._keep is None else max(0, self._end - self._kept_from - self._keep)
        past = tuple(np.ascontiguousarray(part[:, drop:]) for part in self._kept)
        self._kept_from += drop
        # The old window has to be free before the next one is read.
        self._window, self._kept, self._block = None, (), ()
        self._window = next(self._windows)
        self._first, self._end = self.step, self.step + self._window.grid.n_steps
        self._kept = (self._window.cpu_mcores, self._window.memory_mib)
        if past and past[0].shape[1]:
            self._kept = tuple(
                np.concatenate(pair, axis=1) for pair in zip(past, self._kept, strict=True)
            )
            for part in self._kept:
                part.flags.writeable = False

    def _turn(self) -> None:
        assert self._window is not None
        stop = min(self.step + _BLOCK_STEPS, self._end)
        cut = slice(self.step - self._first, stop - self._first)
        w = self._window
        self._block = tuple(
            np.ascontiguousarray(part[:, cut].T) for part in (w.alive, w.cpu_mcores, w.memory_mib)
        )
        self._block_from, self._block_end = self.step, stop

    def cpu_at(self, v: int, step: int) -> int:
        """Return the CPU demand of a VM in the present step or the one before, in mcores."""
        return int((self.cpu_mcores if step == self.step else self._cpu_before)[v])

    def history(self) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
        """Return the first step that is kept, and CPU and memory from it to the step before this one."""
        cpu, memory = self._kept
        past = self.step - self._kept_from
        return self._kept_from, cpu[:, :past], memory[:, :past]
