"""Event-driven list scheduling by several rules of priority; the best schedule is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.moves import BOOTING, OFF, push_event
from consolidate._kernels.opening import LAST, Log, Style
from consolidate._kernels.schedule import run_schedule
from consolidate.planning.arrays import copy_of, in_order
from consolidate.planning.problem import Problem, Step

__all__ = ["Listing", "list_schedule", "listing_of"]

#: Detours per move before a schedule counts as stuck; where hosts are not kept free, each serves one VM alone.
_DETOURS_PER_MOVE = 6
_LONE_DETOURS_PER_MOVE = 1
#: A schedule without detours this close to its bound is not tried with them.
_WORTH_DETOURS = 1.25
#: Orders that are tried at random, and moves times tries, when no rule comes close to the bound.
_MOST_TRIES = 200
_WORK = 10_000
_SEED = 0
#: Orders that learn from the schedule before, moves times such orders, and moves per host that are no crowd.
_MOST_LESSONS = 40
_LESSON_WORK = 200_000
_CROWD = 32


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


def list_schedule(
    problem: Problem,
    *,
    direct_s: int = 0,
    good_enough_s: int = 0,
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
    hopeless
        Says whether nothing can be found; asked when no rule brings every VM to its target.
    storage
        When VMs are left in storage, where the problem allows that; see :mod:`consolidate._kernels.opening`.
    """
    trials = _Trials(problem, storage)
    best = _best(_plain(trials, direct_s), direct_s)
    if best.n_left or best.end_s > direct_s * _WORTH_DETOURS:
        best = _best(_roomy(trials), good_enough_s, best)
        if not hopeless() if best.n_left else best.end_s > good_enough_s:
            best = _best(_by_chance(trials), good_enough_s, best)
    return trials.listing(best)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """A schedule as the kernel wrote it down; ``n_left`` VMs do not reach their targets."""

    rows: NDArray[np.int64]
    position: NDArray[np.int64]
    n_left: int
    end_s: int

    @property
    def worth(self) -> tuple[int, int, int]:
        return self.n_left, self.end_s, int((self.rows[:, 0] >= 0).sum())


def _best(trials: Iterable[_Trial], enough_s: int, best: _Trial | None = None) -> _Trial:
    """Return the best schedule, made one after the other until one is good enough."""
    for trial in trials:
        if best is None or trial.worth < best.worth:
            best = trial
        if not trial.n_left and trial.end_s <= enough_s:
            break
    assert best is not None
    return best


class _Trials:
    """Schedules of one problem in different orders, with what they share."""

    def __init__(self, problem: Problem, storage: int) -> None:
        self.problem, self.moves, self.storage = problem, problem.moves, storage
        self.weight: NDArray[np.float64] = (problem.instance.need / problem.free_space).max(axis=1)
        self.lag_s = problem.off_lag_s
        # VMs at their targets come last: they may be sent away for a while, and have to come back.
        placed = (problem.target.host_of >= 0) & (problem.places >= 0)
        placed[problem.moved] = False
        self.settled = np.flatnonzero(placed)
        self.now = problem.first_moment()
        self.boots = self._boot_targets()
        self.rows = np.zeros((self._most(_DETOURS_PER_MOVE), 7), dtype=np.int64)

    def _most(self, per_move: int) -> int:
        """Return how many rows a schedule may take before it counts as stuck."""
        return (1 + per_move) * len(self.problem.moved) + 6 * len(self.moves.kind_of) + 16

    def _boot_targets(self) -> list[int]:
        """Boot every target that is off at once; return these hosts."""
        goals = np.unique(self.moves.target[self.problem.moved])
        asleep = goals[self.now.power[goals] == OFF]
        for host in asleep:
            self.now.power[host] = BOOTING
            push_event(self.now, self.moves.boot_s[host], -1 - host)
        return [int(host) for host in asleep]

    def run(
        self, order: NDArray[np.int64], *, share: float, gate: float = 0.0, large: float = 1.0
    ) -> _Trial:
        """Schedule the moves in an order, with a share of all room kept free for those that wait."""
        style = self._style(order, share=share, gate=gate, large=large)
        moves, now = in_order(self.moves, style.order), copy_of(self.now)
        if len(order):
            most = self._most(_DETOURS_PER_MOVE if share > 0 else _LONE_DETOURS_PER_MOVE)
            run_schedule(moves, now, style, Log(rows=self.rows[:most]))
        rows = self.rows[: now.tally[4]].copy()
        made = rows[rows[:, 0] >= 0]
        return _Trial(
            rows=rows,
            position=now.position,
            n_left=int((now.position[style.order] != moves.target[style.order]).sum()),
            end_s=int((made[:, 4] + self.lag_s[made[:, 1]]).max(initial=0)),
        )

    def _style(self, order: NDArray[np.int64], *, share: float, gate: float, large: float) -> Style:
        everybody = np.concatenate([order, self.settled])
        rank = np.full(len(self.weight), len(self.weight), dtype=np.int64)
        rank[everybody] = np.arange(len(everybody))
        return Style(
            order=everybody,
            rank=rank,
            weight=self.weight,
            unit=1 / self.problem.free_space,
            middle=large * float(self.weight[order].mean()) if len(order) else 1.0,
            misses=4,
            gate=gate,
            open_share=share,
            stay_cost=20.0,
            storage=self.storage,
        )

    def listing(self, trial: _Trial) -> Listing:
        """Return a schedule as steps."""
        boots = dict.fromkeys(self.boots, 0)
        steps = []
        for v, source, target, start, end, level, _ in trial.rows.tolist():
            if v < 0:
                boots[target] = start
            else:
                steps.append(
                    Step(vm=v, source=source, target=target, start_s=start, end_s=end, level=level)
                )
        goal = self.moves.target
        left = np.flatnonzero((goal >= 0) & (trial.position != goal))
        return listing_of(self.problem, steps, boots, left.tolist())


