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
from consolidate.checks.exact import Wholes, add, multiply, sum_of
from consolidate.checks.power import curve, kind_power_mw
from consolidate.checks.verdict import Violation

__all__ = [
    "OPTIMAL_GAP",
    "allowed_kinds",
    "bound_verdict",
    "bound_violations",
    "certified_mj",
    "entries",
    "gap_of",
    "least_running",
    "offered",
    "whole",
    "without_vms_mj",
]

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
        # Imported late: it builds on the terms of this module.
        from consolidate.checks.configuration import configuration_mj

        prove = configuration_mj if "grid" in certificate else certified_mj
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

    def taken(self, case: PlacementCase, overhead: NDArray[np.int64]) -> Wholes:
        """Return what each VM takes, with the overhead of a host type."""
        if self.rule >= 0:
            members = np.zeros(case.vms.n, dtype=np.int64)
            members[list(case.rules[self.rule].vms)] = 1
            return members
        return self._scaled(case.need[:, self.resource] + overhead[self.resource])

    def offers(self, offer: NDArray[np.int64]) -> Wholes:
        """Return what each host offers; ``offer`` is ``(hosts, resources)``."""
        if self.rule >= 0:
            return np.ones(len(offer), dtype=np.int64)
        return self._scaled(offer[:, self.resource])

    def _scaled(self, amounts: NDArray[np.int64]) -> Wholes:
        raised = multiply(amounts, self.numerator)
        if raised.dtype == np.int64 and self.denominator >= 2**62:
            raised = raised.astype(object)
        return raised // self.denominator


@dataclass(frozen=True, slots=True, kw_only=True)
class _TypePrices:
    load: int
    rows: tuple[_Row, ...]


def whole(source: Mapping[str, object], key: str, *, least: int) -> int:
    """Return a whole number of a certificate; anything else, or one below ``least``, is a ValueError."""
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"needs a whole number as {key}, got {value!r}"
        raise ValueError(msg)  # noqa: TRY004 (a certificate is data: a wrong type is a wrong value)
    if value < least:
        msg = f"has {key} = {value}, which must not be below {least}"
        raise ValueError(msg)
    return value


