"""From parts of patterns to whole ones: round, generate for what is left, round again.

Residual column generation with diving: Joncour et al. 2010 (doi:10.1016/j.endm.2010.05.087).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.patterns.generation import Generation
from consolidate.solvers.patterns.packed import Packed

__all__ = ["dive"]

_NEARLY_WHOLE = 0.85
_ROUNDS_BETWEEN = 15
_FAILURES_A_STEP = 2


def dive(
    generation: Generation,
    *,
    stop: Callable[[], bool],
    prefer: NDArray[np.float64] | None = None,
    goal: int | None = None,
    steps_back: int = 12,
    relax: bool = True,
) -> Packed | None:
    """Return a whole-number packing, or ``None`` when bins ran out or the goal is out of reach.

    Parameters
    ----------
    generation
        Column generation that has run on the whole demand.
    stop
        Asked before each step; then the patterns so far are rounded without new ones.
    prefer
        A bonus per class for ranking patterns, so that dives differ; shape ``(classes,)``.
    goal
        Bins wanted, where bins are counted. A step after which the linear program needs more is taken back,
        and another pattern taken (limited discrepancy; Sadykov et al. 2019, doi:10.1287/ijoc.2018.0822).
    steps_back
        Steps that are taken back at most.
    relax
        After that, be content with one bin more, instead of giving up.
    """
    problem, master = generation.problem, generation.master
    demand = problem.demand.copy()
    left = np.array([b.quantity for b in problem.bins], dtype=np.int64)
    packed = Packed.empty(problem)
    steps: list[_Step] = []
    barred: set[int] = set()
    failed = 0
    try:
        while demand.any():
            master.set_demand(demand, left)
            value = None
            if not stop():
                value = generation.run(demand, stop=stop, max_rounds=_ROUNDS_BETWEEN)
            if value is None and (value := master.solve()) is None:
                return None
            if goal is not None and packed.cost + np.ceil(value - 1e-6) > goal:
                if failed < steps_back and steps and not stop():
                    # Whatever went wrong did so before it shows: back further each time.
                    step = _back(steps, 1 + failed // _FAILURES_A_STEP, packed)
                    failed += 1
                    demand, left, barred = step.demand.copy(), step.left.copy(), step.taken
                    master.set_demand(demand, left)
                    if master.solve() is None:
                        return None
                elif relax:
                    goal += 1
                else:
                    return None
            step = _Step(
                demand=demand.copy(), left=left.copy(), patterns=len(packed.kinds), taken=barred
            )
            taken = _fix(generation, master.used(), demand, left, packed, prefer, barred)
            if not taken:
                return None
            step.taken.update(taken)
            steps.append(step)
            barred = set()
    finally:
        master.set_demand(problem.demand, np.array([b.quantity for b in problem.bins], dtype=np.int64))
    return packed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Step:
    """Where a step began, and what was taken then."""

    demand: NDArray[np.int64]
    left: NDArray[np.int64]
    patterns: int
    taken: set[int]


def _back(steps: list[_Step], number: int, packed: Packed) -> _Step:
    """Take so many steps back; return where the first of them began."""
    first = max(0, len(steps) - number)
    step = steps[first]
    del steps[first:]
    packed.cut(step.patterns)
    return step


def _fix(
    generation: Generation,
    used: NDArray[np.float64],
    demand: NDArray[np.int64],
    left: NDArray[np.int64],
    packed: Packed,
    prefer: NDArray[np.float64] | None,
    barred: set[int],
) -> list[int]:
    """Take whole parts, else the patterns nearest to whole; shrink demand; return which were taken.

    Those barred come last; where some are, only one pattern is taken.
    """
    master = generation.master
    some = np.flatnonzero(used > 1e-6)
    if some.size == 0:
        return []
    rank = used[some] % 1.0
    if prefer is not None:
        rank = rank + np.array([prefer @ np.minimum(master.patterns[c], 1) for c in some.tolist()])
    rank = rank - 10.0 * np.isin(some, list(barred))
    has_whole = not barred and bool((used[some] >= 1 - 1e-6).any())
    taken: list[int] = []
    for place in np.argsort(-rank, kind="stable").tolist():
        c = int(some[place])
        part = used[c] - np.floor(used[c] + 1e-6)
        times = 0 if barred else int(np.floor(used[c] + 1e-6))
        if not has_whole and (not taken or (part >= _NEARLY_WHOLE and not barred)):
            times = 1
        kind, pattern = master.kinds[c], master.patterns[c]
        if left[kind] >= 0:
            times = min(times, int(left[kind]))
        if _take(generation, kind, pattern, times, demand, left, packed):
            taken.append(c)
    return taken


def _take(
    generation: Generation,
    kind: int,
    pattern: NDArray[np.int64],
    times: int,
    demand: NDArray[np.int64],
    left: NDArray[np.int64],
    packed: Packed,
) -> int:
    """Use a pattern so often, the last time with what is left of its items; return how often."""
    done = 0
    while times > 0:
        counts = np.minimum(pattern, demand)
        bin_type = generation.problem.bins[kind]
        # Without an item that makes room, the others may not fit any more.
        if not counts.any() or (counts @ bin_type.size > bin_type.capacity).any():
            break
        inside = counts > 0
        repeat = min(times, int((demand[inside] // counts[inside]).min()))
        packed.add(kind, counts, repeat)
        demand -= repeat * counts
        if left[kind] >= 0:
            left[kind] -= repeat
        times -= repeat
        done += repeat
    return done
