"""The plan: executable from the present placement, at every moment, to the target."""

from __future__ import annotations

import numpy as np

from consolidate.checks.cases import SAVE, START, Actions, PlanCase
from consolidate.checks.plan_bandwidth import bandwidth_violations
from consolidate.checks.plan_bound import bound_violations
from consolidate.checks.plan_moves import (
    Paths,
    move_violations,
    path_violations,
    start_violations,
    vm_paths,
)
from consolidate.checks.plan_power import power_violations
from consolidate.checks.plan_room import concurrency_violations, room_violations
from consolidate.checks.rules import Stay, disturbed_rules
from consolidate.checks.verdict import Violation, each

__all__ = ["plan_violations"]


def plan_violations(case: PlanCase) -> list[Violation]:
    """Return what is wrong with a plan."""
    paths = vm_paths(case)
    found = _times(case.actions) + _dependencies(case.actions)
    whereabouts = path_violations(case, paths)
    found += whereabouts
    found += move_violations(case)
    found += start_violations(case)
    found += room_violations(case)
    found += concurrency_violations(case)
    found += bandwidth_violations(case)
    found += power_violations(case)
    if not any(v.code in {"V6.chain", "V6.overlap"} for v in whereabouts):
        # Who is where at a moment is only known when the moves of each VM follow each other.
        disturbed = list(disturbed_rules(case.placement, _stays(case, paths)))

        def breaks(i: int) -> tuple[str, dict[str, object]]:
            rule, message, witness = disturbed[i]
            return f"rule {rule}: {message}", witness

        found += each("V3.rule-moment", range(len(disturbed)), breaks)
    found += bound_violations(case)
    return found


def _times(a: Actions) -> list[Violation]:
    def backwards(i: int) -> tuple[str, dict[str, object]]:
        start, end = int(a.start_s[i]), int(a.end_s[i])
        return (
            f"action {int(a.id[i])} runs from {start} s to {end} s; it needs 0 <= start <= end",
            {"action": int(a.id[i]), "start_s": start, "end_s": end},
        )

    return each("V6.time", np.flatnonzero((a.start_s < 0) | (a.end_s < a.start_s)), backwards)


def _dependencies(a: Actions) -> list[Violation]:
    found = []
    ids, counts = np.unique(a.id, return_counts=True)
    for repeated in ids[counts > 1][:20].tolist():
        message = f"action id {repeated} is used more than once"
        found.append(Violation(code="V6.after", message=message, witness={"action": repeated}))
    position = {int(k): i for i, k in enumerate(a.id)}
    for i, needed in enumerate(a.after):
        for other in needed:
            j = position.get(other)
            if j is None:
                reason = "which is not in the plan"
            elif j == i or a.end_s[j] > a.start_s[i]:
                reason = f"which ends at {int(a.end_s[j])} s"
            else:
                continue
            message = (
                f"action {int(a.id[i])} starts at {int(a.start_s[i])} s and has to wait for action "
                f"{other}, {reason}"
            )
            witness: dict[str, object] = {"action": int(a.id[i]), "after": other}
            found.append(Violation(code="V6.after", message=message, witness=witness))
    return found


def _stays(case: PlanCase, paths: Paths) -> dict[int, list[Stay]]:
    """Return where each VM is that moves or starts, over time; during a move it is on both hosts.

    A VM that is saved is on its host until that has ended, and then on none until its restoring starts.
    """
    a = case.actions
    stays: dict[int, list[Stay]] = {}
    for vm, moves in paths.of_vm.items():
        here, since, path = frozenset({int(case.placement.current[vm])} - {-1}), 0, []
        for i in moves:
            start, end, kind = int(a.start_s[i]), int(a.end_s[i]), int(a.kind[i])
            goal = frozenset[int]() if kind == SAVE else frozenset({int(a.target[i])})
            path.append((since, start, here))
            path.append((start, end, here | goal))
            here, since = goal, end
        stays[vm] = [*path, (since, None, here)]
    for i in a.of_kind(START).tolist():
        start, host = int(a.start_s[i]), int(a.target[i])
        stays[int(a.vm[i])] = [(0, start, frozenset()), (start, None, frozenset({host}))]
    return stays
