"""Lower bounds: every certificate is evaluated again, exactly, and the verdict is held against them.

The certificate is the on-off Lagrangian of the run-folder reference. Its rows may be scaled and rounded
down: since ``sum of floor(x) <= floor(sum of x)``, needs that fit a capacity still fit when all of them,
and the capacity, are multiplied by the same fraction and rounded down (Chvatal 1973,
doi:10.1016/0012-365X(73)90167-2).

One place is stricter than the formula there, so that the value is a bound whatever the numbers: where a
hosting curve falls with load and guests cost the host CPU of their own, the power at a load is the least
at that load *or above*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import NO_WAKE, BoundClaim, HostKind, PlacementCase, PlacementClaim
from consolidate.checks.power import curve, kind_power_mw
from consolidate.checks.verdict import Violation

__all__ = ["OPTIMAL_GAP", "bound_verdict", "bound_violations", "certified_mj", "gap_of"]

#: Largest relative gap at which a placement may be called optimal.
OPTIMAL_GAP = 1e-6
_INT64_SAFE = 2**62


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
        proven = certified_mj(case, bound.certificate or {})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One inequality: what each active VM takes, what each host offers, the multiplier of both."""

    takes: list[int]
    offers: list[int]
    multiplier: int


def _whole(source: Mapping[str, object], key: str, *, least: int) -> int:
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"needs a whole number as {key}, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 (a certificate is data: a wrong type is a wrong value)
    if value < least:
        msg = f"has {key} = {value}, which must not be below {least}"
        raise ValueError(msg)
    return value


