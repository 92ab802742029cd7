"""Plans in the formats of other systems."""

from __future__ import annotations

from consolidate.exports.base import EXPORTERS, Exporter, export_plan

__all__ = ["EXPORTERS", "Exporter", "export_plan"]
