"""Event-driven list scheduling by several rules of priority; the best schedule is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.moves import BOOTING, OFF, Moves, Now, push_event
from consolidate._kernels.opening import Log, Style
from consolidate._kernels.schedule import run_schedule
from consolidate.planning.arrays import first_moment, in_order
from consolidate.planning.problem import Problem, Step

__all__ = ["Listing", "list_schedule", "listing_of"]

#: Detours per move before a schedule counts as stuck.
_DETOURS_PER_MOVE = 6
#: A schedule without detours this close to its bound is not tried with them.
_WORTH_DETOURS = 1.25
#: Orders that are tried at random, and moves times tries, when no rule comes close to the bound.
_MOST_TRIES = 200
_WORK = 10_000
_SEED = 0
#: Orders that learn from the schedule before, and moves times such orders.
_MOST_LESSONS = 40
_LESSON_WORK = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A schedule of moves, or how far one came.

    Parameters
    ----------
    steps
        The moves, in the order in which they start.
    boots
        Start of the boot of each host that is booted, by host.
    left
        VMs that do not reach their targets.
    end_s : s
        End of the last move or, where that empties a host, of its shutdown.
    """

    steps: tuple[Step, ...]
    boots: dict[int, int]
    left: tuple[int, ...]
    end_s: int


def listing_of(
    problem: Problem, steps: Sequence[Step], boots: dict[int, int], left: Sequence[int]
) -> Listing:
    """Return a schedule with its end."""
    lag = problem.off_lag_s.tolist()
    end_s = max((step.end_s + lag[step.source] for step in steps), default=0)
    return Listing(steps=tuple(steps), boots=boots, left=tuple(left), end_s=end_s)


def list_schedule(problem: Problem, *, direct_s: int = 0, good_enough_s: int = 0) -> Listing:
    """Schedule all moves; rules are tried until one is good enough, the best is returned.

    A schedule that leaves fewer VMs behind is better, then the shorter one, then the one with fewer
    moves. Detours are not made for their own sake: without any, ``direct_s`` is good enough, and with them
    ``good_enough_s``.
    """
    best: Listing | None = None
    for made, enough_s in (
        (_plain(problem, direct_s), direct_s),
        (_roomy(problem), good_enough_s),
    ):
        if best is not None and not best.left and best.end_s <= direct_s * _WORTH_DETOURS:
            break
        for listing in made:
            best = min(
                best or listing, listing, key=lambda one: (len(one.left), one.end_s, len(one.steps))
            )
            if not listing.left and listing.end_s <= enough_s:
                break
    assert best is not None
    return best


