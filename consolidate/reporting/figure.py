"""One number of a report, with everything a reader needs to trust it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from consolidate.errors import InternalError
from consolidate.plotting.text import fixed, number, percent, visible

if TYPE_CHECKING:
    from consolidate.model.replay import Replay
    from consolidate.reporting.bundle import Report

__all__ = ["Figure", "Status", "arms_and_saving", "both_arms", "count", "duration"]

Status = Literal["input", "computed", "archetype", "default"]

#: A share smaller than this is printed as being below it.
_LEAST_FRACTION: Final = 1e-6
#: Units as they are printed; in files they are written plainly.
_PRINTED: Final = {
    "kgCO2e": "kg CO₂e",
    "gCO2e/kWh": "g CO₂e/kWh",
    "gCO2e/VM h": "g CO₂e/VM h",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its name, unit and origin.

    Parameters
    ----------
    metric
        Unique name; its ending is the unit.
    value
        The number in full precision, as a Python ``int`` or ``float``.
    unit
        Unit in plain letters, ``fraction`` for a share of one, ``count`` for a number of things, and
        ``ratio`` for any other number without a unit.
    label
        What it is, in words.
    arm
        ``baseline``, ``consolidated``, or empty for what belongs to neither.
    status
        ``input`` was given, ``computed`` follows from inputs by the model, ``archetype`` comes from a
        published class of machines, ``default`` was assumed.
    source
        Where it comes from.
    digits
        Significant digits that are printed; whole numbers are printed in full.
    low, high
        Interval, in the unit of the value; both or none. No more digits of the value are printed than
        the interval supports.
    interval
        What the interval is, in words; empty without one.
    """

    metric: str
    value: int | float
    unit: str
    label: str
    arm: str = ""
    status: Status = "computed"
    source: str = ""
    digits: int = 3
    low: float | None = None
    high: float | None = None
    interval: str = ""

    def __post_init__(self) -> None:
        # numpy scalars would print as ``np.float64(...)`` and differ between files.
        value = self.value
        plain = int(value) if isinstance(value, int | np.integer) else float(value)
        object.__setattr__(self, "value", plain)
        ends = [end for end in (self.low, self.high) if end is not None]
        if not all(map(math.isfinite, (plain, *ends))):
            msg = f"the figure {self.metric} is {plain}: only finite numbers can be reported"
            raise InternalError(msg)
        if len(ends) == 1 or bool(ends) != bool(self.interval):
            msg = f"the figure {self.metric} needs both ends of its interval, and what it is"
            raise InternalError(msg)

    def text(self) -> str:
        """Return value and unit as they are printed, rounded to ``digits``."""
        digits = self._known_digits()
        if self.unit == "fraction":
            if 0 < self.value < _LEAST_FRACTION:
                return f"below {percent(_LEAST_FRACTION, digits=1)}"
            return percent(self.value, digits=digits)
        if self.unit in ("count", "ratio"):
            return number(self.value, digits=digits)
        shown = f"{number(self.value, digits=digits)} {self._printed_unit()}"
        return f"{shown} ({duration(self.value)})" if self.unit == "s" and self.value >= 120 else shown

    def interval_text(self) -> str:
        """Return both ends and the unit as they are printed; empty without an interval."""
        if self.low is None or self.high is None:
            return ""
        scale = 100.0 if self.unit == "fraction" else 1.0
        ends = (number(scale * end, digits=self.digits) for end in (self.low, self.high))
        unit = "%" if self.unit == "fraction" else self._printed_unit()
        return f"{' to '.join(ends)} {unit}".rstrip()

    def _printed_unit(self) -> str:
        if self.unit in ("count", "ratio"):
            return ""
        # The name of a currency comes from a file of the user.
        return _PRINTED.get(self.unit) or visible(self.unit, limit=20)

    def _known_digits(self) -> int:
        """Return how many digits the interval supports: none finer than the first of its half-width."""
        if self.low is None or self.high is None or self.high <= self.low or not self.value:
            return self.digits
        first, least = (
            math.floor(math.log10(abs(x))) for x in (self.value, 0.5 * (self.high - self.low))
        )
        return min(max(first - least + 1, 1), self.digits)

    def column_text(self, *, decimals: int) -> str:
        """Return the value alone, with a fixed count of decimals, for a column that adds up."""
        return fixed(self.value, decimals=decimals)


def both_arms(
    report: Report,
    metric: str,
    value: Callable[[Replay], float],
    *,
    unit: str,
    label: str,
    source: str,
) -> tuple[Figure, Figure]:
    """Return a figure of each arm; ``{arm}`` in the metric stands for the name of the arm."""
    before, after = (
        Figure(
            metric=metric.format(arm=arm),
            value=value(replay),
            unit=unit,
            label=label,
            source=source,
            arm=arm,
        )
        for arm, replay in (("baseline", report.before), ("consolidated", report.after))
    )
    return before, after


def arms_and_saving(
    metric: str,
    before: float,
    after: float,
    *,
    unit: str,
    suffix: str,
    label: str,
    source: str,
) -> list[Figure]:
    """Return a quantity of both arms and what is saved of it, ``metric_<arm>suffix``."""
    rows = (
        ("baseline", before, label),
        ("consolidated", after, label),
        ("", before - after, f"{label}: saved (negative: added)"),
    )
    return [
        Figure(
            metric=f"{metric}_{arm or 'saved'}{suffix}",
            value=value,
            unit=unit,
            label=words,
            source=source,
            arm=arm,
        )
        for arm, value, words in rows
    ]


def count(metric: str, value: int, *, label: str, source: str, status: Status = "computed") -> Figure:
    """Return a number of things."""
    return Figure(metric=metric, value=value, unit="count", label=label, source=source, status=status)


def duration(seconds: float) -> str:
    """Write a duration in its two largest units."""
    left = round(seconds)
    parts = []
    for name, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{number(count)} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
