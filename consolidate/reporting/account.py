"""What a report is told about the account: factors, prices and shares that no replay knows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consolidate.carbon.embodied import DEFAULT_LIFETIME_YEARS
from consolidate.errors import InstanceError, Issue

if TYPE_CHECKING:
    from consolidate.carbon import MarketFactors, Tariff
    from consolidate.model import CarbonIntensity
    from consolidate.reporting.annual import Annual
    from consolidate.study import RunData

__all__ = ["Account", "read_account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Inputs of the lines of an account that stand beside the location-based one.

    Parameters
    ----------
    marginal
        Marginal intensity of each site; empty for no such line.
    market
        Factors of contracts that the user has stated; ``None`` for no such line.
    tariff
        Prices; ``None`` for no money.
    wue_l_per_kwh : l/kWh
        Water usage effectiveness; ``None`` for no water.
    embodied_kg : kg
        Embodied carbon of a host whose type does not state it; ``None`` leaves it unknown.
    lifetime_years
        Service life of hosts, for embodied carbon.
    seed
        Of the draws and of the resampling.
    draws
        How many of each.
    annual
        Asks for a year's figures; ``None`` for none.

    Raises
    ------
    InstanceError
        When a number is outside its range; lists all issues.
    """

    marginal: tuple[CarbonIntensity, ...] = ()
    market: MarketFactors | None = None
    tariff: Tariff | None = None
    wue_l_per_kwh: float | None = None
    embodied_kg: float | None = None
    lifetime_years: float = DEFAULT_LIFETIME_YEARS
    seed: int = 0
    draws: int = 2_000
    annual: Annual | None = None

    def __post_init__(self) -> None:
        issues = [
            Issue(path=f"account.{name}", message=f"needs a finite number of 0 or more, got {value}")
            for name in ("wue_l_per_kwh", "embodied_kg")
            if (value := getattr(self, name)) is not None and not (math.isfinite(value) and value >= 0)
        ]
        if not (math.isfinite(self.lifetime_years) and self.lifetime_years > 0):
            msg = f"needs more than 0 years, got {self.lifetime_years}"
            issues.append(Issue(path="account.lifetime_years", message=msg))
        if self.seed < 0 or self.draws < 2:
            msg = f"needs a seed of 0 or more and 2 or more draws, got {self.seed} and {self.draws}"
            issues.append(Issue(path="account.draws", message=msg))
        if any(found.kind != "marginal" for found in self.marginal):
            issues.append(Issue(path="account.marginal", message="holds intensities of another kind"))
        if issues:
            raise InstanceError(issues)


def read_account(
    run: RunData,
    *,
    marginal: str | Path | None = None,
    market: str | Path | None = None,
    tariff: str | Path | None = None,
    wue_l_per_kwh: float | None = None,
    embodied_kg: float | None = None,
    lifetime_years: float = DEFAULT_LIFETIME_YEARS,
    annual: bool | str | Path = False,
) -> Account:
    """Read the files of an account for a run.

    Parameters
    ----------
    run
        The run.
    marginal
        File of marginal intensities, used for all sites, re-dated as those of the run were.
    market
        File of contractual factors, see :func:`consolidate.carbon.read_market_factors`.
    tariff
        File of prices, see :func:`consolidate.carbon.read_tariff`.
    wue_l_per_kwh, embodied_kg, lifetime_years
        As in :class:`Account`.
    annual
        Whether a year's figures are wanted; a file of intensities over a year or more adds their band.

    Raises
    ------
    InputError
        When a file is wrong, or does not cover two windows.
    HorizonError
        When the marginal intensities do not cover the replay.
    """
    from consolidate.carbon import read_market_factors, read_tariff

    return Account(
        marginal=() if marginal is None else _marginal(run, marginal),
        market=None if market is None else read_market_factors(market),
        tariff=None if tariff is None else read_tariff(tariff),
        wue_l_per_kwh=wue_l_per_kwh,
        embodied_kg=embodied_kg,
        lifetime_years=lifetime_years,
        annual=None if annual is False else _annual(run, annual),
    )


def _annual(run: RunData, given: bool | str | Path) -> Annual:
    from consolidate.carbon import read_intensity
    from consolidate.reporting.annual import annual_basis

    series = None
    if not isinstance(given, bool):
        # The band is one of the kind and scope that the run was accounted for with.
        own = run.intensities[0]
        series = read_intensity(given, kind=own.kind, scope=own.scope)
    return annual_basis(series, window_s=run.baseline.grid.duration_s)


def _marginal(run: RunData, path: str | Path) -> tuple[CarbonIntensity, ...]:
    from consolidate.carbon import read_intensity
    from consolidate.errors import ConfigError
    from consolidate.study.emissions import on_window

    if any(found.kind == "marginal" for found in run.intensities):
        msg = "is a second marginal line: the run itself was accounted for with marginal intensities"
        raise ConfigError(msg, path="--marginal")
    options = run.manifest.get("options")
    year = options.get("redate_year") if isinstance(options, dict) else None
    # A file that does not say its kind is what the user says it is; one that does is held to it.
    found = read_intensity(path, kind="marginal")
    return (on_window(found, run.baseline.grid, year),) * len(run.baseline.site_energy_mj)
