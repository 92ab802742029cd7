"""Software Carbon Intensity: emissions for each unit of what was delivered (ISO/IEC 21031:2024)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from consolidate.carbon.embodied import EmbodiedMemo
from consolidate.carbon.lines import EmissionLine
from consolidate.errors import InstanceError, Issue

__all__ = ["SciScore", "sci_score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SciScore:
    """``SCI = (E x I + M) per R``.

    Parameters
    ----------
    operational_g : g
        ``E x I``: of all hardware that is provisioned, idle and switched-off hosts included.
    embodied_g : g
        ``M``.
    units
        ``R``: how many functional units were delivered.
    functional_unit
        What one of them is, such as "VM-hour" or "core-hour delivered".
    intensity
        Which intensity: a score says whether it is average or marginal.
    """

    operational_g: float
    embodied_g: float
    units: float
    functional_unit: str
    intensity: str

    @property
    def g_per_unit(self) -> float:
        """The score: grams for each functional unit."""
        return (self.operational_g + self.embodied_g) / self.units


def sci_score(line: EmissionLine, memo: EmbodiedMemo, *, units: float, functional_unit: str) -> SciScore:
    """Return the score of some operation.

    Parameters
    ----------
    line
        Operational emissions, location-based; average or marginal.
    memo
        Embodied carbon of the same hosts and time.
    units
        Functional units delivered, more than zero.
    functional_unit
        Their name: it has to be stated.

    Raises
    ------
    InstanceError
        When the line is market-based, which the standard forbids, or R is not stated.
    """
    issues = []
    if line.method != "location_based":
        msg = "the standard allows no market-based measure; give a location-based line"
        issues.append(Issue(path="sci.line", message=msg))
    if not (math.isfinite(units) and units > 0):
        issues.append(Issue(path="sci.units", message=f"needs more than 0, got {units}"))
    if not functional_unit.strip():
        issues.append(Issue(path="sci.functional_unit", message="has to be stated"))
    if issues:
        raise InstanceError(issues)
    return SciScore(
        operational_g=line.emissions_g,
        embodied_g=memo.amortised_g,
        units=units,
        functional_unit=functional_unit,
        intensity=line.label,
    )
