"""A year's figures, only when asked for, with what speaks against them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consolidate.carbon import annualised, window_spread
from consolidate.reporting.figure import Figure
from consolidate.units import mj_to_kwh

if TYPE_CHECKING:
    from consolidate.model import CarbonIntensity
    from consolidate.reporting.bundle import Report

__all__ = ["CAVEATS", "Annual", "annual_basis", "annual_figures"]

_DAY_S: Final = 86_400
#: What has to be read with a year's figure.
CAVEATS: Final = (
    "A year's figure is the window's times a factor: it is not measured, and not modelled either.",
    "It holds only while the hosts stay off, and load, VMs and hosts stay as in the window; holidays, growth "
    "and seasons are not in it.",
    "The band is what the choice of the window alone does to the intensity of the zone; nothing else is in it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annual:
    """That a year's figures are wanted, and how far windows of that length are from the mean of the zone.

    Parameters
    ----------
    least_share, most_share
        Least and greatest mean of any window of that length, as shares of the mean of all; ``None`` where no
        longer series was given.
    source
        Where that series comes from.
    """

    least_share: float | None = None
    most_share: float | None = None
    source: str = ""


def annual_basis(intensity: CarbonIntensity | None, *, window_s: int) -> Annual:
    """Return the basis of a year's figures.

    Parameters
    ----------
    intensity
        Of the zone, over a year or more; ``None`` leaves out the band.
    window_s : s
        Length of the replay.

    Raises
    ------
    InstanceError
        When the series does not cover two windows.
    """
    if intensity is None:
        return Annual()
    least, most = window_spread(intensity, window_s / _DAY_S)
    return Annual(least_share=least, most_share=most, source=f"{intensity.source}, {intensity.grid}")


def annual_figures(report: Report) -> list[Figure]:
    """Return a year's figures; none unless the account asks for them."""
    basis = report.account.annual
    if basis is None:
        return []
    days = report.before.grid.duration_s / _DAY_S
    saved_kwh = mj_to_kwh(report.before.total_mj - report.after.total_mj)
    energy = annualised(saved_kwh, days)
    source = f"the window of {days:.3g} days times a factor; no seasons, no growth"
    rows = [
        ("annual_factor", energy.factor, "ratio", "days of a year over days of the window"),
        ("annual_energy_saved_kwh", energy.value, "kWh", "IT energy saved in a year like the window"),
    ]
    grams = report.emissions_g
    if grams is not None:
        kg = (grams["baseline"] - grams["consolidated"]) / 1_000 * energy.factor
        label = "operational emissions saved in a year like the window"
        rows.append(("annual_operational_carbon_saved_kg", kg, "kgCO2e", label))
        if basis.least_share and basis.most_share:
            ends = sorted((kg / basis.most_share, kg / basis.least_share))
            for name, value in zip(("low", "high"), ends, strict=True):
                label = f"the same, at the {'lower' if name == 'low' else 'upper'} end of the band of windows"
                rows.append((f"annual_operational_carbon_saved_{name}_kg", value, "kgCO2e", label))
    return [
        Figure(metric=metric, value=value, unit=unit, label=label, source=source)
        for metric, value, unit, label in rows
    ]
