"""Instances with few distinct VMs: classes of VMs, kinds of hosts, and who is on which host now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.bounds.integers import like_rows, total
from consolidate.solvers.bounds.tables import curve_mw, usable_hosts

__all__ = ["Aggregate", "convex_energy"]

#: Above this many possible loads of a host, its curve is taken at its eleven points.
_LOADS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """VMs alike are those that need, load, move and may go the same; hosts alike differ in their VMs only.

    ``f`` counts classes of VMs, ``k`` kinds of hosts, ``h`` the usable hosts.

    Parameters
    ----------
    vm_class
        Class of each VM, -1 for one that is not active, shape ``(vms,)``.
    count
        VMs of each class, shape ``(f,)``.
    need
        What a VM takes on a host of each kind, overhead included, shape ``(k, f, resources)``.
    move_mj : mJ
        Shape ``(f,)``.
    allowed
        Whether a VM may be on a host of the kind, shape ``(k, f)``.
    hosts
        Usable hosts, ascending, shape ``(h,)``.
    kind
        Kind of each, shape ``(h,)``.
    residents
        VMs of each class that are on each host now and may stay, shape ``(h, f)``.
    capacity
        Whole multiples of the unit of which all needs are multiples, shape ``(k, resources)``.
    fixed_mj : mJ
        Energy of a boot, if one is needed, less that of the empty host, shape ``(k,)``.
    load : mcores
        Load of a VM, what its host adds for it included, shape ``(k, f)``.
    curves
        For each kind, loads (mcores) and energies (mJ) of a convex line that is nowhere above the energy
        of a host that carries VMs.
    base_mj : mJ
        Energy of empty hosts, and of moving every VM that is on a host now.
    """

    vm_class: NDArray[np.int64]
    count: NDArray[np.int64]
    need: NDArray[np.int64]
    move_mj: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    hosts: NDArray[np.int64]
    kind: NDArray[np.int64]
    residents: NDArray[np.int64]
    capacity: NDArray[np.int64]
    fixed_mj: NDArray[np.int64]
    load: NDArray[np.int64]
    curves: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]
    base_mj: int

    @property
    def stay_mj(self) -> NDArray[np.int64]:
        """Migration energy that each host spares if everybody on it stays, shape ``(h,)``."""
        stay: NDArray[np.int64] = self.residents @ self.move_mj
        return stay

    @classmethod
    def of(cls, instance: Instance, problem: Problem, *, most_classes: int) -> Aggregate | None:
        """Collect classes and kinds; ``None`` when there are more classes than asked for."""
        active = np.flatnonzero(instance.active)
        mask_of = _distinct(problem.masks)[problem.mask_of[active]]
        columns = [*instance.need[active].T, problem.load[active], problem.move_mj[active], mask_of]
        first, class_of, count = like_rows([c.astype(np.int64) for c in columns])
        if len(first) > most_classes:
            return None
        vm_class = np.full(len(instance.vms), -1, dtype=np.int64)
        vm_class[active] = class_of
        hosts = np.flatnonzero(usable_hosts(instance))
        masks = problem.masks[problem.mask_of[active[first]]][:, hosts]
        host_columns = [
            instance.fleet.host_type[hosts],
            problem.boot_mj[hosts] - problem.empty_mj[hosts],
            *instance.capacity[hosts].T,
            *instance.vm_overhead[hosts].T,
            *masks,
        ]
        one, kind, _ = like_rows([c.astype(np.int64) for c in host_columns])
        return cls._filled(instance, problem, vm_class, active[first], count, hosts, kind, hosts[one])

    @classmethod
    def _filled(
        cls,
        instance: Instance,
        problem: Problem,
        vm_class: NDArray[np.int64],
        vms: NDArray[np.int64],
        count: NDArray[np.int64],
        hosts: NDArray[np.int64],
        kind: NDArray[np.int64],
        typical: NDArray[np.int64],
    ) -> Aggregate:
        """``vms`` and ``typical`` are one VM of each class and one host of each kind."""
        need = instance.need[vms][np.newaxis] + instance.vm_overhead[typical][:, np.newaxis]
        fits = (need <= instance.capacity[typical][:, np.newaxis]).all(axis=2)
        allowed = problem.masks[problem.mask_of[vms]][:, typical].T & fits
        load = problem.load[vms][np.newaxis] + problem.per_vm[typical][:, np.newaxis]
        home = problem.home
        homed = np.flatnonzero((vm_class >= 0) & (home >= 0))
        stays = homed[problem.masks[problem.mask_of[homed], home[homed]]]
        residents = np.zeros((instance.fleet.n_hosts, len(vms)), dtype=np.int64)
        np.add.at(residents, (home[stays], vm_class[stays]), 1)
        base_mj = total(problem.empty_mj) + total(problem.move_mj[homed])
        curves = []
        for k, h in enumerate(typical.tolist()):
            if (load[k] <= need[k, :, 0]).all():
                curves.append(
                    convex_energy(problem, h, load[k][allowed[k]], int(instance.capacity[h, 0]))
                )
            else:
                # VMs load the host with more than they need of it, so its capacity limits no load.
                least = float(problem.table[h].min()) * problem.horizon_s
                curves.append(((0, int(load[k] @ count)), (least, least)))
        return cls(
            vm_class=vm_class,
            count=count,
            need=need,
            move_mj=problem.move_mj[vms],
            allowed=allowed,
            hosts=hosts,
            kind=kind,
            residents=residents[hosts],
            capacity=_in_units(instance.capacity[typical], need),
            fixed_mj=problem.boot_mj[typical] - problem.empty_mj[typical],
            load=load,
            curves=tuple(curves),
            base_mj=base_mj,
        )


def _in_units(capacity: NDArray[np.int64], need: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out what no whole number of VMs can use; ``need`` has the shape ``(k, f, resources)``."""
    unit = np.maximum(np.gcd.reduce(need, axis=1), 1)
    whole: NDArray[np.int64] = capacity // unit * unit
    return whole


def _distinct(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give equal rows equal numbers."""
    by_row: dict[bytes, int] = {}
    return np.array([by_row.setdefault(row.tobytes(), len(by_row)) for row in masks], dtype=np.int64)


def convex_energy(
    problem: Problem, h: int, loads: NDArray[np.int64], most: int
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return corners of the largest convex line below the energy of a host at each load up to ``most``."""
    curve = curve_mw(problem, h, most)
    step = max(1, int(np.gcd.reduce(loads))) if loads.size else 1
    at = np.arange(0, most + 1, step)
    if len(at) > _LOADS:
        cpu, background = int(problem.cpu[h]), int(problem.background[h])
        inner = [k * cpu // 10 - background for k in range(1, 10)]
        at = np.array(sorted({0, most, *(x for x in inner if 0 < x < most)}))
        power = curve[at].astype(np.float64)
        # Powers and points are rounded to whole numbers, so the line between points may stick out.
        power -= max(0.0, float((np.interp(np.arange(len(curve)), at, power) - curve).max()))
    else:
        power = curve[at].astype(np.float64)
    corners: list[int] = []
    for i in range(len(at)):
        while len(corners) > 1 and _is_above(at, power, corners[-2], corners[-1], i):
            corners.pop()
        corners.append(i)
    energy = tuple(float(power[i]) * problem.horizon_s for i in corners)
    return tuple(int(at[i]) for i in corners), energy


def _is_above(at: NDArray[np.int64], power: NDArray[np.float64], a: int, b: int, c: int) -> bool:
    """Say whether point b is on or above the line from a to c."""
    return bool((power[b] - power[a]) * (at[c] - at[a]) >= (power[c] - power[a]) * (at[b] - at[a]))
