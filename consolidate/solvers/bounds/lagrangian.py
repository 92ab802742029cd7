"""The certified bound: a Lagrangian dual, evaluated in whole numbers.

Room and load have a price per host type. A VM pays the least that any type asks for it, a host earns what it
offers; what is left is a lower bound, whatever the prices, so the linear program that suggests them need not
be exact. The formula is written down in ``docs/reference/run-folder.md``; the checks evaluate it on their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.curves import least_net
from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.integers import Whole, plus, times, total
from consolidate.solvers.bounds.rows import CoverRow
from consolidate.solvers.bounds.tables import (
    VmTable,
    curve_mw,
    falls,
    offered,
    stay_mj,
    type_overhead,
    usable_hosts,
)

__all__ = ["SCALE", "HostTerms", "TypePrices", "certified_bound", "host_terms", "vms_pay"]

#: Prices are whole numbers of 1/SCALE millijoules per unit.
SCALE = 64
#: Products below this leave 64 bits room for a sum.
_EXACT = 2**61


@dataclass(frozen=True, slots=True, kw_only=True)
class TypePrices:
    """Scaled prices of one host type: per unit of each row, and per mcore of load."""

    rows: tuple[tuple[CoverRow, int], ...]
    load: int

    @classmethod
    def rounded(
        cls, rows: Sequence[CoverRow], per_unit_mj: Sequence[float], load_mj: float
    ) -> TypePrices:
        """Round prices in millijoules; negative ones count as 0, and rows without a price are dropped."""
        priced = [(row, round(p * SCALE)) for row, p in zip(rows, per_unit_mj, strict=True)]
        return cls(
            rows=tuple((row, a) for row, a in priced if a > 0), load=max(0, round(load_mj * SCALE))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTerms:
    """What the prices make of each host, in millijoules times SCALE, shape ``(hosts,)``.

    Parameters
    ----------
    worth
        What the room of the host is worth.
    hosting
        The least energy of carrying VMs, less what the host earns by room, load, and VMs that stay.
    """

    worth: Whole
    hosting: Whole


def certified_bound(
    instance: Instance,
    problem: Problem,
    prices: Sequence[TypePrices],
    *,
    vms: VmTable | None = None,
    terms: HostTerms | None = None,
) -> Bound:
    """Evaluate the Lagrangian dual at the given prices, in exact integers.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    prices
        One per host type.
    vms, terms
        The classes of VMs, and the host terms at these prices, where they are known already.
    """
    vms = VmTable.of(instance) if vms is None else vms
    terms = host_terms(instance, problem, prices) if terms is None else terms
    empty = times(problem.empty_mj, SCALE)
    left = np.where(usable_hosts(instance), np.minimum(empty, terms.hosting), empty)
    moves_mj = total(stay_mj(instance))
    return Bound(
        name="on-off Lagrangian",
        value_mj=(SCALE * moves_mj + vms_pay(instance, vms, prices) + total(left)) // SCALE,
        kind="certified",
        source="prices from GLOP (OR-Tools); value recomputed in integers",
        certificate={
            "scale": SCALE,
            "types": [
                {
                    "load_multiplier": p.load,
                    "rows": [row.certificate() | {"multiplier": a} for row, a in p.rows],
                }
                for p in prices
            ],
        },
    )


def vms_pay(instance: Instance, vms: VmTable, prices: Sequence[TypePrices]) -> int:
    """Return what all VMs pay at scaled prices, each at the type that asks the least.

    A VM without any type cannot be placed at all; nothing is promised for it.
    """
    least: Whole = np.zeros(len(vms.count), dtype=np.int64)
    priced = np.zeros(len(vms.count), dtype=np.bool_)
    for k, p in enumerate(prices):
        overhead = type_overhead(instance, k)
        price: Whole = times(vms.load, p.load)
        for row, a in p.rows:
            price = plus(price, times(row.takes(vms, overhead), a))
        cheaper = np.where(priced, np.minimum(least, price), price)
        least = np.where(vms.allowed[k], cheaper, least)
        priced |= vms.allowed[k]
    most = int(vms.count.max(initial=1))
    return total(least * vms.count if _fits(least, most) else least.astype(object) * vms.count)


def _fits(values: Whole, factor: int) -> bool:
    return values.dtype != np.object_ and int(values.max(initial=0)) * factor < 2**62


def host_terms(instance: Instance, problem: Problem, prices: Sequence[TypePrices]) -> HostTerms:
    """Return what the prices make of each host."""
    offer, kind_of = offered(instance), instance.fleet.host_type
    fixed = times(problem.boot_mj - stay_mj(instance), SCALE)
    worth: Whole = np.zeros(len(kind_of), dtype=np.int64)
    hosting: Whole = np.zeros(len(kind_of), dtype=np.int64)
    for k, p in enumerate(prices):
        hosts = np.flatnonzero(kind_of == k)
        if hosts.size == 0:
            continue
        earned: Whole = np.zeros(hosts.size, dtype=np.int64)
        for row, a in p.rows:
            earned = plus(earned, times(row.offers(offer[hosts]), a))
        running = _least_running(problem, int(hosts[0]), offer[hosts, 0], p.load)
        spent = plus(plus(running, fixed[hosts]), -earned)
        worth, hosting = _with(worth, hosts, earned), _with(hosting, hosts, spent)
    return HostTerms(worth=worth, hosting=hosting)


def _with(values: Whole, at: NDArray[np.int64], new: Whole) -> Whole:
    if new.dtype == np.object_:
        values = values.astype(object)
    values[at] = new
    return values


def _least_running(problem: Problem, h: int, most: NDArray[np.int64], load_price: int) -> Whole:
    """Return, per host of the type of ``h``, the least scaled energy of its load less what that earns.

    ``most`` is the largest load of each host; one pass over the curve serves them all.
    """
    top, factor = int(most.max()), SCALE * problem.horizon_s
    high = int(np.abs(problem.table[h]).max())
    if not falls(problem, h) and max(high * factor, (top + 1) * load_price) < _EXACT:
        tops, at = np.unique(most, return_inverse=True)
        table = np.ascontiguousarray(problem.table[h])
        cpu, background = int(problem.cpu[h]), int(problem.background[h])
        return least_net(table, cpu, background, factor, load_price, tops)[at]
    power = curve_mw(problem, h, top)
    energy = times(power, factor)
    net = plus(energy, -times(np.arange(len(power), dtype=np.int64), load_price))
    least: Whole = np.minimum.accumulate(net)[most]
    return least
