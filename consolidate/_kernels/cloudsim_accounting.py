"""CloudSim's accounting: processing hosts, charging energy, ending VMs, and migrations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.cloudsim_records import at_rest, record_host, record_vm
from consolidate._kernels.cloudsim_scheduler import (
    allocate_all,
    join,
    leave,
    place_of,
    reallocate,
)
from consolidate._kernels.cloudsim_state import (
    Ledger,
    Machines,
    State,
    host_share,
    power_w,
)
from consolidate._kernels.jit import inner, kernel

__all__ = ["account", "migrate"]

#: What a host that is off draws in the separate standby account, in watts.
_STANDBY_W = 12.0


@kernel
def account(m: Machines, s: State, led: Ledger, time_s: Any, keep_idle: bool) -> None:
    """Process every host, charge what passed since the last time, and end the VMs that ask for nothing."""
    for h in range(len(m.kind)):
        if s.filled[h] == 0 and s.mips[h, 1] == 0 and at_rest(led.host_seen, h):
            s.mips[h, 2] = 0.0
        else:
            _process(m, s, led, h, time_s)
    span_s = time_s - led.total[0]
    if span_s > 0:
        _charge(m, s, led, span_s)
    if not keep_idle:
        for h in range(len(m.kind)):
            if s.filled[h] > 0:
                _end_idle(m, s, h)
    led.total[0] = time_s


@kernel
def migrate(
    m: Machines, s: State, led: Ledger, moves: NDArray[np.int64], time_s: float, keep_idle: bool
) -> None:
    """Start migrations (VM, target) at an instant, and go through their completions.

    The program processes hosts with every single start and completion. What counts is the last time at an
    instant, so that each host that changed is processed once.
    """
    changed = np.zeros(len(m.kind), dtype=np.bool_)
    for i in range(len(moves)):
        v, target = moves[i, 0], moves[i, 1]
        s.moving[v] = True
        place = place_of(s, v, target)
        if place == s.filled[target] or not s.incoming[place, target]:
            join(s, v, target, True)
        changed[target] = changed[s.host_of[v]] = True
    _settle(m, s, led, changed, time_s, True)
    last_s = 0.0
    while True:
        next_s = np.inf
        for i in range(len(moves)):
            if last_s < m.vm[moves[i, 0], 2] < next_s:
                next_s = m.vm[moves[i, 0], 2]
        if next_s == np.inf:
            return
        account(m, s, led, time_s + next_s, keep_idle)
        changed[:] = False
        for i in range(len(moves)):
            if m.vm[moves[i, 0], 2] == next_s:
                changed[moves[i, 1]] = changed[s.host_of[moves[i, 0]]] = True
                _arrive(s, moves[i, 0], moves[i, 1])
        _settle(m, s, led, changed, time_s + next_s, keep_idle)
        last_s = next_s


@inner
def _settle(
    m: Machines, s: State, led: Ledger, changed: NDArray[np.bool_], time_s: Any, keep_idle: bool
) -> None:
    """Process the hosts that changed, at the instant of the last accounting."""
    for h in np.flatnonzero(changed):
        _process(m, s, led, h, time_s)
        if not keep_idle:
            _end_idle(m, s, h)


@inner
def _arrive(s: State, v: Any, target: Any) -> None:
    """Let VM ``v`` live on its target, at the end of the list."""
    s.moving[v] = False
    leave(s, v, s.host_of[v])
    if s.host_of[v] != target:
        leave(s, v, target)
    s.host_of[v] = target
    join(s, v, target, False)


@inner
def _process(m: Machines, s: State, led: Ledger, h: Any, time_s: Any) -> None:
    """Bring the demand of a host to an instant, share its MIPS and record what comes of it."""
    # Samples are 300 s apart; between them utilization is linear.
    k = int(np.floor(time_s / 300))
    after_s, core = time_s - 300 * k, m.host[h, 1]
    for i in range(s.filled[h]):
        v = s.listed[i, h]
        low, high = m.sample[k, v], m.sample[min(k + 1, len(m.sample) - 1), v]
        s.wanted[v] = (low + (high - low) / 300 * after_s) * m.vm[v, 0]
    s.mips[h, 2] = s.mips[h, 1]
    allocate_all(m, s, h)
    used, wanted, capped, above = 0.0, 0.0, 0.0, 0.0
    for i in range(s.filled[h]):
        v, given = s.listed[i, h], s.given[i, h]
        if not s.incoming[i, h]:
            record_vm(led.vm_seen, led.spread, v, time_s, given, s.wanted[v], s.moving[v])
            capped += min(s.wanted[v], core)
            above += max(0.0, s.wanted[v] - core)
            if s.moving[v]:
                given /= 0.9
        used += given
        wanted += s.wanted[v]
    s.mips[h, 1] = used
    mips = (used, wanted, capped, above, m.host[h, 0])
    record_host(led.host_seen, led.spread, h, time_s, mips)


@inner
def _charge(m: Machines, s: State, led: Ledger, span_s: Any) -> None:
    """Add the trapezoid between the last two utilizations; a host that was at 0 is free."""
    energy_j, off = 0.0, 0
    for h in range(len(m.kind)):
        before = host_share(s.mips[h, 2], m.host[h, 0])
        if before == 0:
            off += 1
            continue
        after = host_share(s.mips[h, 1], m.host[h, 0])
        from_w, to_w = power_w(m.host, h, before), power_w(m.host, h, after)
        energy_j += (from_w + (to_w - from_w) / 2) * span_s
    led.total[1] += energy_j
    if energy_j > 0:
        led.total[2] += off * _STANDBY_W * span_s


@inner
def _end_idle(m: Machines, s: State, h: Any) -> None:
    """Remove the VMs that do not move and ask for exactly nothing, for good."""
    kept = 0
    for i in range(s.filled[h]):
        v = s.listed[i, h]
        if s.moving[v] or s.wanted[v] != 0:
            s.listed[kept, h] = v
            s.incoming[kept, h] = s.incoming[i, h]
            kept += 1
        else:
            s.host_of[v] = -1
    if kept < s.filled[h]:
        s.filled[h] = kept
        reallocate(m, s, h)
