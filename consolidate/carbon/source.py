"""What a source of carbon intensity is, and which there are."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from consolidate.model import CarbonIntensity, TimeGrid
from consolidate.registry import Registry

__all__ = ["INTENSITY_SOURCES", "IntensitySource", "Kind", "Scope"]

Kind = Literal["average", "marginal"]
Scope = Literal["direct", "life_cycle"]


@runtime_checkable
class IntensitySource(Protocol):
    """Knows the carbon intensity of one zone."""

    def intensity(self, grid: TimeGrid) -> CarbonIntensity:
        """Return the intensity over at least the whole of a grid.

        Raises
        ------
        HorizonError
            When the source does not cover the grid.
        """
        ...


INTENSITY_SOURCES: Registry[type[IntensitySource]] = Registry(
    "carbon intensity source",
    entry_point_group="consolidate.intensity_sources",
    builtin={
        "constant": "consolidate.carbon.constant:ConstantIntensity",
        "eia": "consolidate.carbon.formats.eia:EiaFile",
        "eia_api": "consolidate.carbon.formats.eia:EiaApiFile",
        "electricitymaps": "consolidate.carbon.formats.electricity_maps:ElectricityMapsFile",
        "electricitymaps_api": "consolidate.carbon.formats.electricity_maps:ElectricityMapsApiFile",
        "entsoe_csv": "consolidate.carbon.formats.entsoe_csv:EntsoeCsvFile",
        "entsoe_xml": "consolidate.carbon.formats.entsoe_xml:EntsoeXmlFile",
        "opendc": "consolidate.carbon.formats.opendc:OpendcFile",
        "tidy": "consolidate.carbon.formats.tidy:TidyFile",
        "uk": "consolidate.carbon.formats.uk:UkCsvFile",
        "uk_api": "consolidate.carbon.formats.uk:UkApiFile",
        "watttime": "consolidate.carbon.formats.watttime:WattTimeFile",
    },
)
