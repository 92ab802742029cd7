"""Emission factors by technology: what makes an intensity of a generation mix."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Final

from consolidate.carbon.content import read_content
from consolidate.carbon.source import Scope
from consolidate.errors import TraceError

__all__ = ["EIA_FUELS", "ENTSOE_CODES", "ENTSOE_NAMES", "TechnologyFactors", "technology_factors"]

COLUMNS: Final = ("technology", "life_cycle_g_per_kwh", "direct_g_per_kwh")

#: Production types of ENTSO-E: code, name, technology. ``None``: storage, whose energy was counted when
#: it was generated first.
_ENTSOE: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("B01", "Biomass", "biomass"),
    ("B02", "Fossil Brown coal/Lignite", "coal"),
    ("B03", "Fossil Coal-derived gas", "coal"),
    ("B04", "Fossil Gas", "gas"),
    ("B05", "Fossil Hard coal", "coal"),
    ("B06", "Fossil Oil", "oil"),
    ("B07", "Fossil Oil shale", "coal"),
    ("B08", "Fossil Peat", "coal"),
    ("B09", "Geothermal", "geothermal"),
    ("B10", "Hydro Pumped Storage", None),
    ("B11", "Hydro Run-of-river and poundage", "hydro"),
    ("B12", "Hydro Water Reservoir", "hydro"),
    ("B13", "Marine", "marine"),
    ("B14", "Nuclear", "nuclear"),
    ("B15", "Other renewable", "biomass"),
    ("B16", "Solar", "solar"),
    ("B17", "Waste", "biomass"),
    ("B18", "Wind Offshore", "wind"),
    ("B19", "Wind Onshore", "wind"),
    ("B20", "Other", "unknown"),
    ("B25", "Energy storage", None),
)
ENTSOE_CODES: Final[Mapping[str, str | None]] = MappingProxyType(
    {code: technology for code, _, technology in _ENTSOE}
)
ENTSOE_NAMES: Final[Mapping[str, str | None]] = MappingProxyType(
    {name.lower(): technology for _, name, technology in _ENTSOE}
)
#: Fuels of EIA-930; storage as above.
EIA_FUELS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "BAT": None,
        "COL": "coal",
        "GEO": "geothermal",
        "NG": "gas",
        "NUC": "nuclear",
        "OES": None,
        "OIL": "oil",
        "OTH": "unknown",
        "PS": None,
        "SNB": "solar",
        "SUN": "solar",
        "UES": None,
        "UNK": "unknown",
        "WAT": "hydro",
        "WNB": "wind",
        "WND": "wind",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnologyFactors:
    """Factors of each technology.

    Parameters
    ----------
    g_per_kwh : g/kWh
        For each technology its life-cycle and its direct factor.
    source
        Where they come from.
    """

    g_per_kwh: Mapping[str, tuple[float, float]]
    source: str

    def of(self, technology: str, scope: Scope) -> float:
        """Return the factor of a technology, in g/kWh.

        Raises
        ------
        KeyError
            When the technology is not in the table.
        """
        return self.g_per_kwh[technology][0 if scope == "life_cycle" else 1]

    def note(self, scope: Scope, used: Collection[str]) -> str:
        """Return the factors that were used, in one line."""
        listed = ", ".join(f"{name} {self.of(name, scope):g}" for name in sorted(used))
        return f"technology factors ({scope.replace('_', ' ')}, g/kWh): {listed}; {self.source}"


def technology_factors(path: str | Path | None = None) -> TechnologyFactors:
    """Return the factors of a file, or the built-in ones.

    Parameters
    ----------
    path
        A CSV file with the columns ``technology``, ``life_cycle_g_per_kwh`` and ``direct_g_per_kwh``;
        default the medians of IPCC AR5 (2014) with those that it lacks.

    Raises
    ------
    TraceError
        When the file is wrong at a place.
    """
    if path is None:
        lines = resources.files("consolidate.carbon").joinpath("data/technology_factors.csv")
        text = lines.read_text("utf-8").splitlines()
        rows = [[*row] for row in csv.reader(line for line in text if not line.startswith("#"))]
        table = {name: (float(life), float(direct)) for name, life, direct in rows[1:]}
        source = "built-in table: IPCC AR5 (2014) medians and the public defaults of Electricity Maps"
        return TechnologyFactors(g_per_kwh=MappingProxyType(table), source=source)
    content = read_content(path)
    found = content.table()
    if found.header != COLUMNS:
        msg = f"needs the columns {', '.join(COLUMNS)}, got {', '.join(found.header)}"
        raise TraceError(msg, file=found.file, line=1)
    given: dict[str, tuple[float, float]] = {}
    for line, cells in found.rows:
        try:
            pair = float(cells[1]), float(cells[2])
        except ValueError:
            pair = (math.nan, math.nan)
        if not all(math.isfinite(v) and v >= 0 for v in pair) or cells[0] in given:
            msg = f"needs a technology once, with two numbers of 0 or more, got {','.join(cells)}"
            raise TraceError(msg, file=found.file, line=line)
        given[cells[0]] = pair
    source = f"file {Path(path).name}, sha256 {content.sha256}"
    return TechnologyFactors(g_per_kwh=MappingProxyType(given), source=source)
