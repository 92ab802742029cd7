"""The on-off certificate: prices of load and room per host type, evaluated again, exactly.

The formula is that of the run-folder reference. Its rows may be scaled and rounded down: since
``sum of floor(x) <= floor(sum of x)``, needs that fit a capacity still fit when all of them, and the capacity,
are multiplied by the same fraction and rounded down (Chvatal 1973, doi:10.1016/0012-365X(73)90167-2).

One place is stricter than the formula there, so that the value is a bound whatever the numbers: where a
hosting curve falls with load and guests cost the host CPU of their own, the power at a load is the least
at that load *or above*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import NO_WAKE, PlacementCase
from consolidate.checks.certificate import (
    allowed_kinds,
    entries,
    least_running,
    offered,
    whole,
    without_vms_mj,
)
from consolidate.checks.exact import Wholes, add, multiply, sum_of

__all__ = ["on_off_mj"]


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


def on_off_mj(case: PlacementCase, certificate: Mapping[str, object]) -> int:
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
