"""Simulated annealing over shifts and swaps; capacity, spread and dependencies may be broken at a price.

The constraints leave islands that single moves do not connect: a service that fills all its locations, or
machines too full for any exchange. With prices on what is broken the search walks between them; only
assignments that break nothing count as found. Conflicts stay hard.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.roadef.delta import (
    breaches_change,
    count,
    exchanged,
    move,
    move_cost,
    received,
    service_cost_change,
)
from consolidate._kernels.annealing import allowed_rise, below
from consolidate._kernels.jit import kernel

__all__ = ["Walk", "anneal"]


class Walk(NamedTuple):
    """Where an annealing is, all in arrays that it changes in place."""

    random: NDArray[np.uint64]  # (1,)
    sums: NDArray[np.int64]  # (4,) cost, excess, breaches, best cost
    best: NDArray[np.int64]  # (processes,)
    seen: NDArray[np.int64]  # (3,) steps without excess, steps without breaches, accepted
    wounds: NDArray[np.int64]  # (n,) processes whose moves broke something, a ring
    n_wounds: NDArray[np.int64]  # (1,)


@kernel
def try_shift(model, state, walk, p, b, rise, price, fine):
    """Move ``p`` to ``b`` if the priced cost rises by at most ``rise``; say whether it did."""
    a, s, home = state.at[p], model.service[p], model.home[p]
    if a == b or state.here[s, b]:
        return False
    breaches = breaches_change(model, state, s, a, b)
    cost_b, excess_b = received(model, state, b, p, 1)
    change = cost_b - state.cost[b] + move_cost(model, p, b) - move_cost(model, p, a)
    priced = change + fine * breaches + price * (excess_b - state.excess[b])
    # Machine ``a`` cannot become better than free.
    if priced - state.cost[a] - price * state.excess[a] > rise:
        return False
    cost_a, excess_a = received(model, state, a, p, -1)
    change += cost_a - state.cost[a]
    away = (1 if b != home else 0) - (1 if a != home else 0)
    change += service_cost_change(model, state, s, away)
    more = excess_a + excess_b - state.excess[a] - state.excess[b]
    if change + fine * breaches + price * more > rise:
        return False
    move(model, state, p, b)
    count(model, state, s, a, b)
    state.cost[a], state.cost[b] = cost_a, cost_b
    state.excess[a], state.excess[b] = excess_a, excess_b
    walk.sums[0] += change
    walk.sums[1] += more
    walk.sums[2] += breaches
    return True


@kernel
def try_swap(model, state, walk, p, q, rise, price, fine):
    """Exchange the machines of ``p`` and ``q``, under the terms of :func:`try_shift`."""
    a, b, s, t = state.at[p], state.at[q], model.service[p], model.service[q]
    if a == b or (s != t and (state.here[s, b] or state.here[t, a])):
        return False
    cost_b, excess_b = exchanged(model, state, b, q, p)
    change = cost_b - state.cost[b]
    change += move_cost(model, p, b) - move_cost(model, p, a)
    change += move_cost(model, q, a) - move_cost(model, q, b)
    breaches = 0
    if s != t:
        breaches = breaches_change(model, state, s, a, b)
        count(model, state, s, a, b)
        breaches += breaches_change(model, state, t, b, a)
        count(model, state, s, b, a)
    priced = change + fine * breaches + price * (excess_b - state.excess[b])
    if priced - state.cost[a] - price * state.excess[a] > rise:
        return False
    cost_a, excess_a = exchanged(model, state, a, p, q)
    change += cost_a - state.cost[a]
    more = excess_a + excess_b - state.excess[a] - state.excess[b]
    if change + fine * breaches + price * more > rise:
        return False
    most = state.most_away[0]
    move(model, state, p, b)
    move(model, state, q, a)
    if s == t:
        # The second move cleared the mark that the first one set.
        state.here[s, a] = state.here[s, b] = True
    else:
        count(model, state, s, a, b)
        count(model, state, t, b, a)
    state.cost[a], state.cost[b] = cost_a, cost_b
    state.excess[a], state.excess[b] = excess_a, excess_b
    walk.sums[0] += change + model.service_weight * (state.most_away[0] - most)
    walk.sums[1] += more
    walk.sums[2] += breaches
    return True


@kernel
def anneal(model, state, walk, temperature, factor, price, fine, steps, mix):
    """Try ``steps`` moves while the temperature falls by ``factor`` a step.

    ``price`` is that of a unit of excess, ``fine`` that of a missing location or dependency. ``mix`` says
    how many of 1,000 moves go home, are exchanges with any process and with one of the same service (the
    rest are shifts), how many start from the costlier of two machines, and how many, while something is
    broken, take a process whose move broke something.
    """
    n, m = state.at.shape[0], state.over.shape[0]
    random, sums, seen = walk.random, walk.sums, walk.seen
    for _ in range(steps):
        rise = allowed_rise(random, temperature)
        temperature *= factor
        p, kind, broken = below(random, n), below(random, 1_000), sums[2]
        if below(random, 1_000) < mix[3]:
            a, b = below(random, m), below(random, m)
            if state.cost[b] + price * state.excess[b] > state.cost[a] + price * state.excess[a]:
                a = b
            if state.n_on[a] > 0:
                p = state.roster[a, below(random, state.n_on[a])]
        if sums[2] > 0 and below(random, 1_000) < mix[4]:
            p = walk.wounds[below(random, walk.wounds.shape[0])]
        if kind < mix[0]:
            # Half of the ways home are free, the other half are another's place.
            b = model.home[p]
            if kind & 1 and state.n_on[b] > 0:
                q = state.roster[b, below(random, state.n_on[b])]
                done = try_swap(model, state, walk, p, q, rise, price, fine)
            else:
                done = try_shift(model, state, walk, p, b, rise, price, fine)
        elif kind < mix[0] + mix[1]:
            done = try_swap(model, state, walk, p, below(random, n), rise, price, fine)
        elif kind < mix[0] + mix[1] + mix[2]:
            start = model.members_start[model.service[p]]
            size = model.members_start[model.service[p] + 1] - start
            q = model.members[start + below(random, size)]
            done = try_swap(model, state, walk, p, q, rise, price, fine)
        else:
            done = try_shift(model, state, walk, p, below(random, m), rise, price, fine)
        seen[0] += sums[1] == 0
        seen[1] += sums[2] == 0
        if done:
            seen[2] += 1
            if sums[2] > broken:
                walk.wounds[walk.n_wounds[0] % walk.wounds.shape[0]] = p
                walk.n_wounds[0] += 1
            if sums[0] < sums[3] and sums[1] == 0 and sums[2] == 0:
                sums[3] = sums[0]
                walk.best[:] = state.at
