"""What packing could save at most where demand is as hard to foresee as on PlanetLab: all VMs packed anew in each step.

Not a controller anybody could run: moves take no time and cost nothing, hosts are there at once and gone at once, and
nothing is on at the start that is not needed. What is known is what the controller ``risk`` knows: its levels,
variances and feedback. What it ends at is thus about where packing ends, however many moves it makes. See
docs/reference/controllers.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

import consolidate as cs
from benchmarks.days import Days, print_table
from consolidate.control.desk import sum_by_host
from consolidate.control.tuning import PAST

COLUMNS = ("packed", "over demand at the best watts per core", "overload", "CPU s of a day")
#: Spread of a host that keeps what ``z`` says, as a part of its capacity; others keep less or more.
_USUAL = 0.1

Amounts = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A way of packing: which VMs come first, and how much less a host keeps per deviation where it strays more."""

    name: str
    first: str
    uneven: float = 0.0

    def order(self, mean: Amounts, var: Amounts) -> NDArray[np.int64]:
        """Return the VMs in the order in which they are packed."""
        keys = {
            "largest": mean + 0.5 * np.sqrt(var),
            "least steady": np.sqrt(var) / np.maximum(mean, 1e-9),
            "most variance": var / np.maximum(mean, 1e-9),
        }
        return np.argsort(-keys[self.first], kind="stable")

    def counted(self, spread: Amounts, capacity: float) -> Amounts:
        """Return the deviations of hosts as they are counted."""
        found: Amounts = spread * (np.maximum(spread, 1e-9) / (_USUAL * capacity)) ** -self.uneven
        return found


WAYS = (
    Way("the largest first", "largest"),
    Way("the least steady first", "least steady"),
    Way("the most variance per mean first", "most variance"),
    Way("the same, less kept per deviation where hosts stray more", "most variance", 0.4),
)


def pack(way: Way, mean: Amounts, var: Amounts, z: float, capacity: float) -> NDArray[np.int32]:
    """Return the host of each VM: the first with room, at ``z`` deviations."""
    level, spread = np.zeros(len(mean)), np.zeros(len(mean))
    host, used = np.zeros(len(mean), dtype=np.int32), 1
    for v in way.order(mean, var).tolist():
        m, q = level[:used] + mean[v], spread[:used] + var[v]
        kept = (1.0 + PAST.drift) * m + z * way.counted(np.sqrt(q), capacity)
        fits = np.flatnonzero(kept <= capacity)
        h = int(fits[0]) if fits.size else used
        used = max(used, h + 1)
        level[h] += mean[v]
        spread[h] += var[v]
        host[v] = h
    return host


def replayed(trace: cs.Trace, fleet: cs.Fleet, way: Way, risk: float) -> tuple[float, float]:
    """Return joules and share of overload of one day on hosts of the type with the best watts per core."""
    best = min(fleet.types, key=lambda t: t.power.hosting_mw[-1] / t.cpu_mcores)
    capacity, step_s = float(best.cpu_mcores), trace.grid.step_s
    watts, at = (
        np.array(best.power.hosting_mw) / 1_000,
        np.linspace(0.0, 1.0, len(best.power.hosting_mw)),
    )
    most = np.minimum(trace.vms.cpu_mcores, trace.vms.vcpus * (capacity / best.cores))
    demand = np.minimum(trace.cpu_mcores, most[:, np.newaxis]).astype(np.float64)
    levels, safety = PAST.levels(most.astype(np.float64)), PAST.safety(risk, lasts=1.0)
    alive, host = np.ones(len(demand), dtype=np.bool_), pack(way, levels.mean, levels.var, 1.0, capacity)
    joules = over = active = 0.0
    for k in range(demand.shape[1]):
        n = int(host.max()) + 1
        load, mean, var = (sum_by_host(host, x, n) for x in (demand[:, k], levels.mean, levels.var))
        joules += step_s * float(np.interp(np.minimum(1.0, load / capacity), at, watts).sum())
        crowded = load > capacity
        over, active = over + float(crowded.sum()), active + n
        if k:
            safety.stray(load, mean, way.counted(np.sqrt(var), capacity) ** 2)
        levels.take(demand[:, k], alive)
        safety.observe(step_s * float(crowded.sum()), float(step_s * n))
        host = pack(way, levels.mean, levels.var, safety.z, capacity)
    return joules, over / active


def measure(days: Days, way: Way, risk: float) -> tuple[str, ...]:
    """Return the means of all days."""
    rows = []
    for trace, fleet in days:
        floor = cs.replay_bound(trace, fleet, accounting="classic").value_mj
        begin = time.process_time()
        joules, overload = replayed(trace, fleet, way, risk)
        rows.append((1_000 * joules / floor, overload, time.process_time() - begin))
    ratio, overload, seconds = (fmean(column) for column in zip(*rows, strict=True))
    return way.name, f"{ratio:.3f}", f"{overload:.2%}", f"{seconds:.1f}"


def main() -> None:
    """Print the table."""
    print_table("benchmarks.repacking", __doc__, COLUMNS, WAYS, measure)


if __name__ == "__main__":
    main()
