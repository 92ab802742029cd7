"""The figures of a day, from the sums that the kernels keep."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import Ledger, State
from consolidate.units import j_to_kwh

__all__ = ["Outcome", "outcome"]

#: When the simulation ends; steps after the last one are not executed.
SIMULATION_END_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Figures of one day, as the program defines them unless it says otherwise.

    All energy is modelled. Shares are of 1.

    Parameters
    ----------
    energy_kwh : kWh
        Of the hosts, from 300.1 s on; a host at 0 draws nothing.
    migrations
        Migrations started.
    slatah
        Of the time that hosts were on, the part in which one got less than its VMs asked for ("SLA time
        per active host"). A target counts while it receives a migration.
    pdm
        MIPS-s that migrating VMs lack, of all that VMs asked for ("degradation due to migrations").
    slav
        ``slatah * pdm``.
    esv : kWh
        ``energy_kwh * slav``.
    host_shutdowns
        Times that a host went off; hosts that never were on count once.
    host_shutdowns_never_on
        Of these, the hosts that never were on.
    mean_time_before_host_shutdown_s, stdev_time_before_host_shutdown_s : s
        Time from switching on to going off; sample standard deviation.
    mean_time_before_vm_migration_s, stdev_time_before_vm_migration_s : s
        Named so by the program; it is the duration of migrations.
    sla_overall
        MIPS-s that VMs lack for whatever reason, of all that they asked for.
    sla_average
        Mean of the shares that records lack which lack any, each counting alike.
    mean_active_hosts
        Time that hosts were on, by the time from the first step to the last.
    hosts_ever_active
        Hosts that were on at some time.
    vms_remaining_at_end
        VMs that were not removed.
    sim_end_s : s
        End of the simulation.
    overload_share
        Not in the program: of the time that hosts were on, the part in which the VMs living there asked
        for more MIPS than the host has, each VM counted up to one core.
    unmet_share
        Not in the program: MIPS-s that no sharing could have served (beyond one core, and beyond the host),
        of all that VMs asked for. Migrations and rounding play no part.
    power_cycles_max
        Not in the program: most times that one host was switched on again after having been off.
    power_cycles
        Not in the program: the same of all hosts together.
    energy_with_standby_kwh : kWh
        Not in the program: the energy if hosts that are off drew 12 W.
    """

    energy_kwh: float
    migrations: int
    slatah: float
    pdm: float
    slav: float
    esv: float
    host_shutdowns: int
    host_shutdowns_never_on: int
    mean_time_before_host_shutdown_s: float
    stdev_time_before_host_shutdown_s: float
    mean_time_before_vm_migration_s: float
    stdev_time_before_vm_migration_s: float
    sla_overall: float
    sla_average: float
    mean_active_hosts: float
    hosts_ever_active: int
    vms_remaining_at_end: int
    sim_end_s: float
    overload_share: float
    unmet_share: float
    power_cycles_max: int
    power_cycles: int
    energy_with_standby_kwh: float

    def to_dict(self) -> dict[str, float | int]:
        """Return the figures by name, as JSON and tables have them."""
        return asdict(self)


def outcome(s: State, led: Ledger, *, energy_j: float, migrations: int, decided_s: float) -> Outcome:
    """Sum up a day that has ended.

    Parameters
    ----------
    energy_j : J
        Energy of the day.
    migrations
        Migrations started.
    decided_s : s
        Time between the first and the last step.
    """
    # Columns as in ``consolidate._kernels.cloudsim_records``.
    active_s, violated_s, over_s, unmet, starts, stops, ever = (
        _sum(led.host_seen[:, k]) for k in range(8, 15)
    )
    got, asked, lost, shares, violations = (_sum(led.vm_seen[:, k]) for k in range(6, 11))
    slatah, pdm = _share(violated_s, active_s), _share(lost, asked)
    energy_kwh = j_to_kwh(energy_j)
    before_shutdown, of_migration = led.spread
    return Outcome(
        energy_kwh=energy_kwh,
        migrations=migrations,
        slatah=slatah,
        pdm=pdm,
        slav=slatah * pdm,
        esv=energy_kwh * slatah * pdm,
        host_shutdowns=int(stops),
        host_shutdowns_never_on=len(s.filled) - int(ever),
        mean_time_before_host_shutdown_s=_mean(before_shutdown),
        stdev_time_before_host_shutdown_s=_deviation(before_shutdown),
        mean_time_before_vm_migration_s=_mean(of_migration),
        stdev_time_before_vm_migration_s=_deviation(of_migration),
        sla_overall=_share(asked - got, asked),
        sla_average=_share(shares, violations),
        mean_active_hosts=active_s / decided_s,
        hosts_ever_active=int(ever),
        vms_remaining_at_end=int(np.count_nonzero(s.host_of >= 0)),
        sim_end_s=SIMULATION_END_S,
        overload_share=_share(over_s, active_s),
        unmet_share=_share(unmet, asked),
        power_cycles_max=int(led.host_seen[:, 12].max()),
        power_cycles=int(starts),
        energy_with_standby_kwh=j_to_kwh(energy_j + float(led.total[2])),
    )


def _sum(values: NDArray[np.float64]) -> float:
    """Sum from left to right, as the program does; numpy sums in pairs."""
    return float(np.cumsum(values)[-1])


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _mean(spread: NDArray[np.float64]) -> float:
    count, total, _, _ = spread.tolist()
    return total / count if count else math.nan


def _deviation(spread: NDArray[np.float64]) -> float:
    count, _, _, squares = spread.tolist()
    if count < 2:
        return 0.0 if count else math.nan
    return math.sqrt(squares / (count - 1))
