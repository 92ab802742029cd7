"""Figures of work that was shifted in time, from ``shift.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consolidate.reporting.figure import Figure

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["shifting"]

_UG_PER_KG = 1_000_000_000
_LINES = (
    ("saved_by_consolidation", "emissions saved by consolidation alone"),
    ("saved_by_shifting", "emissions saved on top by shifting jobs that may wait"),
    ("saved", "emissions saved by both together, against jobs run at once on today's hosts"),
    ("regret", "emissions of the planned schedule beyond those of one with perfect knowledge"),
)


def shifting(report: Report) -> list[Figure]:
    """Return the lines of the account of shifted work; none where there is none."""
    about = report.shift
    if about is None:
        return []
    source = f"jobs on hosts that are on; forecast: {about['forecast']}; accounted as it came true"
    return [
        Figure(
            metric=f"shift_{name}_kg",
            value=int(str(about[f"{name}_ug"])) / _UG_PER_KG,
            unit="kgCO2e",
            label=label,
            source=source,
        )
        for name, label in _LINES
    ]
