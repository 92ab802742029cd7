"""Numbers and names as text, alike in figures and reports."""

from __future__ import annotations

import math
import unicodedata
from typing import Final

__all__ = ["MINUS", "number", "percent", "visible"]

#: The minus sign of print; files for machines keep the hyphen.
MINUS: Final = "\N{MINUS SIGN}"
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Exponents from which a number is written as a power of ten.
_HUGE, _TINY = 9, -6
#: Joiners that shape letters of several scripts; all other format characters are shown as escapes.
_JOINERS: Final = "\u200c\u200d"
#: Controls, format marks, surrogates, private and unassigned characters, line separators.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def number(value: float, *, digits: int = 3) -> str:
    """Write a number with thousands separators.

    Parameters
    ----------
    value
        A whole number is written in full up to 15 digits; any other with ``digits`` significant digits.
    digits
        Significant digits, at least 1.
    """
    if isinstance(value, int) and abs(value) < 10**15:
        return f"{value:,}".replace("-", MINUS)
    if value == 0:
        return "0"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    exponent = int(power)
    if not _TINY <= exponent < _HUGE:
        return f"{mantissa} \N{MULTIPLICATION SIGN} 10{str(exponent).translate(_SUPERSCRIPTS)}".replace(
            "-", MINUS
        )
    # Rounded first: 999.6 with three digits is 1,000, not 1,000.0.
    rounded = float(f"{mantissa}e{exponent}")
    return f"{rounded:,.{max(digits - 1 - exponent, 0)}f}".replace("-", MINUS)


def percent(fraction: float, *, digits: int = 3) -> str:
    """Write a share of one in hundredths, with ``digits`` significant digits."""
    return f"{number(100.0 * fraction, digits=digits)} %"


def fixed(value: float, *, decimals: int) -> str:
    """Write a number with a fixed count of decimals, for columns that add up."""
    text = f"{value:,.{decimals}f}"
    if not any(c in "123456789" for c in text):
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def decimals_for(values: list[float], *, digits: int = 5) -> int:
    """Return the decimals that give the largest of some values ``digits`` significant digits."""
    largest = max((abs(v) for v in values), default=0.0)
    if largest == 0:
        return 0
    return min(max(digits - 1 - math.floor(math.log10(largest)), 0), 6)


def visible(name: str, *, limit: int = 60) -> str:
    r"""Make an untrusted name safe to print: what cannot be seen becomes an escape, what is long is cut.

    Control characters, marks that reverse the reading direction and lone surrogates are written as
    ``\uXXXX``, so a name can neither hide a part of itself nor reorder the text around it.

    Parameters
    ----------
    name
        Any string.
    limit
        Longest result, in characters; the middle is left out beyond it.
    """
    shown = "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN and c not in _JOINERS else c
        for c in name[: 4 * limit]
    )
    if len(name) <= 4 * limit and len(shown) <= limit:
        return shown
    tail = (limit - 1) // 3
    end = visible(name[-tail:], limit=10 * limit)[-tail:]
    return f"{shown[: limit - 1 - tail]}…{end}"
