"""Whose energy it is: the ledger of an arm, shared out among VMs to the last millijoule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model import LEDGER, Fleet, Replay, Trace
from consolidate.units import MILLIJOULES_PER_KWH

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ATTRIBUTED", "EnergyPerVm", "IdleRule", "energy_per_vm", "largest_remainders"]

IdleRule = Literal["allocation", "equal"]
#: Causes that VMs answer for; boots, shutdowns and hosts that are off are everybody's.
ATTRIBUTED = ("idle", "load", "migration")
_ON = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPerVm:
    """The energy of an arm by VM and cause; together with the shared part it is the whole ledger.

    Parameters
    ----------
    vm_ids
        Names.
    energy_mj : mJ
        Energy of each VM by cause (:data:`ATTRIBUTED`), shape ``(vms, 3)``.
    shared_mj : mJ
        What no VM answers for, by cause of the ledger, shape ``(6,)``.
    idle
        How idle energy was shared out.
    emissions_g : g
        Emissions of each VM, shape ``(vms,)``: its energy on each host at the mean intensity of that site;
        ``None`` where none is known.
    shared_g : g
        Emissions of what is shared: those of the arm, less those of its VMs; NaN where none is known.
    """

    vm_ids: tuple[str, ...]
    energy_mj: NDArray[np.int64]
    shared_mj: NDArray[np.int64]
    idle: IdleRule
    emissions_g: NDArray[np.float64] | None = None
    shared_g: float = float("nan")

    @property
    def total_mj(self) -> int:
        """All of it: the total of the ledger."""
        return int(self.energy_mj.sum() + self.shared_mj.sum())

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each VM, and one for what is shared, whose ``vm_id`` is empty."""
        import pandas as pd

        at = [LEDGER.index(cause) for cause in ATTRIBUTED]
        table = np.vstack([self.energy_mj, self.shared_mj[at]])
        others = int(np.delete(self.shared_mj, at).sum())
        columns: dict[str, object] = {"vm_id": [*self.vm_ids, ""]}
        columns |= {f"{cause}_mj": table[:, k] for k, cause in enumerate(ATTRIBUTED)}
        columns["transitions_and_off_mj"] = [*([0] * len(self.vm_ids)), others]
        total = table.sum(axis=1)
        total[-1] += others
        columns["total_mj"] = total
        columns["energy_kwh"] = total / MILLIJOULES_PER_KWH
        if self.emissions_g is not None:
            columns["co2e_g"] = [*self.emissions_g.tolist(), self.shared_g]
        return pd.DataFrame(columns)


def energy_per_vm(
    arm: Replay,
    trace: Trace,
    fleet: Fleet,
    *,
    idle: IdleRule = "allocation",
    site_emissions_g: Sequence[float] | None = None,
) -> EnergyPerVm:
    """Share the energy of an arm out among its VMs.

    On each host, over the whole window: load energy goes by CPU asked for while there (mcores times seconds),
    idle energy by memory promised while there (MiB times seconds), or equally by time; what the host idled
    without any VM, by its part of the time on, is shared. Migration energy goes to the VMs that moved from
    or to it, by CPU taken times seconds. Boots, shutdowns and off states are shared. Whole millijoules go
    by largest remainders, so that nothing is lost.

    Parameters
    ----------
    arm
        The arm.
    trace
        The replayed window.
    fleet
        The hosts.
    idle
        ``allocation`` or ``equal``.
    site_emissions_g : g
        Emissions of the arm at each site; adds those of each VM.

    Raises
    ------
    ConfigError
        When there is no such rule.
    """
    if idle not in ("allocation", "equal"):
        msg = f"needs allocation or equal, got {idle!r}"
        raise ConfigError(msg, path="idle")
    n_vms, n_hosts = trace.n_vms, fleet.n_hosts
    weights = _weights(arm, trace, idle)
    shared = arm.energy_mj.sum(axis=0)
    energy = np.zeros((n_vms, len(ATTRIBUTED)), dtype=np.int64)
    site_mj = [int(row.sum()) for row in arm.site_energy_mj]
    grams = np.zeros(n_vms) if site_emissions_g is not None else None
    on_s, used_s = _seconds_on(arm, n_hosts), _seconds_used(arm, n_hosts)
    for host in range(n_hosts):
        for k, cause in enumerate(ATTRIBUTED):
            ledger = LEDGER.index(cause)
            amount = int(arm.energy_mj[host, ledger])
            if cause == "idle" and on_s[host]:
                amount = amount * min(used_s[host], on_s[host]) // on_s[host]
            mine = weights[k].get(host, {})
            parts = largest_remainders(amount, mine)
            for vm, part in parts.items():
                energy[vm, k] += part
                if grams is not None and site_emissions_g is not None:
                    site = int(fleet.host_site[host])
                    grams[vm] += part / site_mj[site] * site_emissions_g[site] if site_mj[site] else 0.0
            shared[ledger] -= sum(parts.values())
    return EnergyPerVm(
        vm_ids=trace.vms.ids,
        energy_mj=energy,
        shared_mj=shared,
        idle=idle,
        emissions_g=grams,
        shared_g=float("nan") if grams is None else math.fsum((*(site_emissions_g or ()), *-grams)),
    )


