"""Bin-centric packing: host after host takes the VM best aligned with the room that is left.

VMs are looked at by cells of like size and direction, so that a step costs cells, not VMs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, Problem, State, occupy, rules_allow

__all__ = ["Cells", "pack_by_host"]

#: So many members of a cell are tried before the cell is passed over.
_TRIES = 8


class Cells(NamedTuple):
    """VMs that wait, by cell, largest first: ``members[first[c]:last[c]]``; they change as VMs leave."""

    members: NDArray[np.int64]  # (waiting,)
    need: NDArray[np.int64]  # (waiting, r), side by side: looking it up by VM would miss the cache
    first: NDArray[np.int64]  # (cells,)
    last: NDArray[np.int64]  # (cells,)


@kernel
def pack_by_host(
    p: Problem,
    s: State,
    c: Cells,
    hosts: NDArray[np.int64],
    plan: NDArray[np.float64],
    room: NDArray[np.float64],
    power: float,
    size_bonus: float,
) -> int:
    """Fill the hosts in turn; return how many VMs were placed.

    Resources are weighted by how scarce they are: what the hosts are still to take, of the room that is
    left on them. As that changes from host to host, whatever was passed over too long is asked for again.

    Parameters
    ----------
    c
        The VMs that wait.
    hosts
        Hosts to fill, in this order.
    plan, room
        What these hosts and those after them are still to take, and their room, shape ``(r,)``; changed,
        so that others may follow in another call.
    power
        Exponent of the scarcity.
    size_bonus
        How much a VM's share of the room counts beside the cosine.
    """
    weight = np.empty(p.need.shape[1])
    n_cells = len(c.first)
    scratch = (
        np.empty(n_cells, dtype=np.int64),
        np.empty(n_cells, dtype=np.int64),
        np.empty((n_cells, len(weight))),
        np.empty(n_cells),
    )
    placed = 0
    for h in hosts:
        for r in range(len(weight)):
            left = max(room[r], 1.0)
            weight[r] = (max(plan[r], 1.0) / left) ** power / left
            room[r] -= s.room[h, r]
        placed += _fill_one(p, s, c, h, weight, size_bonus, plan, scratch)
    return placed


@inner
def _fill_one(p, s, c, h, weight, size_bonus, plan, scratch):
    """Fill one host; return how many VMs joined."""
    cells, at, direction, norm = scratch
    n_open = 0
    for cell in range(len(c.first)):
        if _look(p, s, c, h, weight, cell, c.first[cell], scratch):
            cells[n_open] = cell
            n_open += 1
    placed = 0
    room = np.empty(len(weight))
    while n_open > 0:
        for r in range(len(weight)):
            room[r] = weight[r] * s.room[h, r]
        best, best_score = -1, -1.0
        x = 0
        while x < n_open:
            cell = cells[x]
            if not _has_room(p, s, c, at[cell], h) and not _look(
                p, s, c, h, weight, cell, at[cell] + 1, scratch
            ):
                n_open -= 1
                cells[x] = cells[n_open]
                continue
            score = size_bonus * norm[cell]
            for r in range(len(weight)):
                score += direction[cell, r] * room[r]
            if score > best_score:
                best, best_score = x, score
            x += 1
        if best < 0:
            break
        cell = cells[best]
        i = at[cell]
        if rules_allow(p, s, c.members[i], h):
            _take(p, s, c, h, cell, i, plan)
            placed += 1
        if not _look(p, s, c, h, weight, cell, i + 1, scratch):
            n_open -= 1
            cells[best] = cells[n_open]
    return placed


@inner
def _has_room(p: Problem, s: State, c: Cells, i: Any, h: Any) -> bool:
    for r in range(p.need.shape[1]):  # noqa: SIM110 - loops compile to less than generators
        if c.need[i, r] + p.overhead[h, r] > s.room[h, r]:
            return False
    return True


@inner
def _look(p, s, c, h, weight, cell, start, scratch):
    """Find the next VM of a cell that has room on the host, and its direction; say whether there is one."""
    _, at, direction, norm = scratch
    i, end = start, min(c.last[cell], c.first[cell] + _TRIES)
    while i < end and not _has_room(p, s, c, i, h):
        i += 1
    if i >= end:
        return False
    at[cell] = i
    length = 1e-30
    for r in range(len(weight)):
        direction[cell, r] = weight[r] * c.need[i, r]
        length += direction[cell, r] ** 2
    norm[cell] = np.sqrt(length)
    for r in range(len(weight)):
        direction[cell, r] /= norm[cell]
    return True


@inner
def _take(p, s, c, h, cell, i, plan):
    """Put the VM at position ``i`` on the host; closing the gap from the front keeps the order by size."""
    v = c.members[i]
    for x in range(i, c.first[cell], -1):
        c.members[x] = c.members[x - 1]
        c.need[x] = c.need[x - 1]
    c.first[cell] += 1
    occupy(p, s, v, h, IN)
    for r in range(len(plan)):
        plan[r] -= p.need[v, r]
