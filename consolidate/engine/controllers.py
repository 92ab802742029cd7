"""Who decides during a replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.model import MigrationPlan, Placement

__all__ = ["Controller", "DoNothing", "Execute", "Observation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known at the start of a step: only what has already happened.

    Parameters
    ----------
    step
        Number of the step that begins.
    now_s : s
        Seconds since the start of the replay.
    placement
        Where the VMs are now.
    host_state
        State of each host, an index into ``("on", "booting", "shutting_down", "off", "failed")``.
    cpu_mcores, memory_mib
        Demand of each VM in the steps that are over, from ``first_step`` on, shape
        ``(vms, step - first_step)``.
    first_step
        First of these steps: 0, unless the trace comes in windows and old ones have been given up.
    boot_from_s, shutdown_from_s : s
        From when on each host may be booted, if it is off, and switched off, if it is on, by its minimum
        times and its cap on cycles; shape ``(hosts,)``.
    parked
        Whether each VM is in storage, or on the way there, shape ``(vms,)``.
    """

    step: int
    now_s: int
    placement: Placement
    host_state: NDArray[np.int8]
    cpu_mcores: NDArray[np.int32]
    memory_mib: NDArray[np.int32]
    first_step: int = 0
    # None stands for "no limits" and "nobody" where an observation is made by hand.
    boot_from_s: NDArray[np.int64] | None = None
    shutdown_from_s: NDArray[np.int64] | None = None
    parked: NDArray[np.bool_] | None = None


@runtime_checkable
class Controller(Protocol):
    """Decides at the start of each step."""

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return a plan that starts now, its times counted from now, or nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNothing:
    """Leave every VM and every host as they are."""

    def decide(self, observation: Observation) -> MigrationPlan | None:  # noqa: ARG002
        """Return nothing."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Carry out one plan from the first step on, then do nothing.

    Parameters
    ----------
    plan
        The plan.
    """

    plan: MigrationPlan

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the plan at the first step."""
        return self.plan if observation.step == 0 else None
