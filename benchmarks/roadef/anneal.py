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

from benchmarks.roadef.bare import bare
from benchmarks.roadef.moves import try_chain, try_shift, try_swap
from consolidate._kernels.annealing import allowed_rise, below

__all__ = ["Walk", "anneal"]

#: An exchange with a process of about the same size reaches this part of the processes either way.
NEAR = 50


class Walk(NamedTuple):
    """Where an annealing is, all in arrays that it changes in place."""

    random: NDArray[np.uint64]  # (1,)
    sums: NDArray[np.int64]  # (4,) cost, excess, breaches, best cost
    best: NDArray[np.int32]  # (processes,)


@bare
def anneal(model, state, walk, temperature, fine, steps, mix):
    """Try ``steps`` moves.

    ``fine`` is the price of a missing location or dependency. ``mix`` says how many of 1,000 moves go home,
    are chains, exchanges with any process, with one of about its size and with one of the same service (the
    rest are shifts), and how many, while a machine is too full, start from such a machine.
    """
    sums, fresh = walk.sums, False
    for _ in range(steps):
        rise = allowed_rise(walk.random, temperature)
        p, q, b, c = propose(model, state, walk, mix)
        a = state.at[p]
        if c >= 0:
            done = try_chain(model, state, sums, p, q, c, rise, fine)
        elif q >= 0:
            done = try_swap(model, state, sums, p, q, rise, fine)
        else:
            done = try_shift(model, state, sums, p, b, rise, fine)
        if done:
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


@bare
def propose(model, state, walk, mix):
    """Draw a move: process ``p`` to machine ``b``, or to that of ``q``, which takes its place or goes to ``c``.

    Returns ``p, q, b, c``; ``q`` or ``c`` below zero: there is none. With ``q``, ``b`` is where ``q`` is.
    """
    n, random = state.at.shape[0], walk.random
    p, kind = below(random, n), below(random, 1_000)
    if walk.sums[1] > 0 and below(random, 1_000) < mix[5]:
        p = on_full_machine(state, random)
    chains = mix[0] + mix[1]
    swaps = chains + mix[2]
    near_swaps = swaps + mix[3]
    q, c = np.int64(-1), np.int64(-1)
    # Half of the chains, and all of the first kind, take the process home.
    home = kind < mix[0] or (kind < chains and kind & 1)
    b = np.int64(model.home[p]) if home else target(model, random, p)
    if kind < chains:
        # Half of the ways home are free, the other half and those of chains are another's place.
        if (kind >= mix[0] or kind & 1) and state.n_on[b] > 0:
            q = np.int64(state.roster[b, below(random, state.n_on[b])])
        if kind >= mix[0] and q >= 0:
            c = target(model, random, q) if kind & 2 else np.int64(model.home[q])
    elif kind < swaps:
        q = below(random, n)
    elif kind < near_swaps:
        near = max(n // NEAR, 4)
        k = model.rank[p] + below(random, 2 * near + 1) - near
        q = np.int64(model.by_size[min(max(k, 0), n - 1)])
    elif kind < near_swaps + mix[4]:
        start = model.members_start[model.service[p]]
        size = model.members_start[model.service[p] + 1] - start
        q = np.int64(model.members[start + below(random, size)])
    if q >= 0:
        b = np.int64(state.at[q])
    return p, q, b, c


@bare
def on_full_machine(state, random):
    """Return a process on a machine that holds more than it may; there is one."""
    m = state.worth.shape[0]
    a = below(random, m)
    while state.excess[a] == 0:
        a = a + 1 if a + 1 < m else 0
    return np.int64(state.roster[a, below(random, state.n_on[a])])


@bare
def target(model, random, p):
    """Return a machine that ``p`` fits on."""
    start = model.targets_start[p]
    n, m = model.targets_start[p + 1] - start, model.empty.shape[0]
    # Most often all of them: then the list need not be read.
    k = below(random, n)
    return k if n == m else np.int64(model.targets[start + k])


@bare
def copy(into, what):
    """Copy one array over another."""
    for k in range(what.shape[0]):
        into[k] = what[k]
