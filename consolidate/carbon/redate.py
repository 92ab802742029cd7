"""Move an instant to another year, so that a trace meets the carbon intensity of that year."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import cast

import numpy as np

__all__ = ["redate"]


def redate(start: np.datetime64, year: int) -> np.datetime64:
    """Return the same weekday and time of day in another year.

    The date is the one of that year that is nearest to the same month and day among those with the same
    weekday; near the turn of the year it stays inside the year. Nothing here re-dates by itself: the
    caller does, and says so in its results.

    Parameters
    ----------
    start
        An instant, UTC.
    year
        The year to move it to, 1 to 9999.

    Examples
    --------
    >>> redate(np.datetime64("2011-03-03T06:00:00"), 2023)  # both are Thursdays
    np.datetime64('2023-03-02T06:00:00')
    """
    instant = cast(datetime, start.astype("datetime64[s]").item())
    # 29 February has no counterpart in most years; 28 February is the nearest day of its month.
    day = min(instant.day, 28) if instant.month == 2 else instant.day
    same_day = date(year, instant.month, day)
    shift = (instant.weekday() - same_day.weekday() + 3) % 7 - 3
    first, last = date(year, 1, 1), date(year, 12, 31)
    if shift < (first - same_day).days:
        shift += 7
    elif shift > (last - same_day).days:
        shift -= 7
    moved = datetime.combine(same_day + timedelta(days=shift), instant.time())
    return np.datetime64(moved, "s")
