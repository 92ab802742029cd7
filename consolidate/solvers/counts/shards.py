"""Counts for many hosts: a few hosts at a time, with the VMs that a relaxation deals out to them.

The hosts of the type counts are dealt into shards that are alike. A linear program over shards and kinds says
which VMs each shard takes in; each shard is then packed on its own. What does not fit goes on to the next
shard, and what is left at the end gets hosts of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.bounds.aggregate import Aggregate
from consolidate.solvers.bounds.mip import Mip, Solution
from consolidate.solvers.counts.model import HostCounts

__all__ = ["pack_in_shards"]

#: Hosts that are packed at a time.
_HOSTS = 20
_EXTRA_HOSTS = (1, 2, 4, 8, 16)


def pack_in_shards(
    aggregate: Aggregate,
    on: NDArray[np.int64],
    others: NDArray[np.int64],
    solve: Callable[[HostCounts], Solution],
) -> NDArray[np.int64] | None:
    """Return VMs per usable host and class, or ``None`` when somebody found no room.

    Parameters
    ----------
    aggregate
        Classes and kinds.
    on
        Hosts to pack, as positions among the usable ones.
    others
        Hosts for what is left over, best first.
    solve
        Solves one shard.
    """
    a = aggregate
    by_kind = on[np.argsort(a.kind[on], kind="stable")]
    n_shards = max(1, len(on) // _HOSTS)
    shards = [by_kind[i::n_shards] for i in range(n_shards)]
    dealt = _deal(a, shards)
    if dealt is None:
        return None
    counts = np.zeros(a.residents.shape, dtype=np.int64)
    left = np.zeros(len(a.count), dtype=np.int64)
    left_mj = _leaving_mj(a)
    for hosts, count in zip(shards, dealt, strict=True):
        program = HostCounts(a, hosts, kept=hosts, count=count + left, left_mj=left_mj)
        found = program.counts(solve(program))
        if found is None:
            return None
        counts += found
        left = left + count - found.sum(axis=0)
    return _with_left_over(a, counts, left, others, solve)


def _with_left_over(
    a: Aggregate,
    counts: NDArray[np.int64],
    left: NDArray[np.int64],
    others: NDArray[np.int64],
    solve: Callable[[HostCounts], Solution],
) -> NDArray[np.int64] | None:
    """Give what is left hosts of its own."""
    for extra in _EXTRA_HOSTS:
        if not left.any():
            return counts
        hosts = np.sort(others[:extra])
        program = HostCounts(a, hosts, kept=hosts[:0], count=left)
        found = program.counts(solve(program))
        if found is not None:
            return counts + found
    return None


def _leaving_mj(a: Aggregate) -> NDArray[np.float64]:
    """Return a price of leaving a VM out: twice its part of the dearest host."""
    dearest = max(energies[-1] for _, energies in a.curves)
    part = (a.need / np.maximum(a.capacity, 1)[:, np.newaxis]).max(axis=2).max(axis=0)
    price: NDArray[np.float64] = 2.0 * dearest * part
    return price


def _deal(a: Aggregate, shards: list[NDArray[np.int64]]) -> list[NDArray[np.int64]] | None:
    """Return how many VMs of each class each shard takes: its residents, and its part of the others."""
    stay = np.array([a.residents[hosts].sum(axis=0) for hosts in shards])
    coming = a.count - stay.sum(axis=0)
    program = Mip()
    parts: dict[tuple[int, int], list[int]] = {}
    over = program.column(1e6, math.inf)
    for s, hosts in enumerate(shards):
        for k in np.unique(a.kind[hosts]).tolist():
            mine = hosts[a.kind[hosts] == k]
            room = a.capacity[k] * len(mine) - np.einsum("hf,fr->r", a.residents[mine], a.need[k])
            loads, energies = a.curves[k]
            slope = (energies[-1] - energies[0]) / max(1, loads[-1]) / max(energies[-1], 1.0)
            columns = {}
            for f in np.flatnonzero(a.allowed[k] & (coming > 0)).tolist():
                columns[f] = program.column(slope * float(a.load[k, f]), float(coming[f]))
                parts.setdefault((s, f), []).append(columns[f])
            for r, offered in enumerate(a.capacity[k].tolist()):
                terms = [(x, a.need[k, f, r] / max(1, offered)) for f, x in columns.items()]
                program.row([*terms, (over, -1.0)], upper=room[r] / max(1, offered))
    for f, n in enumerate(coming.tolist()):
        terms = [(x, 1.0) for s in range(len(shards)) for x in parts.get((s, f), [])]
        if n:
            program.row(terms, lower=n, upper=n)
    solved = program.solve_relaxed()
    if solved.values is None:
        return None
    taken = np.zeros(stay.shape)
    for (s, f), columns_of in parts.items():
        taken[s, f] = solved.values[columns_of].sum()
    # Rounding running totals keeps every total exact.
    whole = np.diff(np.round(np.cumsum(taken, axis=0)), axis=0, prepend=0.0).astype(np.int64)
    whole[-1] += coming - whole.sum(axis=0)
    return list(stay + whole)
