"""Savings and restorings that a plan asks for, held against the stops that a replay made of them."""

from __future__ import annotations

from consolidate.checks.arms import ArmCase
from consolidate.checks.cases import RESTORE, SAVE
from consolidate.checks.verdict import Violation

__all__ = ["planned_stops", "unmade_violations"]


def planned_stops(case: ArmCase) -> dict[int, int]:
    """Return the action behind each stop that a plan asks for, by position of the stop.

    A saving starts when the plan says. A restoring and the waking before it belong to the plan's restoring
    that asks for the VM then, on whatever host there was room.
    """
    a, s = case.actions, case.arm.stops
    if a is None:
        return {}
    saves = {(int(a.vm[i]), int(a.start_s[i])): i for i in a.of_kind(SAVE).tolist()}
    restores = {(int(a.vm[i]), int(a.start_s[i])): i for i in a.of_kind(RESTORE).tolist()}
    asked = {
        "saving": (saves, s.start_s),
        "woken": (restores, s.start_s),
        "restoring": (restores, s.asked_s),
    }
    found = {}
    for k, cause in enumerate(s.cause):
        if cause in asked:
            rows, when = asked[cause]
            i = rows.get((int(s.vm[k]), int(when[k])))
            if i is not None:
                found[k] = i
    return found


def unmade_violations(case: ArmCase) -> list[Violation]:
    """Return planned savings that were not made although the VM was there, and VMs that were not restored."""
    a, s, r = case.actions, case.arm.stops, case.arm.residency
    if a is None:
        return []
    made = {(i, s.cause[k]) for k, i in planned_stops(case).items()}
    found = []
    for i in a.of_kind(SAVE, RESTORE).tolist():
        v, start = int(a.vm[i]), int(a.start_s[i])
        if start >= case.demand.duration_s:
            continue
        mine = (s.vm == v) & (s.start_s < start) & (start < s.end_s)
        if a.kind[i] == SAVE:
            there = (
                (r.vm == v) & (r.host == a.source[i]) & (r.start_s <= start) & (start < r.end_s)
            ).any()
            missing = there and not mine.any() and (i, "saving") not in made
        else:
            before = a.of_kind(SAVE)
            before = before[(a.vm[before] == v) & (a.start_s[before] < start)]
            saved = before.size > 0 and (int(before[-1]), "saving") in made
            away = ((r.vm == v) & (r.host < 0) & (r.start_s <= start) & (start <= r.end_s)).any()
            missing = saved and away and (i, "woken") not in made
        if missing:
            name = case.placement.vms.name(v)
            word = "saving" if a.kind[i] == SAVE else "restoring"
            message = f"{case.arm.label}: the planned {word} of VM {name} at {start} s was not made"
            witness: dict[str, object] = {"vm": name, "action": int(a.id[i]), "start_s": start}
            found.append(Violation(code="V20.plan", message=message, witness=witness))
    return found
