"""Cloud Carbon Footprint: the on-premise table that it reads, one row for each host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from consolidate.exports.csv_text import csv_text
from consolidate.exports.run_base import RunFacts, utc
from consolidate.model import Replay
from consolidate.units import MIB_PER_GIB, SECONDS_PER_DAY, SECONDS_PER_HOUR

__all__ = ["CloudCarbonFootprint"]

COLUMNS: Final = (
    "machineName",
    "machineType",
    "cpuDescription",
    "memory",
    "startTime",
    "endTime",
    "country",
    "region",
    "cost",
    "cpuUtilization",
    "powerUsageEffectiveness",
    "dailyUptime",
    "weeklyUptime",
    "monthlyUptime",
    "annualUptime",
)
ON: Final = 0
HOURS_PER_DAY: Final = 24
DAYS: Final = {"weeklyUptime": 7, "monthlyUptime": 30, "annualUptime": 365}


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCarbonFootprint:
    """Hosts of one arm with their mean CPU use while on, and how long they are on.

    Cloud Carbon Footprint estimates energy by rules of its own, so its figures differ from those of the
    run. Uptimes of a week, a month and a year are given where the replay is that long: nothing is scaled up.

    Parameters
    ----------
    arm
        ``baseline`` or ``consolidated``.
    """

    name: ClassVar[str] = "ccf"
    arm: str = "consolidated"

    def content(self, facts: RunFacts) -> bytes:
        """Return the table.

        Raises
        ------
        ConfigError
            When there is no such arm.
        """
        replay, fleet = facts.arm(self.arm), facts.instance.fleet
        on_h, days = _on_hours(replay), replay.grid.duration_s / SECONDS_PER_DAY
        used = replay.utilization.astype(np.float64)
        on = ~np.isnan(used)
        share = np.where(on, used, 0.0).sum(axis=1) / np.maximum(on.sum(axis=1), 1)
        rows = []
        for host, name in enumerate(replay.host_ids):
            kind, site = fleet.types[fleet.host_type[host]], fleet.sites[fleet.host_site[host]]
            # A row of a year has at most the hours of a day in it; a shorter window fills no day.
            per_day = min(float(on_h[host]) / max(days, 1.0), HOURS_PER_DAY)
            known: dict[str, object] = {
                "machineName": name,
                "machineType": "server",
                "cpuDescription": kind.name,
                "memory": kind.memory_mib / MIB_PER_GIB,
                "startTime": utc(replay.grid.start),
                "endTime": utc(replay.grid.stop),
                "country": site.zone,
                "region": site.zone,
                "cpuUtilization": 100.0 * float(share[host]),
                "powerUsageEffectiveness": site.pue,
                "dailyUptime": per_day,
            }
            known |= {column: n * per_day for column, n in DAYS.items() if days >= n}
            rows.append([known.get(column) for column in COLUMNS])
        return csv_text(COLUMNS, rows).encode("utf-8", "backslashreplace")


def _on_hours(replay: Replay) -> NDArray[np.float64]:
    hours = np.zeros(len(replay.host_ids))
    rows = replay.host_states[replay.host_states[:, 1] == ON]
    np.add.at(hours, rows[:, 0], (rows[:, 3] - rows[:, 2]) / SECONDS_PER_HOUR)
    return hours
