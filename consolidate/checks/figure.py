"""One printed number as ``figures.json`` states it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One entry of ``figures.json``."""

    metric: str
    value: float | str
    unit: str
    status: str
    source: str
    arm: str
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Metric, with the arm where it has one."""
        return f"{self.metric} ({self.arm})" if self.arm else self.metric
