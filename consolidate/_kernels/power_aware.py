"""Placing each VM where the energy rises least: best hosts per class of hosts that draw alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.problem import (
    BACKGROUND,
    CPU,
    IN,
    PER_VM,
    Problem,
    State,
    fits,
    host_energy,
    move_cost,
    occupy,
)
from consolidate._kernels.room_tree import (
    EVERYWHERE,
    RoomTree,
    empty_tree,
    lift,
    next_with_room,
    offer,
    shares,
    withdraw,
)

__all__ = ["least_energy"]


class _Ranked(NamedTuple):
    """Hosts by class, within a class in the order given."""

    hosts: NDArray[np.int64]  # (places,)
    rank: NDArray[np.int64]  # (places,), place in the order given
    first: NDArray[np.int64]  # (classes + 1,), first place of each class


@kernel
def least_energy(
    p: Problem,
    s: State,
    order: NDArray[np.int64],
    hosts: NDArray[np.int64],
    class_of: NDArray[np.int64],
) -> int:
    """Put each VM where the energy over the horizon rises least, switching a host on included.

    Moving away from home costs its migration energy; the first in ``hosts`` wins ties. Returns how many
    VMs found no host.

    Parameters
    ----------
    class_of
        Class of each host, shape ``(hosts,)``: hosts of a class have the same power curve, and cost the
        same to boot and to leave empty.
    """
    ranked, place_of = _ranked(hosts, class_of)
    share = shares(s.room)
    fresh, used = empty_tree(len(hosts), share), empty_tree(len(hosts), share)
    # The highest load of any host of a class.
    highest = np.zeros(len(ranked.first), dtype=np.int64)
    for place, h in enumerate(ranked.hosts):
        highest[class_of[h]] = max(highest[class_of[h]], _total(p, s, h))
        offer(p, s.room, fresh if s.n_vms[h] == 0 else used, place, h)
    lift(fresh, EVERYWHERE)
    lift(used, EVERYWHERE)
    failed = 0
    for v in order:
        place = _least_rise(p, s, v, ranked, place_of, fresh, used, highest)
        if place < 0:
            failed += 1
            continue
        h = ranked.hosts[place]
        if s.n_vms[h] == 0:
            withdraw(fresh, place)
            lift(fresh, place)
        occupy(p, s, v, h, IN)
        highest[class_of[h]] = max(highest[class_of[h]], _total(p, s, h))
        withdraw(used, place)
        offer(p, s.room, used, place, h)
        lift(used, place)
    return failed


@inner
def _ranked(hosts: NDArray[np.int64], class_of: NDArray[np.int64]) -> tuple[_Ranked, NDArray[np.int64]]:
    """Return the hosts by class, and the place of each host, -1 for those not among them."""
    n_classes = 0
    for h in hosts:
        n_classes = max(n_classes, class_of[h] + 1)
    first = np.zeros(n_classes + 1, dtype=np.int64)
    for h in hosts:
        first[class_of[h] + 1] += 1
    first = np.cumsum(first)
    ends, rank = first.copy(), np.zeros(len(hosts), dtype=np.int64)
    by_class, place_of = np.zeros(len(hosts), dtype=np.int64), np.full(len(class_of), -1)
    for i, h in enumerate(hosts):
        place = ends[class_of[h]]
        ends[class_of[h]] += 1
        by_class[place], rank[place], place_of[h] = h, i, place
    return _Ranked(by_class, rank, first), place_of


@inner
def _rise(p: Problem, s: State, v: Any, h: Any) -> Any:
    rise = host_energy(p, h, s.load[h] + p.load[v], s.n_vms[h] + 1)
    return rise - host_energy(p, h, s.load[h], s.n_vms[h]) + move_cost(p, v, h)


@inner
def _least_rise(
    p: Problem,
    s: State,
    v: Any,
    ranked: _Ranked,
    place_of: NDArray[np.int64],
    fresh: RoomTree,
    used: RoomTree,
    highest: NDArray[np.int64],
) -> Any:
    """Return the place of the host where the energy rises least, or -1; the first in the order wins ties."""
    best, least = np.int64(-1), np.int64(0)
    home = np.int64(p.home[v])
    at_home = place_of[home] if home >= 0 else np.int64(-1)
    if at_home >= 0 and fits(p, s, v, home):
        best, least = at_home, _rise(p, s, v, home)
    for c in range(len(ranked.first) - 1):
        start, end = ranked.first[c], ranked.first[c + 1]
        # Empty hosts of a class rise alike: the first that fits stands for all.
        place = next_with_room(p, fresh, v, start)
        while 0 <= place < end:
            h = ranked.hosts[place]
            if place != at_home and fits(p, s, v, h):
                best, least = _closer(ranked, best, least, place, _rise(p, s, v, h))
                break
            place = next_with_room(p, fresh, v, place + 1)
        place = next_with_room(p, used, v, start)
        if place < 0 or place >= end:
            continue
        # No host in use of the class rises by less: once one rises by that little, the rest is not asked.
        floor = _least_step(p, v, ranked.hosts[start], highest[c]) * p.horizon_s
        floor += p.move_mj[v] if home >= 0 else np.int64(0)
        while 0 <= place < end and (best < 0 or floor <= least):
            h = ranked.hosts[place]
            if place != at_home and fits(p, s, v, h):
                rise = _rise(p, s, v, h)
                best, least = _closer(ranked, best, least, place, rise)
                if rise == floor:
                    break
            place = next_with_room(p, used, v, place + 1)
    return best


@inner
def _closer(ranked: _Ranked, best: Any, least: Any, place: Any, rise: Any) -> tuple[Any, Any]:
    """Return the better of two places, and by how much the energy rises there."""
    earlier = best >= 0 and ranked.rank[place] < ranked.rank[best]
    if best < 0 or rise < least or (rise == least and earlier):
        return place, rise
    return best, least


@inner
def _total(p: Problem, s: State, h: Any) -> Any:
    """Return the load of a host as its power curve sees it."""
    return s.load[h] + p.draw[h, BACKGROUND] + s.n_vms[h] * p.draw[h, PER_VM]


@inner
def _least_step(p: Problem, v: Any, h: Any, highest: Any) -> Any:
    """Return a lower bound in mW on what VM ``v`` adds to a host in use of the class of ``h``.

    No host of the class carries more than ``highest``. A rise over any stretch is at least the flattest
    part of the curve times its length, rounded down: both ends are rounded half up.
    """
    table, load = p.draw[h], p.load[v] + p.draw[h, PER_VM]
    # Above the whole host the curve is flat.
    flattest = np.int64(0) if highest + load > p.draw[h, CPU] else table[10] - table[9]
    for k in range(min(10, 10 * (highest + load) // p.draw[h, CPU] + 1)):
        flattest = min(flattest, table[k + 1] - table[k])
    return 10 * flattest * load // p.draw[h, CPU]
