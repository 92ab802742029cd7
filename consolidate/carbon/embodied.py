"""Embodied carbon: a memo that no placement changes, and claims that only the user can make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from consolidate.errors import InstanceError, Issue
from consolidate.units import SECONDS_PER_HOUR

__all__ = ["DEFAULT_LIFETIME_YEARS", "ClaimedAvoidance", "EmbodiedMemo", "embodied_memo"]

#: Service life of the worked example of the SCI specification.
DEFAULT_LIFETIME_YEARS: Final = 4.0
SECONDS_PER_YEAR: Final = 365.25 * 24 * SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbodiedMemo:
    """Embodied carbon of a fleet, spread evenly over its life.

    It is the same before and after a consolidation: what it took to make a server that is switched off
    is spent.

    Parameters
    ----------
    amortised_g : g
        The part that falls to the time of the replay.
    total_kg : kg
        Of all hosts whose figure is known.
    lifetime_years
        Service life.
    duration_s : s
        Time of the replay.
    known, unknown
        Hosts with and without a figure.
    """

    amortised_g: float
    total_kg: float
    lifetime_years: float
    duration_s: int
    known: int
    unknown: int


def embodied_memo(
    embodied_kg: Sequence[float | None],
    duration_s: int,
    *,
    lifetime_years: float = DEFAULT_LIFETIME_YEARS,
) -> EmbodiedMemo:
    """Return the embodied carbon of hosts that falls to some time.

    The formula is ``TE x TiR / EL`` of ISO/IEC 21031:2024 with all resources reserved: every host counts
    for all the time, on or off.

    Parameters
    ----------
    embodied_kg : kg
        Of each host; ``None`` for unknown, which is counted and not taken as zero.
    duration_s : s
        The time.
    lifetime_years
        Service life.

    Raises
    ------
    InstanceError
        When a figure is negative or not finite, or the life is not above zero.
    """
    issues = [
        Issue(path=f"embodied_kg[{k}]", message=f"needs a finite number of 0 or more kg, got {kg}")
        for k, kg in enumerate(embodied_kg)
        if kg is not None and not (math.isfinite(kg) and kg >= 0)
    ]
    if not (math.isfinite(lifetime_years) and lifetime_years > 0):
        issues.append(
            Issue(path="lifetime_years", message=f"needs more than 0 years, got {lifetime_years}")
        )
    if issues:
        raise InstanceError(issues)
    known = [kg for kg in embodied_kg if kg is not None]
    total_kg = math.fsum(known)
    return EmbodiedMemo(
        amortised_g=1_000 * total_kg * duration_s / (lifetime_years * SECONDS_PER_YEAR),
        total_kg=total_kg,
        lifetime_years=lifetime_years,
        duration_s=duration_s,
        known=len(known),
        unknown=len(embodied_kg) - len(known),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedAvoidance:
    """Embodied carbon that the user says was avoided: claimed by the user, not computed from traces.

    Parameters
    ----------
    asset_id
        The server.
    what
        What became of it.
    on
        When.
    evidence
        Where that is recorded; may not be empty.
    embodied_kg : kg
        Of the server.
    displaced_fraction
        Share of a new server's life that it stands in for, 0 to 1.
    """

    asset_id: str
    what: Literal["retired", "redeployed", "not_purchased"]
    on: date
    evidence: str
    embodied_kg: float
    displaced_fraction: float

    def __post_init__(self) -> None:
        issues = []
        if not self.evidence.strip():
            issues.append(Issue(path=f"claims[{self.asset_id}].evidence", message="may not be empty"))
        if not 0.0 <= self.displaced_fraction <= 1.0:
            msg = f"needs 0 to 1, got {self.displaced_fraction}"
            issues.append(Issue(path=f"claims[{self.asset_id}].displaced_fraction", message=msg))
        if not (math.isfinite(self.embodied_kg) and self.embodied_kg >= 0):
            msg = f"needs a finite number of 0 or more kg, got {self.embodied_kg}"
            issues.append(Issue(path=f"claims[{self.asset_id}].embodied_kg", message=msg))
        if issues:
            raise InstanceError(issues)

    @property
    def avoided_kg(self) -> float:
        """What is claimed, in kilograms."""
        return self.embodied_kg * self.displaced_fraction
