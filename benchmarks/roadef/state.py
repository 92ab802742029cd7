"""Problem and state of a machine reassignment as bare arrays, made for cheap changes.

Load and balance costs have one shape: a weight times what a sum over processes exceeds. So each becomes a
*column* with the weight folded in: ``cost of a machine = sum over columns of max(0, over)``, and a process
adds its ``take`` to ``over``. What is held of a capacity has columns of its own, since a process that left
its first machine still holds transient resources there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Model", "State", "build_model", "build_state", "total_breaches", "total_cost"]

Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
#: Far below every sum, so that a resource without a load cost never costs.
NEVER = -(2**60)


class Model(NamedTuple):
    """What does not change; costs are weighted already."""

    take: Ints  # (processes, columns) added to `over` of the machine
    hold: Ints  # (2, processes, r) added to `full`: away from home, and at home (transient resources: 0)
    over: Ints  # (machines, columns) of an empty machine
    full: Ints  # (machines, r) of a machine with nothing but what its first processes hold for ever
    service: Ints  # (processes,)
    home: Ints  # (processes,)
    leave: Ints  # (processes,) cost of a process away from home
    travel: Ints  # (machines, machines)
    neighbourhood: Ints  # (machines,)
    location: Ints  # (machines,)
    spread: Ints  # (services,)
    needs_start: Ints  # (services + 1,) compressed rows of `needs`
    needs: Ints  # services that a service depends on
    needed_start: Ints
    needed: Ints  # services that depend on a service
    members_start: Ints
    members: Ints  # processes of a service
    service_weight: int


class State(NamedTuple):
    """What a change of machine updates."""

    at: Ints  # (processes,)
    over: Ints  # (machines, columns)
    full: Ints  # (machines, r) what is held minus the capacity
    cost: Ints  # (machines,) load and balance
    excess: Ints  # (machines,) what is held above the capacity
    here: NDArray[np.bool_]  # (services, machines)
    in_location: Counts  # (services, locations)
    n_locations: Counts  # (services,)
    in_neighbourhood: Counts  # (services, neighbourhoods)
    away: Counts  # (services,) processes that are not at home
    n_away: Counts  # (largest service + 2,) services by `away`
    most_away: Counts  # (1,)
    roster: Counts  # (machines, processes) the processes on each machine, in any order
    n_on: Counts  # (machines,) how many entries of a roster count
    slot: Counts  # (processes,) place in the roster


def _rows(lists: list[list[int]]) -> tuple[Ints, Ints]:
    start = np.zeros(len(lists) + 1, dtype=np.int64)
    start[1:] = np.cumsum([len(row) for row in lists])
    return start, np.array([x for row in lists for x in row], dtype=np.int64)


def build_model(problem: MachineReassignment) -> Model:
    """Return the arrays of a problem."""
    weight = problem.load_weights
    scale = np.maximum(weight, 1)
    need, capacity = problem.requirements * scale, problem.capacities * scale
    over = np.where(weight > 0, -problem.safety_capacities * weight, NEVER)
    take = [need]
    for r1, r2, target, price in problem.balances.tolist():
        free = problem.capacities
        over = np.column_stack([over, price * (target * free[:, r1] - free[:, r2])])
        taken = problem.requirements
        take.append(-price * (target * taken[:, r1] - taken[:, r2])[:, None])
    full = -capacity
    np.add.at(full, problem.assignment, need * problem.transient)
    # A service that depends on itself always has itself.
    needs = [sorted({d for d in row if d != s}) for s, row in enumerate(problem.dependencies)]
    needed: list[list[int]] = [[] for _ in needs]
    for s, row in enumerate(needs):
        for d in row:
            needed[d].append(s)
    members: list[list[int]] = [[] for _ in needs]
    for p, s in enumerate(problem.services.tolist()):
        members[s].append(p)
    needs_start, needs_flat = _rows(needs)
    needed_start, needed_flat = _rows(needed)
    members_start, members_flat = _rows(members)
    return Model(
        take=np.ascontiguousarray(np.concatenate(take, axis=1)),
        hold=np.array([need, need * ~problem.transient]),
        over=np.ascontiguousarray(over),
        full=full,
        service=problem.services.copy(),
        home=problem.assignment.copy(),
        leave=problem.process_weight * problem.process_move_costs,
        travel=problem.machine_weight * problem.machine_move_costs,
        neighbourhood=np.unique(problem.neighbourhoods, return_inverse=True)[1].astype(np.int64),
        location=np.unique(problem.locations, return_inverse=True)[1].astype(np.int64),
        spread=problem.spreads.copy(),
        needs_start=needs_start,
        needs=needs_flat,
        needed_start=needed_start,
        needed=needed_flat,
        members_start=members_start,
        members=members_flat,
        service_weight=problem.service_weight,
    )


def build_state(model: Model, assignment: Ints) -> State:
    """Return the state of an assignment."""
    at = np.array(assignment, dtype=np.int64)
    n, m, s = len(at), len(model.over), len(model.spread)
    over, full = model.over.copy(), model.full.copy()
    np.add.at(over, at, model.take)
    np.add.at(full, at, model.hold[(at == model.home).astype(np.int64), np.arange(n)])
    here = np.zeros((s, m), dtype=np.bool_)
    here[model.service, at] = True
    in_location = np.zeros((s, int(model.location.max()) + 1), dtype=np.int32)
    np.add.at(in_location, (model.service, model.location[at]), 1)
    in_neighbourhood = np.zeros((s, int(model.neighbourhood.max()) + 1), dtype=np.int32)
    np.add.at(in_neighbourhood, (model.service, model.neighbourhood[at]), 1)
    away = np.bincount(model.service[at != model.home], minlength=s).astype(np.int32)
    size = int(np.bincount(model.service).max())
    # Most of the roster is never touched, so it takes no memory.
    roster, slot = np.empty((m, n), dtype=np.int32), np.empty(n, dtype=np.int32)
    for k in range(m):
        on = np.flatnonzero(at == k)
        roster[k, : len(on)] = on
        slot[on] = np.arange(len(on))
    return State(
        at=at,
        over=over,
        full=full,
        cost=np.maximum(over, 0).sum(axis=1),
        excess=np.maximum(full, 0).sum(axis=1),
        here=here,
        in_location=in_location,
        n_locations=(in_location > 0).sum(axis=1).astype(np.int32),
        in_neighbourhood=in_neighbourhood,
        away=away,
        n_away=np.bincount(away, minlength=size + 2).astype(np.int32),
        most_away=np.array([away.max()], dtype=np.int32),
        roster=roster,
        n_on=np.bincount(at, minlength=m).astype(np.int32),
        slot=slot,
    )


def total_cost(model: Model, state: State) -> int:
    """Return the whole cost of a state."""
    left = np.flatnonzero(state.at != model.home)
    moves = model.leave[left].sum() + model.travel[model.home[left], state.at[left]].sum()
    return int(state.cost.sum() + moves + model.service_weight * state.most_away[0])


def total_breaches(model: Model, state: State) -> int:
    """Return how many locations and dependencies are missing, counted plainly."""
    used = np.diff(model.members_start) > 0
    missing = int(np.maximum(model.spread - state.n_locations, 0)[used].sum())
    for s in range(len(model.spread)):
        for d in model.needs[model.needs_start[s] : model.needs_start[s + 1]]:
            missing += int(((state.in_neighbourhood[s] > 0) & (state.in_neighbourhood[d] == 0)).sum())
    return missing