def entries(source: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """Return a list of objects of a certificate; anything else is a ValueError."""
    listed = source.get(key)
    if not isinstance(listed, list | tuple) or not all(isinstance(e, Mapping) for e in listed):
        msg = f"needs a list of objects as {key}"
        raise ValueError(msg)
    return list(listed)


def _row(entry: Mapping[str, object], case: PlacementCase) -> _Row:
    multiplier = whole(entry, "multiplier", least=0)
    if "rule" in entry:
        rule = whole(entry, "rule", least=0)
        if rule >= len(case.rules) or case.rules[rule].name != "spread":
            msg = f"has a row of rule {rule}, which is no spread"
            raise ValueError(msg)
        return _Row(resource=0, numerator=1, denominator=1, rule=rule, multiplier=multiplier)
    resource = whole(entry, "resource", least=0)
    if resource >= len(case.resources):
        msg = f"has a row of resource {resource}; there are {len(case.resources)}"
        raise ValueError(msg)
    return _Row(
        resource=resource,
        numerator=whole(entry, "numerator", least=1),
        denominator=whole(entry, "denominator", least=1),
        rule=-1,
        multiplier=multiplier,
    )


def _prices(certificate: Mapping[str, object], case: PlacementCase) -> list[_TypePrices]:
    kinds = entries(certificate, "types")
    if len(kinds) != len(case.hosts.kinds):
        msg = f"has prices of {len(kinds)} host types; the fleet has {len(case.hosts.kinds)}"
        raise ValueError(msg)
    return [
        _TypePrices(
            load=whole(entry, "load_multiplier", least=0),
            rows=tuple(_row(row, case) for row in entries(entry, "rows")),
        )
        for entry in kinds
    ]


def offered(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what a host can offer at most: one that takes no VM, only what its own need now."""
    own = np.flatnonzero(case.active & (case.current >= 0))
    at = case.current[own]
    held = np.zeros_like(case.capacity)
    np.add.at(held, at, case.need[own] + case.overhead[at])
    return np.where(receives[:, np.newaxis], case.capacity, np.minimum(case.capacity, held))


def allowed_kinds(case: PlacementCase, receives: NDArray[np.bool_]) -> NDArray[np.bool_]:
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
    allowed = allowed_kinds(case, receives) & case.active
    least: Wholes = np.zeros(case.vms.n, dtype=np.int64)
    asked_before = np.zeros(case.vms.n, dtype=np.bool_)
    for k, price in enumerate(prices):
        of_kind = np.flatnonzero(case.hosts.kind_of == k)
        if of_kind.size == 0:
            continue
        overhead = case.overhead[of_kind].min(axis=0)
        asked = multiply(case.load_mcores, price.load)
        for row in price.rows:
            if row.multiplier:
                asked = add(asked, multiply(row.taken(case, overhead), row.multiplier))
        better = allowed[k] & (~asked_before | (asked < least).astype(np.bool_))
        least = np.where(better, asked, least)
        asked_before |= allowed[k]
    # A VM that no type takes cannot be placed; nothing is promised for it.
    return sum_of(least)


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
    scale, prices = whole(certificate, "scale", least=1), _prices(certificate, case)
    hosts, kind_of = case.hosts, case.hosts.kind_of
    here = np.flatnonzero(case.active & (case.current >= 0))
    stay = np.zeros(hosts.n, dtype=np.int64)
    np.add.at(stay, case.current[here], case.move_mj[here])
    carries = np.zeros(hosts.n, dtype=np.bool_)
    carries[case.current[here]] = True
    receives = (hosts.powered_on | (hosts.control != NO_WAKE)) & ~hosts.maintenance
    offer, without = offered(case, receives), without_vms_mj(case)
    boot = hosts.per_host("boot_mw") * hosts.per_host("boot_s")
    on = np.where(hosts.powered_on, 0, boot) - stay
    total = scale * sum_of(case.move_mj[here]) + _paid(case, prices, receives)
    for k, price in enumerate(prices):
        mine = np.flatnonzero(kind_of == k)
        if mine.size == 0:
            continue
        running = least_running(case, k, offer[mine, 0], scale=scale, b=price.load)
        with_vms = add(running, multiply(on[mine], scale))
        for row in price.rows:
            with_vms = add(with_vms, multiply(row.offers(offer[mine]), -row.multiplier))
        empty = multiply(without[mine], scale)
        cheaper = (receives | carries)[mine] & (with_vms < empty).astype(np.bool_)
        total += sum_of(np.where(cheaper, with_vms, empty))
    return total // scale


def without_vms_mj(case: PlacementCase) -> NDArray[np.int64]:
    """Return the energy of each host over the horizon if it carries no VM."""
    hosts = case.hosts
    draws = [
        int(kind_power_mw(kind, np.array([kind.background_mcores]), hosting=False)[0])
        for kind in hosts.kinds
    ]
    idle = np.array(draws, dtype=np.int64)[hosts.kind_of] * case.horizon_s
    shutdown = hosts.per_host("shutdown_mw") * hosts.per_host("shutdown_s")
    off = hosts.per_host("off_mw") * case.horizon_s + np.where(hosts.powered_on, shutdown, 0)
    return np.where(hosts.powered_on & ~case.may_switch_off(), idle, off)


def least_running(case: PlacementCase, k: int, most: NDArray[np.int64], *, scale: int, b: int) -> Wholes:
    """Return, for hosts of type ``k``, the least scaled energy of running less ``b`` for each mcore.

    ``most`` is the largest load of each host.
    """
    power = _carrying_power_mw(case.hosts.kinds[k], most=int(most.max()))
    net = add(
        multiply(power, scale * case.horizon_s),
        multiply(np.arange(power.shape[0], dtype=np.int64), -b),
    )
    least: Wholes = np.minimum.accumulate(net)[np.maximum(most, 0)]
    return least


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
