"""Present and target placement -> timed, ordered, feasible :class:`~consolidate.model.MigrationPlan`."""

from __future__ import annotations

from consolidate.planning.planner import plan

__all__ = ["plan"]
