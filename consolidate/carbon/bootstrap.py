"""How sure a saving is, given that days differ: circular block bootstrap of paired days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue

__all__ = [
    "DEFAULT_RESAMPLES",
    "DailyInterval",
    "DaySaving",
    "block_means",
    "day_deviations",
    "paired_saving",
]

DEFAULT_RESAMPLES: Final = 2_000
FEWEST_DAYS: Final = 14
MANY_DAYS: Final = 28
SHORT_BLOCK, LONG_BLOCK = 3, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyInterval:
    """An interval and how it was made.

    Parameters
    ----------
    low, high
        Bounds of the mean saving of a day, in the unit of the days.
    low_fraction, high_fraction
        Bounds of the saving as a share of what was used before.
    level
        Share of intervals that should contain the truth.
    block_days, resamples, seed
        What was used.
    """

    low: float
    high: float
    low_fraction: float
    high_fraction: float
    level: float
    block_days: int
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySaving:
    """Savings of paired days.

    Parameters
    ----------
    n_days
        Paired days.
    mean, fraction
        Mean saving of a day, and the sum of the savings as a share of the sum before.
    least, median, most
        Of the days.
    interval
        ``None`` when there are too few days.
    banner
        Words to print with it; empty when nothing has to be said.
    """

    n_days: int
    mean: float
    fraction: float
    least: float
    median: float
    most: float
    interval: DailyInterval | None
    banner: str


def paired_saving(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    seed: int = 0,
    resamples: int = DEFAULT_RESAMPLES,
    level: float = 0.95,
    block_days: int | None = None,
) -> DaySaving:
    """Return the mean daily saving of one arm against another, with an interval.

    Days are paired (same trace, same seed) and resampled in circular blocks (Politis and Romano 1992), of
    7 days from 28 days on, of 3 days from 14 on; fewer have no interval. Blocks keep the correlation of
    neighbouring days, without which an interval is too narrow. As few blocks under-state the spread,
    deviations are widened by ``sqrt(n / (n - block))`` and by the ratio of Student's quantile with
    ``n / block - 1`` degrees of freedom to the normal one.

    Parameters
    ----------
    before, after
        Totals of the same days, in any one unit, shape ``(days,)``.
    seed
        Of the resampling.
    resamples
        How many.
    level
        Of the interval.
    block_days
        Days in a block, for a test of sensitivity; default by the rule above.

    Raises
    ------
    InstanceError
        When the days do not pair, there are none, or a block is longer than a third of them.
    """
    before, after = _paired(before, after)
    saved, n_days = before - after, before.size
    block = _block(n_days)
    if block is not None and block_days is not None:
        if not 1 <= block_days <= n_days // 3:
            msg = f"needs 1 to {n_days // 3} (a third of the days), got {block_days}"
            raise InstanceError([Issue(path="block_days", message=msg)])
        block = block_days
    interval, banner = None, ""
    if block is None:
        banner = f"{n_days} whole days: too few for an interval (needs {FEWEST_DAYS})"
    else:
        if n_days < MANY_DAYS:
            banner = f"short sample: {n_days} whole days"
        interval = _interval(before, saved, block, seed=seed, resamples=resamples, level=level)
    whole = float(before.sum())
    return DaySaving(
        n_days=n_days,
        mean=float(saved.mean()),
        fraction=float(saved.sum()) / whole if whole else 0.0,
        least=float(saved.min()),
        median=float(np.median(saved)),
        most=float(saved.max()),
        interval=interval,
        banner=banner,
    )


def day_deviations(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    seed: int,
    resamples: int,
    level: float,
) -> NDArray[np.float64] | None:
    """Return how far the mean daily saving may be off in each resample; ``None`` for too few days.

    Parameters and errors are those of :func:`paired_saving`.
    """
    before, after = _paired(before, after)
    block = _block(before.size)
    if block is None:
        return None
    saved = before - after
    means = block_means(saved[:, None], block, seed=seed, resamples=resamples)[:, 0]
    deviations: NDArray[np.float64] = _wider(saved.size, block, level) * (means - saved.mean())
    return deviations


def block_means(
    series: NDArray[np.float64], block: int, *, seed: int, resamples: int
) -> NDArray[np.float64]:
    """Return the means of circular block resamples of rows, shape ``(resamples, columns)``.

    A block of 1 is the ordinary bootstrap, which takes days for independent.

    Parameters
    ----------
    series
        One row for each day, shape ``(days, columns)``.
    block
        Days in a block.
    seed
        Of the resampling.
    resamples
        How many.
    """
    n_days = len(series)
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, n_days, size=(resamples, -(-n_days // block)))
    drawn = (starts[:, :, None] + np.arange(block)) % n_days
    means: NDArray[np.float64] = series[drawn.reshape(resamples, -1)[:, :n_days]].mean(axis=1)
    return means


def _interval(
    before: NDArray[np.float64],
    saved: NDArray[np.float64],
    block: int,
    *,
    seed: int,
    resamples: int,
    level: float,
) -> DailyInterval:
    n_days = before.size
    means = block_means(np.column_stack([saved, before]), block, seed=seed, resamples=resamples)
    wider = _wider(n_days, block, level)
    tails = (0.5 * (1 - level), 0.5 * (1 + level))
    centre = float(saved.mean())
    low, high = centre + wider * np.quantile(means[:, 0] - centre, tails)
    whole = float(before.mean())
    share = centre / whole if whole else 0.0
    ratios = np.divide(means[:, 0], means[:, 1], out=np.full(resamples, share), where=means[:, 1] != 0)
    low_fraction, high_fraction = share + wider * np.quantile(ratios - share, tails)
    return DailyInterval(
        low=float(low),
        high=float(high),
        low_fraction=float(low_fraction),
        high_fraction=float(high_fraction),
        level=level,
        block_days=block,
        resamples=resamples,
        seed=seed,
    )


def _paired(
    before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.shape != after.shape or before.ndim != 1 or not before.size:
        msg = f"needs the same days, at least one, got shapes {before.shape} and {after.shape}"
        raise InstanceError([Issue(path="days", message=msg)])
    return before, after


def _block(n_days: int) -> int | None:
    if n_days < FEWEST_DAYS:
        return None
    return LONG_BLOCK if n_days >= MANY_DAYS else SHORT_BLOCK


def _wider(n_days: int, block: int, level: float) -> float:
    return math.sqrt(n_days / (n_days - block)) * _student_ratio(n_days / block - 1, level)


def _student_ratio(freedom: float, level: float) -> float:
    """Return Student's quantile over the normal one (Cornish-Fisher series, to 1 % from 3 degrees on)."""
    z = NormalDist().inv_cdf(0.5 * (1 + level))
    t = (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
    return t / z
