"""Minimum times on and off, and caps on how often a host is switched off within 24 hours."""

from __future__ import annotations

import numpy as np

from consolidate.checks.arms import BOOTING, OFF, ON, SHUTTING_DOWN, ArmCase
from consolidate.checks.verdict import Violation

__all__ = ["limit_violations", "must_stay"]

_DAY_S = 86_400


def limit_violations(case: ArmCase) -> list[Violation]:
    """Return hosts that were switched again too soon or too often; states must be in a legal order."""
    hosts, found = case.placement.hosts, []
    limited = [k.min_on_s > 0 or k.min_off_s > 0 or k.max_cycles_per_day > 0 for k in hosts.kinds]
    for h in np.flatnonzero(np.array(limited)[hosts.kind_of]).tolist():
        for start, off in _switches(case, h):
            problem = _too_soon(case, h, start, off=off)
            if problem:
                word = "switched off" if off else "booted"
                message = f"{case.arm.label}: host {hosts.name(h)} is {word} at {start} s {problem}"
                witness: dict[str, object] = {"host": hosts.name(h), "start_s": start}
                found.append(Violation(code="V8.limit", message=message, witness=witness))
    return found


def _switches(case: ArmCase, host: int) -> list[tuple[int, bool]]:
    """Return when a host is switched, and whether off; what takes no time has no state of its own."""
    s = case.arm.states
    mine = np.flatnonzero(s.host == host)
    before = ON if case.placement.hosts.powered_on[host] else OFF
    found = []
    for i in mine[np.argsort(s.start_s[mine], kind="stable")].tolist():
        state, start = int(s.state[i]), int(s.start_s[i])
        if (before, state) in {(ON, SHUTTING_DOWN), (ON, OFF)}:
            found.append((start, True))
        elif (before, state) in {(OFF, BOOTING), (OFF, ON), (SHUTTING_DOWN, BOOTING)}:
            found.append((start, False))
        before = state
    return found


def must_stay(case: ArmCase, host: int, at_s: int) -> bool:
    """Say whether the limits of a host forbid to switch it at a moment."""
    state = _at(case, host, at_s)
    return state in (ON, OFF) and bool(_too_soon(case, host, at_s, off=state == ON))


def _too_soon(case: ArmCase, host: int, at_s: int, *, off: bool) -> str:
    s, kind = case.arm.states, case.placement.hosts.kind(host)
    wanted, least = (ON, kind.min_on_s) if off else (OFF, kind.min_off_s)
    mine = s.host == host
    row = np.flatnonzero(mine & (s.start_s < at_s) & (at_s <= s.end_s))
    # What was so at the start of the replay has been so for long enough.
    lasts = least
    if row.size and (s.start_s[row[0]] > 0 or s.state[row[0]] != wanted):
        lasts = at_s - int(s.start_s[row[0]]) if s.state[row[0]] == wanted else 0
    if lasts < least:
        return f"after {lasts} s {'on' if off else 'off'}; {least} s are the least"
    if off and kind.max_cycles_per_day:
        earlier = [t for t, was in _switches(case, host) if was and at_s - _DAY_S < t < at_s]
        if len(earlier) >= kind.max_cycles_per_day:
            most = kind.max_cycles_per_day
            return f"for the {len(earlier) + 1}. time in 24 hours; {most} are the most"
    return ""


def _at(case: ArmCase, host: int, at_s: int) -> int:
    s = case.arm.states
    row = np.flatnonzero((s.host == host) & (s.start_s <= at_s) & (at_s < s.end_s))
    return int(s.state[row[0]]) if row.size else OFF
