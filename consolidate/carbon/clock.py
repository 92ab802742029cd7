"""European local time to UTC, without a time zone database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final

from consolidate.units import SECONDS_PER_HOUR

__all__ = ["CLOCKS", "local_stamps"]

#: Hours from UTC in winter, and whether summer time is kept. Directive 2000/84/EC: from 01:00 UTC of the
#: last Sunday of March to 01:00 UTC of the last Sunday of October, everywhere at once.
CLOCKS: Final = MappingProxyType(
    {"UTC": (0, False), "WET/WEST": (0, True), "CET/CEST": (1, True), "EET/EEST": (2, True)}
)


def local_stamps(wall: Sequence[datetime], clock: str) -> list[tuple[int, int] | None]:
    """Return UTC seconds since 1970 and offset in seconds of each local time, in order of the file.

    In the hour that is told twice in October, the first telling is summer time. A local time that the
    clock skips in March has no instant: ``None``.

    Parameters
    ----------
    wall
        Local times without zone, sorted but for the repeated hour.
    clock
        A key of :data:`CLOCKS`.
    """
    winter_h, summer = CLOCKS[clock]
    found: list[tuple[int, int] | None] = []
    last_s: int | None = None
    for local in wall:
        fitting = []
        for offset_h in (winter_h + 1, winter_h) if summer else (winter_h,):
            instant = local.replace(tzinfo=UTC) - timedelta(hours=offset_h)
            if offset_h == winter_h + (summer and _is_summer(instant)):
                fitting.append((round(instant.timestamp()), offset_h * SECONDS_PER_HOUR))
        # Of two instants with the same local time, the earlier one that lies after the row before.
        later = [stamp for stamp in fitting if last_s is None or stamp[0] > last_s]
        chosen = next(iter(later or fitting), None)
        if chosen is not None:
            last_s = chosen[0]
        found.append(chosen)
    return found


def _is_summer(instant: datetime) -> bool:
    return _last_sunday(instant.year, 3) <= instant < _last_sunday(instant.year, 10)


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
