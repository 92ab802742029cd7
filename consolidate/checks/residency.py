"""Whereabouts: was every VM somewhere while it lived, on one host at a time, on a host that was on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from consolidate.checks.arms import FAILED, ON, ArmCase
from consolidate.checks.cases import MOVE
from consolidate.checks.spans import Cover, by_steps, misfits
from consolidate.checks.verdict import Violation, each

__all__ = ["residency_violations"]


def residency_violations(case: ArmCase) -> list[Violation]:
    """Return what is wrong with the whereabouts of VMs and with the moves of an arm.

    The states of hosts are taken as they are written: judge them first.
    """
    return _tiling(case) or [*_start(case), *_on(case), *_moves(case), *_plan(case)]


def _stay(case: ArmCase, i: int) -> str:
    r = case.arm.residency
    where = "waits" if r.host[i] < 0 else f"is on host {case.placement.hosts.name(int(r.host[i]))}"
    vm = case.placement.vms.name(int(r.vm[i]))
    return f"{case.arm.label}: VM {vm} {where} in {int(r.start_s[i])}-{int(r.end_s[i])} s"


def _facts(case: ArmCase, i: int) -> dict[str, object]:
    r = case.arm.residency
    return {
        "arm": case.arm.label,
        "vm": case.placement.vms.name(int(r.vm[i])),
        "host": case.placement.hosts.name(int(r.host[i])),
        "start_s": int(r.start_s[i]),
        "end_s": int(r.end_s[i]),
    }


def _tiling(case: ArmCase) -> list[Violation]:
    r, demand, vms = case.arm.residency, case.demand, case.placement.vms
    horizon = demand.duration_s
    outside = np.flatnonzero((r.start_s < 0) | (r.end_s > horizon) | (r.end_s <= r.start_s))
    found = each(
        "V8.residency",
        outside,
        lambda i: (f"{_stay(case, i)}; it has to be a part of 0-{horizon} s", _facts(case, i)),
    )
    if found:
        return found
    order, overlap, _ = misfits(r.vm, r.start_s, r.end_s)

    def twice(p: int) -> tuple[str, dict[str, object]]:
        here, before = int(order[p]), int(order[p - 1])
        return f"{_stay(case, here)} and {_stay(case, before)} at once", _facts(case, here)

    found = each("V8.residency", overlap, twice)
    piece, step, begin, end = by_steps(r.start_s, r.end_s, demand.step_s)
    row = demand.rows(r.vm[piece], step)

    def ghost(p: int) -> tuple[str, dict[str, object]]:
        i = int(piece[p])
        return (
            f"{_stay(case, i)}, yet it is not alive in step {int(step[p])} of the replay",
            {**_facts(case, i), "step": int(step[p])},
        )

    found += each("V8.residency", np.flatnonzero(row < 0), ghost)
    covered = np.zeros(demand.vm.size, dtype=np.int64)
    np.add.at(covered, row[row >= 0], (end - begin)[row >= 0])

    def gap(d: int) -> tuple[str, dict[str, object]]:
        vm, at = vms.name(int(demand.vm[d])), int(demand.step[d])
        return (
            f"{case.arm.label}: VM {vm} is alive in step {at} ({at * demand.step_s}-"
            f"{(at + 1) * demand.step_s} s), its residency covers {int(covered[d])} s of it",
            {"arm": case.arm.label, "vm": vm, "step": at, "covered_s": int(covered[d])},
        )

    if not found:
        found = each("V8.residency", np.flatnonzero(covered != demand.step_s), gap)
    return found


def _start(case: ArmCase) -> list[Violation]:
    """Hold the first second against the present placement: VMs known then start where they are."""
    r, placement = case.arm.residency, case.placement
    first = np.flatnonzero(r.start_s == 0)
    known = first[placement.active[r.vm[first]]]
    wrong = known[r.host[known] != placement.current[r.vm[known]]]

    def elsewhere(i: int) -> tuple[str, dict[str, object]]:
        home = placement.hosts.name(int(placement.current[r.vm[i]]))
        return f"{_stay(case, i)}; its present host is {home}", {**_facts(case, i), "current": home}

    return each("V8.start", wrong, elsewhere)


def _on(case: ArmCase) -> list[Violation]:
    r, s, m = case.arm.residency, case.arm.states, case.arm.moves
    on = s.state == ON
    cover = Cover(s.host[on], s.start_s[on], s.end_s[on])
    placed = np.flatnonzero(r.host >= 0)
    dark = placed[~cover.holds(r.host[placed], r.start_s[placed], r.end_s[placed])]
    found = each(
        "V4.on",
        dark,
        lambda i: (f"{_stay(case, i)}, and that host is not on all that time", _facts(case, i)),
    )
    horizon = case.demand.duration_s
    late = np.flatnonzero(~cover.holds(m.target, m.start_s, np.minimum(m.end_s, horizon)))

    def unlit(i: int) -> tuple[str, dict[str, object]]:
        host = case.placement.hosts.name(int(m.target[i]))
        return f"{_made(case, i)}: host {host} is not on all that time", _made_facts(case, i)

    return found + each("V4.on", late, unlit)


def _made(case: ArmCase, i: int) -> str:
    m, hosts = case.arm.moves, case.placement.hosts
    return (
        f"{case.arm.label}: the move of VM {case.placement.vms.name(int(m.vm[i]))} from host "
        f"{hosts.name(int(m.source[i]))} to {hosts.name(int(m.target[i]))} "
        f"in {int(m.start_s[i])}-{int(m.end_s[i])} s"
    )


def _made_facts(case: ArmCase, i: int) -> dict[str, object]:
    m, hosts = case.arm.moves, case.placement.hosts
    return {
        "arm": case.arm.label,
        "vm": case.placement.vms.name(int(m.vm[i])),
        "source": hosts.name(int(m.source[i])),
        "target": hosts.name(int(m.target[i])),
        "start_s": int(m.start_s[i]),
        "end_s": int(m.end_s[i]),
    }


def _moves(case: ArmCase) -> list[Violation]:
    """Hold moves and residency against each other: a VM changes host at the end of a move, only then."""
    r, m = case.arm.residency, case.arm.moves
    horizon, n = case.demand.duration_s, case.placement.hosts.n
    arrivals = {(int(v), int(t)): i for i, (v, t) in enumerate(zip(r.vm, r.start_s, strict=True))}
    cover = Cover(r.vm * (n + 1) + r.host + 1, r.start_s, r.end_s)
    stays = cover.holds(m.vm * (n + 1) + m.source + 1, m.start_s, np.minimum(m.end_s, horizon))
    found = []
    explained: set[int] = set()
    s, t = case.arm.stops, case.arm.states
    down = t.state == FAILED
    failed = set(zip(t.host[down].tolist(), t.start_s[down].tolist(), strict=True))
    # A saving takes a VM off its host when it ends, a failure at once.
    left = {(int(s.vm[i]), int(s.end_s[i])) for i in s.of("saving", "failed").tolist() if s.completed[i]}
    for i in range(m.vm.size):
        vm, end = int(m.vm[i]), int(m.end_s[i])
        arrival = arrivals.get((vm, end))
        gone = end >= horizon or _gone(case, vm, end)
        lost = bool(failed & {(int(m.source[i]), end), (int(m.target[i]), end)})
        if not 0 <= m.start_s[i] < end:
            problem = "it needs 0 <= start < end"
        elif not stays[i]:
            problem = "the VM is not on the source all that time"
        elif m.completed[i] and end > horizon:
            problem = "it is called completed, the replay ends before it"
        elif not m.completed[i] and not gone and not lost:
            problem = "it is broken off although the VM is still there"
        elif m.completed[i] and arrival is not None and r.host[arrival] != m.target[i]:
            problem = f"then {_stay(case, arrival).partition(': ')[2]}"
        elif m.completed[i] and arrival is None and not gone:
            problem = "the VM does not arrive when it ends"
        else:
            if arrival is not None and m.completed[i]:
                explained.add(arrival)
            continue
        message = f"{_made(case, i)}: {problem}"
        found.append(Violation(code="V8.move", message=message, witness=_made_facts(case, i)))
    order, _, _ = misfits(r.vm, r.start_s, r.end_s)
    for before, here in pairwise(order.tolist()):
        follows = r.vm[here] == r.vm[before] and r.end_s[before] == r.start_s[here]
        changed = follows and r.host[here] != r.host[before] and r.host[before] >= 0
        off = (int(r.vm[here]), int(r.start_s[here])) in left
        if changed and here not in explained and not off:
            message = f"{_stay(case, here)}; no move brought it there"
            found.append(Violation(code="V8.move", message=message, witness=_facts(case, here)))
    return found


def _plan(case: ArmCase) -> list[Violation]:
    """Hold the moves made against the planned ones: the same, but for those of VMs that had left."""
    if case.actions is None:
        return []
    a, m, horizon = case.actions, case.arm.moves, case.demand.duration_s
    planned = {
        (int(a.vm[i]), int(a.start_s[i])): i for i in a.of_kind(MOVE).tolist() if a.start_s[i] < horizon
    }
    found = []
    skipped = 0
    for i in range(m.vm.size):
        p = planned.pop((int(m.vm[i]), int(m.start_s[i])), None)
        if p is None:
            message = f"{_made(case, i)} is not in the plan"
            found.append(Violation(code="V8.plan", message=message, witness=_made_facts(case, i)))
            continue
        differs = _differences(case, i, p)
        if differs:
            message = f"{_made(case, i)} differs from plan action {int(a.id[p])} in {', '.join(differs)}"
            found.append(Violation(code="V8.plan", message=message, witness=_made_facts(case, i)))
        skipped += not m.completed[i] and m.end_s[i] < horizon
    for (vm, start), p in planned.items():
        skipped += 1
        if not _gone(case, vm, start) and _host_at(case, vm, start) == int(a.source[p]):
            name = case.placement.vms.name(vm)
            message = (
                f"{case.arm.label}: planned action {int(a.id[p])}, the move of VM {name} at {start} s, "
                "was not made although the VM is there"
            )
            witness: dict[str, object] = {"vm": name, "action": int(a.id[p]), "start_s": start}
            found.append(Violation(code="V8.plan", message=message, witness=witness))
    stated = case.arm.service.get("skipped_migrations", 0)
    if not found and stated != skipped:
        message = (
            f"{case.arm.label}: {skipped} planned moves were not made, skipped_migrations says {stated}"
        )
        found.append(Violation(code="V8.plan", message=message, witness={"derived": skipped}))
    return found


def _differences(case: ArmCase, made: int, planned: int) -> list[str]:
    """Return in what a move differs from its plan; one that was broken off ended early."""
    assert case.actions is not None
    a, m = case.actions, case.arm.moves
    fields = ["source", "target", "overhead_mcores"]
    if m.completed[made]:
        fields += ["end_s", "downtime_ms"]
    differs = [f for f in fields if int(getattr(a, f)[planned]) != int(getattr(m, f)[made])]
    if not m.completed[made] and m.end_s[made] > a.end_s[planned]:
        differs.append("end_s")
    return differs + (["mode"] if m.mode[made] != a.mode[planned] else [])


def _gone(case: ArmCase, vm: int, at_s: int) -> bool:
    step = np.array([at_s // case.demand.step_s])
    return bool(case.demand.rows(np.array([vm]), step)[0] < 0)


def _host_at(case: ArmCase, vm: int, at_s: int) -> int:
    r = case.arm.residency
    rows = np.flatnonzero((r.vm == vm) & (r.start_s <= at_s) & (at_s < r.end_s))
    return int(r.host[rows[0]]) if rows.size else -1
