"""Makespan of plans against their bounds: consolidations, packings from scratch, pairs of tight packings.

Run ``python -m benchmarks.schedules`` (sizes as arguments, default 100 1000). Two moves in and two out per
host; flavours and hosts like those of :mod:`benchmarks.instances`, frozen here by seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import consolidate as cs
from consolidate.errors import PlanError
from consolidate.planning import plan
from consolidate.planning.bound import makespan_bound
from consolidate.planning.estimates import Estimates

#: vCPUs, GiB, weight.
FLAVOURS = (
    (1, 0.75, 3), (1, 1.75, 22), (2, 3.5, 20), (4, 7, 9), (8, 14, 4), (2, 4, 8), (2, 8, 9), (4, 8, 4),
    (4, 16, 6), (8, 16, 1.5), (8, 32, 2.5), (16, 32, 0.4), (16, 64, 0.7), (2, 14, 3), (4, 28, 2.5),
    (8, 56, 1.2), (16, 112, 0.35), (1, 2, 3), (32, 128, 0.2), (1, 4, 2),
)  # fmt: skip
#: cores, GiB, share of the hosts.
HOSTS = ((64, 160, 0.45), (96, 256, 0.30), (128, 512, 0.10), (48, 160, 0.15))
#: A packing stops at this share of a host.
FULL = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two placements of the same VMs."""

    name: str
    instance: cs.Instance
    target: cs.Placement


