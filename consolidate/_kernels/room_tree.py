"""A tournament over hosts: the first that has room is found without looking at all of them.

Each node knows the most room of any host below it, resource by resource. Where most hosts are full in one
resource or the other, that alone says little: hosts full of this and hosts full of that make a node look
roomy. So a node also knows the largest *least share*, the room of a host in its scarcest resource.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner
from consolidate._kernels.problem import Problem

__all__ = [
    "EVERYWHERE",
    "FIRST",
    "RoomTree",
    "empty_tree",
    "lift",
    "next_with_room",
    "offer",
    "shares",
    "withdraw",
]


#: Places; of a fixed width, as every width of an argument is compiled apart.
FIRST, EVERYWHERE = np.int64(0), np.int64(-1)


class RoomTree(NamedTuple):
    """Leaves are places 0, 1, ...; leaf ``i`` is node ``size + i``, node 1 is the root."""

    most: NDArray[np.int64]  # (2 size, r), the largest need that some host below takes; -1 for none
    least: NDArray[np.float64]  # (2 size,), the largest least share of a host below; -1 for none
    weight: NDArray[np.float64]  # (r,), makes shares of amounts


@inner
def shares(room: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return per resource what makes an amount a share of the roomiest host, shape ``(r,)``."""
    weight = np.ones(room.shape[1])
    for r in range(room.shape[1]):
        most = np.int64(1)
        for h in range(room.shape[0]):
            most = max(most, room[h, r])
        weight[r] = 1.0 / most
    return weight


@inner
def empty_tree(places: int, weight: NDArray[np.float64]) -> RoomTree:
    """Return a tree of so many places, no host at any of them."""
    size = 1
    while size < places:
        size *= 2
    most = np.full((2 * size, len(weight)), -1, dtype=np.int64)
    return RoomTree(most, np.full(2 * size, -1.0), weight)


@inner
def offer(p: Problem, room: NDArray[np.int64], tree: RoomTree, place: Any, h: Any) -> None:
    """Let host ``h`` count at a place, beside what counts there already; :func:`lift` has to follow."""
    i = len(tree.least) // 2 + place
    least = np.inf
    for r in range(len(tree.weight)):
        free = room[h, r] - p.overhead[h, r]
        tree.most[i, r] = max(tree.most[i, r], free)
        least = min(least, tree.weight[r] * free)
    tree.least[i] = max(tree.least[i], least)


@inner
def withdraw(tree: RoomTree, place: Any) -> None:
    """Let nothing count at a place; :func:`lift` has to follow."""
    i = len(tree.least) // 2 + place
    tree.most[i] = -1
    tree.least[i] = -1.0


@inner
def _join(tree: RoomTree, i: Any) -> Any:
    """Bring a node up to date with its children; say whether anything changed."""
    a, b = 2 * i, 2 * i + 1
    least = max(tree.least[a], tree.least[b])
    changed = least != tree.least[i]
    tree.least[i] = least
    for r in range(len(tree.weight)):
        most = max(tree.most[a, r], tree.most[b, r])
        changed |= most != tree.most[i, r]
        tree.most[i, r] = most
    return changed


@inner
def lift(tree: RoomTree, place: Any) -> None:
    """Bring the nodes above a place up to date; a negative place stands for all of them."""
    size = len(tree.least) // 2
    if place < 0:
        for i in range(size - 1, 0, -1):
            _join(tree, i)
        return
    i = (size + place) // 2
    while i > 0 and _join(tree, i):
        i //= 2


@inner
def next_with_room(p: Problem, tree: RoomTree, v: Any, place: Any) -> Any:
    """Return the first place from ``place`` on that looks roomy enough for VM ``v``, or -1.

    A place with one host takes the VM as far as room goes; where several count, one of them may.
    """
    size = len(tree.least) // 2
    if place >= size:
        return -1
    least = np.inf
    for r in range(len(tree.weight)):
        least = min(least, tree.weight[r] * p.need[v, r])
    i = size + place
    while i % 2 == 0:
        i //= 2
    while True:
        roomy = tree.least[i] >= least
        for r in range(len(tree.weight)):
            if p.need[v, r] > tree.most[i, r]:
                roomy = False
                break
        if roomy:
            if i >= size:
                return i - size
            i *= 2
            continue
        while i % 2 == 1:
            i //= 2
        if i == 0:
            return -1
        i += 1