def largest_remainders(amount: int, weights: dict[int, int]) -> dict[int, int]:
    """Share a whole amount out by weights: whole parts first, the rest by the largest remainders.

    Ties go to the lowest index. Without any weight nothing is shared out.
    """
    total = sum(weights.values())
    if not total:
        return {}
    parts = {key: amount * weight // total for key, weight in weights.items()}
    left = amount - sum(parts.values())
    by_rest = sorted(weights, key=lambda key: (-(amount * weights[key] % total), key))
    for key in by_rest[:left]:
        parts[key] += 1
    return parts


def _weights(
    arm: Replay, trace: Trace, idle: IdleRule
) -> tuple[dict[int, dict[int, int]], dict[int, dict[int, int]], dict[int, dict[int, int]]]:
    """Return the weights of VMs on each host for idle, load and migration."""
    step_s, n_steps = arm.grid.step_s, arm.grid.n_steps
    running = np.zeros((trace.n_vms, n_steps + 1), dtype=np.int64)
    np.cumsum(trace.cpu_mcores.astype(np.int64), axis=1, out=running[:, 1:])

    def asked(vm: int, until_s: int) -> int:
        """CPU asked for from the start until then, in mcore s."""
        step, rest = divmod(min(until_s, n_steps * step_s), step_s)
        now = int(trace.cpu_mcores[vm, step]) * rest if rest else 0
        return int(running[vm, step]) * step_s + now

    by_idle: dict[int, dict[int, int]] = {}
    by_load: dict[int, dict[int, int]] = {}
    by_move: dict[int, dict[int, int]] = {}
    memory = trace.vms.memory_mib.tolist()
    for vm, host, start_s, end_s in arm.residency.tolist():
        if host < 0 or end_s <= start_s:
            continue
        unit = memory[vm] if idle == "allocation" else 1
        _add(by_idle, host, vm, unit * (end_s - start_s))
        _add(by_load, host, vm, asked(vm, end_s) - asked(vm, start_s))
    for move in (*arm.moves, *arm.broken_off):
        weight = max(1, move.overhead_mcores) * (move.end_s - move.start_s)
        for host in (move.source, move.target):
            _add(by_move, host, move.vm, weight)
    return by_idle, by_load, by_move


def _add(weights: dict[int, dict[int, int]], host: int, vm: int, weight: int) -> None:
    mine = weights.setdefault(host, {})
    mine[vm] = mine.get(vm, 0) + weight


def _seconds_on(arm: Replay, n_hosts: int) -> list[int]:
    seconds = [0] * n_hosts
    for host, state, start_s, end_s in arm.host_states.tolist():
        if state == _ON:
            seconds[host] += end_s - start_s
    return seconds


def _seconds_used(arm: Replay, n_hosts: int) -> list[int]:
    """Return the seconds in which each host carries at least one VM."""
    spans: list[list[tuple[int, int]]] = [[] for _ in range(n_hosts)]
    for _, host, start_s, end_s in arm.residency.tolist():
        if host >= 0 and end_s > start_s:
            spans[host].append((start_s, end_s))
    seconds = []
    for mine in spans:
        total, until = 0, 0
        for start_s, end_s in sorted(mine):
            total += max(0, end_s - max(start_s, until))
            until = max(until, end_s)
        seconds.append(total)
    return seconds
