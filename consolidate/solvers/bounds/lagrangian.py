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

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.rows import CoverRow, offered, type_overhead

__all__ = [
    "SCALE",
    "TypePrices",
    "allowed_types",
    "certified_bound",
    "cost_ratios",
    "curve_mw",
    "stay_mj",
    "usable_hosts",
]

#: Prices are whole numbers of 1/SCALE millijoules per unit.
SCALE = 64
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


def usable_hosts(instance: Instance) -> NDArray[np.bool_]:
    """Say of each host whether a placement may use it: it may receive VMs, or carries some now."""
    usable: NDArray[np.bool_] = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    return usable


def allowed_types(instance: Instance) -> NDArray[np.bool_]:
    """Say which host types each VM may be on: its own, and those with a host that takes it.

    Kind of guest and core speed count. Shape ``(types, vms)``.
    """
    fleet, vms = instance.fleet, instance.vms
    receiving = np.zeros(len(fleet.types), dtype=np.bool_)
    receiving[fleet.host_type[fleet.may_receive()]] = True
    allowed = np.zeros((len(fleet.types), len(vms)), dtype=np.bool_)
    for k, kind in enumerate(fleet.types):
        fast = instance.need[:, 0] <= vms.vcpus.astype(np.int64) * kind.core_mcores
        guest = kind.hypervisor.hosts("vm") != vms.is_container
        allowed[k] = receiving[k] & fast & guest
    here = np.flatnonzero(instance.current.host_of >= 0)
    allowed[fleet.host_type[instance.current.host_of[here]], here] = True
    return allowed


def certified_bound(instance: Instance, problem: Problem, prices: Sequence[TypePrices]) -> Bound:
    """Evaluate the Lagrangian dual at the given prices, in exact integers.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    prices
        One per host type.
    """
    active, usable = instance.active, usable_hosts(instance)
    total = SCALE * int(instance.move_mj[active].sum()) + _paid(instance, prices)
    for h, hosting in enumerate(_hosting(instance, problem, prices)):
        empty = SCALE * int(problem.empty_mj[h])
        total += min(empty, hosting) if usable[h] else empty
    return Bound(
        name="on-off Lagrangian",
        value_mj=total // SCALE,
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


def _paid(instance: Instance, prices: Sequence[TypePrices]) -> int:
    """Return what the active VMs pay, each at the type that asks the least."""
    allowed = allowed_types(instance)[:, instance.active]
    asked = []
    for k, p in enumerate(prices):
        need = instance.need + type_overhead(instance, k)
        load = instance.load_mcores
        parts = [(p.load, load), *((a, row.takes(instance, need)) for row, a in p.rows)]
        largest = sum(a * int(units.max(initial=0)) for a, units in parts)
        # Whole numbers of numpy wrap around silently; Python's do not.
        dtype = np.int64 if largest < _EXACT else object
        price = np.zeros(len(need), dtype=dtype)
        for a, units in parts:
            price = price + units.astype(dtype) * a
        asked.append(price[instance.active])
    if not allowed.size:
        return 0
    far = max(int(price.max(initial=0)) for price in asked) + 1
    stacked = np.stack([np.where(ok, price, far) for ok, price in zip(allowed, asked, strict=True)])
    # A VM without any type cannot be placed at all; then nothing is promised for it.
    least = np.where(allowed.any(axis=0), stacked.min(axis=0), 0)
    return sum(int(x) for x in least.tolist())


def cost_ratios(
    instance: Instance, problem: Problem, prices: Sequence[TypePrices]
) -> NDArray[np.float64]:
    """Return what using each host costs, as a share of what its room is worth at the prices.

    The relaxation uses the hosts below 1, parts of those at 1, and none of those above.
    """
    worth, hosting = _worth(instance, prices), _hosting(instance, problem, prices)
    ratios = [
        (hosting[h] + worth[h] - SCALE * int(problem.empty_mj[h])) / max(1, worth[h])
        for h in range(instance.fleet.n_hosts)
    ]
    return np.array(ratios)


def _hosting(instance: Instance, problem: Problem, prices: Sequence[TypePrices]) -> list[int]:
    """Return, per host, the least scaled energy of carrying VMs, less what it earns."""
    stay, worth = stay_mj(instance), _worth(instance, prices)
    most_load = offered(instance)[:, 0]
    by_key: dict[tuple[int, int], int] = {}
    hosting = []
    for h in range(instance.fleet.n_hosts):
        kind = int(instance.fleet.host_type[h])
        key = (kind, int(most_load[h]))
        if key not in by_key:
            power = curve_mw(problem, h, key[1])
            loads = np.arange(len(power), dtype=np.int64)
            b, weight = prices[kind].load, SCALE * problem.horizon_s
            exact = int(power.max()) * weight + b * len(power) < _EXACT
            dtype = np.int64 if exact else object
            by_key[key] = int((power.astype(dtype) * weight - loads.astype(dtype) * b).min())
        extra = SCALE * (int(problem.boot_mj[h]) - int(stay[h]))
        hosting.append(by_key[key] + extra - worth[h])
    return hosting


def _worth(instance: Instance, prices: Sequence[TypePrices]) -> list[int]:
    """Return, per host, the scaled worth of what it offers."""
    offer = offered(instance)
    worth = [0] * instance.fleet.n_hosts
    for k, p in enumerate(prices):
        hosts = np.flatnonzero(instance.fleet.host_type == k)
        for row, a in p.rows:
            for h, units in zip(hosts.tolist(), row.offers(offer[hosts]).tolist(), strict=True):
                worth[h] += a * units
    return worth


def stay_mj(instance: Instance) -> NDArray[np.int64]:
    """Return, per host, the migration energy that is spared if all VMs on it stay."""
    stay = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    np.add.at(stay, instance.current.host_of[here], instance.move_mj[here])
    return stay


def curve_mw(problem: Problem, h: int, top: int) -> NDArray[np.int64]:
    """Return a lower limit of the power of host ``h`` with VMs of each whole load up to ``top`` mcores.

    It is the power itself, unless guests cost CPU of their own and the curve falls somewhere: the number
    of guests is not known, so the host may run at any higher load.
    """
    cpu, table, background = int(problem.cpu[h]), problem.table[h], int(problem.background[h])
    falls = int(problem.per_vm[h]) > 0 and bool((np.diff(table) < 0).any())
    last = max(top + background, cpu) if falls else top + background
    total = np.minimum(np.arange(background, last + 1, dtype=np.int64), cpu)
    segment = np.minimum(10 * total // cpu, 9)
    rest = 10 * total - segment * cpu
    rise = (table[segment + 1] - table[segment]) * rest
    curve: NDArray[np.int64] = table[segment] + (2 * rise + cpu) // (2 * cpu)
    if falls:
        curve = np.minimum.accumulate(curve[::-1])[::-1]
    return curve[: top + 1]
