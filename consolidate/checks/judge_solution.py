"""The part of a verdict about what was solved and planned."""

from __future__ import annotations

from functools import partial

from consolidate.checks.arms import Demand
from consolidate.checks.bound import bound_verdict
from consolidate.checks.cases import MOVE, Actions, PlacementCase, PlacementClaim, PlanCase
from consolidate.checks.docket import Docket
from consolidate.checks.forecast_file import load_moves_s, load_pue
from consolidate.checks.loader import load_actions, load_intensity, load_limits, load_makespan_bounds
from consolidate.checks.single import check_placement, check_plan
from consolidate.checks.weights import weight_violations

__all__ = ["judge_placement", "judge_plan", "judge_weights"]


def judge_placement(docket: Docket, case: PlacementCase, claim: PlacementClaim | None) -> bool:
    """Judge placement and claim; say whether the target can be taken for a placement at all."""
    found = check_placement(case, claim)
    infeasible = claim is not None and claim.status in ("infeasible", "unknown")
    about_bounds = [v for v in found if v.code.startswith(("V11.", "V14."))]
    rest = [v for v in found if v not in about_bounds]
    sentence = "needs and capacities are those of the VMs and the fleet"
    if not infeasible:
        sentence += "; every active VM is on one host that may run it, within each capacity and rule"
    docket.add(rest, sentence)
    if claim is None:
        return not any(v.code.startswith(("V1.", "V4.")) for v in found)
    docket.bound = bound_verdict(claim)
    if not infeasible and not any(v.code.startswith(("V1.", "V4.")) for v in found):
        docket.add(about_bounds, "objective, certified bounds, gap and status follow from the inputs")
    docket.notes += [
        f"bound {b.name} of {b.value_mj} mJ is attested by {b.source}, not recomputed"
        for b in claim.bounds
        if b.kind == "attested"
    ]
    return not infeasible and not any(v.code.startswith(("V1.", "V4.")) for v in found)


def judge_weights(docket: Docket, case: PlacementCase, demand: Demand | None, *, n_sites: int) -> None:
    """Judge the weights of an objective in grams by the forecast that the run has kept."""
    if not case.site_mg_per_kwh or demand is None:
        return
    attempt = docket.attempt
    load = partial(load_intensity, docket.folder, n_sites=n_sites, name="forecast.parquet")
    forecast, moves_s = attempt(load), attempt(partial(load_moves_s, docket.folder))
    pue = attempt(partial(load_pue, docket.folder))
    if forecast is None or moves_s is None or pue is None:
        return
    found = weight_violations(
        case, forecast=forecast, pue=pue, start_s=demand.start_utc_s, moves_s=moves_s
    )
    docket.add(found, "the objective weighs energy by the mean of the forecast at each site")


def judge_plan(
    docket: Docket, case: PlacementCase, claim: PlacementClaim | None, *, placed: bool
) -> Actions | None:
    """Judge the plan, and return what it does; ``None`` where there is none."""
    if not (docket.folder / "plan.parquet").exists():
        docket.absent.append("plan")
        return None
    load = partial(load_actions, docket.folder, hosts=case.hosts.n, vms=case.vms.n)
    actions = docket.attempt(load)
    limits = docket.attempt(partial(load_limits, docket.folder))
    if actions is None or limits is None:
        return None
    docket.checked["planned moves"] = int(actions.of_kind(MOVE).size)
    if not placed:
        docket.notes.append("the plan is not judged: there is no placement for it to reach")
    else:
        worthwhile = claim is None or claim.worthwhile
        bounds = docket.attempt(partial(load_makespan_bounds, docket.folder)) or (0, 0)
        plan = PlanCase(
            placement=case,
            limits=limits,
            actions=actions,
            worthwhile=worthwhile,
            makespan_bound_s=bounds[0],
            direct_bound_s=bounds[1],
        )
        docket.add(
            check_plan(plan),
            "the plan fits at every moment, both ends of a move charged, and ends at the target",
        )
    return actions
