"""Moves: do they make sense one by one, and end where they should."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import MOVE, RESTORE, SAVE, START, PlanCase
from consolidate.checks.placement import unsuitable
from consolidate.checks.precopy import Least, least_move, least_storing
from consolidate.checks.verdict import Violation, each

__all__ = [
    "Paths",
    "apart",
    "memory_need_mib",
    "move_violations",
    "path_violations",
    "saved_on",
    "start_violations",
    "vm_paths",
]


#: Where a VM is that has been saved and not been restored yet.
_STORED = -2


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Positions of the moves, savings and restorings of each moved VM, in order of their start."""

    of_vm: dict[int, list[int]]


def vm_paths(case: PlanCase) -> Paths:
    """Return the moves of each VM in order of time, by way of storage included."""
    of_vm: dict[int, list[int]] = {}
    for i in case.actions.of_kind(MOVE, SAVE, RESTORE):
        of_vm.setdefault(int(case.actions.vm[i]), []).append(int(i))
    return Paths(of_vm=of_vm)


def _move(case: PlanCase, i: int) -> str:
    a = case.actions
    hosts, vms = case.placement.hosts, case.placement.vms
    if a.kind[i] != MOVE:
        word, host = ("saving", a.source[i]) if a.kind[i] == SAVE else ("restoring", a.target[i])
        return (
            f"action {int(a.id[i])}, the {word} of VM {vms.name(int(a.vm[i]))} on host "
            f"{hosts.name(int(host))} in {int(a.start_s[i])}-{int(a.end_s[i])} s"
        )
    return (
        f"action {int(a.id[i])}, the move of VM {vms.name(int(a.vm[i]))} from host "
        f"{hosts.name(int(a.source[i]))} to {hosts.name(int(a.target[i]))} "
        f"in {int(a.start_s[i])}-{int(a.end_s[i])} s"
    )


def _witness(case: PlanCase, i: int) -> dict[str, object]:
    a, hosts = case.actions, case.placement.hosts
    ends = {
        role: hosts.name(int(at[i]))
        for role, at in (("source", a.source), ("target", a.target))
        if at[i] >= 0
    }
    return {
        "action": int(a.id[i]),
        "vm": case.placement.vms.name(int(a.vm[i])),
        **ends,
        "start_s": int(a.start_s[i]),
        "end_s": int(a.end_s[i]),
    }


def path_violations(case: PlanCase, paths: Paths) -> list[Violation]:
    """Return broken chains, VMs in two moves at once, and VMs that end in the wrong place.

    A VM that is saved is in storage, and from there it is restored: it is never on two hosts nor on none.
    """
    a, placement = case.actions, case.placement
    hosts, vms = placement.hosts, placement.vms
    chain: dict[int, int] = {}
    twice: dict[int, int] = {}
    final = placement.current.copy()
    for vm, moves in paths.of_vm.items():
        here, free_at, last = int(placement.current[vm]), 0, -1
        if case.saved_on is not None and case.saved_on[vm] >= 0:
            here = _STORED
        for i in moves:
            if (_STORED if a.kind[i] == RESTORE else int(a.source[i])) != here:
                chain[i] = here
            if last >= 0 and int(a.start_s[i]) < free_at:
                twice[i] = last
            here = _STORED if a.kind[i] == SAVE else int(a.target[i])
            free_at, last = int(a.end_s[i]), i
        final[vm] = here
    starts = a.of_kind(START)
    final[a.vm[starts]] = a.target[starts]

    def broken(i: int) -> tuple[str, dict[str, object]]:
        where = {_STORED: "in storage", -1: "on no host"}.get(chain[i])
        where = where or f"on host {hosts.name(chain[i])}"
        return f"{_move(case, i)}: the VM is {where} then", {**_witness(case, i), "is": where}

    def double(i: int) -> tuple[str, dict[str, object]]:
        other = int(a.id[twice[i]])
        return f"{_move(case, i)}: action {other} still moves it", {**_witness(case, i), "other": other}

    def astray(v: int) -> tuple[str, dict[str, object]]:
        wanted = hosts.name(int(placement.target[v]))
        ends = "in storage" if final[v] == _STORED else f"on host {hosts.name(int(final[v]))}"
        return (
            f"VM {vms.name(v)} ends {ends}; its target is host {wanted}",
            {"vm": vms.name(v), "ends": ends, "target": wanted},
        )

    wrong = np.flatnonzero(placement.active & (final != placement.target))
    return (
        each("V6.chain", chain, broken)
        + each("V6.overlap", twice, double)
        + each("V6.final", wrong, astray)
    )


