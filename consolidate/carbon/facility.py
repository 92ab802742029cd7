"""From the energy of the IT equipment to that of the building: three lines for PUE, and water."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from consolidate.errors import InstanceError, Issue
from consolidate.units import mj_to_kwh

__all__ = ["DEFAULT_VARIABLE_SHARE", "FacilityLines", "facility_lines", "water_l"]

#: Share of the overhead that follows the load. Judgement; the range to test is 0 to 1.
DEFAULT_VARIABLE_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityLines:
    """One quantity at three boundaries, in the unit of the quantity.

    Parameters
    ----------
    it
        At the IT equipment: the headline.
    marginal
        With the part of the overhead that follows the load.
    proportional
        With the whole overhead in proportion. Fixed losses stay when load leaves, so for a saving this
        is an upper bound.
    pue, variable_share
        What was used.
    """

    it: float
    marginal: float
    proportional: float
    pue: float
    variable_share: float


def facility_lines(
    quantity: float, pue: float, *, variable_share: float = DEFAULT_VARIABLE_SHARE
) -> FacilityLines:
    """Return a quantity (energy, emissions, money; or a saving of one) at three boundaries.

    Parameters
    ----------
    quantity
        At the IT equipment.
    pue
        Power usage effectiveness of the site over a year (ISO/IEC 30134-2), 1 to 3.
    variable_share
        Share of the overhead that follows the load, 0 to 1.

    Raises
    ------
    InstanceError
        When ``pue`` or ``variable_share`` is outside its range.
    """
    issues = []
    if not 1.0 <= pue <= 3.0:
        issues.append(Issue(path="pue", message=f"needs 1 to 3, got {pue:g}"))
    if not 0.0 <= variable_share <= 1.0:
        issues.append(Issue(path="variable_share", message=f"needs 0 to 1, got {variable_share:g}"))
    if issues:
        raise InstanceError(issues)
    return FacilityLines(
        it=quantity,
        marginal=quantity * (1.0 + variable_share * (pue - 1.0)),
        proportional=quantity * pue,
        pue=pue,
        variable_share=variable_share,
    )


def water_l(it_energy_mj: int, wue_l_per_kwh: float | None) -> float | None:
    """Return the water that a site uses for some IT energy, in litres; ``None`` when no WUE is given.

    Parameters
    ----------
    it_energy_mj : mJ
        Energy of the IT equipment.
    wue_l_per_kwh : l/kWh
        Water usage effectiveness of the site over a year (ISO/IEC 30134-9). Water that power plants use
        is not in it.

    Raises
    ------
    InstanceError
        When ``wue_l_per_kwh`` is negative or not finite.
    """
    if wue_l_per_kwh is None:
        return None
    if not (math.isfinite(wue_l_per_kwh) and wue_l_per_kwh >= 0):
        msg = f"needs a finite number of 0 or more l/kWh, got {wue_l_per_kwh}"
        raise InstanceError([Issue(path="wue_l_per_kwh", message=msg)])
    return mj_to_kwh(it_energy_mj) * wue_l_per_kwh
