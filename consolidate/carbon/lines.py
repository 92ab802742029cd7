"""Lines of a carbon account: each answers one question, and none is added to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.accounting import emissions_g
from consolidate.carbon.integrate import total
from consolidate.carbon.periods import Periods, read_periods
from consolidate.carbon.source import Kind, Scope
from consolidate.errors import InstanceError, Issue
from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.units import mj_to_kwh

__all__ = ["EmissionLine", "MarketFactors", "location_line", "market_line", "read_market_factors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmissionLine:
    """Emissions of some energy by one method.

    Parameters
    ----------
    method
        ``location_based`` (the grid) or ``market_based`` (contracts; GHG Protocol Scope 2 Guidance).
    kind
        ``average`` (inventory) or ``marginal`` (what a change causes); contracts are average.
    scope
        ``direct``, ``life_cycle``, or ``contract`` for what a contract states.
    energy_kwh : kWh
        The energy.
    emissions_g : g
        Its emissions.
    sources
        Where the factors come from, one for each site.
    """

    method: Literal["location_based", "market_based"]
    kind: Kind
    scope: Scope | Literal["contract"]
    energy_kwh: float
    emissions_g: float
    sources: tuple[str, ...]

    @property
    def label(self) -> str:
        """Words that no reader can take for another line."""
        if self.method == "market_based":
            return "market-based, by contracts that the user stated"
        return f"location-based, {self.kind}, {self.scope.replace('_', ' ')}"


def location_line(
    grid: TimeGrid, site_energy_mj: NDArray[np.int64], intensities: Sequence[CarbonIntensity]
) -> EmissionLine:
    """Return the location-based emissions of all sites, by one kind and one scope.

    Parameters
    ----------
    grid
        Steps of the energy.
    site_energy_mj : mJ
        Energy of each site by step, shape ``(sites, n_steps)``.
    intensities
        One for each site.

    Raises
    ------
    HorizonError
        When an intensity does not cover the grid.
    InstanceError
        When the sites differ in kind or scope, which are never mixed, or their number differs.
    """
    issues = []
    if len(intensities) != len(site_energy_mj) or not len(intensities):
        msg = f"needs one for each of {len(site_energy_mj)} sites, got {len(intensities)}"
        issues.append(Issue(path="intensities", message=msg))
    mixed = sorted({(found.kind, found.scope) for found in intensities})
    if len(mixed) > 1:
        msg = f"needs one kind and scope, got {' and '.join(' '.join(pair) for pair in mixed)}"
        issues.append(Issue(path="intensities", message=msg))
    if issues:
        raise InstanceError(issues)
    grams = [
        emissions_g(grid, energy, found)
        for energy, found in zip(site_energy_mj, intensities, strict=True)
    ]
    return EmissionLine(
        method="location_based",
        kind=intensities[0].kind,
        scope=intensities[0].scope,
        energy_kwh=mj_to_kwh(int(np.asarray(site_energy_mj).sum())),
        emissions_g=sum(grams),
        sources=tuple(found.source for found in intensities),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFactors:
    """Factors of contracts over time, with the evidence for each.

    Parameters
    ----------
    periods
        The factors in g/kWh; ``words`` has ``instrument`` and ``evidence``.
    source
        Name and hash of the file.
    """

    periods: Periods
    source: str


def read_market_factors(path: str | Path) -> MarketFactors:
    """Read the factors of contracts from a file of the user.

    Parameters
    ----------
    path
        CSV with ``start_utc``, ``end_utc``, ``g_per_kwh``, ``instrument`` (guarantee of origin, power
        purchase agreement, supplier mix, residual mix ...) and ``evidence`` (number of the certificate,
        of the contract). Time that no contract covers needs a row with the residual mix.

    Raises
    ------
    TraceError
        When a cell is wrong or empty, or the periods overlap or leave a gap.
    """
    periods = read_periods(path, value="g_per_kwh", words=("instrument", "evidence"), least=0.0)
    return MarketFactors(periods=periods, source=f"file {Path(path).name}, sha256 {periods.sha256}")


def market_line(grid: TimeGrid, energy_mj: NDArray[np.int64], factors: MarketFactors) -> EmissionLine:
    """Return the market-based emissions: by contracts, never by default and never in a decision.

    Raises
    ------
    HorizonError
        When the factors do not cover the energy: nothing stands in for a contract.
    """
    return EmissionLine(
        method="market_based",
        kind="average",
        scope="contract",
        energy_kwh=mj_to_kwh(int(np.asarray(energy_mj).sum())),
        emissions_g=total(
            grid,
            energy_mj,
            edges_s=factors.periods.edges_s,
            per_kwh=factors.periods.per_kwh,
            what="the file of market-based factors",
        ),
        sources=(factors.source,),
    )
