"""Problem and state of a machine reassignment as bare arrays, made for cheap changes.

Load, balance and capacity have one shape: a weight times what a sum over processes exceeds. So each becomes a
*column* with the weight folded in: what a machine costs is ``sum over columns of max(0, row)``, and a process
adds its ``take`` to the row. A capacity is a column whose weight is the present price of what does not fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate.inventory.roadef import MachineReassignment

__all__ = ["Model", "State", "build_model", "build_state", "reprice", "total_breaches", "total_cost"]

Ints = NDArray[np.int64]
Counts = NDArray[np.int32]
#: Far below every sum, so that a column without a cost never costs.
NEVER = -(2**60)
#: Rows are as long as a multiple of this, for vector instructions.
LANES = 8


class Model(NamedTuple):
    """What does not change at one price; costs are weighted already."""

    take: Ints  # (2 * processes, width) added to a row by a process away from home (even) and at home (odd)
    empty: Ints  # (machines, width) with nothing but the transient resources of its first processes
    n_costs: int  # columns of load and balance; those after them are capacities
    service: Counts  # (processes,)
    home: Counts  # (processes,)
    leave: Ints  # (processes,) cost of a process away from home
    travel: Ints  # (machines, machines)
    neighbourhood: Counts  # (machines,)
    location: Counts  # (machines,)
    spread: Counts  # (services,)
    needs_start: Counts  # (services + 1,) compressed rows of `needs`
    needs: Counts  # services that a service depends on
    needed_start: Counts
    needed: Counts  # services that depend on a service
    members_start: Counts
    members: Counts  # processes of a service
    fits: NDArray[
        np.bool_
    ]  # (processes, machines) beside what a machine's first processes hold for ever
    targets_start: Counts  # (processes + 1,) compressed rows of `targets`
    targets: Counts  # machines that a process fits on
    by_size: Counts  # (processes,) in order of size
    rank: Counts  # (processes,) place in that order
    service_weight: int


class State(NamedTuple):
    """What a change of machine updates."""

    at: Counts  # (processes,)
    row: Ints  # (machines, width)
    worth: Ints  # (machines,) load, balance and priced excess
    excess: Ints  # (machines,) what is held above the capacities, priced
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


def build_model(problem: MachineReassignment) -> Model:
    """Return the arrays of a problem; what does not fit costs 1 a unit until :func:`reprice` is called."""
    take, empty, n_costs = _columns(problem)
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
    fits = _fits(problem)
    targets_start = np.concatenate([[0], np.cumsum(fits.sum(axis=1))]).astype(np.int32)
    by_size = np.argsort(problem.requirements @ problem.load_weights, kind="stable")
    return Model(
        take=take,
        empty=empty,
        n_costs=n_costs,
        service=problem.services.astype(np.int32),
        home=problem.assignment.astype(np.int32),
        leave=problem.process_weight * problem.process_move_costs,
        travel=problem.machine_weight * problem.machine_move_costs,
        neighbourhood=np.unique(problem.neighbourhoods, return_inverse=True)[1].astype(np.int32),
        location=np.unique(problem.locations, return_inverse=True)[1].astype(np.int32),
        spread=problem.spreads.astype(np.int32),
        needs_start=needs_start,
        needs=needs_flat,
        needed_start=needed_start,
        needed=needed_flat,
        members_start=members_start,
        members=members_flat,
        targets_start=targets_start,
        targets=np.nonzero(fits)[1].astype(np.int32),
        fits=fits,
        by_size=by_size.astype(np.int32),
        rank=np.argsort(by_size, kind="stable").astype(np.int32),
        service_weight=problem.service_weight,
    )


def _rows(lists: list[list[int]]) -> tuple[Counts, Counts]:
    start = np.zeros(len(lists) + 1, dtype=np.int32)
    start[1:] = np.cumsum([len(row) for row in lists])
    return start, np.array([x for row in lists for x in row], dtype=np.int32)


def _columns(problem: MachineReassignment) -> tuple[Ints, Ints, int]:
    """Return takes, empty rows and the number of cost columns."""
    need, capacity = problem.requirements, problem.capacities
    weighted = problem.load_weights > 0
    costs = [need[:, weighted] * problem.load_weights[weighted]]
    limits = [-(problem.safety_capacities * problem.load_weights)[:, weighted]]
    for r1, r2, target, weight in problem.balances.tolist():
        costs.append(-weight * (target * need[:, r1] - need[:, r2])[:, None])
        limits.append(weight * (target * capacity[:, r1] - capacity[:, r2])[:, None])
    kept = np.zeros_like(capacity)
    np.add.at(kept, problem.assignment, need * problem.transient)
    cost, n_costs = np.concatenate(costs, axis=1), sum(c.shape[1] for c in costs)
    n, m, r = len(need), len(capacity), need.shape[1]
    width = -(-(n_costs + r) // LANES) * LANES
    take = np.zeros((n, 2, width), dtype=np.int64)
    take[:, :, :n_costs] = cost[:, None]
    take[:, 0, n_costs : n_costs + r] = need
    take[:, 1, n_costs : n_costs + r] = need * ~problem.transient
    empty = np.full((m, width), NEVER, dtype=np.int64)
    empty[:, :n_costs] = np.concatenate(limits, axis=1)
    empty[:, n_costs : n_costs + r] = kept - capacity
    return take.reshape(2 * n, width), empty, n_costs


def _fits(problem: MachineReassignment) -> NDArray[np.bool_]:
    """Return on which machines each process may ever be, its first one included."""
    need, room = problem.requirements, problem.capacities.copy()
    np.subtract.at(room, problem.assignment, problem.requirements * problem.transient)
    fits = np.ones((len(need), len(room)), dtype=np.bool_)
    for r in range(need.shape[1]):
        fits &= need[:, r, None] <= room[:, r]
    fits[np.arange(len(need)), problem.assignment] = True
    return fits


def build_state(model: Model, assignment: Ints | Counts) -> State:
    """Return the state of an assignment."""
    at = np.array(assignment, dtype=np.int32)
    n, m, s = len(at), len(model.empty), len(model.spread)
    row = model.empty.copy()
    np.add.at(row, at, model.take[2 * np.arange(n) + (at == model.home)])
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
        row=row,
        worth=np.maximum(row, 0).sum(axis=1),
        excess=np.maximum(row[:, model.n_costs :], 0).sum(axis=1),
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


def reprice(model: Model, state: State, old: Ints, new: Ints) -> None:
    """Change the price of what does not fit, by capacity, in the arrays of model and state."""
    columns = slice(model.n_costs, model.n_costs + len(new))
    for array in (model.take, model.empty, state.row):
        # Every entry is a multiple of its price.
        array[:, columns] = array[:, columns] // old * new
    state.worth[:] = np.maximum(state.row, 0).sum(axis=1)
    state.excess[:] = np.maximum(state.row[:, columns], 0).sum(axis=1)


def total_cost(model: Model, state: State) -> int:
    """Return the whole cost of a state, without what is priced."""
    left = np.flatnonzero(state.at != model.home)
    moves = model.leave[left].sum() + model.travel[model.home[left], state.at[left]].sum()
    load = np.maximum(state.row[:, : model.n_costs], 0).sum()
    return int(load + moves + model.service_weight * state.most_away[0])


def total_breaches(model: Model, state: State) -> int:
    """Return how many locations and dependencies are missing, counted plainly."""
    used = np.diff(model.members_start) > 0
    missing = int(np.maximum(model.spread - state.n_locations, 0)[used].sum())
    for s in range(len(model.spread)):
        for d in model.needs[model.needs_start[s] : model.needs_start[s + 1]]:
            missing += int(((state.in_neighbourhood[s] > 0) & (state.in_neighbourhood[d] == 0)).sum())
    return missing
