"""When and where work that may wait runs: exact where that is small enough, greedy with a bound else."""

from __future__ import annotations

from consolidate.solvers.shift.problem import Schedule, ShiftProblem
from consolidate.solvers.shift.search import shift, soonest

__all__ = ["Schedule", "ShiftProblem", "shift", "soonest"]
