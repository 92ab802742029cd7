"""Numbers as a report prints them: as many digits as are known, three at most."""

from __future__ import annotations

import math

__all__ = ["shown"]

MOST_DIGITS = 3


def shown(value: float, *, low: float | None = None, high: float | None = None) -> str:
    """Return a number rounded to three significant figures, and to fewer when its interval is wide.

    The last digit is never finer than the first digit of the half-width of the interval.

    Parameters
    ----------
    value
        The number.
    low, high
        Its interval; both or none.

    Examples
    --------
    >>> shown(1234.5), shown(0.012345), shown(53.68, low=49.1, high=58.2)
    ('1,230', '0.0123', '54')
    """
    if not math.isfinite(value):
        return "unknown"
    digits = _place(value) - MOST_DIGITS + 1 if value else 0
    if low is not None and high is not None and high > low:
        digits = max(digits, _place(0.5 * (high - low)))
    rounded = round(value, -digits)
    # Rounding may have carried: 999.6 has become 1000, with one figure too many.
    if rounded and _place(rounded) - digits >= MOST_DIGITS:
        digits += 1
    return f"{rounded + 0.0:,.{max(0, -digits)}f}"


def _place(value: float) -> int:
    return math.floor(math.log10(abs(value)))
