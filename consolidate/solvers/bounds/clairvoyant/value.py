"""What prices prove: with room paid for, every host chooses for itself when to be on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.bounds.clairvoyant.hosts import HostClass
from consolidate.solvers.bounds.clairvoyant.need import Need
from consolidate.solvers.bounds.clairvoyant.prices import Prices

__all__ = ["proved_mj"]

#: Part of the sums that floating-point arithmetic may hide; it is given away.
_HIDDEN = 1e-9


def proved_mj(
    classes: tuple[HostClass, ...],
    need: Need,
    prices: Prices,
    step_s: int,
    *,
    unmet_mcore_s: int = 0,
) -> int:
    """Return the least energy at these prices.

    Each step pays what its need is worth; each host then takes its cheapest way through the steps, on or
    off in each, paid for the room that it offers. Whatever the prices, the sum is no more than the energy of
    any policy that meets the need (Lagrangian duality).

    Hosts may change state within a step: what is on at a fixed instant of each step is a way through the
    steps as well, and energies are the mean over these instants. So the bound holds for them too.

    Parameters
    ----------
    classes, need, prices, step_s
        Hosts, what is asked, what it is worth, and the length of a step.
    unmet_mcore_s : mcore s
        Demand that may be left unserved, wherever that spares most.
    """
    paid = prices.cpu_mw * need.load_mcores
    paid += prices.memory_mw * need.memory_mib + prices.host_mw * need.hosts
    terms = [float(paid.sum()) * step_s]
    terms.append(-_credit(prices.cpu_mw, need.load_mcores * step_s, unmet_mcore_s))
    for c in classes:
        on = _on_mj(c, prices) * step_s
        terms.append(c.always_on * float(on.sum()))
        terms.append(float(c.always_off * c.always_off_mw * step_s * len(on)))
        for count, starts_on in ((c.starts_on, True), (c.starts_off, False)):
            if count:
                terms.append(count * _cheapest_way(c, on, step_s, starts_on=starts_on))
    given_away = _HIDDEN * sum(abs(t) for t in terms)
    return int(np.floor(sum(terms) - given_away))


def _on_mj(c: HostClass, prices: Prices) -> NDArray[np.float64]:
    """Return what a host that is on costs per second in each step, less what it is paid."""
    carried = c.power_mw[:, np.newaxis] - c.load_mcores[:, np.newaxis] * prices.cpu_mw
    hosting = carried.min(axis=0) - c.memory_mib * prices.memory_mw - prices.host_mw
    cheapest: NDArray[np.float64] = np.minimum(hosting, c.empty_mw)
    return cheapest


def _cheapest_way(c: HostClass, on_mj: NDArray[np.float64], step_s: int, *, starts_on: bool) -> float:
    """Return the least cost of one host over all steps."""
    n_steps, off_mj = len(on_mj), float(c.off_mw * step_s)
    on, off = (0.0, np.inf) if starts_on else (np.inf, 0.0)
    for t, cost in enumerate(on_mj.tolist()):
        down = c.shutdown_mj if c.pays_shutdown(t, n_steps, step_s) else 0
        on, off = min(on, off + c.boot_mj) + cost, min(off, on + down) + off_mj
    return float(min(on, off))


def _credit(
    worth_mw: NDArray[np.float64], demand_mcore_s: NDArray[np.int64], unmet_mcore_s: int
) -> float:
    """Return the most that leaving so much demand unserved can be worth."""
    if not unmet_mcore_s:
        return 0.0
    order = np.argsort(-worth_mw, kind="stable")
    before = np.cumsum(demand_mcore_s[order]) - demand_mcore_s[order]
    left_out = np.clip(unmet_mcore_s - before, 0, demand_mcore_s[order])
    return float((worth_mw[order] * left_out).sum())
