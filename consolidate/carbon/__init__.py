"""Carbon intensity of electricity, from energy to emissions, and how sure a saving is."""

from __future__ import annotations

from consolidate.carbon.accounting import emissions_by_step_g, emissions_g
from consolidate.carbon.annual import Annualised, annualised, window_spread
from consolidate.carbon.arms import ArmLedger, arm_ledger
from consolidate.carbon.bootstrap import DailyInterval, DaySaving, paired_saving
from consolidate.carbon.choose import inspect_intensity, read_intensity
from consolidate.carbon.combined import combined_spread
from consolidate.carbon.constant import ConstantIntensity, constant_intensity, zone_names
from consolidate.carbon.daily import DailyTotals, daily_totals
from consolidate.carbon.embodied import ClaimedAvoidance, EmbodiedMemo, embodied_memo
from consolidate.carbon.facility import FacilityLines, facility_lines, water_l
from consolidate.carbon.factors import TechnologyFactors, technology_factors
from consolidate.carbon.lines import (
    EmissionLine,
    MarketFactors,
    location_line,
    market_line,
    read_market_factors,
)
from consolidate.carbon.parameters import PARAMETERS, Parameter, with_country_intensity
from consolidate.carbon.per_vm import ATTRIBUTED, EnergyPerVm, IdleRule, energy_per_vm
from consolidate.carbon.reading import IntensityReading
from consolidate.carbon.redate import redate
from consolidate.carbon.rounding import shown
from consolidate.carbon.sci import SciScore, sci_score
from consolidate.carbon.source import INTENSITY_SOURCES, IntensitySource
from consolidate.carbon.tariff import Tariff, energy_cost, read_tariff
from consolidate.carbon.uncertainty import Bar, SavingSamples, Spread, saving_samples, spread, tornado

__all__ = [
    "ATTRIBUTED",
    "EnergyPerVm",
    "IdleRule",
    "energy_per_vm",
    "INTENSITY_SOURCES",
    "PARAMETERS",
    "Annualised",
    "ArmLedger",
    "Bar",
    "ClaimedAvoidance",
    "ConstantIntensity",
    "DailyInterval",
    "DailyTotals",
    "DaySaving",
    "EmbodiedMemo",
    "EmissionLine",
    "FacilityLines",
    "IntensityReading",
    "IntensitySource",
    "MarketFactors",
    "Parameter",
    "SavingSamples",
    "SciScore",
    "Spread",
    "Tariff",
    "TechnologyFactors",
    "annualised",
    "arm_ledger",
    "combined_spread",
    "constant_intensity",
    "daily_totals",
    "embodied_memo",
    "emissions_by_step_g",
    "emissions_g",
    "energy_cost",
    "facility_lines",
    "inspect_intensity",
    "location_line",
    "market_line",
    "paired_saving",
    "read_intensity",
    "read_market_factors",
    "read_tariff",
    "redate",
    "saving_samples",
    "sci_score",
    "spread",
    "shown",
    "technology_factors",
    "tornado",
    "water_l",
    "window_spread",
    "with_country_intensity",
    "zone_names",
]
