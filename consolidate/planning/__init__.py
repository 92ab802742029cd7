"""Present and target placement -> timed, ordered, feasible :class:`~consolidate.model.MigrationPlan`."""

from __future__ import annotations

from consolidate.planning.follow import resume, state_after, undo
from consolidate.planning.nearest import Nearest, nearest_target
from consolidate.planning.planner import plan
from consolidate.planning.state import plan_status, state_of
from consolidate.planning.windows import plan_in_windows

__all__ = [
    "Nearest",
    "nearest_target",
    "plan",
    "plan_in_windows",
    "plan_status",
    "resume",
    "state_after",
    "state_of",
    "undo",
]
