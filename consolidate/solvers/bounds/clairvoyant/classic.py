"""The bound in the accounting of CloudSim: hosts that are off and every transition cost nothing.

CloudSim 3.0.3 takes demand to run in a straight line from one sample to the next, adds energy up from one
decision to the next by the trapezoid rule, starts with the first decision and stops with the last.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Fleet, Trace

__all__ = ["classic_mj", "classic_s"]

#: Decisions come this long after the samples: the least time between two events there.
_AFTER_S = 0.1


def classic_mj(trace: Trace, fleet: Fleet, *, idle_vms: Literal["keep", "destroy"] = "keep") -> int:
    """Return what all demand costs at the best watts per unit of CPU that any host reaches at any load.

    Parameters
    ----------
    trace, fleet
        Demand, one sample per step, and hosts.
    idle_vms
        Whether a VM whose demand is zero at a decision goes on, or is gone from there, as in CloudSim.
    """
    demand = np.hstack([trace.cpu_mcores, trace.cpu_mcores[:, -1:]]).astype(np.float64)
    if idle_vms == "destroy":
        demand *= _alive(demand)
    total = demand.sum(axis=0)
    step_s = trace.grid.step_s
    # The last decision of the day comes before its last sample; there is one at each sample but the first.
    at = total[1:-1] + (total[2:] - total[1:-1]) * (_AFTER_S / step_s)
    mcore_s = float((at[1:] + at[:-1]).sum() / 2 * step_s)
    return int(mcore_s * _best_mw_per_mcore(fleet))


def classic_s(trace: Trace) -> int:
    """Return over how many seconds energy is added up: from the first decision to the last."""
    return (trace.grid.n_steps - 2) * trace.grid.step_s


def _alive(demand: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say until which sample each VM lives: a VM with two zeros in a row is idle at a decision."""
    zero = demand == 0
    dies = np.zeros_like(zero)
    dies[:, 1:-1] = zero[:, 1:-1] & zero[:, 2:]
    alive: NDArray[np.bool_] = ~np.logical_or.accumulate(dies, axis=1)
    return alive


def _best_mw_per_mcore(fleet: Fleet) -> float:
    """Return the least power per load of any host, over the eleven points: in between, none is lower."""
    best = np.inf
    for k in np.unique(fleet.host_type).tolist():
        kind = fleet.types[k]
        points = np.array(kind.power.points_mw[1:], dtype=np.float64)
        best = min(best, float((points / (np.arange(1, 11) / 10 * kind.cpu_mcores)).min()))
    return best
