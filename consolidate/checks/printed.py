"""Numbers as people read them, read back: whether the printed text says what the value is."""

from __future__ import annotations

import math
import re

__all__ = ["interval_problem", "number_problem"]

_NUMBER = re.compile(r"([\u2212-]?)(\d[\d,]*)(\.\d+)?(?: \u00d7 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?")
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_UNITS = {"kgCO2e": "kg CO₂e", "gCO2e/kWh": "g CO₂e/kWh", "gCO2e/VM h": "g CO₂e/VM h"}
_DURATION = re.compile(r"([\d,]+) (d|h|min|s)")
_SECONDS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
#: Significant digits of a printed number that no interval limits.
DIGITS = 3


def number_problem(
    text: str, value: float, unit: str, *, low: float | None = None, high: float | None = None
) -> str:
    """Return what is wrong with a printed number; empty when it says the value.

    Parameters
    ----------
    text
        As printed, with or without its unit.
    value
        In full precision, in ``unit``.
    unit
        Unit as figures state it.
    low, high
        Interval of the value: it may have fewer digits then.
    """
    scale = 100.0 if unit == "fraction" else 1.0
    if text.startswith("below "):
        match = _NUMBER.match(text, 6)
        most = _read(match)[0] / scale if match else 0.0
        return "" if 0 < value < most else f"says {text!r}"
    match = _NUMBER.match(text)
    if match is None:
        return f"is no number: {text!r}"
    printed, step = _read(match)
    due = scale * value
    if "." not in text and match.group(4) is None and not _whole(value, unit):
        step = max(step, 10.0 ** (_place(due) - _digits(value, low, high) + 1)) if due else step
    # Half a step of rounding, and what binary fractions add to it.
    if not abs(printed - due) <= 0.5 * step + 1e-9 * max(abs(due), step):
        return f"prints {text!r}"
    return _tail_problem(text[match.end() :].strip(), value, unit)


def interval_problem(text: str, low: float, high: float, unit: str) -> str:
    """Return what is wrong with a printed interval; empty when it says both ends."""
    first, word, second = text.partition(" to ")
    if not word:
        return f"is no interval: {text!r}"
    return number_problem(first, low, unit) or number_problem(second, high, unit)


def _read(match: re.Match[str]) -> tuple[float, float]:
    """Return the printed number, and the place of its last digit."""
    sign, whole, decimals, power = match.groups()
    exponent = int(power.translate(_SUPERSCRIPTS)) if power else 0
    digits = whole.replace(",", "") + (decimals or "")
    value = float(digits) * 10.0**exponent
    step = 10.0 ** (exponent - (len(decimals) - 1 if decimals else 0))
    return (-value if sign else value), step


def _whole(value: float, unit: str) -> bool:
    """Say whether a number is written in full: counts and whole seconds are."""
    return unit in ("count", "s") and float(value).is_integer()


def _digits(value: float, low: float | None, high: float | None) -> int:
    if low is None or high is None or high <= low or not value:
        return DIGITS
    return min(max(_place(value) - _place(0.5 * (high - low)) + 1, 1), DIGITS)


def _place(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _tail_problem(tail: str, value: float, unit: str) -> str:
    """Say what is wrong with what stands after the number: nothing, the unit, a duration in words."""
    wanted = {"fraction": "%", "count": "", "ratio": ""}.get(unit, _UNITS.get(unit, unit))
    words, _, span = tail.partition(" (")
    if words not in ("", wanted) and wanted.isascii() and wanted.isprintable():
        return f"has unit {words!r} for {wanted!r}"
    if unit == "s" and span:
        parts = _DURATION.findall(span)
        total = sum(int(count.replace(",", "")) * _SECONDS[name] for count, name in parts)
        if not parts or not 0 <= round(value) - total < _SECONDS[parts[-1][1]]:
            return f"says {span!r}"
    return ""
