"""How sure a saving is, stated again: draws of the assumptions, resampled days, one assumption at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["ORDER", "ByType", "Range", "band_over_days", "day_totals", "drawn_savings", "one_at_a_time"]

#: Names of the assumptions; the place of a name seeds its stream of draws.
ORDER = (
    "power_curve",
    "idle",
    "utilization",
    "off_w",
    "boot",
    "migration",
    "intensity",
    "pue_variable_share",
)
IDLE, LOAD, MIGRATION, BOOTING, SHUTTING_DOWN, OFF = range(6)
MJ_PER_KWH = 3_600_000_000
SECONDS_PER_DAY = 86_400
TAILS = (0.025, 0.975)

Values = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Range of an assumption, as the account states it."""

    name: str
    low: float
    high: float
    log: bool
    each_type: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ByType:
    """One arm by host type and cause: mJ and g of shape ``(types, 6)``, seconds off of shape ``(types,)``."""

    mj: NDArray[np.float64]
    g: NDArray[np.float64]
    off_s: NDArray[np.float64]


def drawn_savings(
    before: ByType, after: ByType, ranges: Sequence[Range], *, seed: int, draws: int
) -> dict[str, NDArray[np.float64]]:
    """Return the savings in each draw: ``kwh``, ``fraction``, ``kg``."""
    n_types = before.off_s.size
    values: dict[str, NDArray[np.float64]] = {}
    for each in ranges:
        stream = np.random.default_rng([seed, ORDER.index(each.name)])
        share = stream.random((draws, n_types) if each.each_type else (draws,))
        span = each.high - each.low
        values[each.name] = (
            each.low * (each.high / each.low) ** share if each.log else each.low + span * share
        )
    return _savings(before, after, values, draws)


def one_at_a_time(
    before: ByType, after: ByType, ranges: Sequence[Range], outcome: str
) -> dict[tuple[str, str], float]:
    """Return the saving with one assumption at one end of its range, by name and ``low`` or ``high``."""
    found = {}
    for each in ranges:
        for end, value in (("low", each.low), ("high", each.high)):
            shape = (1, before.off_s.size) if each.each_type else (1,)
            moved = _savings(before, after, {each.name: np.full(shape, value)}, 1)
            found[each.name, end] = float(moved[outcome][0])
    return found


def _savings(
    before: ByType, after: ByType, values: Values, draws: int
) -> dict[str, NDArray[np.float64]]:
    used_mj, used_g = _arm(before, values, draws)
    left_mj, left_g = _arm(after, values, draws)
    saved = used_mj - left_mj
    grid = values.get("intensity", np.ones(draws))
    return {
        "kwh": saved / MJ_PER_KWH,
        "fraction": np.where(used_mj > 0, saved / np.where(used_mj > 0, used_mj, 1.0), 0.0),
        "kg": (used_g - left_g) * grid / 1_000,
    }


def _arm(arm: ByType, values: Values, draws: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return energy and emissions of an arm in each draw, before the intensity is varied."""
    one = np.ones(draws)
    curve, idle = values.get("power_curve", one[:, None]), values.get("idle", one[:, None])
    load = values.get("utilization", one)[:, None]
    watts = values.get("off_w")
    off_mj = (
        np.broadcast_to(arm.mj[:, OFF], (draws, arm.off_s.size))
        if watts is None
        else 1_000 * watts[:, None] * arm.off_s
    )
    whole = max(float(arm.mj.sum()), 1.0)
    per_mj = np.array(
        [
            g / mj if mj > 0 else arm.g.sum() / whole
            for g, mj in zip(arm.g[:, OFF], arm.mj[:, OFF], strict=True)
        ]
    )
    totals = []
    for ledger, off in ((arm.mj, off_mj), (arm.g, off_mj * per_mj)):
        on = curve * (idle * ledger[:, IDLE] + load * ledger[:, LOAD])
        cycles = ledger[:, BOOTING].sum() + ledger[:, SHUTTING_DOWN].sum()
        moves = ledger[:, MIGRATION].sum()
        totals.append(
            (on + off).sum(axis=1)
            + values.get("boot", one) * cycles
            + values.get("migration", one) * moves
        )
    return totals[0], totals[1]


def day_totals(start_utc_s: int, step_s: int, per_step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the totals of the whole calendar days (UTC); each step's amount is spread evenly over it."""
    edges = start_utc_s + step_s * np.arange(per_step.size + 1)
    running = np.append(0.0, np.cumsum(per_step))
    first, stop = -(-int(edges[0]) // SECONDS_PER_DAY), int(edges[-1]) // SECONDS_PER_DAY
    if stop <= first:
        return np.zeros(0)
    bounds = SECONDS_PER_DAY * np.arange(first, stop + 1)
    return np.diff(np.interp(bounds, edges, running))


def band_over_days(
    samples: NDArray[np.float64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    n_days: float,
    seed: int,
) -> tuple[float, float] | None:
    """Return the interval of a total over draws and days; ``None`` with fewer than 14 whole days."""
    whole = before.size
    if whole < 14:
        return None
    block = 7 if whole >= 28 else 3
    saved = before - after
    stream = np.random.default_rng(seed)
    starts = stream.integers(0, whole, size=(samples.size, math.ceil(whole / block)))
    days = (starts[:, :, None] + np.arange(block)) % whole
    means = saved[days.reshape(samples.size, -1)[:, :whole]].mean(axis=1)
    wider = math.sqrt(whole / (whole - block)) * _student(whole / block - 1)
    both = samples + n_days * wider * (means - saved.mean())
    low, high = np.quantile(both, TAILS)
    return float(low), float(high)


def _student(freedom: float) -> float:
    """Return how much wider Student's 95 % interval is than the normal one (Cornish-Fisher)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return (z + sum(term / freedom ** (k + 1) for k, term in enumerate(terms))) / z
