"""codecarbon's ``emissions.csv``: one row for each arm."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import ClassVar, Final

from consolidate.exports.csv_text import csv_text
from consolidate.exports.run_base import ARMS, RunFacts, utc
from consolidate.units import g_to_kg

__all__ = ["CodeCarbon"]

#: Names the rows of equal runs equally.
_NAMESPACE: Final = uuid.UUID("0b0c7c1e-7a4f-5f0a-9a8e-6d3a5a1c2e47")
COLUMNS: Final = (
    "timestamp",
    "project_name",
    "run_id",
    "duration",
    "emissions",
    "emissions_rate",
    "cpu_power",
    "gpu_power",
    "ram_power",
    "cpu_energy",
    "gpu_energy",
    "ram_energy",
    "energy_consumed",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "os",
    "python_version",
    "codecarbon_version",
    "cpu_count",
    "cpu_model",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "on_cloud",
    "pue",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCarbon:
    """``emissions`` in kg, ``energy_consumed`` in kWh, ``emissions_rate`` in kg/s, ``duration`` in s.

    Energy is that of whole hosts, so the parts of CPU, GPU and memory stay empty; they are not zero. It is
    IT energy: ``pue`` is 1.
    """

    name: ClassVar[str] = "codecarbon"

    def content(self, facts: RunFacts) -> bytes:
        """Return the table."""
        rows = []
        for arm in ARMS:
            replay = facts.arms[arm]
            kg = g_to_kg(float(facts.emissions_g[arm].sum()))
            known: dict[str, object] = {
                "timestamp": utc(replay.grid.stop).removesuffix("Z"),
                "project_name": f"consolidate {arm}",
                "run_id": str(uuid.uuid5(_NAMESPACE, f"{facts.run_id} {arm}")),
                "duration": float(replay.grid.duration_s),
                "emissions": kg,
                "emissions_rate": kg / replay.grid.duration_s,
                "energy_consumed": replay.energy_kwh,
                "region": " ".join(dict.fromkeys(i.zone for i in facts.intensities)),
                "tracking_mode": "machine",
                "on_cloud": "N",
                "pue": 1.0,
            }
            rows.append([known.get(column) for column in COLUMNS])
        return csv_text(COLUMNS, rows).encode("utf-8", "backslashreplace")
