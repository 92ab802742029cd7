"""Sizing by demand curves: what each VM needs at each time of the day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.forecasting.sizing import MIN_SAMPLES, Percentile
from consolidate.model.trace import Trace

__all__ = ["Curve"]

_DAY_S = 86_400
_MOST_SLOTS = 1_440


@dataclass(frozen=True, slots=True)
class Curve:
    """CPU by a percentile of each VM's own demand in each slot of the day, memory by its maximum.

    VMs that are busy at different times then share a host without overload. Memory is one number: what a
    guest has touched it seldom gives back. The percentile is that of :class:`Percentile`, taken over the
    observations of all days that fall into the slot.

    Parameters
    ----------
    slots
        Equal parts of the day, from midnight UTC.
    q : percent
        Between 0 (exclusive) and 100 (the peak).
    """

    slots: int = 24
    q: float = 100.0

    def __post_init__(self) -> None:
        if not 2 <= self.slots <= _MOST_SLOTS:
            msg = f"needs 2 to {_MOST_SLOTS}, got {self.slots}"
            raise ConfigError(msg, path="sizing.slots")
        Percentile(self.q)  # raises where q is out of range

    def describe(self) -> str:
        """Return the method in words, for the report."""
        return (
            f"CPU: {self.q:g}th percentile of each VM's own demand in each of {self.slots} slots of the day; "
            f"memory: its maximum; slots in which a VM was not seen: that percentile of all its demand; "
            f"VMs seen for fewer than {MIN_SAMPLES} steps: their allocation"
        )

    def needs(self, trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return CPU in mcores, shape ``(vms, slots)``, and memory in MiB, shape ``(vms,)``.

        Raises
        ------
        ConfigError
            When a step of the trace is longer than a slot.
        """
        if trace.grid.step_s * self.slots > _DAY_S:
            most = _DAY_S // trace.grid.step_s
            msg = f"needs at most {most} for steps of {trace.grid.step_s} s, got {self.slots}"
            raise ConfigError(msg, path="sizing.slots")
        overall, memory = Percentile(self.q).needs(trace)
        curves = np.repeat(overall[:, np.newaxis], self.slots, axis=1)
        # VMs hardly seen keep their allocation all day.
        known = trace.alive.sum(axis=1) >= MIN_SAMPLES
        slot_of = self._slot_of_step(trace)
        for slot in np.unique(slot_of).tolist():
            steps = np.flatnonzero(slot_of == slot)
            alive = trace.alive[:, steps]
            counts = alive.sum(axis=1)
            ordered = np.sort(np.where(alive, trace.cpu_mcores[:, steps], -1), axis=1)
            rank = np.maximum(np.ceil(counts * self.q / 100).astype(np.int64), 1)
            position = np.minimum(len(steps) - counts + rank - 1, len(steps) - 1)
            found = ordered[np.arange(trace.n_vms), position]
            curves[:, slot] = np.where(known & (counts > 0), found, curves[:, slot])
        return curves, memory

    def _slot_of_step(self, trace: Trace) -> NDArray[np.int64]:
        start_s = int(trace.grid.start.astype("datetime64[s]").astype(np.int64))
        time_s = start_s + trace.grid.step_s * np.arange(trace.grid.n_steps, dtype=np.int64)
        slots: NDArray[np.int64] = time_s % _DAY_S * self.slots // _DAY_S
        return slots
