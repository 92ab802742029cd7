"""Pack items into bins by patterns: bound and packing from one column generation."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from consolidate.solvers.patterns.limit import Within, anyway
from consolidate.solvers.patterns.packed import Packed
from consolidate.solvers.patterns.problem import PackingProblem, PatternSolution
from consolidate.solvers.patterns.search import Search

__all__ = ["pack"]


def pack(
    problem: PackingProblem,
    *,
    time_limit_s: float | None = None,
    dives: int = 60,
    seed: int = 0,
    rounds: int = 2_000,
    clock: Callable[[], float] = time.monotonic,
    stop: Callable[[], bool] = lambda: False,
    within: Within = anyway,
) -> PatternSolution:
    """Pack all items at the least cost that is found, and prove how little it could cost.

    Greedy filling, exchanges, column generation, diving, integer programs over the patterns at hand, and
    more dives with other tie-breaks; it ends as soon as cost and bound meet.

    Parameters
    ----------
    problem
        Items and bins.
    time_limit_s : s
        Time on the ``clock``; without it the result depends on nothing but the arguments and the answers of
        ``stop``.
    dives
        Dives at most.
    seed
        Of the tie-breaks.
    rounds
        Rounds of column generation at most.
    clock
        Tells seconds.
    stop
        Asked now and then; once it says yes, the search ends.
    within
        Without a time limit, does the work of exact solvers, whose wall time it may limit.
    """
    if not problem.bins or not problem.demand.any():
        best = None if problem.demand.any() else Packed.empty(problem)
        return _solution(problem, best, 0, "nothing to choose")
    search = Search(
        problem=problem,
        seed=seed,
        clock=clock,
        started_s=clock(),
        time_limit_s=time_limit_s,
        stop=stop,
        within=within,
    )
    search.start()
    if not search.is_done():
        generation = search.generate(rounds)
        search.dive(generation, dives)
    stopped = "proven optimal" if search.is_done() else "dives used up"
    if not search.is_done() and search.is_over():
        stopped = "time limit"
    return _solution(problem, search.best, search.bound, stopped)


def _solution(problem: PackingProblem, best: Packed | None, bound: int, stopped: str) -> PatternSolution:
    if best is None:
        best = Packed.empty(problem)
        none = np.zeros(0, dtype=np.int64)
        rows = np.zeros((0, problem.n_classes), dtype=np.int64)
        return PatternSolution(
            kinds=none, patterns=rows, times=none, cost=None, bound=bound, stopped=stopped
        )
    return PatternSolution(
        kinds=np.array(best.kinds, dtype=np.int64),
        patterns=np.array(best.patterns, dtype=np.int64).reshape(len(best.kinds), problem.n_classes),
        times=np.array(best.times, dtype=np.int64),
        cost=best.cost,
        bound=bound,
        stopped=stopped,
    )