def _plain(problem: Problem, goal_s: int) -> Iterator[Listing]:
    """Yield schedules in which every move starts as soon as it fits, by several orders.

    After the rules of priority come orders that learn from the schedule before: what ended late goes
    earlier (squeaky wheel optimisation; Joslin and Clements, JAIR 10, 1999, doi:10.1613/jair.561).
    """
    weight = _weight(problem)
    for order in (
        _soonest_empty(problem),
        _busiest(problem, both=True),
        _largest(problem, weight),
    ):
        yield _run(problem, _style(problem, order, weight, share=0.0))
    moved = problem.moved
    urgency = _urgency(problem)
    lag = problem.off_lag_s[problem.instance.current.host_of[moved]]
    at = np.full(len(problem.target.host_of), -1, dtype=np.int64)
    at[moved] = np.arange(len(moved))
    for _ in range(min(_MOST_LESSONS, 1 + _LESSON_WORK // (len(moved) + 1))):
        order = moved[np.lexsort((moved, -urgency))]
        listing = _run(problem, _style(problem, order, weight, share=0.0))
        yield listing
        if listing.left:
            break
        ends = np.zeros(len(moved), dtype=np.int64)
        for step in listing.steps:
            ends[at[step.vm]] = step.end_s
        urgency += np.maximum(0, ends + lag - goal_s)


def _roomy(problem: Problem) -> Iterator[Listing]:
    """Yield schedules in which hosts are kept free for what does not fit."""
    weight = _weight(problem)
    largest = _largest(problem, weight)
    for share in (0.3, 0.6, 1.0):
        yield _run(problem, _style(problem, largest, weight, share=share))
    # Where room is short the order decides, and no rule knows the best one.
    rng = np.random.default_rng(_SEED)
    moved = len(problem.moved)
    for _ in range(min(2 * moved, _MOST_TRIES, _WORK // (moved + 1))):
        noisy = weight * np.exp(rng.normal(0, rng.choice([0.2, 0.6]), len(weight)))
        style = _style(
            problem,
            _largest(problem, noisy),
            weight,
            share=float(rng.choice([0.3, 0.6, 1.0])),
            gate=float(rng.choice([0.0, 0.3])),
            large=float(rng.choice([0.3, 1.0, 4.0])),
        )
        yield _run(problem, style)


def _weight(problem: Problem) -> NDArray[np.float64]:
    """Return the share of all free space that each VM takes, shape ``(vms,)``."""
    weight: NDArray[np.float64] = (problem.instance.need / problem.free_space()).max(axis=1)
    return weight


def _style(
    problem: Problem,
    order: NDArray[np.int64],
    weight: NDArray[np.float64],
    *,
    share: float,
    gate: float = 0.0,
    large: float = 1.0,
) -> Style:
    # VMs at their targets come last: they may be sent away for a while, and have to come back.
    placed = np.flatnonzero((problem.target.host_of >= 0) & (problem.instance.current.host_of >= 0))
    everybody = np.concatenate([order, np.setdiff1d(placed, order)])
    rank = np.full(len(weight), len(weight), dtype=np.int64)
    rank[everybody] = np.arange(len(everybody))
    return Style(
        order=everybody,
        rank=rank,
        weight=weight,
        unit=1 / problem.free_space(),
        middle=large * float(weight[order].mean()) if len(order) else 1.0,
        misses=4,
        gate=gate,
        open_share=share,
        stay_cost=20.0,
    )


def _soonest_empty(problem: Problem) -> NDArray[np.int64]:
    """Return the moves, host after host: first the sources that are soonest empty and then go off.

    Within a host, VMs with more memory come first; a plan that is stopped early has then released as
    many hosts as possible.
    """
    instance, moved = problem.instance, problem.moved
    source = instance.current.host_of[moved]
    memory = instance.carried_mib()[moved]
    leaving = np.bincount(source, weights=memory, minlength=instance.fleet.n_hosts)
    keys = (moved, -memory, source, leaving[source], problem.stays_used[source])
    return moved[np.lexsort(keys)]


def _busiest(problem: Problem, *, both: bool) -> NDArray[np.int64]:
    """Return the moves of the hosts with the most work first, by the busier end or both ends together."""
    seconds, out, into = _work(problem)
    work = out + into if both else np.maximum(out, into)
    return problem.moved[np.lexsort((problem.moved, -seconds, -work))]


def _urgency(problem: Problem) -> NDArray[np.float64]:
    """Return the least time from the start of each move to the end of all that its hosts still have to do."""
    seconds, out, into = _work(problem)
    lag = problem.off_lag_s[problem.instance.current.host_of[problem.moved]]
    # Longer moves first where hosts have the same work, by less than a second.
    urgency: NDArray[np.float64] = np.maximum(np.maximum(out, into), seconds + lag)
    urgency += seconds / (1 + seconds.max(initial=0))
    return urgency


def _work(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds of each move, and the work of its source and of its target, shape ``(moved,)``."""
    instance, moved = problem.instance, problem.moved
    source, goal = instance.current.host_of[moved], problem.target.host_of[moved]
    estimates = problem.estimates
    pairs = zip(moved.tolist(), source.tolist(), goal.tolist(), strict=True)
    seconds = np.array([estimates.between(*pair).duration_s for pair in pairs], dtype=np.int64)
    n = instance.fleet.n_hosts
    # A host that goes off has its shutdown still to come when its last VM has left.
    out = np.bincount(source, seconds, n) / instance.moves.moves_out + problem.off_lag_s
    into = np.bincount(goal, seconds, n) / instance.moves.moves_in
    return seconds, out[source], into[goal]


def _largest(problem: Problem, weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the moves that take the most room first."""
    moved = problem.moved
    return moved[np.lexsort((moved, -weight[moved]))]


def _run(problem: Problem, style: Style) -> Listing:
    moves = in_order(problem.moves, style.order)
    now = first_moment(problem.instance, moves)
    boots = _boot_targets(problem, moves, now)
    n_hosts = len(moves.kind_of)
    most = (1 + _DETOURS_PER_MOVE) * len(problem.moved) + 6 * n_hosts + 64
    rows = np.zeros((most, 7), dtype=np.int64)
    if len(problem.moved):
        run_schedule(moves, now, style, Log(rows=rows))
    steps = []
    for v, source, target, start, end, level, _ in rows[: now.tally[4]].tolist():
        if v < 0:
            boots[target] = start
        else:
            steps.append(Step(vm=v, source=source, target=target, start_s=start, end_s=end, level=level))
    left = style.order[now.position[style.order] != moves.target[style.order]]
    return listing_of(problem, steps, boots, sorted(left.tolist()))


def _boot_targets(problem: Problem, moves: Moves, now: Now) -> dict[int, int]:
    """Boot every target that is off at once; return the starts by host."""
    goals = np.unique(moves.target[problem.moved])
    asleep = goals[now.power[goals] == OFF]
    for host in asleep:
        now.power[host] = BOOTING
        push_event(now, moves.boot_s[host], -1 - host)
    return dict.fromkeys(asleep.tolist(), 0)
