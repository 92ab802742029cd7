"""Room at every moment of a plan, with both ends charged for the whole of a move.

Intervals are half-open: a move that ends at ``t`` frees its source at ``t``, and another that starts at
``t`` may use it. What a host takes only rises when a move towards it starts, so those are the moments to
look at; a host that is too full from the beginning may only lose VMs until it fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import MOVE, RESTORE, SAVE, START, PlanCase
from consolidate.checks.placement import usage
from consolidate.checks.verdict import Violation, each

__all__ = ["concurrency_violations", "room_violations"]


def _moments(
    host: NDArray[np.int64], time_s: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct (host, time) pairs in order, and the pair of each row."""
    span = int(time_s.max(initial=0)) + 1
    keys, row_of = np.unique(host * span + time_s, return_inverse=True)
    return keys // span, keys % span, row_of


def room_violations(case: PlanCase) -> list[Violation]:
    """Return the moments at which a host would be too full."""
    a, placement = case.actions, case.placement
    comes, goes = a.of_kind(MOVE, START, RESTORE), a.of_kind(MOVE, SAVE)
    if not comes.size:
        return []
    # Rows: arrivals at the target when moves and VMs start, then departures from the source when moves end.
    host = np.concatenate([a.target[comes], a.source[goes]])
    time_s = np.concatenate([a.start_s[comes], a.end_s[goes]])
    vm = np.concatenate([a.vm[comes], a.vm[goes]])
    amount = placement.need[vm] + placement.overhead[host]
    arrives = np.arange(host.size) < comes.size
    moment_host, moment_s, row_of = _moments(host, time_s)
    shape = (moment_host.size, len(placement.resources))
    arriving, change = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    np.add.at(arriving, row_of[arrives], amount[arrives])
    np.add.at(change, row_of, np.where(arrives[:, None], amount, -amount))
    used = usage(placement, placement.current)[moment_host]
    for first, stop in _runs(moment_host):
        used[first:stop] += np.cumsum(change[first:stop], axis=0)
    limit = placement.capacity[moment_host]
    found = []
    for r, resource in enumerate(placement.resources):

        def over(m: int, r: int = r, resource: str = resource) -> tuple[str, dict[str, object]]:
            name, when = placement.hosts.name(int(moment_host[m])), int(moment_s[m])
            comers = [placement.vms.name(int(v)) for v in vm[arrives & (row_of == m)]]
            took, most = int(used[m, r]), int(limit[m, r])
            return (
                f"host {name} would hold {took} of {resource} at {when} s, its capacity is {most}, "
                f"when VM {', '.join(comers[:5])} arrives",
                {
                    "host": name,
                    "resource": resource,
                    "used": took,
                    "capacity": most,
                    "time_s": when,
                    "vms": comers,
                },
            )

        full = (arriving[:, r] > 0) & (used[:, r] > limit[:, r])
        found += each("V2.moment", np.flatnonzero(full), over)
    return found


def _runs(host: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the bounds of the stretches of equal hosts."""
    cuts = [0, *(np.flatnonzero(np.diff(host)) + 1).tolist(), host.size]
    yield from pairwise(cuts)


def concurrency_violations(case: PlanCase) -> list[Violation]:
    """Return the moments at which a host takes part in too many moves."""
    a, hosts = case.actions, case.placement.hosts
    found: list[Violation] = []
    for role, moves, at, most in (
        ("target", into := a.of_kind(MOVE, RESTORE), a.target[into], case.limits.moves_in),
        ("source", out := a.of_kind(MOVE, SAVE), a.source[out], case.limits.moves_out),
    ):
        if not moves.size:
            continue
        host = np.concatenate([at, at])
        time_s = np.concatenate([a.start_s[moves], a.end_s[moves]])
        step = np.repeat(np.array([1, -1]), moves.size)
        moment_host, moment_s, row_of = _moments(host, time_s)
        change = np.zeros(moment_host.size, dtype=np.int64)
        np.add.at(change, row_of, step)
        # Every move ends, so a host's changes add up to nothing and one running sum serves all hosts.
        under_way = np.cumsum(change)

        def crowded(
            m: int,
            role: str = role,
            moves: NDArray[np.int64] = moves,
            most: int = most,
            at: NDArray[np.int64] = at,
            moment_host: NDArray[np.int64] = moment_host,
            moment_s: NDArray[np.int64] = moment_s,
            under_way: NDArray[np.int64] = under_way,
        ) -> tuple[str, dict[str, object]]:
            h, when, count = int(moment_host[m]), int(moment_s[m]), int(under_way[m])
            mine = moves[(at == h) & (a.start_s[moves] <= when) & (when < a.end_s[moves])]
            names = [case.placement.vms.name(int(v)) for v in a.vm[mine]]
            return (
                f"host {hosts.name(h)} is the {role} of {count} moves at {when} s "
                f"(VMs {', '.join(names)}); the limit is {most}",
                {
                    "host": hosts.name(h),
                    "role": role,
                    "moves": count,
                    "limit": most,
                    "time_s": when,
                    "vms": names,
                },
            )

        found += each("V6.concurrency", np.flatnonzero(under_way > most), crowded)
    return found
