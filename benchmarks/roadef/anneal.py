"""Simulated annealing over shifts and swaps; capacity, spread and dependencies may be broken at a price.

The constraints leave islands that single moves do not connect: a service that fills all its locations, or
machines too full for any exchange. With prices on what is broken the search walks between them; only
assignments that break nothing count as found. Conflicts stay hard, and no process goes where it can never fit
beside what the machine's first processes hold for ever.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.roadef.delta import (
    breaches_change,
    count,
    exchanged,
    excess_of,
    joined,
    left,
    move,
    move_cost,
    service_cost_change,
)
from consolidate._kernels.annealing import allowed_rise, below
from benchmarks.roadef.bare import bare

__all__ = ["Walk", "anneal"]


class Walk(NamedTuple):
    """Where an annealing is, all in arrays that it changes in place."""

    random: NDArray[np.uint64]  # (1,)
    sums: NDArray[np.int64]  # (4,) cost, excess, breaches, best cost
    best: NDArray[np.int32]  # (processes,)
    seen: NDArray[np.int64]  # (1,) moves made


@bare
def copy(into, what):
    """Copy one array over another."""
    for k in range(what.shape[0]):
        into[k] = what[k]


@bare
def _settle(model, state, sums, a, b, worth_a, worth_b, change):
    """Write down what machines ``a`` and ``b`` are worth after a change, moves cost ``change`` apart from them."""
    state.worth[a], state.worth[b] = worth_a, worth_b
    excess_a = excess_of(state.row, a, model.n_costs)
    excess_b = excess_of(state.row, b, model.n_costs)
    more = excess_a + excess_b - state.excess[a] - state.excess[b]
    state.excess[a], state.excess[b] = excess_a, excess_b
    # The price is in the worth but not in the cost.
    sums[0] += change - more
    sums[1] += more


@bare
def try_shift(model, state, sums, p, b, rise, fine):
    """Move ``p`` to ``b`` if the priced cost rises by at most ``rise``; say whether it did."""
    a, s, home = state.at[p], model.service[p], model.home[p]
    if a == b or state.here[s, b]:
        return False
    worth_b = joined(state.row, b, model.take, 2 * p + (b == home))
    change = worth_b - state.worth[b]
    change += move_cost(model.home, model.leave, model.travel, p, b)
    change -= move_cost(model.home, model.leave, model.travel, p, a)
    # Machine ``a`` cannot become better than free, and nothing mends more than is broken.
    if change - state.worth[a] - fine * sums[2] > rise:
        return False
    worth_a = left(state.row, a, model.take, 2 * p + (a == home))
    change += worth_a - state.worth[a]
    if change - fine * sums[2] > rise:
        return False
    away = (1 if b != home else 0) - (1 if a != home else 0)
    change += service_cost_change(model, state, s, away)
    breaches = breaches_change(model, state, s, a, b)
    if change + fine * breaches > rise:
        return False
    move(model, state, p, b)
    count(model, state, s, a, b)
    _settle(model, state, sums, a, b, worth_a, worth_b, change)
    sums[2] += breaches
    return True


@bare
def try_swap(model, state, sums, p, q, rise, fine):
    """Exchange the machines of ``p`` and ``q``, under the terms of :func:`try_shift`.

    The service move cost, which is small, counts but does not decide.
    """
    a, b, s, t = state.at[p], state.at[q], model.service[p], model.service[q]
    if a == b or (s != t and (state.here[s, b] or state.here[t, a])):
        return False
    if not (model.fits[p, b] and model.fits[q, a]):
        return False
    out_p, into_p = 2 * p + (a == model.home[p]), 2 * p + (b == model.home[p])
    out_q, into_q = 2 * q + (b == model.home[q]), 2 * q + (a == model.home[q])
    worth_b = exchanged(state.row, b, model.take, out_q, into_p)
    change = worth_b - state.worth[b]
    change += move_cost(model.home, model.leave, model.travel, p, b)
    change -= move_cost(model.home, model.leave, model.travel, p, a)
    change += move_cost(model.home, model.leave, model.travel, q, a)
    change -= move_cost(model.home, model.leave, model.travel, q, b)
    if change - state.worth[a] - fine * sums[2] > rise:
        return False
    worth_a = exchanged(state.row, a, model.take, out_p, into_q)
    change += worth_a - state.worth[a]
    if change - fine * sums[2] > rise:
        return False
    breaches = 0
    if s == t:
        if change > rise:
            return False
    else:
        breaches = breaches_change(model, state, s, a, b)
        count(model, state, s, a, b)
        breaches += breaches_change(model, state, t, b, a)
        if change + fine * breaches > rise:
            count(model, state, s, b, a)
            return False
        count(model, state, t, b, a)
    most = state.most_away[0]
    move(model, state, p, b)
    move(model, state, q, a)
    if s == t:
        # The second move cleared the mark that the first one set.
        state.here[s, a] = state.here[s, b] = True
    change += model.service_weight * (state.most_away[0] - most)
    _settle(model, state, sums, a, b, worth_a, worth_b, change)
    sums[2] += breaches
    return True


@bare
def try_chain(model, state, sums, p, q, c, rise, fine):
    """Move ``p`` to the machine of ``q`` and ``q`` on to ``c``, under the terms of :func:`try_swap`."""
    a, b, s, t = state.at[p], state.at[q], model.service[p], model.service[q]
    if a == b or c == a or c == b or s == t or state.here[s, b] or state.here[t, c]:
        return False
    out_q, into_q = 2 * q + (b == model.home[q]), 2 * q + (c == model.home[q])
    out_p, into_p = 2 * p + (a == model.home[p]), 2 * p + (b == model.home[p])
    worth_b = exchanged(state.row, b, model.take, out_q, into_p)
    change = worth_b - state.worth[b]
    change += move_cost(model.home, model.leave, model.travel, p, b)
    change -= move_cost(model.home, model.leave, model.travel, p, a)
    change += move_cost(model.home, model.leave, model.travel, q, c)
    change -= move_cost(model.home, model.leave, model.travel, q, b)
    if change - state.worth[a] - fine * sums[2] > rise:
        return False
    worth_c = joined(state.row, c, model.take, into_q)
    change += worth_c - state.worth[c]
    if change - state.worth[a] - fine * sums[2] > rise:
        return False
    worth_a = left(state.row, a, model.take, out_p)
    change += worth_a - state.worth[a]
    if change - fine * sums[2] > rise:
        return False
    breaches = breaches_change(model, state, s, a, b)
    count(model, state, s, a, b)
    breaches += breaches_change(model, state, t, b, c)
    if change + fine * breaches > rise:
        count(model, state, s, b, a)
        return False
    count(model, state, t, b, c)
    most = state.most_away[0]
    move(model, state, p, b)
    move(model, state, q, c)
    change += model.service_weight * (state.most_away[0] - most)
    _settle(model, state, sums, a, b, worth_a, worth_b, change)
    _settle(model, state, sums, b, c, worth_b, worth_c, 0)
    sums[2] += breaches
    return True


@bare
def anneal(model, state, walk, temperature, fine, steps, mix):
    """Try ``steps`` moves.

    ``fine`` is the price of a missing location or dependency. ``mix`` says how many of 1,000 moves go home,
    are chains, exchanges with any process, with one of about its size and with one of the same service (the
    rest are shifts), and how many, while a machine is too full, start from such a machine.
    """
    n, m = state.at.shape[0], state.worth.shape[0]
    random, sums, seen = walk.random, walk.sums, walk.seen
    fresh = False
    near = max(n // 50, 4)
    for _ in range(steps):
        rise = allowed_rise(random, temperature)
        p, kind = below(random, n), below(random, 1_000)
        if sums[1] > 0 and below(random, 1_000) < mix[5]:
            a = below(random, m)
            while state.excess[a] == 0:
                a = a + 1 if a + 1 < m else 0
            p = np.int64(state.roster[a, below(random, state.n_on[a])])
        q, c = np.int64(-1), np.int64(-1)
        # Half of the chains, and all of the first kind, take the process home.
        home = kind < mix[0] or (kind < mix[0] + mix[1] and kind & 1)
        if home:
            b = np.int64(model.home[p])
        else:
            start = model.targets_start[p]
            b = np.int64(model.targets[start + below(random, model.targets_start[p + 1] - start)])
        if kind < mix[0] + mix[1]:
            if (kind >= mix[0] or kind & 1) and state.n_on[b] > 0:
                q = np.int64(state.roster[b, below(random, state.n_on[b])])
            if kind >= mix[0] and q >= 0:
                c = np.int64(model.home[q])
                if kind & 2:
                    start = model.targets_start[q]
                    c = np.int64(
                        model.targets[start + below(random, model.targets_start[q + 1] - start)]
                    )
        elif kind < mix[0] + mix[1] + mix[2]:
            q = below(random, n)
        elif kind < mix[0] + mix[1] + mix[2] + mix[3]:
            k = model.rank[p] + below(random, 2 * near + 1) - near
            q = np.int64(model.by_size[min(max(k, 0), n - 1)])
        elif kind < mix[0] + mix[1] + mix[2] + mix[3] + mix[4]:
            start = model.members_start[model.service[p]]
            size = model.members_start[model.service[p] + 1] - start
            q = np.int64(model.members[start + below(random, size)])
        a = state.at[p]
        if q >= 0:
            b = np.int64(state.at[q])
        if c >= 0:
            done = try_chain(model, state, sums, p, q, c, rise, fine)
        elif q >= 0:
            done = try_swap(model, state, sums, p, q, rise, fine)
        else:
            done = try_shift(model, state, sums, p, b, rise, fine)
        if done:
            seen[0] += 1
            # A best assignment is copied when it is left, not each time that one is found.
            better = sums[0] < sums[3] and sums[1] == 0 and sums[2] == 0
            if better:
                sums[3] = sums[0]
            elif fresh:
                copy(walk.best, state.at)
                walk.best[p] = a
                if q >= 0:
                    walk.best[q] = b
            fresh = better
    if fresh:
        copy(walk.best, state.at)
