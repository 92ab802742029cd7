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
from consolidate.solvers.patterns.problem import PackingProblem

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
        Asked before each step; then the patterns so far are rounded without new ones, or the dive is given up
        where it is not to ``relax``.
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
    now = _Descent.of(problem)
    try:
        while now.demand.any():
            value = _value(generation, now, stop=stop, is_final=not relax)
            if value is None:
                return None
            if goal is not None and now.packed.cost + np.ceil(value - 1e-6) > goal:
                if now.failed < steps_back and now.steps and not stop():
                    now.back()
                    master.set_demand(now.demand, now.left)
                    if master.solve() is None:
                        return None
                elif relax:
                    goal += 1
                else:
                    return None
            step = now.step()
            taken = _fix(generation, now, prefer)
            if not taken:
                return None
            step.barred.update(taken)
            now.steps.append(step)
            now.barred = set()
    finally:
        master.set_demand(problem.demand, np.array([b.quantity for b in problem.bins], dtype=np.int64))
    return now.packed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Step:
    """Where a step began, and what is not to be taken when it is tried again."""

    demand: NDArray[np.int64]
    left: NDArray[np.int64]
    patterns: int
    barred: set[int]


@dataclass(slots=True, kw_only=True, eq=False)
class _Descent:
    """What is packed so far, what is left, and the way there."""

    demand: NDArray[np.int64]
    left: NDArray[np.int64]
    packed: Packed
    steps: list[_Step]
    barred: set[int]
    failed: int = 0

    @classmethod
    def of(cls, problem: PackingProblem) -> _Descent:
        """Start with everything left."""
        left = np.array([b.quantity for b in problem.bins], dtype=np.int64)
        packed = Packed.empty(problem)
        return cls(demand=problem.demand.copy(), left=left, packed=packed, steps=[], barred=set())

    def step(self) -> _Step:
        """Return where a step begins now."""
        return _Step(
            demand=self.demand.copy(),
            left=self.left.copy(),
            patterns=len(self.packed.kinds),
            barred=self.barred.copy(),
        )

    def back(self) -> None:
        """Take steps back: whatever went wrong did so before it shows, so further back each time."""
        number = 1 + self.failed // _FAILURES_A_STEP
        first = max(0, len(self.steps) - number)
        step = self.steps[first]
        del self.steps[first:]
        self.packed.cut(step.patterns)
        self.demand, self.left, self.barred = step.demand.copy(), step.left.copy(), step.barred
        self.failed += 1


def _value(
    generation: Generation, now: _Descent, *, stop: Callable[[], bool], is_final: bool
) -> float | None:
    """Generate patterns for what is left; return the value of the linear program, ``None`` without one.

    When it is time to stop there are no new patterns, and no value at all if ``is_final``.
    """
    generation.master.set_demand(now.demand, now.left)
    value = None
    if not stop():
        value = generation.run(now.demand, stop=stop, max_rounds=_ROUNDS_BETWEEN)
    elif is_final:
        return None
    return generation.master.solve() if value is None else value


def _fix(generation: Generation, now: _Descent, prefer: NDArray[np.float64] | None) -> list[int]:
    """Take whole parts, else the patterns nearest to whole; shrink demand; return which were taken.

    Those barred come last; where some are, only one pattern is taken.
    """
    master, left = generation.master, now.left
    used = master.used()
    some = np.flatnonzero(used > 1e-6)
    if some.size == 0:
        return []
    rank = used[some] % 1.0
    if prefer is not None:
        rank = rank + np.array([prefer @ np.minimum(master.patterns[c], 1) for c in some.tolist()])
    rank = rank - 10.0 * np.isin(some, list(now.barred))
    has_whole = not now.barred and bool((used[some] >= 1 - 1e-6).any())
    taken: list[int] = []
    for place in np.argsort(-rank, kind="stable").tolist():
        c = int(some[place])
        part = used[c] - np.floor(used[c] + 1e-6)
        times = 0 if now.barred else int(np.floor(used[c] + 1e-6))
        if not has_whole and (not taken or (part >= _NEARLY_WHOLE and not now.barred)):
            times = 1
        kind, pattern = master.kinds[c], master.patterns[c]
        if left[kind] >= 0:
            times = min(times, int(left[kind]))
        if _take(generation, kind, pattern, times, now):
            taken.append(c)
    return taken


def _take(
    generation: Generation, kind: int, pattern: NDArray[np.int64], times: int, now: _Descent
) -> int:
    """Use a pattern so often, the last time with what is left of its items; return how often."""
    done = 0
    while times > 0:
        counts = np.minimum(pattern, now.demand)
        bin_type = generation.problem.bins[kind]
        # Without an item that makes room, the others may not fit any more.
        if not counts.any() or (counts @ bin_type.size > bin_type.capacity).any():
            break
        inside = counts > 0
        repeat = min(times, int((now.demand[inside] // counts[inside]).min()))
        now.packed.add(kind, counts, repeat)
        now.demand -= repeat * counts
        if now.left[kind] >= 0:
            now.left[kind] -= repeat
        times -= repeat
        done += repeat
    return done
