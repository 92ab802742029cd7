"""Models of a moving VM: how long, how many bytes, how much CPU. Plain numbers in and out.

Planner, engine and instance builder all use these, so planned and replayed moves agree.
"""

from __future__ import annotations

from consolidate.migration.moves import (
    MoveEstimate,
    MoveSettings,
    estimate_move,
    estimate_storing,
)
from consolidate.migration.precopy import PreCopy, pre_copy

__all__ = ["MoveEstimate", "MoveSettings", "PreCopy", "estimate_move", "estimate_storing", "pre_copy"]
