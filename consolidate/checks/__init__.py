"""The independent judge of placements, bounds, plans, replays and reports.

Nothing here is shared with what it judges: the run folder is read by a loader of its own, and every
rule, formula and sum is stated again. ``check_run`` judges a folder; ``check_placement``,
``check_plan`` and ``check_arm`` judge the same facts in memory, filled into the records of
:mod:`consolidate.checks.cases`.
"""

from __future__ import annotations

from consolidate.checks.arms import Arm, ArmCase, Demand, MovesMade, Residency, States
from consolidate.checks.cases import (
    BOOT,
    KEEP_ON,
    MANAGED,
    MOVE,
    NO_ACTIONS,
    NO_WAKE,
    RESTORE,
    SAVE,
    SHUTDOWN,
    START,
    Actions,
    BoundClaim,
    Guests,
    HostKind,
    Hosts,
    MoveLimits,
    PlacementCase,
    PlacementClaim,
    PlacementRule,
    PlanCase,
)
from consolidate.checks.history import Happened, HistoryCase, check_history
from consolidate.checks.move_budget import BudgetClaim, check_budget
from consolidate.checks.reserve import ReserveVerdict, check_reserve
from consolidate.checks.run import check_run
from consolidate.checks.single import check_arm, check_placement, check_plan
from consolidate.checks.verdict import Verdict, Violation

__all__ = [
    "BOOT",
    "KEEP_ON",
    "MANAGED",
    "MOVE",
    "NO_ACTIONS",
    "NO_WAKE",
    "RESTORE",
    "SAVE",
    "SHUTDOWN",
    "START",
    "Actions",
    "Arm",
    "ArmCase",
    "BoundClaim",
    "BudgetClaim",
    "Demand",
    "Guests",
    "Happened",
    "HistoryCase",
    "HostKind",
    "Hosts",
    "MoveLimits",
    "MovesMade",
    "PlacementCase",
    "PlacementClaim",
    "PlacementRule",
    "PlanCase",
    "ReserveVerdict",
    "Residency",
    "States",
    "Verdict",
    "Violation",
    "check_arm",
    "check_budget",
    "check_history",
    "check_placement",
    "check_plan",
    "check_reserve",
    "check_run",
]
