"""The three moves: a shift, an exchange, and a chain of two shifts; each is tried, and made if it is cheap enough."""

from __future__ import annotations

from benchmarks.roadef.bare import bare
from benchmarks.roadef.delta import (
    breaches_change,
    count,
    excess_of,
    exchanged,
    joined,
    left,
    move,
    move_change,
    service_cost_change,
)

__all__ = ["try_chain", "try_shift", "try_swap"]


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
    """Move ``p`` to ``b`` if the priced cost rises by at most ``rise``; say whether it did.

    ``sums`` are those of a :class:`~benchmarks.roadef.anneal.Walk`, ``fine`` is the price of a breach.
    """
    a, s, home = state.at[p], model.service[p], model.home[p]
    if a == b or state.here[s, b]:
        return False
    worth_b = joined(state.row, b, model.take, 2 * p + (b == home))
    change = worth_b - state.worth[b]
    change += move_change(model, p, a, b)
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
    change += move_change(model, p, a, b)
    change += move_change(model, q, b, a)
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
    if a == b or c in (a, b) or s == t or state.here[s, b] or state.here[t, c]:
        return False
    out_q, into_q = 2 * q + (b == model.home[q]), 2 * q + (c == model.home[q])
    out_p, into_p = 2 * p + (a == model.home[p]), 2 * p + (b == model.home[p])
    worth_b = exchanged(state.row, b, model.take, out_q, into_p)
    change = worth_b - state.worth[b]
    change += move_change(model, p, a, b)
    change += move_change(model, q, b, c)
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
