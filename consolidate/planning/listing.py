"""Event-driven list scheduling by several rules of priority; the best schedule is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.opening import LAST
from consolidate.planning.compaction import compacted
from consolidate.planning.orders import busiest, largest, soonest_empty, urgency
from consolidate.planning.problem import Problem
from consolidate.planning.relief import relieved
from consolidate.planning.timing import annealed, can_anneal
from consolidate.planning.trials import Listing, Trial, Trials

__all__ = ["ANY_END_S", "list_schedule"]

#: Longer than any schedule, in seconds.
ANY_END_S = 2**62
#: A schedule without detours this close to its bound is not tried with them.
_WORTH_DETOURS = 1.25
#: Orders that are tried at random, and moves times tries, when no rule comes close to the bound.
_MOST_TRIES = 200
_WORK = 20_000
_SEED = 0
#: Moves made per VM that moves from which on other orders are not tried without hosts kept free.
_STUCK = 1.05
#: Up to so many moves random orders are tried before the times are annealed.
_FEW_MOVES = 120
#: Passes without gain after which a schedule is not shortened further, and how many of the best are for longer.
_SHORT, _LONG = 2, 12
_KEPT = 3
#: Orders that learn from the schedule before, moves times such orders, and moves per host that are no crowd.
_MOST_LESSONS = 40
_LESSON_WORK = 200_000
_CROWD = 32


def list_schedule(
    problem: Problem,
    *,
    direct_s: int = 0,
    good_enough_s: int = 0,
    within_s: int | None = None,
    hurry: bool = False,
    hopeless: Callable[[], bool] = lambda: False,
    storage: int = LAST,
) -> Listing:
    """Schedule all moves; rules are tried until one is good enough, the best is returned.

    A schedule that leaves fewer VMs behind is better, then the shorter one, then the one with fewer
    moves.

    Parameters
    ----------
    problem
        What is scheduled.
    direct_s, good_enough_s : s
        Ends that are good enough without and with detours, which are not made for their own sake.
    within_s : s
        End from which on no detours are made that only save time; ``None`` = none ever are.
    hurry
        Whether the first schedule that brings every VM to its target is taken, where hosts are kept free.
    hopeless
        Says whether nothing can be found; asked when no rule brings every VM to its target.
    storage
        When VMs are left in storage, where the problem allows that; see :mod:`consolidate._kernels.opening`.
    """
    trials = Trials(problem, storage)
    plain = _best(_plain(trials, direct_s), direct_s)
    if not plain.n_left and plain.end_s <= max(direct_s * _WORTH_DETOURS, good_enough_s):
        if within_s is not None and plain.end_s > within_s:
            plain = _best(relieved(trials, plain, within_s), within_s, plain)
        return trials.listing(plain)
    enough_s = ANY_END_S if hurry else good_enough_s
    best = _shortened(trials, _roomy(trials), enough_s, [trials.listing(plain)])
    many = len(problem.moved) > _FEW_MOVES and can_anneal(problem)
    if best[0].left and hopeless():
        return best[0]
    if best[0].left or (best[0].end_s > enough_s and not many):
        best = _shortened(trials, _by_chance(trials), enough_s, best)
    if best[0].left:
        # Who takes any end has other moves to choose from; the others get a plan late rather than none.
        return annealed(problem, best[0], good_enough_s) if good_enough_s < ANY_END_S else best[0]
    if best[0].end_s <= enough_s:
        return best[0]
    short = min((compacted(problem, one, patience=_LONG) for one in best), key=lambda one: one.worth)
    return annealed(problem, short, good_enough_s)


def _shortened(
    trials: Trials, made: Iterable[Trial], enough_s: int, best: list[Listing]
) -> list[Listing]:
    """Return the best few schedules, each shortened for a while, until one is good enough."""
    for trial in made:
        found = compacted(trials.problem, trials.listing(trial), patience=_SHORT)
        best = sorted([*best, found], key=lambda one: one.worth)[:_KEPT]
        if not best[0].left and best[0].end_s <= enough_s:
            break
    return best


def _best(trials: Iterable[Trial], enough_s: int, best: Trial | None = None) -> Trial:
    """Return the best schedule, made one after the other until one is good enough."""
    for trial in trials:
        if best is None or trial.worth < best.worth:
            best = trial
        if not trial.n_left and trial.end_s <= enough_s:
            break
    assert best is not None
    return best


def _plain(trials: Trials, goal_s: int) -> Iterator[Trial]:
    """Yield schedules in which every move starts as soon as it fits, by several orders.

    After the rules of priority come orders that learn from the schedule before: what ended late goes
    earlier (squeaky wheel optimisation; Joslin and Clements, JAIR 10, 1999, doi:10.1613/jair.561).
    """
    problem = trials.problem
    for order in (
        soonest_empty(problem),
        busiest(problem, both=True),
        largest(problem, trials.weight),
    ):
        trial = trials.run(order, share=0.0)
        yield trial
        # Where so many moves cannot go straight no order helps, and a schedule takes long.
        if trial.n_left or len(trial.rows) > _STUCK * len(problem.moved):
            return
    moved = problem.moved
    wait = urgency(problem)
    lag = trials.lag_s[problem.places[moved]]
    ends = np.zeros(len(trials.weight), dtype=np.int64)
    known: dict[bytes, NDArray[np.int64]] = {}
    # At each event all VMs of a host are looked at: the fuller the hosts, the dearer a schedule.
    work = len(moved) * (1 + len(moved) // (_CROWD * len(problem.off_lag_s)))
    for _ in range(min(_MOST_LESSONS, 1 + _LESSON_WORK // (work + 1))):
        order = moved[np.lexsort((moved, -wait))]
        late = known.get(order.tobytes())
        if late is None:
            trial = trials.run(order, share=0.0)
            yield trial
            ends[:] = 0
            if trial.n_left:
                break
            made = trial.rows[trial.rows[:, 0] >= 0]
            np.maximum.at(ends, made[:, 0], made[:, 4])
            late = known[order.tobytes()] = np.maximum(0, ends[moved] + lag - goal_s)
        wait += late


def _roomy(trials: Trials) -> Iterator[Trial]:
    """Yield schedules in which hosts are kept free for what does not fit."""
    order = largest(trials.problem, trials.weight)
    for share in (0.3, 0.6, 1.0):
        yield trials.run(order, share=share)


def _by_chance(trials: Trials) -> Iterator[Trial]:
    """Yield such schedules in random orders: where room is short no rule knows the best one."""
    problem, weight = trials.problem, trials.weight
    rng = np.random.default_rng(_SEED)
    moved = len(problem.moved)
    for _ in range(min(2 * moved, _MOST_TRIES, _WORK // (moved + 1))):
        noisy = weight * np.exp(rng.normal(0, rng.choice([0.2, 0.6]), len(weight)))
        yield trials.run(
            largest(problem, noisy),
            share=float(rng.choice([0.3, 0.6, 1.0])),
            gate=float(rng.choice([0.0, 0.3], p=[0.7, 0.3])),
            large=float(rng.choice([0.3, 1.0, 4.0])),
        )
