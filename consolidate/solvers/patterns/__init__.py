"""Packing by patterns: column generation over classes of items and types of bins."""

from __future__ import annotations

from consolidate.solvers.patterns.packing import pack
from consolidate.solvers.patterns.problem import BinType, PackingProblem, PatternSolution, single_type

__all__ = ["BinType", "PackingProblem", "PatternSolution", "pack", "single_type"]