def move_violations(case: PlanCase) -> list[Violation]:
    """Return moves that the VM, the hosts or the network do not allow."""
    a, placement = case.actions, case.placement
    moves = a.of_kind(MOVE, SAVE, RESTORE)
    reasons: dict[str, dict[int, str]] = {}

    def blame(code: str, i: int, reason: str) -> None:
        reasons.setdefault(code, {}).setdefault(i, reason)

    for i in moves[~placement.movable[a.vm[moves]]]:
        blame("V3.immovable", int(i), "the VM cannot be moved")
    for i in moves[~placement.active[a.vm[moves]]]:
        blame("V1.inactive", int(i), "the VM does not exist at the decision")
    for i in moves[a.source[moves] == a.target[moves]]:
        blame("V6.chain", int(i), "source and target are the same host")
    if case.limits.downtime_j_per_s is None:
        for i in a.of_kind(SAVE):
            blame("V6.unasked", int(i), "no price of downtime says that a VM may be stopped")
    comes = a.of_kind(MOVE, RESTORE)
    for code, k, reason in unsuitable(placement, a.vm[comes], a.target[comes]):
        blame(code, int(comes[k]), reason)
    runs_on = {
        v for rule in placement.rules if rule.name == "running" for v in rule.vms if rule.continuous
    }
    for i in moves[(a.kind[moves] == SAVE) & np.isin(a.vm[moves], sorted(runs_on))]:
        blame("V3.rule-moment", int(i), "a rule says that the VM runs all the time")
    for i in moves:
        for code, reason in _cost(case, int(i)):
            blame(code, int(i), reason)
    found = []
    for code, mine in reasons.items():

        def why(i: int, mine: dict[int, str] = mine) -> tuple[str, dict[str, object]]:
            return f"{_move(case, i)}: {mine[i]}", {**_witness(case, i), "reason": mine[i]}

        found += each(code, sorted(mine), why)
    return found


def start_violations(case: PlanCase) -> list[Violation]:
    """Return starts of VMs that are somewhere already, cannot run there, or are given too little time."""
    a, placement = case.actions, case.placement
    starts = a.of_kind(START)
    found: list[tuple[int, str, str]] = []
    seen: set[int] = set(a.vm[a.of_kind(MOVE, SAVE, RESTORE)].tolist())
    least_s = max(1, math.ceil(case.limits.restart_s))
    for i in starts.tolist():
        vm = int(a.vm[i])
        if placement.current[vm] >= 0:
            found.append((i, "V6.chain", "the VM is on a host from the beginning"))
        if vm in seen:
            found.append((i, "V6.overlap", "another action starts or moves the VM, too"))
        seen.add(vm)
        if not placement.active[vm]:
            found.append((i, "V1.inactive", "the VM does not exist at the decision"))
        if a.end_s[i] - a.start_s[i] < least_s:
            found.append((i, "V6.duration", f"a start takes {least_s} s"))
    for code, k, reason in unsuitable(placement, a.vm[starts], a.target[starts]):
        found.append((int(starts[k]), code, reason))
    return [
        Violation(
            code=code,
            message=f"action {int(a.id[i])} starts VM {placement.vms.name(int(a.vm[i]))} on host "
            f"{placement.hosts.name(int(a.target[i]))} at {int(a.start_s[i])} s: {reason}",
            witness={"action": int(a.id[i]), "vm": placement.vms.name(int(a.vm[i])), "reason": reason},
        )
        for i, code, reason in found
    ]


