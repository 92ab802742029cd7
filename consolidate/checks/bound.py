"""Lower bounds: every certificate is evaluated again, and the verdict is held against them."""

from __future__ import annotations

from consolidate.checks.cases import BoundClaim, PlacementCase, PlacementClaim
from consolidate.checks.configuration import configuration_mj
from consolidate.checks.on_off import on_off_mj
from consolidate.checks.verdict import Violation

__all__ = ["OPTIMAL_GAP", "bound_verdict", "bound_violations", "gap_of"]

#: Largest relative gap at which a placement may be called optimal.
OPTIMAL_GAP = 1e-6


def gap_of(objective_mj: int, bounds: tuple[BoundClaim, ...]) -> float:
    """Return ``(objective - best bound) / objective``, not below 0."""
    if objective_mj <= 0:
        return 0.0
    best = max((b.value_mj for b in bounds), default=0)
    return max(0.0, (objective_mj - best) / objective_mj)


def bound_verdict(claim: PlacementClaim) -> str:
    """Say in one sentence what is known of the best placement, and on whose word."""
    if claim.status == "infeasible":
        return "the instance is claimed to be infeasible; that claim is not proven here"
    if not claim.bounds:
        return "no lower bound"
    best = max(claim.bounds, key=lambda b: (b.value_mj, b.kind == "certified"))
    gap = gap_of(claim.objective_mj, claim.bounds)
    word = "certified and recomputed" if best.kind == "certified" else f"attested by {best.source}"
    what = "optimal" if gap <= OPTIMAL_GAP else f"at most {gap:.4%} above the best"
    return f"the placement is {what}; {best.name}: {best.value_mj} mJ, {word}"


def bound_violations(case: PlacementCase, claim: PlacementClaim) -> list[Violation]:
    """Return what is wrong with bounds, gap and status of a result."""
    found = []
    for bound in claim.bounds:
        found += _one(case, claim, bound)
    gap = gap_of(claim.objective_mj, claim.bounds)
    if not abs(claim.gap - gap) <= 1e-12 + 1e-9 * gap:
        found.append(
            Violation(
                code="V11.gap",
                message=f"gap is stated as {claim.gap!r}; objective and best bound give {gap!r}",
                witness={"stated": claim.gap, "derived": gap},
            )
        )
    if claim.status == "optimal" and gap > OPTIMAL_GAP:
        found.append(
            Violation(
                code="V11.status",
                message=f"status is optimal with a gap of {gap:.3e}; the limit is {OPTIMAL_GAP:.0e}",
                witness={"gap": gap, "limit": OPTIMAL_GAP},
            )
        )
    return found


def _one(case: PlacementCase, claim: PlacementClaim, bound: BoundClaim) -> list[Violation]:
    found = []
    if bound.value_mj > claim.objective_mj:
        found.append(
            Violation(
                code="V11.bound",
                message=f"bound {bound.name} of {bound.value_mj} mJ exceeds the objective of "
                f"{claim.objective_mj} mJ",
                witness={"bound": bound.name, "value": bound.value_mj, "objective": claim.objective_mj},
            )
        )
    if bound.kind == "attested":
        return found
    if bound.kind != "certified":
        message = f"bound {bound.name} has kind {bound.kind!r}; known are certified and attested"
        return [
            *found,
            Violation(code="V11.certificate", message=message, witness={"bound": bound.name}),
        ]
    try:
        certificate = bound.certificate or {}
        prove = configuration_mj if "grid" in certificate else on_off_mj
        proven = prove(case, certificate)
    except ValueError as problem:
        message = f"the certificate of {bound.name} {problem}"
        return [
            *found,
            Violation(code="V11.certificate", message=message, witness={"bound": bound.name}),
        ]
    if bound.value_mj > proven:
        found.append(
            Violation(
                code="V11.bound",
                message=f"bound {bound.name} is stated as {bound.value_mj} mJ; its certificate proves "
                f"{proven} mJ",
                witness={"bound": bound.name, "stated": bound.value_mj, "proven": proven},
            )
        )
    return found