class Draw:
    """VMs and hosts of one size and seed."""

    def __init__(self, vms: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        weight = np.array([f[2] for f in FLAVOURS])
        chosen = self.rng.choice(len(FLAVOURS), size=vms, p=weight / weight.sum())
        cpu = np.array([f[0] * 1_000 for f in FLAVOURS])[chosen]
        memory = np.array([int(f[1] * 1_024) for f in FLAVOURS])[chosen]
        self.need = np.column_stack([cpu, memory])
        share = np.array([h[2] for h in HOSTS])
        self.kinds = self.rng.choice(len(HOSTS), size=max(10, vms // 10), p=share / share.sum())
        self.capacity = np.array([(c * 1_000, g * 1_024) for c, g, _ in HOSTS])[self.kinds]

    def instance(self, hosts: int, current: np.ndarray) -> cs.Instance:
        """Return the problem on the first hosts."""
        types = tuple(
            cs.HostType(
                name=f"{cores}c-{gib}g",
                cores=cores,
                memory_mib=gib * 1_024,
                power=cs.WattTable.sample(cs.LinearPower(idle_w=120, max_w=400)),
                cpu_allocation_ratio=1.0,
            )
            for cores, gib, _ in HOSTS
        )
        n = len(self.need)
        return cs.Instance(
            fleet=cs.Fleet(
                host_ids=tuple(f"h{i}" for i in range(hosts)), host_type=self.kinds[:hosts], types=types
            ),
            vms=cs.VMs(
                ids=tuple(f"vm{i}" for i in range(n)),
                vcpus=self.need[:, 0] // 1_000,
                cpu_mcores=self.need[:, 0],
                memory_mib=self.need[:, 1],
                dirty_mib_per_s=np.zeros(n),
            ),
            resources=("cpu_demand_mcores", "memory_demand_mib"),
            need=self.need,
            capacity=self.capacity[:hosts],
            vm_overhead=np.zeros_like(self.capacity[:hosts]),
            load_mcores=self.need[:, 0],
            current=cs.Placement(host_of=current),
            active=np.ones(n, dtype=bool),
            movable=np.ones(n, dtype=bool),
            move_mj=np.ones(n, dtype=np.int64),
            objective=cs.JoulesOverHorizon(horizon_s=86_400),
            moves=cs.MoveSettings(moves_in=2, moves_out=2),
        )

    def spread(self) -> np.ndarray:
        """Put each VM on the emptier of two random hosts with room."""
        room = self.capacity.astype(np.int64).copy()
        where = np.full(len(self.need), -1, dtype=np.int32)
        for v, need in enumerate(self.need):
            while where[v] < 0:
                two = [h for h in self.rng.integers(0, len(room), 2) if (need <= room[h]).all()]
                if two:
                    where[v] = max(two, key=lambda h: (room[h] / self.capacity[h]).min())
                    room[where[v]] -= need
        return where

    def pack(self, hosts: int, seed: int) -> np.ndarray | None:
        """Pack all VMs tightly, in an order and onto hosts that the seed shuffles."""
        rng = np.random.default_rng(seed)
        room = (self.capacity[:hosts] * FULL).astype(np.int64)
        size = (self.need / self.capacity.mean(axis=0)).max(axis=1)
        where = np.full(len(self.need), -1, dtype=np.int32)
        for v in np.argsort(-size * np.exp(rng.normal(0, 0.6, len(size))), kind="stable"):
            fit = np.flatnonzero((room >= self.need[v]).all(axis=1))
            if not fit.size:
                return None
            over = ((room[fit] - self.need[v]) / self.capacity[fit]).max(axis=1)
            where[v] = fit[np.argmin(over + rng.uniform(0, 0.05, fit.size))]
            room[where[v]] -= self.need[v]
        return where

    def tight(self, seed: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Return the fewest hosts on which two packings succeed, and the packings."""
        hosts = 1 + int(np.searchsorted(np.cumsum(self.capacity[:, 1]), self.need[:, 1].sum() * 1.03))
        while True:
            one, other = self.pack(hosts, 2 * seed + 1), self.pack(hosts, 2 * seed + 2)
            if one is not None and other is not None:
                return hosts, one, other
            hosts += max(1, hosts // 100)


def consolidation(vms: int, seed: int) -> Pair:
    """Empty the least filled hosts into the others; nobody else moves."""
    draw = Draw(vms, seed)
    current = draw.spread()
    instance = draw.instance(len(draw.capacity), current)
    where, room = current.copy(), draw.capacity - instance.usage(instance.current)
    for h in np.argsort((1 - room / draw.capacity).max(axis=1), kind="stable"):
        trial, left = where.copy(), room.copy()
        for v in sorted(np.flatnonzero(where == h), key=lambda v: -draw.need[v, 1]):
            fit = np.flatnonzero(
                (left >= draw.need[v]).all(axis=1) & (np.bincount(where, minlength=len(room)) > 0)
            )
            fit = fit[fit != h]
            if not fit.size:
                break
            goal = fit[np.argmin((left[fit] / draw.capacity[fit]).min(axis=1))]
            trial[v] = goal
            left[goal] -= draw.need[v]
        else:
            left[h] = draw.capacity[h]
            where, room = trial, left
            # Whoever has received stays on.
    return Pair(name="consolidation", instance=instance, target=cs.Placement(host_of=where))


def from_scratch(vms: int, seed: int) -> Pair:
    """Go from a spread placement to a packing that does not look at it."""
    draw = Draw(vms, seed)
    current = draw.spread()
    hosts, packed, _ = draw.tight(seed)
    del hosts
    instance = draw.instance(len(draw.capacity), current)
    return Pair(name="spread to packed", instance=instance, target=cs.Placement(host_of=packed))


def tight(vms: int, seed: int, *, spare: int) -> Pair:
    """Go from one tight packing to another, with spare hosts that are on."""
    draw = Draw(vms, seed)
    hosts, one, other = draw.tight(seed)
    instance = draw.instance(min(hosts + spare, len(draw.capacity)), one)
    name = f"tight, {spare} spare" if spare else "tight"
    return Pair(name=name, instance=instance, target=cs.Placement(host_of=other))


def pairs(vms: int, seed: int) -> Iterator[Callable[[], Pair]]:
    yield lambda: consolidation(vms, seed)
    yield lambda: from_scratch(vms, seed)
    yield lambda: tight(vms, seed, spare=0)
    yield lambda: tight(vms, seed, spare=max(1, vms // 1_000))


def row(pair: Pair, *, fast: bool) -> str:
    """Plan, and return a row of the table."""
    bound = makespan_bound(pair.instance, pair.target, Estimates(pair.instance))
    begin = time.process_time()
    moved = len(pair.target.moved_from(pair.instance.current))
    try:
        made = plan(pair.instance, pair.target, fast=fast)
    except PlanError as error:
        return f"| {pair.name} | {moved} | none: {str(error)[:60]} | {bound.value_s} | {bound.rests_on} | | | | |"
    seconds = time.process_time() - begin
    parked = sum(m.parking for m in made.migrations)
    ratio = made.makespan_s / bound.value_s
    # The bound without detours says nothing of a plan that makes some.
    direct = "" if parked else f"{made.makespan_s / bound.direct_s:.3f}"
    return (
        f"| {pair.name} | {moved} | {made.makespan_s} | {bound.value_s} | {bound.rests_on} | {ratio:.3f} "
        f"| {direct} | {seconds:.1f} | {parked} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedules", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[100, 1_000], help="numbers of VMs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="list schedules as they are")
    chosen = parser.parse_args()
    small = Draw(100, 0)
    plan(
        small.instance(10, small.spread()), cs.Placement(host_of=small.spread())
    )  # compile before any clock
    print(
        "| plan | moves | makespan s | bound s | it rests on | ratio | to the bound without detours | CPU s "
        "| detours |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for vms in chosen.sizes:
        for build in pairs(vms, chosen.seed):
            print(row(build(), fast=chosen.fast), flush=True)


if __name__ == "__main__":
    main()
