"""Fewest moves of a plan, proven by CP-SAT, against the moves of ours, on small tight pairs of placements.

A plan that moves VMs at the same time can also move them one after the other, so the fewest moves are those of
the shortest sequence: for each length the model asks whether there is one, from as many moves as VMs change
hosts upwards. The first length that is not refuted is the optimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from ortools.sat.python import cp_model

import consolidate as cs
from benchmarks.schedules import Draw, Pair
from consolidate.errors import PlanError
from consolidate.planning import plan

#: VMs and seeds of the pairs.
SIZES = (8, 12)
SEEDS = range(1, 7)
#: Detours beyond which nothing is looked for, and effort per length.
MOST_DETOURS = 5
EFFORT = 5.0


#: What a small host offers, and a small VM needs at most: mcores, MiB.
HOST = (16_000, 40 * 1_024)
VM = (8_000, 16 * 1_024)


def small(vms: int, seed: int) -> Pair:
    """Go from one tight packing to another on hosts that hold a few VMs each."""
    draw = Draw(vms, seed)
    draw.need = np.minimum(draw.need, VM)
    draw.capacity = np.tile(np.array(HOST), (len(draw.capacity), 1))
    hosts, one, other = draw.tight(seed)
    return Pair(name="small", instance=draw.instance(hosts, one), target=cs.Placement(host_of=other))


def fewest(instance: cs.Instance, target: cs.Placement) -> int | None:
    """Return the proven fewest moves from the present placement to a target, or ``None`` without proof."""
    moved = len(target.moved_from(instance.current))
    for length in range(moved, moved + MOST_DETOURS + 1):
        status = _sequence(instance, target, length)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return length
        if status != cp_model.INFEASIBLE:
            return None
    return None


def _sequence(instance: cs.Instance, target: cs.Placement, length: int) -> object:
    """Say whether so many moves lead to the target, each with its VM on both hosts."""
    model = cp_model.CpModel()
    n_vms, n_hosts = len(instance.vms), instance.fleet.n_hosts
    vms, hosts = range(n_vms), range(n_hosts)
    at = [{(v, h): model.new_bool_var("") for v in vms for h in hosts} for _ in range(length + 1)]
    for k, where in enumerate(at):
        for v in vms:
            model.add_exactly_one(where[v, h] for h in hosts)
            for end, placement in ((0, instance.current), (length, target)):
                if k == end:
                    model.add(where[v, int(placement.host_of[v])] == 1)
    need = instance.need
    for before, after in pairwise(at):
        comes = {key: model.new_bool_var("") for key in after}
        for key, here in comes.items():
            model.add(here >= after[key] - before[key])
        model.add(sum(comes.values()) <= 1)
        for h in hosts:
            for r in range(need.shape[1]):
                taken = sum(int(need[v, r]) * (before[v, h] + comes[v, h]) for v in vms)
                model.add(taken <= int(instance.capacity[h, r]))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = EFFORT
    return solver.solve(model)


def rows() -> Iterator[str]:
    """Plan each pair, and yield the rows of the table."""
    totals = np.zeros(3, dtype=np.int64)
    for vms in SIZES:
        for seed in SEEDS:
            pair = small(vms, seed)
            moved = len(pair.target.moved_from(pair.instance.current))
            exact = fewest(pair.instance, pair.target)
            try:
                ours: int | None = len(plan(pair.instance, pair.target).migrations)
            except PlanError:
                ours = None
            if exact is not None and ours is not None:
                totals += (moved, exact, ours)
            proven = "none or not proven" if exact is None else str(exact)
            hosts = pair.instance.fleet.n_hosts
            yield f"| {vms} | {hosts} | {seed} | {moved} | {proven} | {'none' if ours is None else ours} |"
    yield f"| all with both | | | {totals[0]} | {totals[1]} | {totals[2]} |"


def main() -> None:
    """Print the table."""
    print("| VMs | hosts | seed | VMs that change hosts | fewest moves, proven | moves of our plan |")
    print("|---|---|---|---|---|---|")
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