def _cost(case: PlanCase, i: int) -> list[tuple[str, str]]:
    """Return what is wrong with mode, duration and stated cost of one move."""
    a, placement = case.actions, case.placement
    if a.kind[i] != MOVE:
        return _storing_cost(case, i)
    source = placement.hosts.kind(int(a.source[i]))
    target = placement.hosts.kind(int(a.target[i]))
    mode = a.mode[i]
    if mode not in source.moves or mode not in target.moves:
        both = ", ".join(sorted(source.moves & target.moves)) or "none"
        return [("V6.mode", f"mode {mode!r} is not offered by both hosts; modes of both: {both}")]
    least = least_move(
        mode,
        int(memory_need_mib(case)[a.vm[i]]),
        dirty_mib_per_s=float(placement.vms.dirty_mib_per_s[a.vm[i]]),
        nic_mbit_per_s=min(source.nic_mbit_per_s, target.nic_mbit_per_s),
        limits=case.limits,
        apart=apart(case, int(a.source[i]), int(a.target[i])),
        # A restart that carries nothing states no bandwidth.
        rate_mib_per_s=np.inf
        if mode == "restart" and not a.rate_mib_per_s[i]
        else float(a.rate_mib_per_s[i]),
        disk_mib=0 if placement.vms.disk_mib is None else int(placement.vms.disk_mib[a.vm[i]]),
    )
    if least.problem:
        return [("V6.precopy", least.problem)]
    return [*_short(case, i, least)]


def _storing_cost(case: PlanCase, i: int) -> list[tuple[str, str]]:
    """Return what is wrong with duration and stated cost of a saving or a restoring."""
    a, placement = case.actions, case.placement
    host = int(a.source[i] if a.kind[i] == SAVE else a.target[i])
    kind = placement.hosts.kind(host)
    if "saved_state" not in kind.moves:
        return [("V6.mode", "the host offers no mode 'saved_state'")]
    far = False
    if a.kind[i] == RESTORE:
        far = apart(case, max(0, saved_on(case, i)), host)
        if far and not case.limits.shared_storage:
            return [("V6.mode", "the storage of another site is not reached from the host")]
    least = least_storing(
        int(memory_need_mib(case)[a.vm[i]]),
        nic_mbit_per_s=kind.nic_mbit_per_s,
        limits=case.limits,
        apart=far,
        rate_mib_per_s=float(a.rate_mib_per_s[i]),
    )
    return [("V6.precopy", least.problem)] if least.problem else [*_short(case, i, least)]


def saved_on(case: PlanCase, restoring: int) -> int:
    """Return the host on which the VM of a restoring was saved last before it, -1 for none."""
    a = case.actions
    before = a.of_kind(SAVE)
    before = before[(a.vm[before] == a.vm[restoring]) & (a.start_s[before] <= a.start_s[restoring])]
    if before.size:
        return int(a.source[before[-1]])
    return -1 if case.saved_on is None else int(case.saved_on[a.vm[restoring]])


def apart(case: PlanCase, source: int, target: int) -> bool:
    """Say whether two hosts are at different sites."""
    site = case.placement.hosts.site
    return site is not None and bool(site[source] != site[target])


def memory_need_mib(case: PlanCase) -> NDArray[np.int64]:
    """Return the memory that a move of each VM carries, in MiB, shape ``(vms,)``."""
    placement = case.placement
    if "memory_demand_mib" in placement.resources:
        out: NDArray[np.int64] = placement.need[:, placement.resources.index("memory_demand_mib")]
        return out
    return placement.vms.memory_mib


def _short(case: PlanCase, i: int, least: Least) -> list[tuple[str, str]]:
    a = case.actions
    found = []
    duration = int(a.end_s[i] - a.start_s[i])
    if duration < least.duration_s:
        by = f"mode {a.mode[i]}" if a.kind[i] == MOVE else "it"
        reason = f"it lasts {duration} s, {by} needs {least.duration_s} s"
        found.append(("V6.duration", reason))
    for name, stated, needed in (
        ("downtime_ms", int(a.downtime_ms[i]), least.downtime_ms if a.kind[i] == MOVE else 0),
        ("moved_mib", int(a.moved_mib[i]), least.moved_mib),
        ("overhead_mcores", int(a.overhead_mcores[i]), least.overhead_mcores),
    ):
        if stated < needed:
            found.append(("V6.cost", f"{name} is stated as {stated}, it is at least {needed}"))
    rate = float(a.rate_mib_per_s[i])
    if rate > least.rate_mib_per_s * (1 + 1e-9):
        reason = f"rate {rate} MiB/s exceeds the {least.rate_mib_per_s:.3f} MiB/s that one move gets"
        found.append(("V6.cost", reason))
    return found
