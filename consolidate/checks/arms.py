"""What the checks judge of a replay: the trace, and what one arm says happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import Actions, PlacementCase
from consolidate.checks.stop_cases import NO_STOPS, FailuresTold, ParkingTold, StopsMade

__all__ = [
    "BOOTING",
    "FAILED",
    "LEDGER",
    "OFF",
    "ON",
    "SHUTTING_DOWN",
    "STATES",
    "Arm",
    "ArmCase",
    "Demand",
    "MovesMade",
    "Residency",
    "States",
]

LEDGER = ("idle_mj", "load_mj", "migration_mj", "booting_mj", "shutting_down_mj", "off_mj")
STATES = ("on", "booting", "shutting_down", "off", "failed")
ON, BOOTING, SHUTTING_DOWN, OFF, FAILED = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What VMs ask for in the replayed steps: one row per VM and step in which it is alive.

    Parameters
    ----------
    vm, step
        Indices; steps count from the start of the replay; sorted by ``vm``, ``step``.
    cpu_mcores, memory_mib : mcores, MiB
        Demand of each row.
    n_steps
        Replayed steps.
    step_s : s
        Length of a step.
    start_utc_s : s
        Start of the replay in seconds since 1970.
    """

    vm: NDArray[np.int64]
    step: NDArray[np.int64]
    cpu_mcores: NDArray[np.int64]
    memory_mib: NDArray[np.int64]
    n_steps: int
    step_s: int
    start_utc_s: int

    @property
    def duration_s(self) -> int:
        """Length of the replay in seconds."""
        return self.n_steps * self.step_s

    def rows(self, vm: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each VM and step, -1 where the VM is not alive."""
        if not self.vm.size:
            return np.full(vm.shape, -1, dtype=np.int64)
        keys = self.vm * self.n_steps + self.step
        wanted = vm * self.n_steps + step
        at = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        out: NDArray[np.int64] = np.where(keys[at] == wanted, at, -1)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """Rows of ``host_states.parquet``; ``state`` is an index into :data:`STATES`."""

    host: NDArray[np.int64]
    state: NDArray[np.int64]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residency:
    """Rows of ``residency.parquet``; host -1 while waiting."""

    vm: NDArray[np.int64]
    host: NDArray[np.int64]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MovesMade:
    """Rows of ``moves.parquet``.

    ``completed`` is false for a move that was broken off: its VM left, or the replay ended before it.
    """

    vm: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    mode: tuple[str, ...]
    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    downtime_ms: NDArray[np.int64]
    overhead_mcores: NDArray[np.int64]
    completed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One replayed arm as it was written.

    Parameters
    ----------
    label
        Name of the arm.
    states, residency, moves
        What happened.
    host_ids, host_mj
        Names, and energy by cause, shape ``(hosts, 6)`` in the order of :data:`LEDGER`.
    step_start_utc_s, step_mj, power_w, hosts_on, unmet_mcore_s
        Columns of ``steps.parquet``; ``step_mj`` has shape ``(steps, 6)``.
    site_mj
        Energy of each site and step, shape ``(sites, steps)``.
    utilization
        Share of its CPU that each host uses while it is on, NaN where it is not; shape
        ``(hosts, steps)``.
    service
        Whole numbers of ``service.json``.
    stops
        What kept VMs from running apart from moves.
    parking, failures
        How VMs are said to be parked, and which hosts to fail; ``None`` for neither.
    """

    label: str
    states: States
    residency: Residency
    moves: MovesMade
    host_ids: tuple[str, ...]
    host_mj: NDArray[np.int64]
    step_start_utc_s: NDArray[np.int64]
    step_mj: NDArray[np.int64]
    power_w: NDArray[np.float64]
    hosts_on: NDArray[np.int64]
    unmet_mcore_s: NDArray[np.int64]
    site_mj: NDArray[np.int64]
    utilization: NDArray[np.float64]
    service: Mapping[str, int]
    stops: StopsMade = NO_STOPS
    parking: ParkingTold | None = None
    failures: FailuresTold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCase:
    """A replayed arm with all that it rests on.

    ``site_of`` is the site of each host, shape ``(hosts,)``. ``actions`` is the plan that the arm
    executes, an empty one for the arm that does nothing, ``None`` for an arm that plans on the way.
    """

    placement: PlacementCase
    site_of: NDArray[np.int64]
    demand: Demand
    arm: Arm
    actions: Actions | None = None
