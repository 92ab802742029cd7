"""One interval of a saving from both what was assumed and how days differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon.bootstrap import day_deviations
from consolidate.carbon.uncertainty import Spread, spread

__all__ = ["combined_spread"]


def combined_spread(
    samples: NDArray[np.float64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    n_days: float,
    seed: int = 0,
    level: float = 0.95,
) -> Spread | None:
    """Return the spread of a total saving over assumptions and days together.

    Each sample of the assumptions meets one resample of the days; both deviations add up, as they are
    independent.

    Parameters
    ----------
    samples
        Total saving in each draw of the assumptions, shape ``(draws,)``.
    before, after
        Totals of whole days, in the unit of the samples, shape ``(days,)``.
    n_days
        Length of what the samples are the total of, in days.
    seed
        Of the resampling.
    level
        Of the interval.

    Returns
    -------
    The spread; ``None`` when there are too few days for an interval.

    Raises
    ------
    InstanceError
        When the days do not pair.
    """
    deviations = day_deviations(before, after, seed=seed, resamples=samples.size, level=level)
    if deviations is None:
        return None
    return spread(samples + n_days * deviations, level=level)
