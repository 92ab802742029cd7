"""Cover inequalities: what every packing must satisfy, host by host, so that it can be added up.

With whole numbers, ``sum of floor(x) <= floor(sum of x)``. So from "the needs on a host add up to at
most its capacity" follows, for any scale, "the needs times the scale, each rounded down, add up to at
most the capacity times the scale, rounded down" (Chvatal 1973, Gomory 1958; the same functions appear as
dual feasible functions in Fekete, Schepers 2001, doi:10.1007/s101070100243). With the scale
2 / (capacity + 1) it says that two VMs of more than half a host do not share one. A spread rule is such
a row as well: each of its VMs needs one unit, and each host offers one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance
from consolidate.solvers.bounds.integers import Whole, times
from consolidate.solvers.bounds.tables import VmTable, tracked_spreads, units

__all__ = ["CoverRow", "ScaledRow", "SpreadRow", "cover_rows", "plain_rows"]

_LARGEST_PARTS = 12
#: Capacities for which scaled rows are made, per resource; those of most hosts.
_CAPACITIES = 8
#: With many resources, as demand curves have, only the most wanted get scaled rows.
_RESOURCES = 8


class CoverRow(Protocol):
    """One inequality: what VMs take of it and hosts offer adds up."""

    def takes(self, vms: VmTable, overhead: NDArray[np.int64]) -> Whole:
        """Return what a VM of each class takes where each VM costs ``overhead``, shape ``(classes,)``."""
        ...

    def offers(self, capacity: NDArray[np.int64]) -> Whole:
        """Return what hosts of these capacities offer, shape ``(hosts,)``."""
        ...

    def certificate(self) -> dict[str, int]:
        """Return what a checker needs to know."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledRow:
    """Amounts of ``resource`` times ``numerator / denominator``, rounded down."""

    resource: int
    numerator: int = 1
    denominator: int = 1

    def takes(self, vms: VmTable, overhead: NDArray[np.int64]) -> Whole:
        """Return what a VM of each class takes where each VM costs ``overhead``, shape ``(classes,)``."""
        return self._scaled(vms.need[:, self.resource] + overhead[self.resource])

    def offers(self, capacity: NDArray[np.int64]) -> Whole:
        """Return what hosts of these capacities offer, shape ``(hosts,)``."""
        return self._scaled(capacity[:, self.resource])

    def _scaled(self, amounts: NDArray[np.int64]) -> Whole:
        if self.numerator == self.denominator:
            return amounts
        scaled: Whole = times(amounts, self.numerator) // self.denominator
        return scaled

    def certificate(self) -> dict[str, int]:
        """Return what a checker needs to know."""
        return {
            "resource": self.resource,
            "numerator": self.numerator,
            "denominator": self.denominator,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRow:
    """One unit for each VM of a spread rule, one unit on each host."""

    rule: int
    position: int
    """Where the rule is among those that the table of VMs tracks."""

    def takes(self, vms: VmTable, overhead: NDArray[np.int64]) -> Whole:  # noqa: ARG002
        """Return what a VM of each class takes, shape ``(classes,)``."""
        taken: NDArray[np.int64] = vms.member[self.position].astype(np.int64)
        return taken

    def offers(self, capacity: NDArray[np.int64]) -> Whole:
        """Return what hosts of these capacities offer, shape ``(hosts,)``."""
        return np.ones(len(capacity), dtype=np.int64)

    def certificate(self) -> dict[str, int]:
        """Return what a checker needs to know."""
        return {"rule": self.rule}


def plain_rows(instance: Instance) -> list[CoverRow]:
    """Return a row for each resource, in the unit of which all needs are multiples."""
    return [ScaledRow(resource=r, denominator=unit) for r, unit in enumerate(units(instance).tolist())]


def cover_rows(instance: Instance) -> list[CoverRow]:
    """Return the plain row of each resource, scaled rows that see large VMs, and large spread rules."""
    rows = plain_rows(instance)
    need = instance.need[instance.active]
    scarcity = need.sum(axis=0) / np.maximum(instance.capacity.sum(axis=0), 1)
    for r in sorted(np.argsort(-scarcity, kind="stable")[:_RESOURCES].tolist()):
        largest = int(need[:, r].max(initial=0))
        capacities, hosts = np.unique(instance.capacity[:, r], return_counts=True)
        commonest = np.argsort(-hosts, kind="stable")[:_CAPACITIES]
        for capacity in np.sort(capacities[commonest]).tolist():
            rows += [
                ScaledRow(resource=r, numerator=parts, denominator=capacity + 1)
                for parts in range(2, _LARGEST_PARTS + 1)
                if largest * parts >= capacity + 1
            ]
    rows += [SpreadRow(rule=k, position=i) for i, k in enumerate(tracked_spreads(instance))]
    return rows
