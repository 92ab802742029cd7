"""Minimum times on and off, and caps on how often a host is switched off within 24 hours."""

from __future__ import annotations

import numpy as np

from consolidate.checks.arms import BOOTING, OFF, ON, SHUTTING_DOWN, ArmCase
from consolidate.checks.verdict import Violation

__all__ = ["limit_violations", "must_stay"]

_DAY_S = 86_400


def limit_violations(case: ArmCase) -> list[Violation]:
    """Return hosts that were switched again too soon or too often; states must be in a legal order."""
    s, hosts = case.arm.states, case.placement.hosts
    found = []
    limited = [k.min_on_s > 0 or k.min_off_s > 0 or k.max_cycles_per_day > 0 for k in hosts.kinds]
    for h in np.flatnonzero(np.array(limited)[hosts.kind_of]).tolist():
        for i in np.flatnonzero(s.host == h).tolist():
            start, state = int(s.start_s[i]), int(s.state[i])
            switched = _before(case, h, start) != state
            if start == 0 or not switched or state not in (BOOTING, SHUTTING_DOWN):
                continue
            problem = _too_soon(case, h, start, off=state == SHUTTING_DOWN)
            if problem:
                word = "switched off" if state == SHUTTING_DOWN else "booted"
                message = f"{case.arm.label}: host {hosts.name(h)} is {word} at {start} s {problem}"
                witness: dict[str, object] = {"host": hosts.name(h), "start_s": start}
                found.append(Violation(code="V8.limit", message=message, witness=witness))
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
    since = int(s.start_s[row[0]]) if row.size and s.state[row[0]] == wanted else 0
    # What was so at the start of the replay has been so for long enough.
    if since > 0 and at_s - since < least:
        return f"after {at_s - since} s {'on' if off else 'off'}; {least} s are the least"
    if off and kind.max_cycles_per_day:
        earlier = mine & (s.state == SHUTTING_DOWN) & (s.start_s < at_s) & (s.start_s > at_s - _DAY_S)
        if int(earlier.sum()) >= kind.max_cycles_per_day:
            return f"for the {int(earlier.sum()) + 1}. time in 24 hours; {kind.max_cycles_per_day} are the most"
    return ""


def _at(case: ArmCase, host: int, at_s: int) -> int:
    s = case.arm.states
    row = np.flatnonzero((s.host == host) & (s.start_s <= at_s) & (at_s < s.end_s))
    return int(s.state[row[0]]) if row.size else OFF


def _before(case: ArmCase, host: int, at_s: int) -> int:
    s = case.arm.states
    row = np.flatnonzero((s.host == host) & (s.end_s == at_s))
    return int(s.state[row[0]]) if row.size else -1
