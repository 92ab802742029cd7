"""Cover inequalities: what every packing must satisfy, host by host, so that it can be added up.

With whole numbers, ``sum of floor(x) <= floor(sum of x)``. So from "the needs on a host add up to at most
its capacity" follows, for any scale, "the needs times the scale, each rounded down, add up to at most the
capacity times the scale, rounded down" (Chvatal 1973, Gomory 1958; the same functions appear as dual
feasible functions in Fekete, Schepers 2001, doi:10.1007/s101070100243). With the scale 2 / (capacity + 1)
it says that two VMs of more than half a host do not share one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Instance

__all__ = ["CoverRow", "cover_rows"]

_LARGEST_PARTS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverRow:
    """One inequality: amounts of ``resource`` times ``numerator / denominator``, rounded down."""

    resource: int
    numerator: int = 1
    denominator: int = 1

    def of(self, amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the scaled and rounded amounts of the row's resource, shape ``(rows,)``."""
        scaled: NDArray[np.int64] = amounts[:, self.resource] * self.numerator // self.denominator
        return scaled


def cover_rows(instance: Instance) -> list[CoverRow]:
    """Return the plain row of each resource, and scaled rows that see large VMs."""
    rows = [CoverRow(resource=r) for r in range(len(instance.resources))]
    need = instance.need[instance.active]
    for r in range(len(instance.resources)):
        largest = int(need[:, r].max(initial=0))
        for capacity in np.unique(instance.capacity[:, r]).tolist():
            for parts in range(2, _LARGEST_PARTS + 1):
                row = CoverRow(resource=r, numerator=parts, denominator=capacity + 1)
                if largest * parts >= capacity + 1 and row.of(need).any():
                    rows.append(row)
    return rows
