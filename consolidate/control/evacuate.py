"""Emptying one host: the step that controllers of practice share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from consolidate.control.desk import Sight

__all__ = ["evacuate", "recent"]

#: Chooses among hosts that take a VM; gets the VM and the hosts, returns one of them or -1.
Chooser = Callable[[int, NDArray[np.int64]], int]


def evacuate(sight: Sight, host: int, targets: NDArray[np.bool_], choose: Chooser) -> bool:
    """Move every VM of a host to one of the targets, the most demanding first; all or none.

    Parameters
    ----------
    sight
        The state, changed in place.
    host
        The host to empty.
    targets
        Hosts that may receive, shape ``(hosts,)``.
    choose
        How a target is chosen among those that take the VM.
    """
    guests = sight.guests(host)
    if not guests.size or not sight.free[guests].all():
        return False
    hosts = np.flatnonzero(targets & (np.arange(len(targets)) != host))
    moved: list[int] = []
    for v in guests[np.lexsort((guests, -sight.demand[guests]))].tolist():
        found = sight.open_to(v, hosts)
        target = choose(v, found) if found.size else -1
        if target < 0:
            for u in moved:
                sight.undo(u, host)
            return False
        sight.move(v, target)
        moved.append(v)
    return True


def recent(demand: NDArray[np.int32], seconds: int, step_s: int) -> NDArray[np.float64]:
    """Return the mean demand of each VM over the last so many seconds, at least one step, shape ``(vms,)``."""
    steps = max(1, seconds // step_s)
    mean: NDArray[np.float64] = demand[:, -steps:].mean(axis=1)
    return mean
