"""Rows for ESRS E1 (Regulation (EU) 2023/2772): energy, gross emissions, and the action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from consolidate.errors import ConfigError
from consolidate.exports.csv_text import csv_text
from consolidate.exports.run_base import ARMS, RunFacts, utc

__all__ = ["EsrsE1"]

COLUMNS: Final = ("dr", "datapoint", "value", "unit", "method", "period", "zone", "note")
KWH_PER_MWH: Final = 1_000
G_PER_T: Final = 1_000_000
MODELLED: Final = "modelled from a trace, not metered; IT equipment only"


@dataclass(frozen=True, slots=True, kw_only=True)
class EsrsE1:
    """E1-5 energy in MWh, E1-6 gross scope 2 in tCO2e, E1-3 the action; the saving is in no E1-6 row.

    Both arms are stated: the baseline is what the inventory would hold without the plan, the consolidated
    arm what it holds with it. Market-based rows are there only where the user has stated contracts.
    """

    name: ClassVar[str] = "esrs-e1"

    def content(self, facts: RunFacts) -> bytes:
        """Return the table.

        Raises
        ------
        ConfigError
            When the run was accounted for with a marginal intensity, which is none of an inventory.
        """
        if any(found.kind != "average" for found in facts.intensities) or not facts.intensities:
            msg = "needs average intensities: E1-6 is an inventory; replay with --carbon"
            raise ConfigError(msg, path="export.esrs-e1")
        replay = facts.arms["baseline"]
        period = f"{utc(replay.grid.start)}/{utc(replay.grid.stop)}"
        zone = " ".join(dict.fromkeys(i.zone for i in facts.intensities))
        rows = [[*row[:5], period, zone, row[5]] for row in self._rows(facts)]
        return csv_text(COLUMNS, rows).encode("utf-8", "backslashreplace")

    def _rows(self, facts: RunFacts) -> list[tuple[object, ...]]:
        scope = facts.intensities[0].scope.replace("_", " ")
        upstream = "; life-cycle factors hold upstream emissions, which are scope 3.3"
        note = MODELLED + (upstream if scope == "life cycle" else "")
        located = f"location-based, average, {scope}"
        tonnes = {arm: float(facts.emissions_g[arm].sum()) / G_PER_T for arm in ARMS}
        rows: list[tuple[object, ...]] = [
            (
                "E1-5",
                f"total energy consumption, {arm}",
                facts.arms[arm].energy_kwh / KWH_PER_MWH,
                "MWh",
                "modelled",
                f"{MODELLED}; split by source not known",
            )
            for arm in ARMS
        ]
        rows += [
            (
                "E1-6",
                f"gross scope 2 GHG emissions, location-based, {arm}",
                tonnes[arm],
                "tCO2e",
                located,
                note,
            )
            for arm in ARMS
        ]
        rows += [
            (
                "E1-6",
                f"gross scope 2 GHG emissions, market-based, {arm}",
                facts.market_g[arm] / G_PER_T,
                "tCO2e",
                "market-based, contracts that the user stated",
                MODELLED,
            )
            for arm in ARMS
            if arm in facts.market_g
        ]
        rows.append(
            (
                "E1-3",
                "expected GHG emission reduction of the action: consolidation of virtual machines",
                tonnes["baseline"] - tonnes["consolidated"],
                "tCO2e",
                located,
                f"{MODELLED}; over the period only; not to be deducted in E1-6",
            )
        )
        return rows
