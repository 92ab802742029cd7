"""Moves: do they make sense one by one, and end where they should."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import MOVE, START, PlanCase
from consolidate.checks.placement import unsuitable
from consolidate.checks.precopy import Least, least_move
from consolidate.checks.verdict import Violation, each

__all__ = [
    "Paths",
    "apart",
    "memory_need_mib",
    "move_violations",
    "path_violations",
    "start_violations",
    "vm_paths",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Positions of the moves of each moved VM, in order of their start."""

    of_vm: dict[int, list[int]]


def vm_paths(case: PlanCase) -> Paths:
    """Return the moves of each VM in order of time."""
    of_vm: dict[int, list[int]] = {}
    for i in case.actions.of_kind(MOVE):
        of_vm.setdefault(int(case.actions.vm[i]), []).append(int(i))
    return Paths(of_vm=of_vm)


def _move(case: PlanCase, i: int) -> str:
    a = case.actions
    hosts, vms = case.placement.hosts, case.placement.vms
    return (
        f"action {int(a.id[i])}, the move of VM {vms.name(int(a.vm[i]))} from host "
        f"{hosts.name(int(a.source[i]))} to {hosts.name(int(a.target[i]))} "
        f"in {int(a.start_s[i])}-{int(a.end_s[i])} s"
    )


def _witness(case: PlanCase, i: int) -> dict[str, object]:
    a = case.actions
    return {
        "action": int(a.id[i]),
        "vm": case.placement.vms.name(int(a.vm[i])),
        "source": case.placement.hosts.name(int(a.source[i])),
        "target": case.placement.hosts.name(int(a.target[i])),
        "start_s": int(a.start_s[i]),
        "end_s": int(a.end_s[i]),
    }


def path_violations(case: PlanCase, paths: Paths) -> list[Violation]:
    """Return broken chains, VMs in two moves at once, and VMs that end in the wrong place."""
    a, placement = case.actions, case.placement
    hosts, vms = placement.hosts, placement.vms
    chain: dict[int, int] = {}
    twice: dict[int, int] = {}
    final = placement.current.copy()
    for vm, moves in paths.of_vm.items():
        here, free_at, last = int(placement.current[vm]), 0, -1
        for i in moves:
            if int(a.source[i]) != here:
                chain[i] = here
            if last >= 0 and int(a.start_s[i]) < free_at:
                twice[i] = last
            here, free_at, last = int(a.target[i]), int(a.end_s[i]), i
        final[vm] = here
    starts = a.of_kind(START)
    final[a.vm[starts]] = a.target[starts]

    def broken(i: int) -> tuple[str, dict[str, object]]:
        where = "no host" if chain[i] < 0 else f"host {hosts.name(chain[i])}"
        return f"{_move(case, i)}: the VM is on {where} then", {**_witness(case, i), "is_on": where}

    def double(i: int) -> tuple[str, dict[str, object]]:
        other = int(a.id[twice[i]])
        return f"{_move(case, i)}: action {other} still moves it", {**_witness(case, i), "other": other}

    def astray(v: int) -> tuple[str, dict[str, object]]:
        ends, wanted = hosts.name(int(final[v])), hosts.name(int(placement.target[v]))
        return (
            f"VM {vms.name(v)} ends on host {ends}; its target is host {wanted}",
            {"vm": vms.name(v), "ends_on": ends, "target": wanted},
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
    moves = a.of_kind(MOVE)
    reasons: dict[str, dict[int, str]] = {}

    def blame(code: str, i: int, reason: str) -> None:
        reasons.setdefault(code, {}).setdefault(i, reason)

    for i in moves[~placement.movable[a.vm[moves]]]:
        blame("V3.immovable", int(i), "the VM cannot be moved")
    for i in moves[~placement.active[a.vm[moves]]]:
        blame("V1.inactive", int(i), "the VM does not exist at the decision")
    for i in moves[a.source[moves] == a.target[moves]]:
        blame("V6.chain", int(i), "source and target are the same host")
    for code, k, reason in unsuitable(placement, a.vm[moves], a.target[moves]):
        blame(code, int(moves[k]), reason)
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
    seen: set[int] = set(a.vm[a.of_kind(MOVE)].tolist())
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
        reason = f"it lasts {duration} s, mode {a.mode[i]} needs {least.duration_s} s"
        found.append(("V6.duration", reason))
    for name, stated, needed in (
        ("downtime_ms", int(a.downtime_ms[i]), least.downtime_ms),
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
