"""Plans and runs in the formats of other systems."""

from __future__ import annotations

from consolidate.exports.base import EXPORTERS, Exporter, export_plan
from consolidate.exports.run_base import RUN_EXPORTERS, RunExporter, RunFacts, export_run

__all__ = [
    "EXPORTERS",
    "RUN_EXPORTERS",
    "Exporter",
    "RunExporter",
    "RunFacts",
    "export_plan",
    "export_run",
]
