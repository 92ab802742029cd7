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
    """What VMs take and hosts offer adds up; the multiplier prices the sum.

    With ``rule`` below 0, amounts of a resource, scaled and rounded down; else one unit for each VM of a
    spread rule, and one on each host.
    """

    resource: int
    numerator: int
    denominator: int
    rule: int
    multiplier: int

    def taken(self, case: PlacementCase, overhead: NDArray[np.int64]) -> list[int]:
        """Return what each VM takes, with the overhead of a host type."""
        if self.rule >= 0:
            members = set(case.rules[self.rule].vms)
            return [int(v in members) for v in range(case.vms.n)]
        return self._scaled(case.need[:, self.resource] + overhead[self.resource])

    def offers(self, offer: NDArray[np.int64]) -> list[int]:
        """Return what each host offers; ``offer`` is ``(hosts, resources)``."""
        if self.rule >= 0:
            return [1] * len(offer)
        return self._scaled(offer[:, self.resource])

    def _scaled(self, amounts: NDArray[np.int64]) -> list[int]:
        # Few amounts are distinct, and products of large whole numbers belong into Python integers.
        values, at = np.unique(amounts, return_inverse=True)
        scaled = [int(v) * self.numerator // self.denominator for v in values.tolist()]
        return [scaled[k] for k in at.tolist()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TypePrices:
    load: int
    rows: tuple[_Row, ...]


def _whole(source: Mapping[str, object], key: str, *, least: int) -> int:
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"needs a whole number as {key}, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 (a certificate is data: a wrong type is a wrong value)
    if value < least:
        msg = f"has {key} = {value}, which must not be below {least}"
        raise ValueError(msg)
    return value


def _entries(source: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    entries = source.get(key)
    if not isinstance(entries, list | tuple) or not all(isinstance(e, Mapping) for e in entries):
        msg = f"needs a list of objects as {key}"
        raise ValueError(msg)
    return list(entries)


def _row(entry: Mapping[str, object], case: PlacementCase) -> _Row:
    multiplier = _whole(entry, "multiplier", least=0)
    if "rule" in entry:
        rule = _whole(entry, "rule", least=0)
        if rule >= len(case.rules) or case.rules[rule].name != "spread":
            msg = f"has a row of rule {rule}, which is no spread"
            raise ValueError(msg)
        return _Row(resource=0, numerator=1, denominator=1, rule=rule, multiplier=multiplier)
    resource = _whole(entry, "resource", least=0)
    if resource >= len(case.resources):
        msg = f"has a row of resource {resource}; there are {len(case.resources)}"
        raise ValueError(msg)
    return _Row(
        resource=resource,
        numerator=_whole(entry, "numerator", least=1),
        denominator=_whole(entry, "denominator", least=1),
        rule=-1,
        multiplier=multiplier,
    )


def _prices(certificate: Mapping[str, object], case: PlacementCase) -> list[_TypePrices]:
    entries = _entries(certificate, "types")
    if len(entries) != len(case.hosts.kinds):
        msg = f"has prices of {len(entries)} host types; the fleet has {len(case.hosts.kinds)}"
        raise ValueError(msg)
    return [
        _TypePrices(
            load=_whole(entry, "load_multiplier", least=0),
            rows=tuple(_row(row, case) for row in _entries(entry, "rows")),
        )
        for entry in entries
    ]


def _offered(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what a host can offer at most: one that takes no VM, only what its own need now."""
    offer = case.capacity.copy()
    for h in np.flatnonzero(~receives).tolist():
        own = case.active & (case.current == h)
        held = (case.need[own] + case.overhead[h]).sum(axis=0)
        offer[h] = np.minimum(offer[h], held)
    return offer


def _allowed(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which host types a VM may be on: its own, and those with a host that takes it."""
    hosts, vms = case.hosts, case.vms
    allowed = np.zeros((len(hosts.kinds), vms.n), dtype=np.bool_)
    for k, kind in enumerate(hosts.kinds):
        guest = vms.is_container == (kind.guest_kind == "container_engine")
        fast = case.need[:, 0] <= vms.vcpus * kind.core_mcores
        allowed[k] = guest & fast & bool((receives & (hosts.kind_of == k)).any())
    home = np.flatnonzero(case.current >= 0)
    allowed[hosts.kind_of[case.current[home]], home] = True
    return allowed


def _paid(case: PlacementCase, prices: list[_TypePrices], receives: NDArray[np.bool_]) -> int:
    """Return what the active VMs pay for load and room, each at the type that asks the least."""
    allowed, active = _allowed(case, receives), np.flatnonzero(case.active).tolist()
    least: dict[int, int] = {}
    for k, price in enumerate(prices):
        of_kind = np.flatnonzero(case.hosts.kind_of == k)
        if of_kind.size == 0:
            continue
        overhead = case.overhead[of_kind].min(axis=0)
        asked = [price.load * load for load in case.load_mcores.tolist()]
        for row in price.rows:
            if row.multiplier:
                taken = row.taken(case, overhead)
                asked = [x + row.multiplier * t for x, t in zip(asked, taken, strict=True)]
        for v in active:
            if allowed[k, v]:
                least[v] = min(least.get(v, asked[v]), asked[v])
    # A VM that no type takes cannot be placed; nothing is promised for it.
    return sum(least.values())


def certified_mj(case: PlacementCase, certificate: Mapping[str, object]) -> int:
    """Return the lower bound that a certificate proves, in millijoules.

    Parameters
    ----------
    case
        Needs, capacities, fleet and present placement.
    certificate
        ``scale``, and ``types`` with ``load_multiplier`` and ``rows`` each; whole numbers, none negative.

    Raises
    ------
    ValueError
        When the certificate lacks something; the message completes "the certificate ...".
    """
    scale, prices = _whole(certificate, "scale", least=1), _prices(certificate, case)
    hosts, active = case.hosts, case.active
    # numpy would wrap around silently: totals are Python integers, vectors are bounded below.
    carries = np.zeros(hosts.n, dtype=np.bool_)
    here = active & (case.current >= 0)
    carries[case.current[here]] = True
    stay = np.zeros(hosts.n, dtype=np.int64)
    np.add.at(stay, case.current[here], case.move_mj[here])
    receives = (hosts.powered_on | (hosts.control != NO_WAKE)) & ~hosts.maintenance
    usable, offer = receives | carries, _offered(case, receives)
    forced = hosts.powered_on & ~case.may_switch_off()
    total = scale * int(case.move_mj[active].sum()) + _paid(case, prices, receives)
    worth = [0] * hosts.n
    for k, price in enumerate(prices):
        of_kind = np.flatnonzero(hosts.kind_of == k)
        for row in price.rows:
            units = row.offers(offer[of_kind])
            for h, unit in zip(of_kind.tolist(), units, strict=True):
                worth[h] += row.multiplier * unit
    classes: dict[tuple[int, bool, int], tuple[int, int, int]] = {}
    for h in range(hosts.n):
        key = (int(hosts.kind_of[h]), bool(hosts.powered_on[h]), int(offer[h, 0]))
        if key not in classes:
            classes[key] = _class_terms(case, h, most=key[2], scale=scale, b=prices[key[0]].load)
        off, empty, carrying = classes[key]
        without = scale * (empty if forced[h] else off)
        with_vms = carrying - scale * int(stay[h]) - worth[h]
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
