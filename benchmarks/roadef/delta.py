"""What one change of machine does to the cost and to what is broken."""

from __future__ import annotations

import numpy as np

from benchmarks.roadef.bare import bare

__all__ = [
    "breaches_change",
    "count",
    "exchanged",
    "excess_of",
    "joined",
    "left",
    "move",
    "move_change",
    "service_cost_change",
]


@bare
def joined(row, m, take, t):
    """Return the worth of machine ``m`` if take ``t`` comes."""
    worth = np.int64(0)
    for k in range(row.shape[1]):
        worth += max(row[m, k] + take[t, k], 0)
    return worth


@bare
def left(row, m, take, t):
    """Return the worth of machine ``m`` if take ``t`` goes."""
    worth = np.int64(0)
    for k in range(row.shape[1]):
        worth += max(row[m, k] - take[t, k], 0)
    return worth


@bare
def exchanged(row, m, take, out, into):
    """Return the worth of machine ``m`` if take ``out`` goes and ``into`` comes."""
    worth = np.int64(0)
    for k in range(row.shape[1]):
        worth += max(row[m, k] - take[out, k] + take[into, k], 0)
    return worth


@bare
def excess_of(row, m, n_costs):
    """Return what machine ``m`` holds above its capacities, priced."""
    excess = np.int64(0)
    for k in range(n_costs, row.shape[1]):
        excess += max(row[m, k], 0)
    return excess


@bare
def move_change(model, p, a, b):
    """Return how much more process and machine moves cost with ``p`` on ``b`` instead of ``a``."""
    h = model.home[p]
    there = np.int64(0) if b == h else model.leave[p] + model.travel[h, b]
    return there - (np.int64(0) if a == h else model.leave[p] + model.travel[h, a])


@bare
def breaches_change(model, state, s, a, b):
    """Return how many more locations and dependencies are missing if a process of ``s`` goes from ``a`` to ``b``."""
    change = 0
    here, there = model.location[a], model.location[b]
    if here != there and model.spread[s] > 1:
        n = state.n_locations[s]
        after = n
        if state.in_location[s, here] == 1:
            after -= 1
        if state.in_location[s, there] == 0:
            after += 1
        change += max(model.spread[s] - after, 0) - max(model.spread[s] - n, 0)
    here, there = model.neighbourhood[a], model.neighbourhood[b]
    if here == there:
        return change
    if state.in_neighbourhood[s, here] == 1:
        for k in range(model.needs_start[s], model.needs_start[s + 1]):
            if state.in_neighbourhood[model.needs[k], here] == 0:
                change -= 1
        for k in range(model.needed_start[s], model.needed_start[s + 1]):
            if state.in_neighbourhood[model.needed[k], here] > 0:
                change += 1
    if state.in_neighbourhood[s, there] == 0:
        for k in range(model.needs_start[s], model.needs_start[s + 1]):
            if state.in_neighbourhood[model.needs[k], there] == 0:
                change += 1
        for k in range(model.needed_start[s], model.needed_start[s + 1]):
            if state.in_neighbourhood[model.needed[k], there] > 0:
                change -= 1
    return change


@bare
def count(model, state, s, a, b):
    """Count a process of service ``s`` at ``b`` and no longer at ``a``."""
    here, there = model.location[a], model.location[b]
    state.in_location[s, here] -= 1
    if state.in_location[s, here] == 0:
        state.n_locations[s] -= 1
    state.in_location[s, there] += 1
    if state.in_location[s, there] == 1:
        state.n_locations[s] += 1
    state.in_neighbourhood[s, model.neighbourhood[a]] -= 1
    state.in_neighbourhood[s, model.neighbourhood[b]] += 1


@bare
def service_cost_change(model, state, s, change):
    """Return by how much the service move cost changes if ``change`` more processes of ``s`` are away."""
    if change == 0:
        return np.int64(0)
    now, most = state.away[s], state.most_away[0]
    if change > 0:
        return np.int64(max(now + change - most, 0) * model.service_weight)
    if now < most or state.n_away[most] > 1:
        return np.int64(0)
    # One process at a time: the next lower count is the service's own new one.
    return np.int64(-model.service_weight)


@bare
def move(model, state, p, b):
    """Put process ``p`` on machine ``b``; the caller sets worth and excess of both machines and counts the service."""
    a, s, home = state.at[p], model.service[p], model.home[p]
    out, into = 2 * p + (a == home), 2 * p + (b == home)
    for k in range(state.row.shape[1]):
        state.row[a, k] -= model.take[out, k]
        state.row[b, k] += model.take[into, k]
    last = state.roster[a, state.n_on[a] - 1]
    state.roster[a, state.slot[p]] = last
    state.slot[last] = state.slot[p]
    state.n_on[a] -= 1
    state.roster[b, state.n_on[b]] = p
    state.slot[p] = state.n_on[b]
    state.n_on[b] += 1
    state.at[p] = b
    state.here[s, a] = False
    state.here[s, b] = True
    change = (1 if b != home else 0) - (1 if a != home else 0)
    if change != 0:
        state.n_away[state.away[s]] -= 1
        state.away[s] += change
        state.n_away[state.away[s]] += 1
        if state.away[s] > state.most_away[0]:
            state.most_away[0] = state.away[s]
        while state.most_away[0] > 0 and state.n_away[state.most_away[0]] == 0:
            state.most_away[0] -= 1
