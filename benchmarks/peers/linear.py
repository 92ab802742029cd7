"""The objective of a plain instance as the straight lines that an integer programme takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import consolidate as cs

__all__ = ["Lines", "SameVMs", "lines", "same_vms", "unfold"]

_N_POINTS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Energy of a plain instance: per host and per mcore on it.

    Parameters
    ----------
    on_mj : mJ
        What a host in use costs more than one that is off, without load; shape ``(hosts,)``.
    per_mcore_mj : mJ
        What each mcore of load costs on a host over the horizon, shape ``(hosts,)``.
    all_off_mj : mJ
        Energy if every host were off.
    exact
        Whether every power curve is this line, up to its rounding to milliwatts. Otherwise the line
        joins the ends of the curve, and its optimum is no bound.
    """

    on_mj: NDArray[np.float64]
    per_mcore_mj: NDArray[np.float64]
    all_off_mj: int
    exact: bool

    def bound_mj(self, value_mj: float, n_hosts: int, horizon_s: int) -> int | None:
        """Return a bound of the model as a bound of the instance, or ``None`` where it is none.

        Each host's power is rounded to a milliwatt, and solvers are exact to about 1e-9.
        """
        if not self.exact:
            return None
        slack_mj = n_hosts * horizon_s + 1e-9 * abs(value_mj)
        return int(self.all_off_mj + value_mj - slack_mj)


def lines(instance: cs.Instance) -> Lines:
    """Return the lines of a plain instance."""
    horizon_s, fleet = instance.objective.horizon_s, instance.fleet
    on, slope, off, exact = [], [], [], True
    for kind in fleet.types:
        background, full = kind.hypervisor.background_mcores, kind.cpu_mcores
        at = [full * k // (_N_POINTS - 1) for k in range(_N_POINTS)]
        power = np.array([kind.power.power_mw(load, full, hosting=True) for load in at])
        per_mcore = (power[-1] - power[0]) / full
        exact &= bool(np.abs(power[0] + per_mcore * np.array(at) - power).max() <= 1)
        off_mj = kind.off_mw * horizon_s + kind.shutdown_mw * kind.shutdown_s
        off.append(off_mj)
        on.append((power[0] + per_mcore * background) * horizon_s - off_mj)
        slope.append(per_mcore * horizon_s)
    kinds = fleet.host_type
    return Lines(
        on_mj=np.array(on)[kinds],
        per_mcore_mj=np.array(slope)[kinds],
        all_off_mj=int(np.array(off)[kinds].sum()),
        exact=exact,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SameVMs:
    """VMs that a solver need not tell apart, counted.

    Parameters
    ----------
    group_of
        Group of each VM, shape ``(vms,)``.
    first
        One VM of each group, shape ``(groups,)``.
    count
        VMs of each group, shape ``(groups,)``.
    present
        VMs of each group on each host now, shape ``(groups, hosts)``.
    """

    group_of: NDArray[np.int64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    present: NDArray[np.int64]


def same_vms(instance: cs.Instance) -> SameVMs:
    """Group VMs of equal need, load and energy of a move."""
    what = np.column_stack([instance.need, instance.load_mcores, instance.move_mj])
    _, first, group_of, count = np.unique(
        what, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    present = np.zeros((len(first), instance.fleet.n_hosts), dtype=np.int64)
    np.add.at(present, (group_of.ravel(), instance.current.host_of), 1)
    return SameVMs(group_of=group_of.ravel(), first=first, count=count, present=present)


def unfold(same: SameVMs, wanted: NDArray[np.int64], current: NDArray[np.int32]) -> NDArray[np.int32]:
    """Name the VMs of a counted placement: as many as possible stay where they are.

    Parameters
    ----------
    same
        The groups.
    wanted
        VMs of each group on each host, shape ``(groups, hosts)``.
    current
        Present host of each VM, shape ``(vms,)``.
    """
    host_of = np.full(len(current), -1, dtype=np.int32)
    for g in range(len(same.first)):
        room = wanted[g].copy()
        waiting = []
        for v in np.flatnonzero(same.group_of == g):
            if room[current[v]] > 0:
                room[current[v]] -= 1
                host_of[v] = current[v]
            else:
                waiting.append(v)
        host_of[waiting] = np.repeat(np.arange(len(room)), room)
    return host_of
