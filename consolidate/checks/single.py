"""Judge one placement, one plan, or one replayed arm."""

from __future__ import annotations

from dataclasses import replace

from consolidate.checks.arms import ArmCase
from consolidate.checks.bound import bound_violations
from consolidate.checks.cases import PlacementCase, PlacementClaim, PlanCase
from consolidate.checks.inputs import input_violations
from consolidate.checks.ledger import energy_violations, recount
from consolidate.checks.objective import objective_violations
from consolidate.checks.placement import placement_violations
from consolidate.checks.plan import plan_violations
from consolidate.checks.residency import residency_violations
from consolidate.checks.rules import too_many_on
from consolidate.checks.service import service_violations
from consolidate.checks.states import state_violations
from consolidate.checks.stops import stop_violations
from consolidate.checks.verdict import Violation
from consolidate.checks.weights import in_reference_mj

__all__ = ["check_arm", "check_placement", "check_plan"]


def check_placement(case: PlacementCase, claim: PlacementClaim | None = None) -> tuple[Violation, ...]:
    """Judge a placement, and what a result says of it.

    Parameters
    ----------
    case
        The problem and its answer.
    claim
        Objective, bounds and verdict as stated; ``None`` leaves them out.

    Returns
    -------
    tuple
        Violations; empty when the placement is right. Where an infeasible instance is claimed, nobody is
        placed anew, so only the inputs are judged.
    """
    found = input_violations(case)
    if claim is not None and claim.status in ("infeasible", "unknown"):
        return tuple(found)
    found += placement_violations(case)
    if claim is not None and not any(v.code.startswith(("V1.", "V4.")) for v in found):
        stays = replace(case, target=case.current)
        fits = not placement_violations(stays) and not too_many_on(case)
        counted = in_reference_mj(case)
        found += objective_violations(counted, claim, current_fits=fits)
        found += bound_violations(counted, claim)
    return tuple(found)


def check_plan(case: PlanCase) -> tuple[Violation, ...]:
    """Judge a plan; its placements must have been judged before.

    Parameters
    ----------
    case
        Placement case, settings of moves, actions.

    Returns
    -------
    tuple
        Violations; empty when every prefix of the plan can be executed and it ends at the target.
    """
    return tuple(plan_violations(case))


def check_arm(case: ArmCase) -> tuple[Violation, ...]:
    """Judge one replayed arm: states, whereabouts, energy, service levels.

    The ledger is integrated again only when states and whereabouts are in order; without them there is
    nothing to integrate.
    """
    found = state_violations(case)
    found += residency_violations(case)
    if not any(v.code in {"V8.states", "V8.residency"} for v in found):
        found += stop_violations(case)
    if any(v.code in {"V8.states", "V8.residency", "V4.on", "V20.options", "V20.time"} for v in found):
        return tuple(found)
    again = recount(case)
    found += energy_violations(case, again)
    found += service_violations(case, unmet_mcore_s=again.unmet_mcore_s, totals=again.service)
    return tuple(found)
