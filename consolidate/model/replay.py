"""What happened when a trace was replayed: an energy ledger in integers, and service levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen
from consolidate.model.action import Migration
from consolidate.model.timegrid import TimeGrid
from consolidate.units import MCORES_PER_CORE, mj_to_kwh

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEDGER", "Replay", "ServiceLevel", "Stop"]

#: Causes of energy, one column each of the ledger. The first three make up the state "on".
LEDGER: Final = ("idle", "load", "migration", "booting", "shutting_down", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """What the VMs had to bear during a replay.

    Parameters
    ----------
    demand_mcore_s, unmet_mcore_s : mcore s
        CPU asked for, and not delivered: hosts too full, cores too slow, VMs stopped while moving,
        VMs waiting for a host.
    overload_host_s, on_host_s : s
        Host-seconds in which demand exceeded a host's capacity, and host-seconds on.
    memory_overcommit_host_s : s
        Host-seconds in which memory in use exceeded a host's memory.
    downtime_ms : ms
        Time in which VMs stood still because they were moved.
    waiting_vm_s : s
        VM-seconds without a host (arrivals waiting for a boot, or finding no room).
    migrations, skipped_migrations
        Moves made, and moves of VMs that had left before.
    cancelled_shutdowns
        Shutdowns not made because a VM was there.
    power_cycles
        Boots and shutdowns made.
    refused_boots, refused_shutdowns
        Planned ones that minimum times or the cap on cycles of a host did not allow.
    savings, restorations
        VMs written to storage, and VMs that ran again from there.
    parked_vm_s : s
        VM-seconds in storage, until woken.
    wake_delay_s, longest_wake_delay_s : s
        From the demand that woke a VM until it ran: the sum over all that ran again, and the longest.
    parking_mj : mJ
        Energy of saving and restoring, a part of the cause ``migration``.
    host_failures
        Failures of hosts.
    vm_restarts
        VMs that ran again after their host had failed.
    lost_work_mcore_s : mcore s
        CPU time of VMs whose host failed since their state was last safe, hosts that were too full
        not deducted.
    """

    demand_mcore_s: int
    unmet_mcore_s: int
    overload_host_s: int
    on_host_s: int
    memory_overcommit_host_s: int
    downtime_ms: int
    waiting_vm_s: int
    migrations: int
    skipped_migrations: int
    cancelled_shutdowns: int
    power_cycles: int
    refused_boots: int = 0
    refused_shutdowns: int = 0
    savings: int = 0
    restorations: int = 0
    parked_vm_s: int = 0
    wake_delay_s: int = 0
    longest_wake_delay_s: int = 0
    parking_mj: int = 0
    host_failures: int = 0
    vm_restarts: int = 0
    lost_work_mcore_s: int = 0

    @property
    def unmet_fraction(self) -> float:
        """Share of the CPU demand that was not delivered."""
        return self.unmet_mcore_s / self.demand_mcore_s if self.demand_mcore_s else 0.0

    @property
    def overload_fraction(self) -> float:
        """Share of host-time on with more demand than capacity."""
        return self.overload_host_s / self.on_host_s if self.on_host_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Something that keeps a VM from running apart from a move.

    Parameters
    ----------
    vm, host
        Indices.
    cause
        ``saving`` to storage; ``woken``, an instant; ``restoring`` from storage; ``failed``, an instant;
        ``restarting``.
    start_s, end_s : s
        Counted from the start of the replay; the VM is on the host and does not run meanwhile.
    asked_s : s
        When the VM was woken, or its host failed; ``start_s`` for a saving.
    image_mib : MiB
        What is written or read.
    overhead_mcores : mcores
        CPU that it takes on the host.
    lost_mcore_s : mcore s
        Of ``failed``: CPU time since the state of the VM was last safe.
    completed
        False when the VM left, its host failed, or the replay ended before ``end_s``; that is then the
        moment at which it ended.
    """

    vm: int
    host: int
    cause: Literal["saving", "woken", "restoring", "failed", "restarting"]
    start_s: int
    end_s: int
    asked_s: int
    image_mib: int = 0
    overhead_mcores: int = 0
    lost_mcore_s: int = 0
    completed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One trace replayed under one controller.

    Parameters
    ----------
    label
        Name of the arm.
    grid
        The replayed steps.
    host_ids
        Names of the hosts.
    energy_mj : mJ
        Energy of each host by cause (:data:`LEDGER`), shape ``(hosts, 6)``.
    step_energy_mj : mJ
        Energy of the fleet by step and cause, shape ``(steps, 6)``; sums to the same total.
    site_energy_mj : mJ
        Energy of each site by step, shape ``(sites, steps)``; sums to the same total.
    hosts_on
        Hosts on or booting at the end of each step, shape ``(steps,)``.
    utilization
        Mean CPU utilisation of each host in each step, NaN while it is off, shape ``(hosts, steps)``.
    step_unmet_mcore_s : mcore s
        Unmet demand of each step, shape ``(steps,)``.
    residency
        Where each VM was: rows ``(vm, host, start_s, end_s)``, host -1 while waiting or in storage.
    host_states
        State of each host over time: rows ``(host, state, start_s, end_s)``, state as an index into
        ``("on", "booting", "shutting_down", "off", "failed")``.
    moves
        The moves that were made, in order of their end; times count from the start of the replay.
    service
        Service levels.
    broken_off
        Moves that were started and not finished: the VM left or a host failed (they end then), or the
        replay ended.
    stops
        What kept VMs from running apart from moves, in order of its end.
    options
        How VMs were parked, and which hosts failed, as plain values; empty if neither happened.
    """

    label: str
    grid: TimeGrid
    host_ids: tuple[str, ...]
    energy_mj: NDArray[np.int64]
    step_energy_mj: NDArray[np.int64]
    site_energy_mj: NDArray[np.int64]
    hosts_on: NDArray[np.int32]
    utilization: NDArray[np.float32]
    step_unmet_mcore_s: NDArray[np.int64]
    residency: NDArray[np.int64]
    host_states: NDArray[np.int64]
    moves: tuple[Migration, ...]
    service: ServiceLevel
    broken_off: tuple[Migration, ...] = ()
    stops: tuple[Stop, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, dtype, ndim in (
            ("energy_mj", np.int64, 2),
            ("step_energy_mj", np.int64, 2),
            ("site_energy_mj", np.int64, 2),
            ("hosts_on", np.int32, 1),
            ("utilization", np.float32, 2),
            ("step_unmet_mcore_s", np.int64, 1),
            ("residency", np.int64, 2),
            ("host_states", np.int64, 2),
        ):
            object.__setattr__(self, name, frozen(getattr(self, name), dtype, ndim=ndim))
        by_host, by_step = self.energy_mj.sum(axis=0), self.step_energy_mj.sum(axis=0)
        if not np.array_equal(by_host, by_step):
            msg = f"energy by host {by_host.tolist()} mJ and by step {by_step.tolist()} mJ differ"
            raise InstanceError([Issue(path=f"replay[{self.label}].energy_mj", message=msg)])
        if not np.array_equal(self.site_energy_mj.sum(axis=0), self.step_energy_mj.sum(axis=1)):
            msg = "energy by site and by step differ"
            raise InstanceError([Issue(path=f"replay[{self.label}].site_energy_mj", message=msg)])

    @property
    def total_mj(self) -> int:
        """Energy of the fleet over all steps, in millijoules."""
        return int(self.energy_mj.sum())

    @property
    def energy_kwh(self) -> float:
        """Energy of the fleet over all steps, in kilowatt-hours."""
        return mj_to_kwh(self.total_mj)

    def by_cause_mj(self) -> dict[str, int]:
        """Return the energy by cause, in millijoules."""
        totals = self.energy_mj.sum(axis=0)
        return {cause: int(totals[k]) for k, cause in enumerate(LEDGER)}

    @property
    def power_w(self) -> NDArray[np.float64]:
        """Mean power of the fleet in each step, in watts, shape ``(steps,)``."""
        mean: NDArray[np.float64] = self.step_energy_mj.sum(axis=1) / (1_000 * self.grid.step_s)
        return mean

    def summary(self) -> str:
        """Return energy and service levels in a few lines of text."""
        s = self.service
        lines = [
            f"{self.label}: {self.energy_kwh:.3f} kWh, {self.hosts_on.mean():.1f} hosts on (mean), "
            f"{s.migrations} migrations",
            f"unmet demand {s.unmet_fraction:.4%} "
            f"({s.unmet_mcore_s / MCORES_PER_CORE:.0f} core s), "
            f"overload {s.overload_fraction:.3%} of host time",
        ]
        if s.refused_boots or s.refused_shutdowns:
            lines.append(
                f"refused by minimum times and caps: {s.refused_boots} boots, {s.refused_shutdowns} shutdowns"
            )
        if s.savings:
            lines.append(
                f"parked: {s.savings} savings, {s.restorations} restorations, "
                f"{s.parked_vm_s / 3_600:.1f} VM h in storage, {s.parking_mj / 1e6:.1f} kJ; {self._delays()}"
            )
        if s.host_failures:
            lines.append(
                f"{s.host_failures} host failures, {s.vm_restarts} VMs restarted, "
                f"{s.lost_work_mcore_s / MCORES_PER_CORE:.0f} core s of work lost"
            )
        return "\n".join(lines)

    def wake_delays_s(self) -> NDArray[np.int64]:
        """Return how long each restored VM waited from its demand until it ran, ascending, in seconds."""
        delays = [s.end_s - s.asked_s for s in self.stops if s.cause == "restoring" and s.completed]
        return np.sort(np.array(delays, dtype=np.int64))

    def _delays(self) -> str:
        delays = self.wake_delays_s()
        if not delays.size:
            return "nobody woken"
        middle, late = (int(np.quantile(delays, q, method="higher")) for q in (0.5, 0.95))
        return f"wake delay {middle} s (median), {late} s (95 %), {int(delays[-1])} s (longest)"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per step."""
        import pandas as pd

        columns: dict[str, object] = {"start_utc": self.grid.times()}
        for k, cause in enumerate(LEDGER):
            columns[f"{cause}_mj"] = self.step_energy_mj[:, k]
        columns["power_w"] = self.power_w
        columns["hosts_on"] = self.hosts_on
        columns["unmet_mcore_s"] = self.step_unmet_mcore_s
        return pd.DataFrame(columns)
