"""CloudSim's records of hosts and VMs, folded into sums as soon as the next record closes them.

A record with the time of the one before replaces it, so the last one is kept open. The program keeps all
records and walks them at the end; the sums are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import Ledger
from consolidate._kernels.jit import inner, kernel

__all__ = ["HOST_COLUMNS", "VM_COLUMNS", "at_rest", "close_all", "record_host", "record_vm"]

#: The open record: its time (-1 for none yet), MIPS allocated and requested, VMs' demand up to a core
#: each, MIPS of demand above one core, whether it is on.
_T, _GIVEN, _WANTED, _CAPPED, _ABOVE, _ON = range(6)
#: What is known of the closed ones: whether on, since when, seconds on, in violation, overloaded; MIPS-s
#: that no sharing could serve; times switched on; times off; whether ever on.
_WAS_ON, _SINCE, _ACTIVE_S, _VIOLATED_S, _OVER_S, _UNMET, _STARTS, _STOPS, _EVER = range(6, 15)
HOST_COLUMNS = 15
#: The open record: time, MIPS allocated and requested, whether migrating.
_MIGRATES = 3
#: Of the closed ones: whether migrating, since when; MIPS-s allocated, requested, lost while migrating;
#: sum of shares lost and how many records lost any.
_WAS_MIGRATING, _FROM, _GOT, _ASKED, _LOST, _SHARES, _VIOLATIONS = range(4, 11)
VM_COLUMNS = 11


@inner
def record_host(
    seen: NDArray[np.float64],
    spread: NDArray[np.float64],
    h: Any,
    time_s: Any,
    mips: tuple[float, float, float, float, float],
) -> None:
    """Open a record of a host, and close the one before unless it has the same time.

    ``mips`` are those allocated, requested, requested up to a core by each VM, requested above one core,
    and those that the host has.
    """
    if seen[h, _T] >= 0 and seen[h, _T] != time_s:
        _close_host(seen, spread, h, time_s - seen[h, _T], mips[4])
    seen[h, _T], seen[h, _GIVEN], seen[h, _WANTED] = time_s, mips[0], mips[1]
    seen[h, _CAPPED], seen[h, _ABOVE] = mips[2], mips[3]
    seen[h, _ON] = 1.0 if mips[0] > 0 else 0.0


@inner
def at_rest(seen: NDArray[np.float64], h: Any) -> Any:
    """Say whether the open record of a host says that it is off: another such record adds nothing."""
    return seen[h, _T] >= 0 and seen[h, _ON] == 0


@inner
def record_vm(
    seen: NDArray[np.float64],
    spread: NDArray[np.float64],
    v: Any,
    time_s: Any,
    given: Any,
    wanted: Any,
    migrates: Any,
) -> None:
    """Open a record of a VM, and close the one before unless it has the same time."""
    if seen[v, _T] >= 0 and seen[v, _T] != time_s:
        _close_vm(seen, spread, v, time_s - seen[v, _T])
    seen[v, _T], seen[v, _GIVEN], seen[v, _WANTED] = time_s, given, wanted
    seen[v, _MIGRATES] = 1.0 if migrates else 0.0


@kernel
def close_all(led: Ledger) -> None:
    """Close the last records; nothing follows, so that only changes of state count in them."""
    for h in range(len(led.host_seen)):
        if led.host_seen[h, _T] >= 0:
            _close_host(led.host_seen, led.spread, h, 0.0, 0.0)
    for v in range(len(led.vm_seen)):
        if led.vm_seen[v, _T] >= 0:
            _turn_vm(led.vm_seen, led.spread, v)


@inner
def _close_host(
    seen: NDArray[np.float64], spread: NDArray[np.float64], h: Any, span_s: Any, whole: Any
) -> None:
    on = seen[h, _ON] > 0
    if seen[h, _WAS_ON] > 0 and not on:
        seen[h, _STOPS] += 1
        _spread(spread, 0, seen[h, _T] - seen[h, _SINCE])
    if seen[h, _WAS_ON] == 0 and on:
        seen[h, _SINCE] = seen[h, _T]
        seen[h, _STARTS] += 1
    seen[h, _WAS_ON] = seen[h, _ON]
    seen[h, _UNMET] += (seen[h, _ABOVE] + max(0.0, seen[h, _CAPPED] - whole)) * span_s
    if not on:
        return
    seen[h, _EVER] = 1.0
    seen[h, _ACTIVE_S] += span_s
    if seen[h, _GIVEN] < seen[h, _WANTED]:
        seen[h, _VIOLATED_S] += span_s
    if seen[h, _CAPPED] > whole:
        seen[h, _OVER_S] += span_s


@inner
def _close_vm(seen: NDArray[np.float64], spread: NDArray[np.float64], v: Any, span_s: Any) -> None:
    given, wanted = seen[v, _GIVEN], seen[v, _WANTED]
    seen[v, _GOT] += given * span_s
    seen[v, _ASKED] += wanted * span_s
    if given < wanted:
        seen[v, _SHARES] += (wanted - given) / wanted
        seen[v, _VIOLATIONS] += 1
        if seen[v, _MIGRATES] > 0:
            seen[v, _LOST] += (wanted - given) * span_s
    _turn_vm(seen, spread, v)


@inner
def _turn_vm(seen: NDArray[np.float64], spread: NDArray[np.float64], v: Any) -> None:
    if seen[v, _WAS_MIGRATING] > 0 and seen[v, _MIGRATES] == 0:
        _spread(spread, 1, seen[v, _T] - seen[v, _FROM])
    if seen[v, _WAS_MIGRATING] == 0 and seen[v, _MIGRATES] > 0:
        seen[v, _FROM] = seen[v, _T]
    seen[v, _WAS_MIGRATING] = seen[v, _MIGRATES]


@inner
def _spread(sums: NDArray[np.float64], row: Any, value: Any) -> None:
    """Add a value to a count, a sum, and mean and squares by Welford's update (1962)."""
    sums[row, 0] += 1
    sums[row, 1] += value
    off = value - sums[row, 2]
    sums[row, 2] += off / sums[row, 0]
    sums[row, 3] += off * (value - sums[row, 2])
