"""States of hosts: without a gap, in a legal order, for the right time."""

from __future__ import annotations

import numpy as np

from consolidate.checks.arms import BOOTING, FAILED, OFF, ON, SHUTTING_DOWN, STATES, ArmCase
from consolidate.checks.cases import BOOT, MANAGED, NO_WAKE, SHUTDOWN
from consolidate.checks.power_limits import limit_violations, must_stay
from consolidate.checks.spans import misfits
from consolidate.checks.verdict import Violation, each

__all__ = ["cycles", "state_violations"]

#: What may follow directly; a host with a boot or shutdown of no duration skips that state.
_FOLLOWS = {
    (ON, SHUTTING_DOWN),
    (SHUTTING_DOWN, OFF),
    (OFF, BOOTING),
    (BOOTING, ON),
    (SHUTTING_DOWN, BOOTING),
    # Which failures there are, and how long they last, is held against what is told of them.
    (ON, FAILED),
    (BOOTING, FAILED),
    (SHUTTING_DOWN, FAILED),
    (OFF, FAILED),
    (FAILED, BOOTING),
    (FAILED, OFF),
}
_FOLLOWS_INSTANTLY = {(ON, OFF): "shutdown_s", (OFF, ON): "boot_s", (FAILED, ON): "boot_s"}


def state_violations(case: ArmCase) -> list[Violation]:
    """Return gaps, overlaps, illegal changes and wrong durations in the states of hosts."""
    found = _tiling(case)
    return found or [*_walk(case), *limit_violations(case), *_plan(case)]


def _span(case: ArmCase, i: int) -> str:
    s = case.arm.states
    return (
        f"{case.arm.label}: host {case.placement.hosts.name(int(s.host[i]))} is "
        f"{STATES[int(s.state[i])]} in {int(s.start_s[i])}-{int(s.end_s[i])} s"
    )


def _tiling(case: ArmCase) -> list[Violation]:
    s, hosts, horizon = case.arm.states, case.placement.hosts, case.demand.duration_s

    def facts(i: int) -> dict[str, object]:
        return {
            "arm": case.arm.label,
            "host": hosts.name(int(s.host[i])),
            "start_s": int(s.start_s[i]),
            "end_s": int(s.end_s[i]),
        }

    outside = np.flatnonzero((s.start_s < 0) | (s.end_s > horizon) | (s.end_s <= s.start_s))
    order, overlap, gap = misfits(s.host, s.start_s, s.end_s)
    found = each(
        "V8.states",
        outside,
        lambda i: (f"{_span(case, i)}; it has to be a part of 0-{horizon} s", facts(i)),
    )
    for what, positions in (("overlaps", overlap), ("leaves a gap after", gap)):

        def clash(p: int, what: str = what) -> tuple[str, dict[str, object]]:
            here, before = int(order[p]), int(order[p - 1])
            until = f"its previous state {STATES[int(s.state[before])]} until {int(s.end_s[before])} s"
            return f"{_span(case, here)}, which {what} {until}", facts(here)

        found += each("V8.states", positions, clash)
    covered = np.zeros(hosts.n, dtype=np.int64)
    np.add.at(covered, s.host, s.end_s - s.start_s)

    def short(h: int) -> tuple[str, dict[str, object]]:
        name = hosts.name(h)
        return (
            f"{case.arm.label}: the states of host {name} cover {int(covered[h])} s of {horizon} s",
            {"arm": case.arm.label, "host": name, "covered_s": int(covered[h]), "due_s": horizon},
        )

    if not found:
        found = each("V8.states", np.flatnonzero(covered != horizon), short)
    return found


def _walk(case: ArmCase) -> list[Violation]:
    s, hosts, horizon = case.arm.states, case.placement.hosts, case.demand.duration_s
    illegal: dict[int, str] = {}
    lasting: dict[int, str] = {}
    previous_host, previous, before_failure = -1, OFF, OFF
    fails = {(int(s.host[i]), int(s.start_s[i])) for i in np.flatnonzero(s.state == FAILED)}
    # A few rows per host: boots and shutdowns are rare.
    for i in np.lexsort((s.start_s, s.host)).tolist():
        h, state = int(s.host[i]), int(s.state[i])
        kind = hosts.kind(h)
        if h != previous_host:
            previous_host, previous = h, ON if hosts.powered_on[h] else OFF
        if state != previous:
            instant = _FOLLOWS_INSTANTLY.get((previous, state))
            if (previous, state) not in _FOLLOWS and not (instant and getattr(kind, instant) == 0):
                illegal[i] = f"directly after being {STATES[previous]}"
            elif state == FAILED:
                before_failure = previous
            elif previous == FAILED and (state == OFF) == (before_failure in (ON, BOOTING)):
                illegal[i] = f"after it had failed while {STATES[before_failure]}"
            elif previous == ON and (hosts.control[h] != MANAGED or hosts.maintenance[h]):
                illegal[i] = "although it must not be switched off"
            elif previous == OFF and (hosts.control[h] == NO_WAKE or hosts.maintenance[h]):
                illegal[i] = "although it must not be switched on"
        due = {BOOTING: kind.boot_s, SHUTTING_DOWN: kind.shutdown_s}.get(state)
        lasts = int(s.end_s[i] - s.start_s[i])
        cut_short = int(s.end_s[i]) == horizon and due is not None and lasts < due
        cut_short |= due is not None and lasts < due and (h, int(s.end_s[i])) in fails
        if due is not None and lasts != due and not cut_short:
            lasting[i] = f"for {lasts} s; it takes {due} s"
        previous = state
    found = []
    for code, mine in (("V8.transition", illegal), ("V8.duration", lasting)):

        def why(i: int, mine: dict[int, str] = mine) -> tuple[str, dict[str, object]]:
            return (
                f"{_span(case, i)} {mine[i]}",
                {
                    "arm": case.arm.label,
                    "host": hosts.name(int(s.host[i])),
                    "start_s": int(s.start_s[i]),
                },
            )

        found += each(code, mine, why)
    return found


