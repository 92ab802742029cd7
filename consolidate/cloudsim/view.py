"""Who else may decide in place of CloudSim's policies, and what they see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Optimizer", "View"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What can be known at a step: the present, and nothing of the future. All arrays are read-only.

    Parameters
    ----------
    step
        Number of the step, 0 before the start, then 1 to 287.
    time_s : s
        Its time after the start of the day.
    demand_mips : MIPS
        What each VM asks for now, shape ``(vms,)``; 0 before the start.
    vm_mips : MIPS
        Size of each VM, shape ``(vms,)``.
    vm_ram_mb : MB
        RAM of each VM, shape ``(vms,)``.
    live
        Whether each VM still exists, shape ``(vms,)``.
    host_of
        Host of each VM, -1 when gone, shape ``(vms,)``.
    host_mips : MIPS
        Both cores of each host, shape ``(hosts,)``.
    core_mips : MIPS
        One core of each host, the most that a VM can get there, shape ``(hosts,)``.
    host_watts : W
        Power at 0, 10, ..., 100 % of the MIPS, shape ``(hosts, 11)``.
    """

    step: int
    time_s: float
    demand_mips: NDArray[np.float64]
    vm_mips: NDArray[np.float64]
    vm_ram_mb: NDArray[np.float64]
    live: NDArray[np.bool_]
    host_of: NDArray[np.int32]
    host_mips: NDArray[np.float64]
    core_mips: NDArray[np.float64]
    host_watts: NDArray[np.float64]


@runtime_checkable
class Optimizer(Protocol):
    """Decides at every step; runs through the same start and the same accounting as CloudSim's policies."""

    def reset(self, view: View) -> None:
        """See the state after the first placement, once, before step 1."""
        ...

    def optimize(self, view: View) -> NDArray[np.int64]:
        """Return the migrations that start now as rows (VM, target host), in this order."""
        ...
