"""Bounds from the fullest slot: how many hosts, and how much energy, demand curves need at least."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Bound, Instance
from consolidate.solvers.bounds.lagrangian import TypePrices, certified_bound
from consolidate.solvers.bounds.rows import ScaledRow

__all__ = ["fewest_hosts", "slot_bound"]


def fewest_hosts(instance: Instance) -> int:
    """Return how many hosts any placement uses at least.

    In each column the largest hosts together must offer what all active VMs need, each with the least
    overhead that any host adds. The largest of these counts is the bound; it knows no rule but who may
    receive VMs or carries some now.
    """
    if not instance.active.any() or not (usable := _usable(instance)).any():
        return 0
    offer = np.sort(instance.capacity[usable], axis=0)[::-1].cumsum(axis=0)
    return int((offer < _wanted(instance, usable)).sum(axis=0).max()) + 1


def slot_bound(instance: Instance, problem: Problem) -> Bound | None:
    """Return the certified bound that prices room in one column only, the one that needs most hosts.

    The fractional cover of that column by hosts, cheapest per unit first, gives the price: what the last
    host costs per unit. Load has the price of the flattest chord from idle at each type, so that a host
    earns its idle energy at least. Any prices make a bound, whatever was rounded.
    """
    if not instance.active.any() or not (usable := _usable(instance)).any():
        return None
    hosts = np.flatnonzero(usable)
    idle = problem.table[hosts, 0] * problem.horizon_s + problem.boot_mj[hosts] - problem.empty_mj[hosts]
    wanted, offer = _wanted(instance, usable), instance.capacity[hosts]
    counts = (np.sort(offer, axis=0)[::-1].cumsum(axis=0) < wanted).sum(axis=0)
    fullness = wanted / np.maximum(offer.sum(axis=0), 1)
    column = int(np.lexsort((-fullness, -counts))[0])
    ratio = idle / np.maximum(offer[:, column], 1)
    order = np.argsort(ratio, kind="stable")
    last = int((offer[order, column].cumsum() < wanted[column]).sum())
    price_mj = float(ratio[order[min(last, len(order) - 1)]])
    row = ScaledRow(resource=column)
    prices = [
        TypePrices.rounded([row], [price_mj], slope) for slope in _slopes_mj(instance, problem).tolist()
    ]
    found = certified_bound(instance, problem, prices)
    source = f"price of {instance.resources[column]} by fractional cover; value computed in integers"
    return replace(found, name="fullest slot", source=source)


def _usable(instance: Instance) -> NDArray[np.bool_]:
    """Say of each host whether a placement may use it."""
    usable: NDArray[np.bool_] = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    return usable


def _wanted(instance: Instance, usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what all active VMs need in each column at least, overheads included."""
    need = instance.need[instance.active].sum(axis=0)
    overhead = instance.vm_overhead[usable].min(axis=0)
    wanted: NDArray[np.int64] = need + int(instance.active.sum()) * overhead
    return wanted


def _slopes_mj(instance: Instance, problem: Problem) -> NDArray[np.float64]:
    """Return, per host type, the least energy of one more mcore above idle."""
    slopes = np.zeros(len(instance.fleet.types))
    for k in np.unique(instance.fleet.host_type).tolist():
        h = int(np.flatnonzero(instance.fleet.host_type == k)[0])
        rise = (problem.table[h, 1:] - problem.table[h, 0]) / np.arange(1, 11)
        slopes[k] = max(0.0, float(rise.min()) * 10 * problem.horizon_s / int(problem.cpu[h]))
    return slopes
