"""VMs and hosts as the configuration bound sees them: sizes in cells of a grid of two resources.

With whole numbers, needs that fit a capacity still fit when all of them, and the capacity, are divided by the
same number and rounded down. So VMs may be lumped by their cells, and the bound stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance
from consolidate.solvers.bounds.integers import like_rows
from consolidate.solvers.bounds.lagrangian import SCALE, TypePrices
from consolidate.solvers.bounds.tables import (
    VmTable,
    allowed_types,
    curve_mw,
    offered,
    tracked_spreads,
    type_overhead,
    usable_hosts,
)

__all__ = ["ConfigurationView", "HostsOfType"]

#: A table may have this many cells, and cells times classes.
_CELLS, _WORK, _CLASSES = 400_000, 100_000_000, 1_600
#: Where on its way to full load the slope of a host's power is taken as price of load.
_TYPICAL_LOAD = 0.85
_MOST_STAYS = 12
_SUBSETS = 2**26


@dataclass(frozen=True, slots=True, kw_only=True)
class HostsOfType:
    """The usable hosts of one type, and the VMs on them that are priced one by one.

    ``cells`` of a class is the least that any of its VMs takes, ``load_gain`` the most that the load price of
    VMs exceeds that of the type; -1 cells where the type takes none of the class.
    """

    hosts: NDArray[np.int64]
    offer: NDArray[np.int64]  # (hosts, 2) cells
    load_price: int
    cells: NDArray[np.int64]  # (classes, 2)
    load_gain: NDArray[np.int64]  # (classes,)
    takes: NDArray[np.bool_]  # (classes,)
    pointer: NDArray[np.int64]  # (hosts + 1,)
    stays: NDArray[np.int64]  # (stays,) VMs
    stay_cells: NDArray[np.int64]
    stay_gain: NDArray[np.int64]  # load and migration
    free_mj: NDArray[np.int64]  # (hosts,) migration energy of the other VMs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationView:
    """Grid, classes of VMs, hosts by type."""

    rows: tuple[tuple[int, int], ...]  # resource, denominator
    key: NDArray[np.int64]  # (classes, rows)
    class_of: NDArray[np.int64]  # (vms,), -1 for VMs that are not there or can be nowhere
    count: NDArray[np.int64]
    load_price: int
    most_stays: int
    types: tuple[HostsOfType, ...]
    typical: NDArray[np.int64]  # (classes,) one VM of each

    def prices_at(self, instance: Instance, prices: Sequence[TypePrices]) -> NDArray[np.int64]:
        """Return what a VM of each class pays for room and load at prices per unit, without the load price."""
        vms = self.typical
        allowed = allowed_types(instance)[:, vms]
        table = VmTable(
            need=instance.need[vms],
            load=instance.load_mcores[vms],
            allowed=allowed,
            member=np.zeros((len(tracked_spreads(instance)), len(vms)), dtype=np.bool_),
            count=self.count,
        )
        least = np.full(len(vms), np.inf)
        for k, p in enumerate(prices):
            asked = table.load.astype(np.float64) * (p.load - self.load_price)
            for row, a in p.rows:
                asked += row.takes(table, type_overhead(instance, k)).astype(np.float64) * a
            least = np.where(allowed[k], np.minimum(least, asked), least)
        whole: NDArray[np.int64] = np.maximum(least, 0.0).astype(np.int64)
        return whole

    @classmethod
    def of(cls, instance: Instance, problem: Problem) -> ConfigurationView | None:
        """Build the view; ``None`` when there is nothing to place."""
        allowed = allowed_types(instance) & instance.active
        placeable = np.flatnonzero(allowed.any(axis=0))
        if placeable.size == 0:
            return None
        rows, first, class_of, count = _grid(instance, placeable)
        every = np.full(len(instance.vms), -1, dtype=np.int64)
        every[placeable] = class_of
        usable = usable_hosts(instance)
        prices = [
            _load_price(instance, problem, np.flatnonzero(usable & (instance.fleet.host_type == k)))
            for k in range(len(instance.fleet.types))
        ]
        load_price = min((p for p in prices if p is not None), default=0)
        most = _most_stays(instance)
        return cls(
            rows=rows,
            key=_cells(instance.need[placeable[first]], rows)[:, : len(rows)],
            class_of=every,
            count=count,
            load_price=load_price,
            most_stays=most,
            typical=placeable[first],
            types=tuple(
                _hosts(instance, k, usable, rows, every, len(count), allowed[k], load_price - p, p, most)
                if p is not None
                else _no_hosts(len(count))
                for k, p in enumerate(prices)
            ),
        )


def _grid(
    instance: Instance, vms: NDArray[np.int64]
) -> tuple[tuple[tuple[int, int], ...], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Choose the two scarcest resources and their units; return them and the classes that they make."""
    need, offer = instance.need[vms], offered(instance)[usable_hosts(instance)]
    scarcity = need.sum(axis=0) / np.maximum(offer.sum(axis=0), 1)
    chosen = sorted(np.argsort(-scarcity, kind="stable")[:2].tolist())
    units = [max(1, int(np.gcd.reduce(need[:, r]))) for r in chosen]
    largest = [int(offer[:, r].max()) for r in chosen]
    while True:
        rows = tuple(zip(chosen, units, strict=True))
        n_cells = int(np.prod([x // u + 1 for x, u in zip(largest, units, strict=True)]))
        if n_cells <= _CELLS:
            first, class_of, count = like_rows(list(_cells(need, rows).T))
            if len(count) <= _CLASSES and n_cells * len(count) <= _WORK:
                return rows, first, class_of, count
        finest = int(np.argmax([x // u for x, u in zip(largest, units, strict=True)]))
        units[finest] *= 2


def _cells(need: NDArray[np.int64], rows: tuple[tuple[int, int], ...]) -> NDArray[np.int64]:
    cells = np.zeros((len(need), 2), dtype=np.int64)
    for i, (resource, unit) in enumerate(rows):
        cells[:, i] = need[:, resource] // unit
    return cells


def _load_price(instance: Instance, problem: Problem, hosts: NDArray[np.int64]) -> int | None:
    """Return the scaled slope of the power of a type's hosts near full load."""
    if hosts.size == 0:
        return None
    h = int(hosts[0])
    top = int(offered(instance)[hosts, 0].max())
    curve = curve_mw(problem, h, top)
    step = max(1, int(problem.cpu[h]) // 10)
    low = max(0, min(int(_TYPICAL_LOAD * top) // step * step, top - step))
    high = min(top, low + step)
    if high == low:
        return 0
    rise = int(curve[high]) - int(curve[low])
    return max(0, rise * problem.horizon_s * SCALE // (high - low))


def _most_stays(instance: Instance) -> int:
    here = instance.current.host_of[instance.active & (instance.current.host_of >= 0)]
    on_host = np.bincount(here, minlength=1)
    for most in range(_MOST_STAYS, 0, -1):
        if int((2.0 ** np.minimum(on_host, most)).sum()) <= _SUBSETS:
            return most
    return 0


def _hosts(
    instance: Instance,
    kind: int,
    usable: NDArray[np.bool_],
    rows: tuple[tuple[int, int], ...],
    class_of: NDArray[np.int64],
    n_classes: int,
    allowed: NDArray[np.bool_],
    gain: int,
    load_price: int,
    most: int,
) -> HostsOfType:
    hosts = np.flatnonzero(usable & (instance.fleet.host_type == kind))
    taken = _cells(instance.need + type_overhead(instance, kind), rows)
    cells = np.full((n_classes, 2), np.iinfo(np.int64).max, dtype=np.int64)
    load_gain = np.full(n_classes, np.iinfo(np.int64).min, dtype=np.int64)
    here = np.flatnonzero(allowed)
    np.minimum.at(cells, class_of[here], taken[here])
    np.maximum.at(load_gain, class_of[here], gain * instance.load_mcores[here])
    takes = np.zeros(n_classes, dtype=np.bool_)
    takes[class_of[here]] = True
    pointer, stays, free_mj = _stays(instance, hosts, most)
    return HostsOfType(
        hosts=hosts,
        offer=_cells(offered(instance)[hosts], rows),
        load_price=load_price,
        cells=np.where(takes[:, np.newaxis], cells, 0),
        load_gain=np.where(takes, load_gain, 0),
        takes=takes,
        pointer=pointer,
        stays=stays,
        stay_cells=taken[stays],
        stay_gain=gain * instance.load_mcores[stays] + SCALE * instance.move_mj[stays],
        free_mj=free_mj,
    )


def _no_hosts(n_classes: int) -> HostsOfType:
    none, pair = np.zeros(0, dtype=np.int64), np.zeros((0, 2), dtype=np.int64)
    return HostsOfType(
        hosts=none,
        offer=pair,
        load_price=0,
        cells=np.zeros((n_classes, 2), dtype=np.int64),
        load_gain=np.zeros(n_classes, dtype=np.int64),
        takes=np.zeros(n_classes, dtype=np.bool_),
        pointer=np.zeros(1, dtype=np.int64),
        stays=none,
        stay_cells=pair,
        stay_gain=none,
        free_mj=none,
    )


def _stays(
    instance: Instance, hosts: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the dearest VMs on each host, at most ``most``, and the migration energy of its others."""
    home = instance.current.host_of
    place = np.full(instance.fleet.n_hosts, -1, dtype=np.int64)
    place[hosts] = np.arange(len(hosts))
    vms = np.flatnonzero(instance.active & (home >= 0))
    vms = vms[place[home[vms]] >= 0]
    at = place[home[vms]]
    order = np.lexsort((vms, -instance.move_mj[vms], at))
    vms, at = vms[order], at[order]
    number = np.bincount(at, minlength=len(hosts))
    rank = np.arange(len(vms)) - np.repeat(np.cumsum(number) - number, number)
    explicit = rank < most
    free_mj = np.zeros(len(hosts), dtype=np.int64)
    np.add.at(free_mj, at[~explicit], instance.move_mj[vms[~explicit]])
    pointer = np.zeros(len(hosts) + 1, dtype=np.int64)
    pointer[1:] = np.cumsum(np.minimum(number, most))
    return pointer, vms[explicit], free_mj
