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

from consolidate.model import Instance, Spread

__all__ = ["CoverRow", "ScaledRow", "SpreadRow", "cover_rows", "offered", "type_overhead"]

_LARGEST_PARTS = 12
_SPREAD_ROWS = 8


class CoverRow(Protocol):
    """One inequality: what VMs take of it and hosts offer adds up."""

    def takes(self, instance: Instance, need: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what each VM takes; ``need`` includes overheads; shape ``(vms,)``."""
        ...

    def offers(self, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
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

    def takes(self, instance: Instance, need: NDArray[np.int64]) -> NDArray[np.int64]:  # noqa: ARG002
        """Return what each VM takes; ``need`` includes overheads; shape ``(vms,)``."""
        return self.offers(need)

    def offers(self, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what hosts of these capacities offer, shape ``(hosts,)``."""
        scaled: NDArray[np.int64] = capacity[:, self.resource] * self.numerator // self.denominator
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

    def takes(self, instance: Instance, need: NDArray[np.int64]) -> NDArray[np.int64]:  # noqa: ARG002
        """Return what each VM takes, shape ``(vms,)``."""
        taken = np.zeros(len(instance.vms), dtype=np.int64)
        taken[list(instance.rules[self.rule].vms)] = 1
        return taken

    def offers(self, capacity: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what hosts of these capacities offer, shape ``(hosts,)``."""
        return np.ones(len(capacity), dtype=np.int64)

    def certificate(self) -> dict[str, int]:
        """Return what a checker needs to know."""
        return {"rule": self.rule}


def type_overhead(instance: Instance, kind: int) -> NDArray[np.int64]:
    """Return the least overhead of a VM on any host of a type, shape ``(resources,)``."""
    hosts = np.flatnonzero(instance.fleet.host_type == kind)
    if hosts.size == 0:
        return np.zeros(len(instance.resources), dtype=np.int64)
    least: NDArray[np.int64] = instance.vm_overhead[hosts].min(axis=0)
    return least


def offered(instance: Instance) -> NDArray[np.int64]:
    """Return what each host can offer: one that takes no further VM, at most what its VMs need now."""
    closed = ~instance.fleet.may_receive()
    offer = instance.capacity.copy()
    residents = np.zeros_like(offer)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    hosts = instance.current.host_of[here]
    np.add.at(residents, hosts, instance.need[here] + instance.vm_overhead[hosts])
    offer[closed] = np.minimum(offer[closed], residents[closed])
    return offer


def cover_rows(instance: Instance) -> list[CoverRow]:
    """Return the plain row of each resource, scaled rows that see large VMs, and large spread rules."""
    rows: list[CoverRow] = [ScaledRow(resource=r) for r in range(len(instance.resources))]
    need = instance.need[instance.active]
    for r in range(len(instance.resources)):
        largest = int(need[:, r].max(initial=0))
        for capacity in np.unique(instance.capacity[:, r]).tolist():
            for parts in range(2, _LARGEST_PARTS + 1):
                row = ScaledRow(resource=r, numerator=parts, denominator=capacity + 1)
                if largest * parts >= capacity + 1 and row.offers(need).any():
                    rows.append(row)
    sizes = [
        (int(instance.active[list(rule.vms)].sum()), k)
        for k, rule in enumerate(instance.rules)
        if isinstance(rule, Spread)
    ]
    largest_first = sorted(sizes, key=lambda pair: (-pair[0], pair[1]))[:_SPREAD_ROWS]
    rows += [SpreadRow(rule=k) for size, k in largest_first if size > 1]
    return rows
