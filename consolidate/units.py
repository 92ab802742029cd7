"""Units: the only place where one unit becomes another.

Every number's name ends in its unit; :data:`SUFFIXES` lists the endings, and a test asserts that each
column of each public table ends in one of them or is listed as unit-less.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "GRAMS_PER_POUND",
    "JOULES_PER_KWH",
    "MCORES_PER_CORE",
    "MIB_PER_GIB",
    "MILLIJOULES_PER_KWH",
    "SECONDS_PER_DAY",
    "SECONDS_PER_HOUR",
    "SUFFIXES",
    "bytes_to_mib_ceil",
    "g_to_kg",
    "gib_to_mib",
    "j_to_kwh",
    "j_to_mj",
    "kb_to_mib_ceil",
    "lb_per_mwh_to_g_per_kwh",
    "mbit_per_s_to_mib_per_s",
    "mj_to_j",
    "mj_to_kwh",
    "w_to_mw",
]

JOULES_PER_KWH: Final = 3_600_000
MILLIJOULES_PER_JOULE: Final = 1_000
MILLIJOULES_PER_KWH: Final = JOULES_PER_KWH * MILLIJOULES_PER_JOULE
MCORES_PER_CORE: Final = 1_000
MIB_PER_GIB: Final = 1_024
BYTES_PER_MIB: Final = 1_048_576
SECONDS_PER_HOUR: Final = 3_600
SECONDS_PER_DAY: Final = 24 * SECONDS_PER_HOUR
#: The international avoirdupois pound, exact by definition.
GRAMS_PER_POUND: Final = 453.59237

#: Endings that a column name may have, with what they mean. ``mj`` and ``mw`` are milli, never mega.
SUFFIXES: Final[dict[str, str]] = {
    "w": "watts",
    "mw": "milliwatts",
    "j": "joules",
    "mj": "millijoules",
    "kwh": "kilowatt-hours",
    "s": "seconds",
    "h": "hours",
    "mcores": "thousandths of a reference core",
    "mcore_s": "millicore-seconds",
    "mib": "mebibytes",
    "mib_per_s": "mebibytes per second",
    "mbit_per_s": "megabits per second",
    "g": "grams of CO2 equivalent",
    "kg": "kilograms of CO2 equivalent",
    "g_per_kwh": "grams of CO2 equivalent per kilowatt-hour",
    "fraction": "share of one",
    "percent": "hundredths",
    "utc": "instant, UTC",
}


def j_to_mj(energy_j: float) -> int:
    """Convert joules to whole millijoules, to the nearest."""
    return round(energy_j * MILLIJOULES_PER_JOULE)


def mj_to_j(energy_mj: int) -> float:
    """Convert millijoules to joules."""
    return energy_mj / MILLIJOULES_PER_JOULE


def mj_to_kwh(energy_mj: int) -> float:
    """Convert millijoules to kilowatt-hours."""
    return energy_mj / MILLIJOULES_PER_KWH


def j_to_kwh(energy_j: float) -> float:
    """Convert joules to kilowatt-hours."""
    return energy_j / JOULES_PER_KWH


def w_to_mw(power_w: float) -> int:
    """Convert watts to whole milliwatts, to the nearest."""
    return round(power_w * 1_000)


def g_to_kg(mass_g: float) -> float:
    """Convert grams to kilograms."""
    return mass_g / 1_000


def gib_to_mib(size_gib: float) -> int:
    """Convert GiB to whole MiB, rounding down (a capacity is never overstated)."""
    return int(size_gib * MIB_PER_GIB)


def kb_to_mib_ceil(size_kib: float) -> int:
    """Convert KiB (platforms that write "KB" mean 1,024 bytes) to whole MiB, rounding up (a demand)."""
    return -int(-size_kib // 1_024)


def bytes_to_mib_ceil(size_bytes: float) -> int:
    """Convert bytes to whole MiB, rounding up (a demand)."""
    return -int(-size_bytes // BYTES_PER_MIB)


def mbit_per_s_to_mib_per_s(rate_mbit_per_s: float) -> float:
    """Convert decimal megabits per second to MiB per second."""
    return rate_mbit_per_s * 1e6 / 8 / BYTES_PER_MIB


def lb_per_mwh_to_g_per_kwh(rate_lb_per_mwh: float) -> float:
    """Convert pounds per megawatt-hour to grams per kilowatt-hour."""
    return rate_lb_per_mwh * GRAMS_PER_POUND / 1_000
