"""Placing VMs one by one: the constructive kernels that look for a host per VM.

A VM that finds no host stays at -1; each kernel returns how many did. Candidates come from trees over the
room of hosts; whether one may take the VM, rules included, ``fits`` decides, and the search goes on if not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import IN, Problem, State, fits, occupy
from consolidate._kernels.room_tree import (
    EVERYWHERE,
    FIRST,
    RoomTree,
    empty_tree,
    lift,
    next_with_room,
    offer,
    shares,
    withdraw,
)

__all__ = ["best_fit", "first_fit", "on_emptiest"]

#: Steps of the room left, per host.
_STEPS = 4


@kernel
def on_emptiest(p: Problem, s: State, order: NDArray[np.int64]) -> int:
    """Put each VM on the host whose fullest resource is least full; lowest index wins ties."""
    n_hosts, n_resources = s.room.shape
    capacity = s.room.copy()
    fullness = np.zeros(n_hosts)
    failed = 0
    for v in order:
        best: Any = np.int64(-1)
        for h in range(n_hosts):
            if (best < 0 or fullness[h] < fullness[best]) and fits(p, s, v, h):
                best = h
        if best < 0:
            failed += 1
            continue
        occupy(p, s, v, best, IN)
        fullest = 0.0
        for r in range(n_resources):
            if capacity[best, r] > 0:
                fullest = max(fullest, 1.0 - s.room[best, r] / capacity[best, r])
        fullness[best] = fullest
    return failed


@kernel
def first_fit(p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64]) -> int:
    """Put each VM on the first of ``hosts`` that has room."""
    tree = empty_tree(len(hosts), shares(s.room))
    for place, h in enumerate(hosts):
        offer(p, s.room, tree, place, h)
    lift(tree, EVERYWHERE)
    failed = 0
    for v in order:
        place = next_with_room(p, tree, v, FIRST)
        while place >= 0 and not fits(p, s, v, hosts[place]):
            place = next_with_room(p, tree, v, place + 1)
        if place < 0:
            failed += 1
            continue
        occupy(p, s, v, hosts[place], IN)
        withdraw(tree, place)
        offer(p, s.room, tree, place, hosts[place])
        lift(tree, place)
    return failed


@kernel
def best_fit(
    p: Problem, s: State, order: NDArray[np.int64], hosts: NDArray[np.int64], weight: NDArray[np.float64]
) -> int:
    """Put each VM on the host in use that is left with the least room; open the next only if none fits.

    ``weight`` turns each resource into a share of the fleet, so that they can be added. Hosts in use are
    kept by steps of the room that is left, so that the search starts where the VM could fit at all.
    """
    share = shares(s.room)
    fresh, used = empty_tree(len(hosts), share), empty_tree(_STEPS * len(hosts), share)
    n_steps = len(used.least) // 2
    left, most_left = np.zeros(len(hosts)), 0.0
    for place, h in enumerate(hosts):
        left[place] = _left(weight, s.room, h)
        most_left = max(most_left, left[place])
    # Places of a step as linked lists.
    head, after = np.full(n_steps, -1), np.full(len(hosts), -1)
    for place, h in enumerate(hosts):
        if s.n_vms[h] == 0:
            offer(p, s.room, fresh, place, h)
        else:
            step = _step(left[place], most_left, n_steps)
            after[place], head[step] = head[step], place
            offer(p, s.room, used, step, h)
    lift(fresh, EVERYWHERE)
    lift(used, EVERYWHERE)
    failed = 0
    for v in order:
        first = _step(_left(weight, p.need, v), most_left, n_steps)
        place = _fullest(p, s, used, v, first, head, after, hosts, left)
        if place >= 0:
            step = _step(left[place], most_left, n_steps)
            _leave(p, s, used, step, place, head, after, hosts)
        else:
            place = next_with_room(p, fresh, v, FIRST)
            while place >= 0 and not fits(p, s, v, hosts[place]):
                place = next_with_room(p, fresh, v, place + 1)
            if place < 0:
                failed += 1
                continue
            withdraw(fresh, place)
            lift(fresh, place)
        occupy(p, s, v, hosts[place], IN)
        left[place] = _left(weight, s.room, hosts[place])
        step = _step(left[place], most_left, n_steps)
        after[place], head[step] = head[step], place
        offer(p, s.room, used, step, hosts[place])
        lift(used, step)
    return failed


@inner
def _left(weight: NDArray[np.float64], amounts: NDArray[np.int64], i: Any) -> float:
    total = 0.0
    for r in range(len(weight)):
        total += weight[r] * amounts[i, r]
    return total


@inner
def _step(left: float, most_left: float, n_steps: int) -> int:
    """Return the step of an amount that is left; finer where little is left, as on most hosts."""
    if left <= 0.0:
        return 0
    return min(n_steps, int(np.sqrt(min(left / most_left, 1.0)) * (n_steps - 1)))


@inner
def _fullest(
    p: Problem,
    s: State,
    used: RoomTree,
    v: Any,
    step: int,
    head: NDArray[np.int64],
    after: NDArray[np.int64],
    hosts: NDArray[np.int64],
    left: NDArray[np.float64],
) -> Any:
    """Return the place of the host in use that fits and has the least room left; the first wins ties."""
    while True:
        step = next_with_room(p, used, v, step)
        if step < 0:
            return -1
        best, place = np.int64(-1), head[step]
        while place >= 0:
            closer = best < 0 or left[place] < left[best] or (left[place] == left[best] and place < best)
            if closer and fits(p, s, v, hosts[place]):
                best = place
            place = after[place]
        if best >= 0:
            return best
        step += 1


@inner
def _leave(
    p: Problem,
    s: State,
    used: RoomTree,
    step: int,
    gone: int,
    head: NDArray[np.int64],
    after: NDArray[np.int64],
    hosts: NDArray[np.int64],
) -> None:
    """Take a place out of the list of its step."""
    withdraw(used, step)
    before, place = np.int64(-1), head[step]
    while place >= 0:
        if place == gone:
            if before < 0:
                head[step] = after[place]
            else:
                after[before] = after[place]
        else:
            offer(p, s.room, used, step, hosts[place])
            before = place
        place = after[place]
    lift(used, step)
