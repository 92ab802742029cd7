"""The certified bound: a Lagrangian dual, evaluated in whole numbers.

For any multipliers it is a lower bound, so the linear program that suggests them need not be exact. The
formula is written down in ``docs/reference/run-folder.md``; the checks evaluate it again on their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.rows import CoverRow, offered

__all__ = ["SCALE", "certified_bound", "cost_ratios", "curve_mw", "usable_hosts"]

#: Multipliers are whole numbers of 1/SCALE millijoules per unit.
SCALE = 64


def usable_hosts(instance: Instance) -> NDArray[np.bool_]:
    """Say of each host whether a placement may use it: it may receive VMs, or carries some now."""
    usable: NDArray[np.bool_] = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    return usable


def certified_bound(
    instance: Instance,
    problem: Problem,
    rows: Sequence[CoverRow],
    multipliers: Sequence[float],
    load_multiplier: float,
) -> Bound:
    """Evaluate the Lagrangian dual at the given multipliers, in exact integers.

    Parameters
    ----------
    instance, problem
        The instance and its kernel view.
    rows
        The cover inequalities.
    multipliers : mJ per unit of a row
        One per row; negative ones are taken as 0.
    load_multiplier : mJ per mcore
        Of the total load; a negative one is taken as 0.
    """
    priced = [(row, max(0, round(m * SCALE))) for row, m in zip(rows, multipliers, strict=True)]
    priced = [(row, a) for row, a in priced if a > 0]
    b = max(0, round(load_multiplier * SCALE))
    active, usable = instance.active, usable_hosts(instance)
    total = SCALE * int(instance.move_mj[active].sum())
    total += b * int(instance.load_mcores[active].sum())
    for row, a in priced:
        total += a * int(row.needs(instance)[active].sum())
    for h, hosting in enumerate(_hosting(instance, problem, priced, b)):
        empty = SCALE * int(problem.empty_mj[h])
        total += min(empty, hosting) if usable[h] else empty
    return Bound(
        name="on-off Lagrangian",
        value_mj=total // SCALE,
        kind="certified",
        source="multipliers from GLOP (OR-Tools); value recomputed in integers",
        certificate={
            "scale": SCALE,
            "rows": [row.certificate() | {"multiplier": a} for row, a in priced],
            "load_multiplier": b,
        },
    )


def cost_ratios(
    instance: Instance,
    problem: Problem,
    rows: Sequence[CoverRow],
    multipliers: Sequence[float],
    load_multiplier: float,
) -> NDArray[np.float64]:
    """Return what using each host costs, as a share of what its room is worth at the multipliers.

    The relaxation uses the hosts below 1, parts of those at 1, and none of those above. Parameters as for
    :func:`certified_bound`.
    """
    priced = [(row, max(0, round(m * SCALE))) for row, m in zip(rows, multipliers, strict=True)]
    b = max(0, round(load_multiplier * SCALE))
    worth = _cover(instance, priced)
    hosting = _hosting(instance, problem, priced, b)
    ratios = [
        (hosting[h] + worth[h] - SCALE * int(problem.empty_mj[h])) / max(1, worth[h])
        for h in range(instance.fleet.n_hosts)
    ]
    return np.array(ratios)


def _hosting(
    instance: Instance, problem: Problem, priced: Sequence[tuple[CoverRow, int]], b: int
) -> list[int]:
    """Return, per host, the least scaled energy of carrying VMs, less what it covers."""
    stay, cover = _stay_mj(instance), _cover(instance, priced)
    carrying = _carrying_minimum(instance, problem, offered(instance)[:, 0], b)
    return [
        carrying[h] + SCALE * (int(problem.boot_mj[h]) - int(stay[h])) - cover[h]
        for h in range(instance.fleet.n_hosts)
    ]


def _cover(instance: Instance, priced: Sequence[tuple[CoverRow, int]]) -> list[int]:
    """Return, per host, the scaled worth of what it offers."""
    offer = offered(instance)
    cover = [0] * instance.fleet.n_hosts
    for row, a in priced:
        for h, units in enumerate(row.offers(offer).tolist()):
            cover[h] += a * units
    return cover


def _stay_mj(instance: Instance) -> NDArray[np.int64]:
    stay = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    np.add.at(stay, instance.current.host_of[here], instance.move_mj[here])
    return stay


def _carrying_minimum(
    instance: Instance, problem: Problem, most_load: NDArray[np.int64], b: int
) -> list[int]:
    """Return, per host, the least of ``SCALE * energy(l) - b * l`` over every load that it can carry."""
    by_type: dict[tuple[int, int], int] = {}
    result = []
    for h in range(instance.fleet.n_hosts):
        key = (int(instance.fleet.host_type[h]), int(most_load[h]))
        if key not in by_type:
            power = curve_mw(problem, h, key[1])
            value = power * (SCALE * problem.horizon_s) - b * np.arange(len(power), dtype=np.int64)
            by_type[key] = int(value.min())
        result.append(by_type[key])
    return result


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