def _plain(trials: _Trials, goal_s: int) -> Iterator[_Trial]:
    """Yield schedules in which every move starts as soon as it fits, by several orders.

    After the rules of priority come orders that learn from the schedule before: what ended late goes
    earlier (squeaky wheel optimisation; Joslin and Clements, JAIR 10, 1999, doi:10.1613/jair.561).
    """
    problem = trials.problem
    for order in (
        _soonest_empty(problem),
        _busiest(problem, both=True),
        _largest(problem, trials.weight),
    ):
        yield trials.run(order, share=0.0)
    moved = problem.moved
    urgency = _urgency(problem)
    lag = trials.lag_s[problem.places[moved]]
    ends = np.zeros(len(trials.weight), dtype=np.int64)
    known: dict[bytes, NDArray[np.int64]] = {}
    # At each event all VMs of a host are looked at: the fuller the hosts, the dearer a schedule.
    work = len(moved) * (1 + len(moved) // (_CROWD * len(problem.off_lag_s)))
    for _ in range(min(_MOST_LESSONS, 1 + _LESSON_WORK // (work + 1))):
        order = moved[np.lexsort((moved, -urgency))]
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
        urgency += late


def _roomy(trials: _Trials) -> Iterator[_Trial]:
    """Yield schedules in which hosts are kept free for what does not fit."""
    largest = _largest(trials.problem, trials.weight)
    for share in (0.3, 0.6, 1.0):
        yield trials.run(largest, share=share)


def _by_chance(trials: _Trials) -> Iterator[_Trial]:
    """Yield such schedules in random orders: where room is short no rule knows the best one."""
    problem, weight = trials.problem, trials.weight
    rng = np.random.default_rng(_SEED)
    moved = len(problem.moved)
    for _ in range(min(2 * moved, _MOST_TRIES, _WORK // (moved + 1))):
        noisy = weight * np.exp(rng.normal(0, rng.choice([0.2, 0.6]), len(weight)))
        yield trials.run(
            _largest(problem, noisy),
            share=float(rng.choice([0.3, 0.6, 1.0])),
            gate=float(rng.choice([0.0, 0.3])),
            large=float(rng.choice([0.3, 1.0, 4.0])),
        )


def _soonest_empty(problem: Problem) -> NDArray[np.int64]:
    """Return the moves, host after host: first the sources that are soonest empty and then go off.

    Within a host, VMs with more memory come first; a plan that is stopped early has then released as
    many hosts as possible.
    """
    instance, moved = problem.instance, problem.moved
    source = problem.places[moved]
    memory = instance.carried_mib()[moved]
    leaving = np.bincount(source, weights=memory, minlength=problem.n_places)
    stays = np.concatenate([problem.stays_used, np.ones(len(leaving), dtype=np.bool_)])
    keys = (moved, -memory, source, leaving[source], stays[source])
    return moved[np.lexsort(keys)]


def _busiest(problem: Problem, *, both: bool) -> NDArray[np.int64]:
    """Return the moves of the hosts with the most work first, by the busier end or both ends together."""
    seconds, out, into = _work(problem)
    work = out + into if both else np.maximum(out, into)
    return problem.moved[np.lexsort((problem.moved, -seconds, -work))]


def _urgency(problem: Problem) -> NDArray[np.float64]:
    """Return the least time from the start of each move to the end of all that its hosts still have to do."""
    seconds, out, into = _work(problem)
    lag = problem.off_lag_s[problem.places[problem.moved]]
    # Longer moves first where hosts have the same work, by less than a second.
    urgency: NDArray[np.float64] = np.maximum(np.maximum(out, into), seconds + lag)
    urgency += seconds / (1 + seconds.max(initial=0))
    return urgency


def _work(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return seconds of each move, and the work of its source and of its target, shape ``(moved,)``."""
    instance, moved = problem.instance, problem.moved
    source, goal = problem.places[moved], problem.target.host_of[moved]
    moves = problem.moves
    pair = moves.pair[moves.kind_of[source], moves.kind_of[goal]]
    seconds = np.where(pair >= 0, moves.seconds[moved, pair, 0], 0)
    n = problem.n_places
    # A host that goes off has its shutdown still to come when its last VM has left.
    out = np.bincount(source, seconds, n) / instance.moves.moves_out + problem.off_lag_s
    into = np.bincount(goal, seconds, n) / instance.moves.moves_in
    return seconds, out[source], into[goal]


def _largest(problem: Problem, weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the moves that take the most room first."""
    moved = problem.moved
    return moved[np.lexsort((moved, -weight[moved]))]
