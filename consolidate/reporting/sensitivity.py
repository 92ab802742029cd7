"""The table of what was varied: range, rank, and which assumption of a run it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from consolidate.carbon import Parameter
    from consolidate.reporting.doubt import Doubt

__all__ = ["SensitivityRow", "parameter_of", "sensitivity_rows"]

#: Which parameter varies an assumption, by a word in the key of the assumption.
_VARIED_BY: Final = (
    ("hosting_idle", "idle"),
    ("off_w", "off_w"),
    ("boot", "boot"),
    ("shutdown", "boot"),
    ("bandwidth", "migration"),
    ("working_set", "migration"),
    ("downtime_limit", "migration"),
    ("pue", "pue_variable_share"),
    ("zone", "intensity"),
    ("fleet", "power_curve"),
    ("power", "power_curve"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRow:
    """One assumption that was varied; ``rank`` 0 means that it changes nothing."""

    key: str
    name: str
    range: str
    basis: str
    rank: int


def sensitivity_rows(doubt: Doubt | None) -> list[SensitivityRow]:
    """Return all assumptions that were varied, those that matter most first."""
    if doubt is None:
        return []
    ranks = {bar.parameter.name: k for k, bar in enumerate(doubt.bars, start=1)}
    rows = [
        SensitivityRow(
            key=p.name,
            name={"off_w": "power of a host that is off"}.get(p.name, p.name.replace("_", " ")),
            range=_range(p),
            basis=p.basis,
            rank=ranks.get(p.name, 0),
        )
        for p in doubt.parameters
    ]
    return sorted(rows, key=lambda row: (row.rank or len(rows) + 1, row.key))


def _range(parameter: Parameter) -> str:
    low, high = parameter.low, parameter.high
    if parameter.name == "off_w":
        return f"{low:g} to {high:g} W"
    if parameter.name == "pue_variable_share":
        return f"{100 * low:g} to {100 * high:g} %"
    return f"{low:g} to {high:g} times what was modelled"


def parameter_of(key: str) -> str:
    """Return the parameter that varies an assumption of a run; empty when none does."""
    for word, name in _VARIED_BY:
        if word in key.casefold():
            return name
    return ""
