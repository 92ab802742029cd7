"""Power during a plan: are hosts on while it needs them, and does it switch only what it may."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import (
    BOOT,
    KEEP_ON,
    MOVE,
    NO_WAKE,
    RESTORE,
    SAVE,
    SHUTDOWN,
    START,
    PlanCase,
)
from consolidate.checks.objective import stays_on
from consolidate.checks.verdict import Violation, each

__all__ = ["power_violations"]

NEVER = np.iinfo(np.int64).max
_WORDS = {START: "starts", MOVE: "moves", SAVE: "saves", RESTORE: "restores"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Switching:
    """When each host is on for guests: from the end of its boot to the start of its shutdown."""

    on_from_s: NDArray[np.int64]
    on_until_s: NDArray[np.int64]


def power_violations(case: PlanCase) -> list[Violation]:
    """Return boots, shutdowns and moves that a host's power does not allow."""
    switching = _switching(case)
    return [
        *_boots(case),
        *_shutdowns(case, switching),
        *_moves(case, switching),
        *_end(case, switching),
    ]


def _switching(case: PlanCase) -> _Switching:
    a, hosts = case.actions, case.placement.hosts
    on_from = np.where(hosts.powered_on, 0, NEVER)
    on_until = np.full(hosts.n, NEVER)
    boots, shutdowns = a.of_kind(BOOT), a.of_kind(SHUTDOWN)
    np.minimum.at(on_from, a.target[boots], a.end_s[boots])
    np.minimum.at(on_until, a.target[shutdowns], a.start_s[shutdowns])
    return _Switching(on_from_s=on_from, on_until_s=on_until)


def _switch(case: PlanCase, i: int, reason: str) -> tuple[str, dict[str, object]]:
    a = case.actions
    word = "boot" if a.kind[i] == BOOT else "shutdown"
    name = case.placement.hosts.name(int(a.target[i]))
    start, end = int(a.start_s[i]), int(a.end_s[i])
    return (
        f"action {int(a.id[i])}, the {word} of host {name} in {start}-{end} s: {reason}",
        {"action": int(a.id[i]), "host": name, "start_s": start, "end_s": end, "reason": reason},
    )


def _boots(case: PlanCase) -> list[Violation]:
    a, hosts = case.actions, case.placement.hosts
    found = []
    booted: set[int] = set()
    for i in a.of_kind(BOOT).tolist():
        h = int(a.target[i])
        reasons = []
        if hosts.powered_on[h] or h in booted:
            reasons.append(("V7.boot", "the host is on already"))
        elif hosts.control[h] == NO_WAKE:
            reasons.append(("V7.power-control", "nothing can wake the host"))
        if hosts.maintenance[h]:
            reasons.append(("V7.power-control", "the host is in maintenance"))
        duration, due = int(a.end_s[i] - a.start_s[i]), hosts.kind(h).boot_s
        if duration != due:
            reasons.append(("V7.duration", f"it lasts {duration} s, the host's boot takes {due} s"))
        booted.add(h)
        for code, reason in reasons:
            message, witness = _switch(case, i, reason)
            found.append(Violation(code=code, message=message, witness=witness))
    return found


def _shutdowns(case: PlanCase, switching: _Switching) -> list[Violation]:
    a, hosts = case.actions, case.placement.hosts
    found = []
    for i in a.of_kind(SHUTDOWN).tolist():
        h, start = int(a.target[i]), int(a.start_s[i])
        reasons = []
        if start < switching.on_from_s[h]:
            reasons.append(("V7.shutdown", "the host is not on then"))
        if hosts.maintenance[h]:
            reasons.append(("V7.power-control", "the host is in maintenance"))
        elif hosts.control[h] == KEEP_ON:
            reasons.append(("V7.power-control", "the host must be kept on"))
        elif hosts.control[h] == NO_WAKE:
            reasons.append(("V7.power-control", "nothing could wake the host again"))
        duration, due = int(a.end_s[i] - start), hosts.kind(h).shutdown_s
        if duration != due:
            reasons.append(("V7.duration", f"it lasts {duration} s, the host's shutdown takes {due} s"))
        present = _residents(case, h, start)
        if present:
            reasons.append(("V7.shutdown", f"VM {', '.join(present[:5])} is still there"))
        reasons += [("V7.after-shutdown", later) for later in _later(case, i)]
        for code, reason in reasons:
            message, witness = _switch(case, i, reason)
            found.append(Violation(code=code, message=message, witness={**witness, "vms": present}))
    return found


