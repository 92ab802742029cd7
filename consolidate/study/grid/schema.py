"""Keys and types of a study file; ``docs/reference/study-file.md`` says what they mean."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["CloudSimTable", "ParametersTable", "StudyTableFile", "TraceTable"]


class TraceTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[trace]]``."""

    path: str
    name: str | None = None
    format: str | None = None
    repair: list[str] = []
    reader: dict[str, Any] = {}
    rules: str | None = None
    placement: str | None = None
    fleets: list[str] | None = None


class ParametersTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[parameters]``: each key is a value or a list of values."""

    percentile: float | list[float] | None = None
    sizing_fraction: float | list[float] | None = None
    cpu_limit_fraction: float | list[float] | None = None
    min_saving_fraction: float | list[float] | None = None
    move_price_j: float | list[float] | None = None
    downtime_j_per_s: float | list[float] | None = None
    hindsight: bool | list[bool] | None = None
    iterations: int | list[int] | None = None
    deterministic_s: float | list[float] | None = None


class CloudSimTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[cloudsim]``: runs in the compatibility mode, on traces of format ``planetlab``."""

    policies: list[str]
    variants: list[str] = msgspec.field(default_factory=lambda: ["3.0.3"])
    keep_idle_vms: bool | list[bool] = False


class StudyTableFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file itself."""

    trace: list[Any]
    name: str | None = None
    policies: list[Any] = []
    controllers: list[Any] = []
    fleets: list[str] = []
    seeds: list[int] = msgspec.field(default_factory=lambda: [0])
    parameters: Any = None
    cloudsim: Any = None