def _scaled(amounts: NDArray[np.int64], numerator: int, denominator: int) -> list[int]:
    """Return amounts times a fraction, rounded down, in Python integers, which do not wrap around."""
    # Few amounts are distinct.
    values, at = np.unique(amounts, return_inverse=True)
    scaled = [int(v) * numerator // denominator for v in values.tolist()]
    return [scaled[k] for k in at.tolist()]


def _rows(
    case: PlacementCase, offer: NDArray[np.int64], certificate: Mapping[str, object]
) -> list[_Row]:
    entries = certificate.get("rows")
    if not isinstance(entries, list | tuple) or not all(isinstance(e, Mapping) for e in entries):
        msg = "needs a list of objects as rows"
        raise ValueError(msg)
    rows = []
    for entry in entries:
        multiplier = _whole(entry, "multiplier", least=0)
        if "rule" in entry:
            rows.append(_spread_row(case, _whole(entry, "rule", least=0), multiplier))
            continue
        r = _whole(entry, "resource", least=0)
        if r >= len(case.resources):
            msg = f"has a row of resource {r}; there are {len(case.resources)}"
            raise ValueError(msg)
        p, q = _whole(entry, "numerator", least=1), _whole(entry, "denominator", least=1)
        taken = case.need[case.active, r] + case.overhead[:, r].min()
        rows.append(
            _Row(takes=_scaled(taken, p, q), offers=_scaled(offer[:, r], p, q), multiplier=multiplier)
        )
    return rows


def _spread_row(case: PlacementCase, rule: int, multiplier: int) -> _Row:
    if rule >= len(case.rules) or case.rules[rule].name != "spread":
        msg = f"has a row of rule {rule}, which is no spread rule"
        raise ValueError(msg)
    members = set(case.rules[rule].vms)
    takes = [int(v in members) for v in np.flatnonzero(case.active).tolist()]
    return _Row(takes=takes, offers=[1] * case.hosts.n, multiplier=multiplier)


def _offer(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what each host can give at most: one that takes no VM, no more than what is on it now."""
    here = np.flatnonzero(case.active & (case.current >= 0))
    held = np.zeros_like(case.capacity)
    host = case.current[here]
    np.add.at(held, host, case.need[here] + case.overhead[host])
    out: NDArray[np.int64] = np.where(receives[:, None], case.capacity, np.minimum(case.capacity, held))
    return out


def certified_mj(case: PlacementCase, certificate: Mapping[str, object]) -> int:
    """Return the lower bound that a certificate proves, in millijoules.

    Parameters
    ----------
    case
        Needs, capacities, fleet and present placement.
    certificate
        ``scale``, ``load_multiplier`` and ``rows``; whole numbers, none negative.

    Raises
    ------
    ValueError
        When the certificate lacks something; the message completes "the certificate ...".
    """
    scale = _whole(certificate, "scale", least=1)
    b = _whole(certificate, "load_multiplier", least=0)
    hosts, active = case.hosts, case.active
    receives = (hosts.powered_on | (hosts.control != NO_WAKE)) & ~hosts.maintenance
    here = active & (case.current >= 0)
    usable = receives.copy()
    usable[case.current[here]] = True
    stay = np.zeros(hosts.n, dtype=np.int64)
    np.add.at(stay, case.current[here], case.move_mj[here])
    forced = hosts.powered_on & ~case.may_switch_off()
    offer = _offer(case, receives)
    # numpy would wrap around silently: totals are Python integers, vectors are bounded below.
    total = scale * int(case.move_mj[active].sum()) + b * int(case.load_mcores[active].sum())
    covers = [0] * hosts.n
    for row in _rows(case, offer, certificate):
        total += row.multiplier * sum(row.takes)
        covers = [c + row.multiplier * x for c, x in zip(covers, row.offers, strict=True)]
    classes: dict[tuple[int, bool, int], tuple[int, int, int]] = {}
    for h in range(hosts.n):
        key = (int(hosts.kind_of[h]), bool(hosts.powered_on[h]), int(offer[h, 0]))
        if key not in classes:
            classes[key] = _class_terms(case, h, scale=scale, b=b, most=int(offer[h, 0]))
        off, empty, carrying = classes[key]
        without = scale * (empty if forced[h] else off)
        with_vms = carrying - scale * int(stay[h]) - covers[h]
        total += min(without, with_vms) if usable[h] else without
    return total // scale


def _class_terms(case: PlacementCase, h: int, *, most: int, scale: int, b: int) -> tuple[int, int, int]:
    """Return energy off, energy on and empty (mJ), and the least scaled energy of carrying VMs."""
    kind = case.hosts.kind(h)
    is_on = bool(case.hosts.powered_on[h])
    off = kind.off_mw * case.horizon_s + (kind.shutdown_mw * kind.shutdown_s if is_on else 0)
    background = np.array([kind.background_mcores], dtype=np.int64)
    empty = int(kind_power_mw(kind, background, hosting=False)[0]) * case.horizon_s
    boot = 0 if is_on else kind.boot_mw * kind.boot_s
    power = _carrying_power_mw(kind, most=most)
    return off, empty, _least(power, scale * case.horizon_s, b) + scale * boot


def _carrying_power_mw(kind: HostKind, *, most: int) -> NDArray[np.int64]:
    """Return a lower limit of the power at each whole load from 0 to ``most``."""
    loads = np.arange(max(most, 0) + 1, dtype=np.int64) + kind.background_mcores
    points = curve(kind, hosting=True)
    if kind.per_vm_mcores == 0 or list(points) == sorted(points):
        return kind_power_mw(kind, loads, hosting=True)
    # The load of guests is known, their number is not: the host may run at any higher load.
    every = np.arange(max(int(loads[-1]), kind.cpu_mcores) + 1, dtype=np.int64)
    power = kind_power_mw(kind, every, hosting=True)
    least_above: NDArray[np.int64] = np.minimum.accumulate(power[::-1])[::-1]
    return least_above[loads]


def _least(power_mw: NDArray[np.int64], weight: int, b: int) -> int:
    """Return the least of ``weight * power - b * l`` over the whole loads ``l``, exactly."""
    n = power_mw.shape[0]
    largest = max(int(power_mw.max()) * weight, b * n)
    if largest < _INT64_SAFE and weight < _INT64_SAFE and b < _INT64_SAFE:
        return int((power_mw * np.int64(weight) - np.arange(n, dtype=np.int64) * np.int64(b)).min())
    scaled: list[int] = [int(p) * weight - b * load for load, p in enumerate(power_mw.tolist())]
    return min(scaled)