def _plan(case: ArmCase) -> list[Violation]:
    """Hold the switching of the arm that executes a plan against the plan."""
    if case.actions is None:
        return []
    a, s, hosts = case.actions, case.arm.states, case.placement.hosts
    horizon = case.demand.duration_s
    found = []
    cancelled = refused_boots = refusable = 0
    planned_off: set[tuple[int, int]] = set()
    made = {
        state: {(int(h), int(t)) for h, t in zip(s.host[rows], s.start_s[rows], strict=True)}
        for state, rows in ((k, np.flatnonzero(s.state == k)) for k in (BOOTING, SHUTTING_DOWN))
    }
    for i in np.flatnonzero((a.kind != 1) & (a.start_s < horizon)).tolist():
        h, start = int(a.target[i]), int(a.start_s[i])
        if a.kind[i] == BOOT and hosts.kind(h).boot_s > 0 and (h, start) not in made[BOOTING]:
            if _state_at(case, h, start) in (ON, BOOTING):
                continue  # An arrival had it booted before.
            if must_stay(case, h, start):
                refused_boots += 1
                continue
            message = (
                f"{case.arm.label}: the planned boot of host {hosts.name(h)} at {start} s is missing"
            )
            witness: dict[str, object] = {"host": hosts.name(h), "start_s": start}
            found.append(Violation(code="V8.plan", message=message, witness=witness))
        if a.kind[i] == SHUTDOWN:
            planned_off.add((h, start))
            instantly = hosts.kind(h).shutdown_s == 0 and _state_at(case, h, start) == OFF
            left_out = (h, start) not in made[SHUTTING_DOWN] and not instantly
            cancelled += left_out
            refusable += left_out and must_stay(case, h, start)
    for h, start in sorted(made[SHUTTING_DOWN] - planned_off):
        message = f"{case.arm.label}: host {hosts.name(h)} is shut down at {start} s; no plan says so"
        witness = {"host": hosts.name(h), "start_s": start}
        found.append(Violation(code="V8.plan", message=message, witness=witness))
    found += _needless_boots(case, made[BOOTING])
    return found or _counts(case, cancelled, refusable, refused_boots)


def _counts(case: ArmCase, left_out: int, refusable: int, refused_boots: int) -> list[Violation]:
    """Hold the counts of what was planned and not made against what is stated."""
    service, found = case.arm.service, []
    stated, refused = service.get("cancelled_shutdowns", 0), service.get("refused_shutdowns", 0)
    if left_out != stated + refused or refused > refusable:
        says = f"cancelled_shutdowns says {stated}"
        says += f", refused_shutdowns {refused} of at most {refusable}" if refused or refusable else ""
        message = f"{case.arm.label}: {left_out} planned shutdowns were not made, {says}"
        found.append(Violation(code="V8.plan", message=message, witness={"derived": left_out}))
    said = service.get("refused_boots", 0)
    if said != refused_boots:
        message = (
            f"{case.arm.label}: {refused_boots} planned boots were refused, refused_boots says {said}"
        )
        found.append(Violation(code="V8.plan", message=message, witness={"derived": refused_boots}))
    return found


def _needless_boots(case: ArmCase, made: set[tuple[int, int]]) -> list[Violation]:
    """Return boots that are not planned although no VM waits for a host: energy without a cause."""
    assert case.actions is not None
    a, r = case.actions, case.arm.residency
    planned = {(int(a.target[i]), int(a.start_s[i])) for i in np.flatnonzero(a.kind == BOOT)}
    found = []
    for h, start in sorted(made - planned):
        waiting = (r.host < 0) & (r.start_s <= start) & (start < r.end_s)
        if not waiting.any():
            name = case.placement.hosts.name(h)
            message = (
                f"{case.arm.label}: host {name} is booted at {start} s; no plan says so, no VM waits"
            )
            witness: dict[str, object] = {"host": name, "start_s": start}
            found.append(Violation(code="V8.plan", message=message, witness=witness))
    return found


def _state_at(case: ArmCase, host: int, at_s: int) -> int:
    s = case.arm.states
    rows = np.flatnonzero((s.host == host) & (s.start_s <= at_s) & (at_s < s.end_s))
    return int(s.state[rows[0]]) if rows.size else OFF


def cycles(case: ArmCase) -> int:
    """Return how many boots and shutdowns an arm made, those of no duration included."""
    s, hosts = case.arm.states, case.placement.hosts
    order = np.lexsort((s.start_s, s.host))
    host, state = s.host[order], s.state[order]
    before = np.where(hosts.powered_on[host], ON, OFF)
    before[1:] = np.where(host[1:] == host[:-1], state[:-1], before[1:])
    instantly = (before == ON) & (state == OFF)
    instantly |= ((before == OFF) | (before == FAILED)) & (state == ON)
    changed = (state != before) & ((state == BOOTING) | (state == SHUTTING_DOWN) | instantly)
    return int(changed.sum())
