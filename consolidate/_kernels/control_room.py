"""Room on hosts at a stated risk: what a controller knows of guests and hosts, and whom a host takes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.jit import inner, kernel
from consolidate._kernels.limits import Limits, Taken, host_may_open, switch
from consolidate._kernels.zones import company_allows, join_company

__all__ = [
    "ASLEEP",
    "AWAKE",
    "AWAY",
    "Guard",
    "Guests",
    "Machines",
    "calm",
    "may_join",
    "risk",
    "room",
    "shift",
    "tightest",
    "unshift",
]

#: States of a host: takes part, can be woken, and neither.
AWAKE, ASLEEP, AWAY = 0, 1, 2


class Guests(NamedTuple):
    """The VMs."""

    now: NDArray[np.float64]  # (vms,), demand expected in the step that begins
    noise: NDArray[np.float64]  # (vms,), variance of that expectation
    mean: NDArray[np.float64]  # (vms,), level
    var: NDArray[np.float64]  # (vms,), variance around the level
    seconds: NDArray[np.float64]  # (vms,), duration of a move
    joules: NDArray[np.float64]  # (vms,), energy of a move
    peak: NDArray[np.float64]  # (vms,), CPU that one virtual CPU may want
    need: NDArray[np.int64]  # (vms, r), hard resources
    mask_of: NDArray[np.int32]  # (vms,), row of masks
    masks: NDArray[np.bool_]  # (rows, hosts)
    free: NDArray[np.bool_]  # (vms,), whether it may be moved now
    host: NDArray[np.int32]  # (vms,), changed in place


class Machines(NamedTuple):
    """The hosts; the last rows change in place."""

    capacity: NDArray[np.float64]  # (hosts,), CPU for guests
    core: NDArray[np.float64]  # (hosts,), CPU of one core
    fill: NDArray[np.float64]  # (hosts,), load above which a unit of work costs more watts
    merit: NDArray[np.float64]  # (hosts,), watts per guest at the expected load: less is better
    saving: NDArray[np.float64]  # (hosts,), joules that an empty host is worth
    state: NDArray[np.int8]  # (hosts,)
    takes: NDArray[np.bool_]  # (hosts,), whether VMs may come now
    gives: NDArray[np.bool_]  # (hosts,), whether it may be emptied now
    extra: NDArray[np.int64]  # (hosts, r), hard resources on top for each VM
    whole: NDArray[np.int64]  # (hosts, r), hard resources that there are
    room: NDArray[np.int64]  # (hosts, r), hard resources that are free
    sums: NDArray[np.float64]  # (hosts, 4): now, noise, mean, var of the residents
    n_vms: NDArray[np.int64]  # (hosts,), residents
    busy: NDArray[np.float64]  # (hosts, 2): seconds of moves in and out that were planned in this step
    limits: Limits
    taken: Taken


class Guard(NamedTuple):
    """What the adapter sets, the same for every trace."""

    z_fill: float  # standard deviations kept free when hosts are filled
    z_relief: float  # and when a host is relieved
    z_now: float  # standard deviations of the coming step that make a host count as overloaded
    trigger: float  # part of the capacity above which it counts as overloaded
    landing: float  # part of the capacity that a target may reach in the coming step
    drift: float  # part of the mean added for what moves all VMs together
    patience: float  # seconds of overload that a certain overload in every later step is worth
    share: float  # weight of the time in which a target is disturbed
    alike: float  # how much VMs of one steadiness are kept together
    step_s: float  # seconds of moves that a host may have in one step
    drains: int  # hosts that may be emptied in this step
    tail: float  # what a deviation counts for: tails are heavier than normal ones where this is below 1
    pooled: (
        float  # mean risk of all hosts up to which some are emptied; 0 where each keeps ``z_fill`` free
    )
    short_s: float  # seconds of overload that the next move has to be worth, where one does not suffice
    company: float  # by how much a host that receives already is preferred when others are emptied
    settles: int  # moves that even out in one step
    settle_s: float  # seconds of overload that a move which evens out has to be worth
    exchanges: int  # pairs of guests that change places in one step
    exchange_s: float  # seconds of overload that such a pair has to be worth


@inner
def room(m: Machines, c: Guard, h: Any, mean: Any, var: Any, z: Any) -> Any:
    """Return the CPU that stays free on a host with such a guest added, ``z`` deviations aside."""
    level = m.sums[h, 2] + mean
    spare = m.capacity[h] - (1.0 + c.drift) * level - z * np.sqrt(m.sums[h, 3] + var)
    return min(spare, m.fill[h] - level)


@inner
def tightest(g: Guests, m: Machines, v: Any, h: Any, spare: Any) -> Any:
    """Return the least share that stays free on a host with guest ``v``, where ``spare`` is that of CPU."""
    for k in range(g.need.shape[1]):
        if m.whole[h, k] > 0:
            spare = min(spare, (m.room[h, k] - g.need[v, k] - m.extra[h, k]) / m.whole[h, k])
    return spare


@kernel
def risk(m: Machines, c: Guard, h: Any, mean: Any, var: Any) -> Any:
    """Return the probability that a host with such a guest added wants more CPU than it has."""
    level, spread = m.sums[h, 2] + mean, m.sums[h, 3] + var
    if spread <= 0.0:
        return 1.0 if level > m.capacity[h] else 0.0
    return 0.5 * math.erfc(c.tail * (m.capacity[h] - level) / math.sqrt(2.0 * spread))


@inner
def calm(m: Machines, c: Guard, h: Any, now: Any, noise: Any, part: Any) -> Any:
    """Say whether a host with such a guest added stays below a part of its capacity in the coming step."""
    load = m.sums[h, 0] + now + c.z_now * np.sqrt(max(0.0, m.sums[h, 1] + noise))
    return load <= part * m.capacity[h]


@inner
def may_join(g: Guests, m: Machines, v: Any, h: Any) -> bool:
    """Say whether hard resources and rules let VM ``v`` come to host ``h``."""
    if not g.masks[g.mask_of[v], h] or g.peak[v] > m.core[h]:
        return False
    for k in range(g.need.shape[1]):
        if g.need[v, k] + m.extra[h, k] > m.room[h, k]:
            return False
    q = m.limits
    if q.counted[h] and m.n_vms[h] == 0 and not host_may_open(q, m.taken, h):
        return False
    return not q.named[v] or company_allows(q, m.taken, v, h)


@inner
def shift(g: Guests, m: Machines, v: Any, target: Any) -> None:
    """Move VM ``v`` in the sums of both hosts; hard resources of its source stay taken until it has left."""
    source = g.host[v]
    amounts = (g.now[v], g.noise[v], g.mean[v], g.var[v])
    for k in range(4):
        m.sums[source, k] -= amounts[k]
        m.sums[target, k] += amounts[k]
    for k in range(g.need.shape[1]):
        m.room[target, k] -= g.need[v, k] + m.extra[target, k]
    if m.limits.counted[target] and m.n_vms[target] == 0:
        switch(m.limits, m.taken, target, 1)
    if m.limits.named[v]:
        join_company(m.limits, m.taken, v, target, 1)
    m.n_vms[source] -= 1
    m.n_vms[target] += 1
    m.busy[source, 1] += g.seconds[v]
    m.busy[target, 0] += g.seconds[v]
    g.host[v] = target


@inner
def unshift(g: Guests, m: Machines, v: Any, source: Any) -> None:
    """Undo :func:`shift`."""
    target = g.host[v]
    amounts = (g.now[v], g.noise[v], g.mean[v], g.var[v])
    for k in range(4):
        m.sums[source, k] += amounts[k]
        m.sums[target, k] -= amounts[k]
    for k in range(g.need.shape[1]):
        m.room[target, k] += g.need[v, k] + m.extra[target, k]
    m.n_vms[source] += 1
    m.n_vms[target] -= 1
    if m.limits.counted[target] and m.n_vms[target] == 0:
        switch(m.limits, m.taken, target, -1)
    if m.limits.named[v]:
        join_company(m.limits, m.taken, v, target, -1)
    m.busy[source, 1] -= g.seconds[v]
    m.busy[target, 0] -= g.seconds[v]
    g.host[v] = source