def _residents(case: PlanCase, host: int, at_s: int) -> list[str]:
    """Return the VMs that are on a host, or on their way to or from it, at a time."""
    a, placement = case.actions, case.placement
    comes, goes = a.of_kind(MOVE, RESTORE), a.of_kind(MOVE, SAVE)
    balance: dict[int, int] = {int(v): 1 for v in np.flatnonzero(placement.current == host)}
    for i in comes[(a.target[comes] == host) & (a.start_s[comes] <= at_s)]:
        vm = int(a.vm[i])
        balance[vm] = balance.get(vm, 0) + 1
    for i in goes[(a.source[goes] == host) & (a.end_s[goes] <= at_s)]:
        vm = int(a.vm[i])
        balance[vm] = balance.get(vm, 0) - 1
    starts = a.of_kind(START)
    balance |= {
        int(v): 1 for v in a.vm[starts[(a.target[starts] == host) & (a.start_s[starts] <= at_s)]]
    }
    return [placement.vms.name(v) for v, count in balance.items() if count > 0]


def _later(case: PlanCase, shutdown: int) -> list[str]:
    """Return the actions that touch a host once its shutdown has begun."""
    a = case.actions
    h, start = int(a.target[shutdown]), int(a.start_s[shutdown])
    touches = (a.target == h) | (np.isin(a.kind, (MOVE, SAVE)) & (a.source == h))
    late = touches & ((a.start_s > start) | ((a.start_s == start) & (a.end_s > start)))
    late[shutdown] = False
    return [
        f"action {int(a.id[i])} uses the host from {int(a.start_s[i])} s on, after the shutdown began"
        for i in np.flatnonzero(late)
    ]


def _moves(case: PlanCase, switching: _Switching) -> list[Violation]:
    a, placement = case.actions, case.placement
    found = []
    for role, moves, at in (
        ("target", into := a.of_kind(MOVE, START, RESTORE), a.target[into]),
        ("source", out := a.of_kind(MOVE, SAVE), a.source[out]),
    ):
        early = a.start_s[moves] < switching.on_from_s[at]
        late = a.end_s[moves] > switching.on_until_s[at]

        def dark(
            k: int,
            role: str = role,
            moves: NDArray[np.int64] = moves,
            at: NDArray[np.int64] = at,
            early: NDArray[np.bool_] = early,
        ) -> tuple[str, dict[str, object]]:
            i, h = int(moves[k]), int(at[k])
            name, vm = placement.hosts.name(h), placement.vms.name(int(a.vm[i]))
            ready = int(switching.on_from_s[h])
            if early[k] and ready == NEVER:
                reason = "which is off and is never booted"
            elif early[k]:
                reason = f"which is not on before {ready} s"
            else:
                reason = f"whose shutdown starts at {int(switching.on_until_s[h])} s"
            start, end = int(a.start_s[i]), int(a.end_s[i])
            word = _WORDS[int(a.kind[i])]
            return (
                f"action {int(a.id[i])} {word} VM {vm} in {start}-{end} s; its {role} is host {name}, "
                f"{reason}",
                {"action": int(a.id[i]), "vm": vm, "host": name, "role": role, "start_s": start},
            )

        found += each("V7.host-off", np.flatnonzero(early | late), dark)
    return found


def _end(case: PlanCase, switching: _Switching) -> list[Violation]:
    """Compare who is on in the end with what the objective counts."""
    placement = case.placement
    if case.actions.n == 0 and not case.worthwhile:
        # Nothing was worth doing, the shutdown of an empty host included.
        return []
    on = (switching.on_from_s < NEVER) & (switching.on_until_s == NEVER)
    counted = stays_on(placement, placement.target)

    def differs(h: int) -> tuple[str, dict[str, object]]:
        name = placement.hosts.name(h)
        is_on, should = ("on", "off") if on[h] else ("off", "on")
        return (
            f"host {name} is {is_on} when the plan ends; the objective counts it as {should}",
            {"host": name, "plan": is_on, "objective": should},
        )

    return each("V7.final", np.flatnonzero(on != counted), differs)
