"""Carbon intensity of electricity, and from energy to emissions."""

from __future__ import annotations

from consolidate.carbon.accounting import emissions_by_step_g, emissions_g
from consolidate.carbon.constant import ConstantIntensity, constant_intensity, zone_names
from consolidate.carbon.files import read_intensity
from consolidate.carbon.redate import redate
from consolidate.carbon.source import INTENSITY_SOURCES, IntensitySource

__all__ = [
    "INTENSITY_SOURCES",
    "ConstantIntensity",
    "IntensitySource",
    "constant_intensity",
    "emissions_by_step_g",
    "emissions_g",
    "read_intensity",
    "redate",
    "zone_names",
]
