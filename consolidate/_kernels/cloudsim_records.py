"""CloudSim's records of hosts and VMs, folded into sums as soon as the next record closes them.

A record with the time of the one before replaces it, so the last one is kept open. The program keeps all
records and walks them at the end; the sums are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_state import State
from consolidate._kernels.jit import kernel

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


@kernel
def record_host(
    s: State, h: Any, time_s: Any, given: Any, wanted: Any, capped: Any, above: Any, whole: Any
) -> None:
    """Open a record of a host, and close the one before unless it has the same time."""
    row = s.host_seen[h]
    if row[_T] >= 0 and row[_T] != time_s:
        _close_host(row, s.spread[0], time_s - row[_T], whole)
    row[_T], row[_GIVEN], row[_WANTED], row[_CAPPED], row[_ABOVE] = time_s, given, wanted, capped, above
    row[_ON] = 1.0 if given > 0 else 0.0


@kernel
def at_rest(s: State, h: Any) -> bool:
    """Say whether the open record of a host says that it is off: another such record adds nothing."""
    return s.host_seen[h, _T] >= 0 and s.host_seen[h, _ON] == 0


@kernel
def record_vm(s: State, v: Any, time_s: Any, given: Any, wanted: Any, migrates: Any) -> None:
    """Open a record of a VM, and close the one before unless it has the same time."""
    row = s.vm_seen[v]
    if row[_T] >= 0 and row[_T] != time_s:
        _close_vm(row, s.spread[1], time_s - row[_T])
    row[_T], row[_GIVEN], row[_WANTED] = time_s, given, wanted
    row[_MIGRATES] = 1.0 if migrates else 0.0


@kernel
def close_all(s: State) -> None:
    """Close the last records; nothing follows, so that only changes of state count in them."""
    for h in range(len(s.host_seen)):
        if s.host_seen[h, _T] >= 0:
            _close_host(s.host_seen[h], s.spread[0], 0.0, 0.0)
    for v in range(len(s.vm_seen)):
        if s.vm_seen[v, _T] >= 0:
            _turn_vm(s.vm_seen[v], s.spread[1])


@kernel
def _close_host(
    row: NDArray[np.float64], shutdowns: NDArray[np.float64], span_s: Any, whole: Any
) -> None:
    on = row[_ON] > 0
    if row[_WAS_ON] > 0 and not on:
        row[_STOPS] += 1
        _spread(shutdowns, row[_T] - row[_SINCE])
    if row[_WAS_ON] == 0 and on:
        row[_SINCE] = row[_T]
        row[_STARTS] += 1
    row[_WAS_ON] = row[_ON]
    row[_UNMET] += (row[_ABOVE] + max(0.0, row[_CAPPED] - whole)) * span_s
    if not on:
        return
    row[_EVER] = 1.0
    row[_ACTIVE_S] += span_s
    if row[_GIVEN] < row[_WANTED]:
        row[_VIOLATED_S] += span_s
    if row[_CAPPED] > whole:
        row[_OVER_S] += span_s


@kernel
def _close_vm(row: NDArray[np.float64], durations: NDArray[np.float64], span_s: Any) -> None:
    given, wanted = row[_GIVEN], row[_WANTED]
    row[_GOT] += given * span_s
    row[_ASKED] += wanted * span_s
    if given < wanted:
        row[_SHARES] += (wanted - given) / wanted
        row[_VIOLATIONS] += 1
        if row[_MIGRATES] > 0:
            row[_LOST] += (wanted - given) * span_s
    _turn_vm(row, durations)


@kernel
def _turn_vm(row: NDArray[np.float64], durations: NDArray[np.float64]) -> None:
    if row[_WAS_MIGRATING] > 0 and row[_MIGRATES] == 0:
        _spread(durations, row[_T] - row[_FROM])
    if row[_WAS_MIGRATING] == 0 and row[_MIGRATES] > 0:
        row[_FROM] = row[_T]
    row[_WAS_MIGRATING] = row[_MIGRATES]


@kernel
def _spread(sums: NDArray[np.float64], value: Any) -> None:
    """Add a value to a count, a sum, and mean and squares by Welford's update (1962)."""
    sums[0] += 1
    sums[1] += value
    off = value - sums[2]
    sums[2] += off / sums[0]
    sums[3] += off * (value - sums[2])
