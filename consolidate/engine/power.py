"""States of hosts, and how soon each may be switched again."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.replay import BOOTING, OFF, ON, SHUTTING_DOWN, STATE
from consolidate.engine.journal import Intervals, Journal
from consolidate.model import Fleet
from consolidate.units import SECONDS_PER_DAY

__all__ = ["HostPower"]

_LONG_AGO = -(2**62)


class HostPower:
    """State of each host over time; minimum times and caps hold for what plans and arrivals ask for.

    Parameters
    ----------
    fleet
        The hosts; before the replay each has been as it is for long enough.
    journal
        Told of every change.

    Attributes
    ----------
    state
        State of each host.
    boot_from_s, shutdown_from_s : s
        From when on each host may be booted, if it is off, and switched off, if it is on.
    cycles
        Boots and shutdowns made.
    """

    def __init__(self, fleet: Fleet, journal: Journal) -> None:
        self._fleet, self._journal = fleet, journal
        self.state = np.where(fleet.powered_on, ON, OFF).astype(np.int8)
        self._intervals = Intervals(self.state)
        self.boot_from_s = np.full(fleet.n_hosts, _LONG_AGO, dtype=np.int64)
        self.shutdown_from_s = self.boot_from_s.copy()
        self._switched_off: dict[int, deque[int]] = {}
        self.cycles = 0

    def set(self, host: int, state: int, now: int) -> None:
        """Change the state of a host."""
        self.state[host] = state
        self._journal.add(now, STATE, host, state)
        self._intervals.change(host, state, now)
        kind = self._fleet.types[self._fleet.host_type[host]]
        self.cycles += state in (BOOTING, SHUTTING_DOWN)
        if state == OFF:
            self.boot_from_s[host] = now + kind.min_off_s
        elif state == ON:
            self.shutdown_from_s[host] = now + kind.min_on_s
            offs = self._switched_off.get(host)
            if offs and len(offs) == kind.max_cycles_per_day:
                earliest = offs[0] + SECONDS_PER_DAY
                self.shutdown_from_s[host] = max(int(self.shutdown_from_s[host]), earliest)
        elif state == SHUTTING_DOWN and kind.max_cycles_per_day:
            self._switched_off.setdefault(host, deque(maxlen=kind.max_cycles_per_day)).append(now)

    def close(self, end_s: int) -> NDArray[np.int64]:
        """End every interval; return rows ``(host, state, start_s, end_s)``."""
        return self._intervals.close(end_s)
