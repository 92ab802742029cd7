"""Sizing: from observed demand to the need that a placement reserves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model.from_trace import Sizing
from consolidate.model.trace import Trace
from consolidate.registry import Registry

__all__ = ["MIN_SAMPLES", "SIZINGS", "Percentile"]

#: A VM observed for fewer steps than this is sized by its allocation.
MIN_SAMPLES = 12

SIZINGS: Registry[type[Sizing]] = Registry(
    "sizing",
    entry_point_group="consolidate.sizings",
    builtin={
        "curve": "consolidate.forecasting.curve:Curve",
        "percentile": "consolidate.forecasting.sizing:Percentile",
    },
)


@dataclass(frozen=True, slots=True)
class Percentile:
    """CPU by a percentile of each VM's own demand, memory by its maximum.

    Memory is never overcommitted: a host out of memory stops its guests, a host out of CPU slows them.
    The percentile is the smallest observed value that at least ``q`` percent of the observations do not
    exceed, so the result is a value that occurred.

    Parameters
    ----------
    q : percent
        Between 0 (exclusive) and 100 (the peak).
    """

    q: float = 95.0

    def __post_init__(self) -> None:
        if not 0 < self.q <= 100:
            msg = f"needs more than 0 and at most 100, got {self.q}"
            raise ConfigError(msg, path="sizing.percentile")

    def describe(self) -> str:
        """Return the method in words, for the report."""
        return (
            f"CPU: {self.q:g}th percentile of each VM's own demand; memory: its maximum; "
            f"VMs seen for fewer than {MIN_SAMPLES} steps: their allocation"
        )

    def needs(self, trace: Trace) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return CPU in mcores and memory in MiB, each of shape ``(vms,)``."""
        counts = trace.alive.sum(axis=1)
        # Values of steps in which the VM is not alive go below every demand, then are skipped by rank.
        ordered = np.sort(np.where(trace.alive, trace.cpu_mcores, -1), axis=1)
        rank = np.ceil(counts * self.q / 100).astype(np.int64)
        position = trace.grid.n_steps - counts + np.maximum(rank, 1) - 1
        position = np.minimum(position, trace.grid.n_steps - 1)
        cpu = ordered[np.arange(trace.n_vms), position].astype(np.int64)
        memory = trace.memory_mib.max(axis=1).astype(np.int64)
        unseen = counts < MIN_SAMPLES
        cpu[unseen] = trace.vms.cpu_mcores[unseen]
        memory[unseen] = np.maximum(memory[unseen], trace.vms.memory_mib[unseen])
        return cpu, memory
