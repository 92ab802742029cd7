"""The clairvoyant bound of a whole replay: no policy undercuts it, whatever it knows of the future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError
from consolidate.model import Fleet, Replay, Trace
from consolidate.model.progress import Progress, silent
from consolidate.solvers.bounds.clairvoyant.classic import classic_mj
from consolidate.solvers.bounds.clairvoyant.hosts import host_classes
from consolidate.solvers.bounds.clairvoyant.need import need_of
from consolidate.solvers.bounds.clairvoyant.prices import Prices, best_prices
from consolidate.solvers.bounds.clairvoyant.value import proved_mj
from consolidate.units import mj_to_kwh

__all__ = ["ReplayBound", "replay_bound", "saving_share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayBound:
    """Energy that no policy undercuts on a trace and a fleet.

    Parameters
    ----------
    value_mj : mJ
        The bound.
    accounting
        ``full``: as :func:`consolidate.replay` counts; ``classic``: as CloudSim 3.0.3 counts.
    holds_for
        The policies that it holds for, in words.
    hosts_on_mean
        Hosts on in the relaxation behind it, parts counted as parts: for the reader, no bound. NaN for
        ``classic``.
    short_steps
        Steps that ask for more than all hosts have; in these, it holds for policies that serve what there is.
    prices
        What proves it, in the ``full`` accounting: from these prices anybody can compute the bound again.
    """

    value_mj: int
    accounting: Literal["full", "classic"]
    holds_for: str
    hosts_on_mean: float
    short_steps: int = 0
    prices: Prices | None = None

    @property
    def energy_kwh(self) -> float:
        """The bound in kilowatt-hours."""
        return mj_to_kwh(self.value_mj)

    def summary(self) -> str:
        """Return the bound in a line of text."""
        text = f"at least {self.energy_kwh:.3f} kWh ({self.accounting} accounting) for {self.holds_for}"
        if self.short_steps:
            text += f"; {self.short_steps} steps ask for more than all hosts have"
        return text


def replay_bound(
    trace: Trace,
    fleet: Fleet,
    *,
    accounting: Literal["full", "classic"] = "full",
    unmet_fraction: float = 0.0,
    credit: Replay | None = None,
    memory: bool = True,
    standby: bool = True,
    idle_vms: Literal["keep", "destroy"] = "keep",
    progress: Progress = silent,
) -> ReplayBound:
    """Return the least energy of any policy over a whole trace, as if it knew the future.

    In the ``full`` accounting, demand and memory of all VMs may be spread over hosts as fluids, at the lower
    convex line of each host type's power; hosts count as whole ones where all need together proves how many
    there must be; hosts that must stay on do; being off, booting and shutting down cost what they cost in
    :func:`consolidate.replay`. Moves are free, and rules, cores and sizes of VMs bind no one. PUE is left out.

    Parameters
    ----------
    trace
        The replayed window.
    fleet
        Its hosts, in their state at the start.
    accounting
        ``full``, or ``classic``: the one of CloudSim, in which hosts that are off and transitions cost
        nothing, every load runs at the best watts per unit of CPU, and demand runs straight from sample to
        sample between the second sample and the last.
    unmet_fraction : fraction
        CPU demand that a policy may leave unserved; the default holds for those that serve all.
    credit
        A replay to compare with: the bound then holds for every policy that leaves as much demand unserved as
        this one in each step, and lets VMs wait in no other step, and for this one.
    memory
        Whether memory limits a host; leave it out for policies that overcommit it.
    standby
        Whether the draw of hosts that are off counts.
    idle_vms
        For ``classic``: whether VMs without demand go on, or are gone for good, as in CloudSim.
    progress
        Told from time to time where the work stands.

    Raises
    ------
    ConfigError
        When options do not go together, or the unmet fraction is not a share of one.

    References
    ----------
    Geoffrion 1974, doi:10.1007/BFb0120690 (Lagrangian relaxation); Fekete and Schepers 2001,
    doi:10.1007/s101070100243 (dual feasible functions).
    """
    _refuse(accounting, unmet_fraction, credit, idle_vms)
    if accounting == "classic":
        return ReplayBound(
            value_mj=classic_mj(trace, fleet, idle_vms=idle_vms),
            accounting="classic",
            holds_for=_CLASSIC[idle_vms],
            hosts_on_mean=float("nan"),
        )
    progress("clairvoyant bound")
    strict = credit is None and unmet_fraction == 0.0
    memory_binds = memory and not (credit is not None and credit.service.memory_overcommit_host_s)
    runs = np.ones(trace.grid.n_steps, dtype=np.bool_) if credit is None else ~_waits(credit)
    classes = host_classes(fleet, standby=standby)
    need = need_of(
        trace,
        fleet,
        classes,
        whole_cpu=strict,
        memory=memory_binds,
        unmet_mcore_s=None if credit is None else credit.step_unmet_mcore_s,
        runs=runs,
    )
    prices = best_prices(classes, need, trace.grid.step_s)
    demand = int(trace.cpu_mcores.sum(dtype=np.int64)) * trace.grid.step_s
    value = proved_mj(
        classes, need, prices, trace.grid.step_s, unmet_mcore_s=-int(-unmet_fraction * demand // 1)
    )
    return ReplayBound(
        value_mj=value,
        accounting="full",
        holds_for=_words(unmet_fraction, credit, memory_binds, standby, waits=not runs.all()),
        hosts_on_mean=float(prices.hosts_on.mean()),
        short_steps=need.short_steps,
        prices=prices,
    )


def saving_share(baseline_mj: float, arm_mj: float, bound_mj: float) -> float:
    """Return which part of the possible saving, baseline less bound, a policy captured; NaN if there is none.

    Parameters
    ----------
    baseline_mj, arm_mj, bound_mj : mJ
        Energy of doing nothing, of the policy, and the bound.
    """
    possible = baseline_mj - bound_mj
    return (baseline_mj - arm_mj) / possible if possible > 0 else float("nan")


_CLASSIC = {
    "keep": "policies that serve all demand of all VMs",
    "destroy": "policies that serve all demand until a VM is idle at a decision, as in CloudSim",
}


def _waits(replay: Replay) -> NDArray[np.bool_]:
    """Say of each step whether some VM waits, or is in storage, for a part of it."""
    step_s, n_steps = replay.grid.step_s, replay.grid.n_steps
    rows = replay.residency[
        (replay.residency[:, 1] < 0) & (replay.residency[:, 3] > replay.residency[:, 2])
    ]
    change = np.zeros(n_steps + 1, dtype=np.int64)
    np.add.at(change, rows[:, 2] // step_s, 1)
    np.add.at(change, -(-rows[:, 3] // step_s), -1)
    waits: NDArray[np.bool_] = np.cumsum(change[:-1]) > 0
    return waits


def _words(unmet: float, credit: Replay | None, memory: bool, standby: bool, *, waits: bool) -> str:
    if credit is not None:
        words = f"policies that leave as much demand unserved in each step as {credit.label}"
        words += ", let VMs wait in no other step" if waits else ""
    elif unmet:
        words = f"policies that run every VM and leave at most {unmet:.4%} of the CPU demand unserved"
    else:
        words = "policies that serve all demand"
    words += " and never overcommit memory" if memory else ", whatever memory they use"
    return words if standby else words + ", without the draw of hosts that are off"


def _refuse(accounting: str, unmet: float, credit: Replay | None, idle_vms: str) -> None:
    if accounting not in ("full", "classic"):
        msg = f"needs 'full' or 'classic', got {accounting!r}"
        raise ConfigError(msg, path="accounting")
    if idle_vms not in _CLASSIC:
        msg = f"needs 'keep' or 'destroy', got {idle_vms!r}"
        raise ConfigError(msg, path="idle_vms")
    if not 0 <= unmet < 1:
        msg = f"needs a share from 0 to below 1, got {unmet}"
        raise ConfigError(msg, path="unmet_fraction")
    if unmet and credit is not None:
        msg = "give a share, or a replay that says how much, not both"
        raise ConfigError(msg, path="unmet_fraction")
    if accounting == "classic" and (unmet or credit is not None):
        msg = "has no credit for unmet demand"
        raise ConfigError(msg, path="accounting")
    if accounting == "full" and idle_vms != "keep":
        msg = "destroys idle VMs in the classic accounting only"
        raise ConfigError(msg, path="idle_vms")
