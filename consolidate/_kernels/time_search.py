"""Simulated annealing of the times of moves, and of the hosts where VMs stop on their way.

Steps are tried one after the other and made where the crowding rises by no more than chance allows
(Kirkpatrick, Gelatt and Vecchi, Science 220, 1983, doi:10.1126/science.220.4598.671). The temperature falls
from a height at which even the largest VMs change their times freely. Some hosts stay crowded when it is too
cold for that; so the crowding of a host counts more the longer there is some, until it goes elsewhere (the
breakout method; Morris, AAAI 1993).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.annealing import allowed_rise, below
from consolidate._kernels.jit import inner, kernel, lent
from consolidate._kernels.time_grid import (
    ONCE,
    Grid,
    Heat,
    Path,
    Paths,
    Ways,
    change,
    lasts,
    most_left,
    path_of,
)

__all__ = ["Scene", "anneal"]

#: Steps at one temperature, and widths of small steps in time: powers of two below this one.
_ROUND = 1024
_WIDTHS = 8
#: Steps per VM after which crowded hosts count more, and the part of that which others lose then.
_LESSON = 6
_FORGET = 8
#: Hosts at which a stop is tried before the step is given up.
_TRIES = 60
#: The longest that a VM leaves earlier for a stop than it would without, in spans.
_EARLIER = 60
_NOWHERE = Path(-2, 0, 0, 0, 0)


class Scene(NamedTuple):
    """Who moves, and what is allowed."""

    live: NDArray[np.int64]  # VMs that move
    size: NDArray[np.int64]  # (vms,), room times time of each
    at: NDArray[np.int64]  # (hosts + 1,), where the VMs that leave or come to each host begin
    vms: NDArray[np.int64]
    mask_of: NDArray[np.int64]  # (vms,)
    masks: NDArray[np.bool_]  # (rows, hosts), where VMs may stop
    must_stop: NDArray[np.bool_]  # (vms,), whether a VM with a stop keeps having one
    ready: NDArray[np.int64]  # (hosts,), span from which on a host takes part
    lag: NDArray[np.int64]  # (hosts,), spans from the last leaving to the end of the shutdown


@inner
def _chosen(d: Scene, q: Heat, state: NDArray[np.uint64], crowded: Any) -> Any:
    """Return a VM, in some of eight cases one of a crowded host, and half of the time the larger one of two."""
    first, n = np.int64(0), len(d.live)
    among = d.live
    if below(state, 8) < crowded:
        h = q.hot[below(state, q.number[0])]
        if d.at[h + 1] > d.at[h]:
            among, first, n = d.vms, d.at[h], d.at[h + 1] - d.at[h]
    v = among[first + below(state, n)]
    if below(state, 2) == 0:
        u = among[first + below(state, n)]
        if d.size[u] > d.size[v]:
            v = u
    return v


@inner
def _shifted(state: NDArray[np.uint64], at: Any, low: Any, high: Any) -> Any:
    """Return another time between two, anywhere or near the present one; -1 where it would be outside."""
    if high < low:
        return np.int64(-1)
    if below(state, 2) == 0:
        return low + below(state, high - low + 1)
    width = np.int64(1) << below(state, _WIDTHS)
    found = at - width + below(state, 2 * width + 1)
    return found if low <= found <= high else np.int64(-1)


@inner
def _stop(g: Grid, d: Scene, v: Any, s: Any, t: Any, at: Any, state: NDArray[np.uint64]) -> Any:
    """Return a host with room for a VM at a time, or -1."""
    for _ in range(_TRIES):
        h = below(state, g.room.shape[0])
        fits = h not in (s, t) and d.masks[d.mask_of[v], h]
        for r in range(g.need.shape[1]):
            fits &= g.room[h, r, at] >= g.need[v, r] + g.overhead[h, r]
        if fits:
            return h
    return np.int64(-1)


@inner
def _by_way(g: Grid, d: Scene, ways: Ways, v: Any, s: Any, t: Any, at: Any, state: Any) -> Path:
    """Return a way with a stop for a VM that goes straight at a time."""
    spans = g.room.shape[2]
    h = _stop(g, d, v, s, t, min(at, spans - 1), state)
    if h < 0:
        return _NOWHERE
    one, two = lasts(ways, v, s, h), lasts(ways, v, h, t)
    low = max(d.ready[s], max(d.ready[h], d.ready[t] - one))
    high = spans - max(max(d.lag[s], d.lag[h] + two), two) - one
    if one == 0 or two == 0 or high < low:
        return _NOWHERE
    last = spans - two - d.lag[h]
    kind = below(state, 4)
    if kind == 0:
        start = low + below(state, high - low + 1)
        then = start + one + below(state, last - start - one + 1)
    elif kind == 1:
        # It leaves earlier, and comes when it did.
        start = min(high, max(low, at - below(state, _EARLIER)))
        then = max(start + one, min(at, last))
    elif kind == 2:
        start = max(low, min(at, high))
        then = start + one + below(state, last - start - one + 1)
    else:
        then = max(low + one, min(at, last))
        start = min(high, low + below(state, then - one - low + 1))
    return Path(h, start, one, then, two)


@inner
def _straight(g: Grid, d: Scene, ways: Ways, v: Any, s: Any, t: Any, p: Path, state: Any) -> Path:
    """Return a way without the stop, when the one or the other move was, or at any time."""
    only = lasts(ways, v, s, t)
    low, high = max(d.ready[s], d.ready[t]), g.room.shape[2] - d.lag[s] - only
    if only == 0 or high < low:
        return _NOWHERE
    kind = below(state, 3)
    start = p.start if kind == 0 else p.then
    if kind == 2:
        start = low + below(state, high - low + 1)
    if start < low or start > high:
        return _NOWHERE
    return Path(-1, start, only, start, only)


@inner
def _elsewhere(g: Grid, d: Scene, ways: Ways, v: Any, s: Any, t: Any, p: Path, state: Any) -> Path:
    """Return a way by another stop, at the same times."""
    h = _stop(g, d, v, s, t, p.start, state)
    if h < 0:
        return _NOWHERE
    one, two = lasts(ways, v, s, h), lasts(ways, v, h, t)
    end = g.room.shape[2] - max(d.lag[s] + one, d.lag[h] + two + p.then - p.start)
    low = max(d.ready[s], d.ready[h])
    if one == 0 or two == 0 or p.start < low or p.start > end or p.then < p.start + one:
        return _NOWHERE
    return Path(h, p.start, one, p.then, two)


@inner
def _proposed(
    g: Grid, d: Scene, ways: Ways, v: Any, s: Any, t: Any, p: Path, state: Any, stops: Any
) -> Path:
    """Return another way for a VM, with a stop only if ``stops``; ``_NOWHERE`` where the step leads to none."""
    spans = g.room.shape[2]
    if p.stop < 0:
        if stops and below(state, 2) == 0:
            return _by_way(g, d, ways, v, s, t, p.start, state)
        low = max(d.ready[s], d.ready[t])
        start = _shifted(state, p.start, low, spans - d.lag[s] - p.lasts)
        return Path(-1, start, p.lasts, start, p.lasts) if start >= 0 else _NOWHERE
    kind = below(state, 4)
    if kind == 0:
        low = max(d.ready[s], d.ready[p.stop])
        start = _shifted(state, p.start, low, min(p.then, spans - d.lag[s]) - p.lasts)
        return Path(p.stop, start, p.lasts, p.then, p.then_lasts) if start >= 0 else _NOWHERE
    if kind == 1:
        low = max(p.start + p.lasts, d.ready[t])
        then = _shifted(state, p.then, low, spans - d.lag[p.stop] - p.then_lasts)
        return Path(p.stop, p.start, p.lasts, then, p.then_lasts) if then >= 0 else _NOWHERE
    if kind == 2 or d.must_stop[v]:
        return _elsewhere(g, d, ways, v, s, t, p, state)
    return _straight(g, d, ways, v, s, t, p, state)


@inner
def _learn(q: Heat, lesson: Any) -> None:
    """Have the crowding of hosts that have some count more, and that of the others less again."""
    for h in range(len(q.heed)):
        if q.cost[h] > 0:
            q.heed[h] += lesson
        else:
            q.heed[h] -= (q.heed[h] - ONCE) // _FORGET


@inner
def _lent_grid(g: Grid) -> Grid:
    return Grid(lent(g.room), lent(g.need), lent(g.overhead), lent(g.weight))


@inner
def _lent_heat(q: Heat) -> Heat:
    return Heat(lent(q.cost), lent(q.hot), lent(q.place), lent(q.number), lent(q.heed))


@inner
def _lent_paths(p: Paths) -> Paths:
    return Paths(lent(p.home), lent(p.goal), lent(p.stop), lent(p.start), lent(p.then))


@inner
def _lent_ways(w: Ways) -> Ways:
    return Ways(lent(w.kind_of), lent(w.pair), lent(w.spans))


@inner
def _lent_scene(d: Scene) -> Scene:
    return Scene(
        lent(d.live), lent(d.size), lent(d.at), lent(d.vms),
        lent(d.mask_of), lent(d.masks), lent(d.must_stop), lent(d.ready), lent(d.lag),
    )  # fmt: skip


@kernel
def anneal(
    g: Grid,
    q: Heat,
    paths: Paths,
    ways: Ways,
    d: Scene,
    state: NDArray[np.uint64],
    steps: int,
    hottest: float,
    coldest: float,
    stop_cost: int,
    crowded: int,
    lesson: int,
) -> int:
    """Try steps until nothing is crowded or all have been tried; return how many were tried.

    ``stop_cost`` is what a stop on the way counts for, in units of the crowding. In ``crowded`` of eight steps
    a VM of a crowded host is chosen. ``lesson`` is how much more crowded hosts count from time to time, in
    parts of ``ONCE``; 0 = all count the same.
    """
    g, q = _lent_grid(g), _lent_heat(q)
    paths, ways, d, state = _lent_paths(paths), _lent_ways(ways), _lent_scene(d), lent(state)
    temperature = hottest
    cooling = (coldest / hottest) ** (1.0 / max(1, steps // _ROUND))
    stop_cost *= ONCE
    every = max(1, _LESSON * len(d.live) // _ROUND)
    for step in range(steps):
        if q.number[0] == 0:
            return step
        if step % _ROUND == _ROUND - 1:
            temperature *= cooling
            if lesson > 0 and step // _ROUND % every == 0:
                _learn(q, lesson)
        v = _chosen(d, q, state, crowded)
        s, t, was = paths.home[v], paths.goal[v], path_of(paths, ways, v)
        most = np.int64(allowed_rise(state, temperature * ONCE))
        # Where nothing is crowded a stop saves nothing.
        stops = most + most_left(q, s, t, was.stop) >= stop_cost
        new = _proposed(g, d, ways, v, s, t, was, state, stops)
        if new.stop == -2:
            continue
        most -= stop_cost * (int(new.stop >= 0) - int(was.stop >= 0))
        if change(g, q, v, s, t, was, new, most):
            paths.stop[v], paths.start[v], paths.then[v] = new.stop, new.start, new.then
    return steps
