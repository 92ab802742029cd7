"""VMs that stand still: saved when they were idle, woken by demand, restored, restarted after a failure."""

from __future__ import annotations

import numpy as np

from consolidate.checks.arms import FAILED, ArmCase
from consolidate.checks.planned_stops import planned_stops, unmade_violations
from consolidate.checks.spans import Cover
from consolidate.checks.verdict import Violation

__all__ = ["parked_s", "stop_totals", "stop_violations"]


def stop_violations(case: ArmCase) -> list[Violation]:
    """Return what is wrong with the stops of an arm; its residency must have been found in order."""
    s, arm = case.arm.stops, case.arm
    unmade = unmade_violations(case)
    if not s.vm.size and arm.parking is None and arm.failures is None:
        return unmade
    planned = planned_stops(case)
    strange = [i for i in s.of("saving", "woken", "restoring").tolist() if i not in planned]
    if strange and arm.parking is None:
        return [_told(case, strange[0], "V20.options", "options.json says nothing of parking")]
    if s.of("failed", "restarting").size and arm.failures is None:
        return [_told(case, 0, "V20.options", "options.json says nothing of failures")]
    found = unmade + _standing(case, planned)
    for v in np.unique(s.vm).tolist():
        for life in _lives(case, v):
            found += _story(case, v, life)
    return found + _demand(case) + _failed_hosts(case) + ([] if found else _lost(case))


def _told(case: ArmCase, i: int, code: str, problem: str) -> Violation:
    s = case.arm.stops
    vm = case.placement.vms.name(int(s.vm[i]))
    message = (
        f"{case.arm.label}: VM {vm}, {s.cause[i]} in {int(s.start_s[i])}-{int(s.end_s[i])} s: {problem}"
    )
    witness: dict[str, object] = {
        "arm": case.arm.label, "vm": vm, "cause": s.cause[i], "start_s": int(s.start_s[i]),
    }  # fmt: skip
    return Violation(code=code, message=message, witness=witness)


def _standing(case: ArmCase, planned: dict[int, int]) -> list[Violation]:
    """Hold each stop against the whereabouts of its VM, and its length against what is due."""
    s, r, horizon = case.arm.stops, case.arm.residency, case.demand.duration_s
    n = case.placement.hosts.n
    cover = Cover(r.vm * (n + 1) + r.host + 1, r.start_s, r.end_s)
    there = cover.holds(s.vm * (n + 1) + s.host + 1, s.start_s, s.end_s)
    found = []
    for i in range(s.vm.size):
        start, end, cause = int(s.start_s[i]), int(s.end_s[i]), s.cause[i]
        if not 0 <= start <= end <= horizon:
            found.append(_told(case, i, "V20.time", f"it needs 0 <= start <= end <= {horizon}"))
            continue
        if cause in ("woken", "failed"):
            if start != end or int(s.asked_s[i]) != start:
                found.append(_told(case, i, "V20.time", "it is an instant"))
            continue
        if end > start and not there[i]:
            name = case.placement.hosts.name(int(s.host[i]))
            found.append(_told(case, i, "V20.host", f"the VM is not on host {name} all that time"))
        due, image, overhead = _due(case, i, planned)
        if int(s.image_mib[i]) != image or int(s.overhead_mcores[i]) != overhead:
            said = f"{int(s.image_mib[i])} MiB and {int(s.overhead_mcores[i])} mcores are stated"
            found.append(_told(case, i, "V20.image", f"{said}; it is {image} MiB and {overhead} mcores"))
        elif s.completed[i] and end - start != due:
            found.append(_told(case, i, "V20.duration", f"it lasts {end - start} s; it takes {due} s"))
        elif not s.completed[i] and (end - start > due or not _cut_off(case, i)):
            found.append(
                _told(case, i, "V20.duration", "it is called not completed, and nothing ends it")
            )
    return found


def _due(case: ArmCase, i: int, planned: dict[int, int]) -> tuple[int, int, int]:
    """Return how long a stop takes, its image, and its CPU on the host; a plan says it of its own."""
    s, parking, failures = case.arm.stops, case.arm.parking, case.arm.failures
    if s.cause[i] == "restarting":
        assert failures is not None
        return failures.restart_s, 0, 0
    action = planned.get(i)
    if action is not None:
        a = case.actions
        assert a is not None
        return (
            int(a.end_s[action] - a.start_s[action]),
            int(a.moved_mib[action]),
            int(a.overhead_mcores[action]),
        )
    assert parking is not None
    if s.cause[i] == "saving":
        image = _memory(case, int(s.vm[i]), int(s.start_s[i])) + parking.extra_mib
        return parking.takes_s(image, parking.write_mib_per_s), image, parking.overhead_mcores
    before = s.of("saving")
    before = before[(s.vm[before] == s.vm[i]) & (s.end_s[before] <= s.start_s[i])]
    image = int(s.image_mib[before[np.argmax(s.end_s[before])]]) if before.size else 0
    return parking.takes_s(image, parking.read_mib_per_s), image, parking.overhead_mcores


def _cut_off(case: ArmCase, i: int) -> bool:
    """Say whether the replay, the VM's life or its host ends where a stop was not completed."""
    s, r, horizon = case.arm.stops, case.arm.residency, case.demand.duration_s
    end, vm = int(s.end_s[i]), int(s.vm[i])
    lives_on = ((r.vm == vm) & (r.start_s <= end) & (end < r.end_s)).any()
    return end == horizon or not lives_on or _fails(case, int(s.host[i]), end)


def _fails(case: ArmCase, host: int, at_s: int) -> bool:
    t = case.arm.states
    return bool(((t.host == host) & (t.state == FAILED) & (t.start_s == at_s)).any())


def _memory(case: ArmCase, vm: int, at_s: int) -> int:
    row = case.demand.rows(np.array([vm]), np.array([at_s // case.demand.step_s]))[0]
    return int(case.demand.memory_mib[row]) if row >= 0 else 0


def _lives(case: ArmCase, v: int) -> list[tuple[int, int]]:
    """Return from when until when a VM exists without a break."""
    r = case.arm.residency
    mine = np.flatnonzero(r.vm == v)
    lives: list[tuple[int, int]] = []
    for k in mine[np.argsort(r.start_s[mine], kind="stable")].tolist():
        start, end = int(r.start_s[k]), int(r.end_s[k])
        if lives and lives[-1][1] == start:
            lives[-1] = (lives[-1][0], end)
        else:
            lives.append((start, end))
    return lives


def _rows_of(case: ArmCase, v: int, life: tuple[int, int]) -> list[int]:
    """Return the stops of a life in their order; of those at one second, a saving comes first."""
    s = case.arm.stops
    rows = np.flatnonzero((s.vm == v) & (s.start_s >= life[0]) & (s.start_s < life[1])).tolist()
    return sorted(rows, key=lambda i: (int(s.start_s[i]), s.cause[i] != "saving", i))


def _story(case: ArmCase, v: int, life: tuple[int, int]) -> list[Violation]:
    """Follow a VM: what may come after what, and what brings it off its host and back."""
    s, r = case.arm.stops, case.arm.residency
    mine = np.flatnonzero(r.vm == v)
    comes = {int(r.start_s[k]): int(r.host[k]) for k in mine.tolist()}
    found = []
    is_, asked, saving_end = "running", -1, -1
    for i in _rows_of(case, v, life):
        cause, start, end = s.cause[i], int(s.start_s[i]), int(s.end_s[i])
        may = {
            "saving": is_ == "running",
            "woken": is_ == "stored" or start <= saving_end,
            "restoring": is_ == "woken",
            "failed": True,
            "restarting": is_ == "lost",
        }
        problem = "" if may[cause] else f"the VM is {is_} then"
        if cause == "saving":
            saving_end = end
            if s.completed[i]:
                is_ = "stored"
                if end < life[1] and end not in comes:
                    problem = problem or "the VM does not leave its host when it ends"
        elif cause == "woken":
            # A saving that did not come to its end needs no restoring.
            is_, asked = ("woken" if is_ == "stored" else is_), start
        elif cause == "failed":
            if not _fails(case, int(s.host[i]), start):
                problem = "its host does not fail then"
            if is_ != "woken":
                is_, asked = "lost", start
        else:
            if int(s.asked_s[i]) != asked:
                problem = problem or f"it was asked for at {asked} s"
            if comes.get(start, -2) != int(s.host[i]) and end > start:
                problem = problem or "the VM does not come to that host then"
            is_ = "running" if s.completed[i] else is_
        if problem:
            found.append(_told(case, i, "V20.order", problem))
            break
    return found + _unexplained(case, v, life)


def _unexplained(case: ArmCase, v: int, life: tuple[int, int]) -> list[Violation]:
    """Return stays on no host that nothing explains, and returns without a restoring or a restart."""
    s, r = case.arm.stops, case.arm.residency
    rows = _rows_of(case, v, life)
    back = {int(s.start_s[i]) for i in rows if s.cause[i] in ("restoring", "restarting")}
    mine = np.flatnonzero((r.vm == v) & (r.start_s >= life[0]) & (r.start_s < life[1]))
    left = {int(s.end_s[i]) for i in rows if s.cause[i] in ("saving", "failed") and s.completed[i]}
    found = []
    for k in mine[np.argsort(r.start_s[mine], kind="stable")].tolist()[1:]:
        before = np.flatnonzero((r.vm == v) & (r.end_s == r.start_s[k]))
        away = r.host[before[0]] < 0 and r.start_s[before[0]] > life[0]
        away |= int(r.start_s[k]) in left
        if away and r.host[k] >= 0 and int(r.start_s[k]) not in back:
            vm = case.placement.vms.name(v)
            message = (
                f"{case.arm.label}: VM {vm} is back on a host at {int(r.start_s[k])} s without having "
                "been restored or restarted"
            )
            witness: dict[str, object] = {"arm": case.arm.label, "vm": vm}
            found.append(Violation(code="V20.order", message=message, witness=witness))
    return found


def _demand(case: ArmCase) -> list[Violation]:
    """Hold savings and wakings against demand: idle for long enough before, woken by the first demand."""
    parking, s = case.arm.parking, case.arm.stops
    if parking is None or parking.rule == "asked":
        return []
    step_s, found = case.demand.step_s, []
    planned = planned_stops(case)
    for i in s.of("saving").tolist():
        if i in planned:
            continue
        v, start = int(s.vm[i]), int(s.start_s[i])
        due = -(-parking.after_s // step_s)
        first = start // step_s - due
        if parking.vms is not None and v not in parking.vms:
            found.append(_told(case, i, "V20.idle", "it may not be parked"))
        elif start % step_s or first < 0 or not all(_idle(case, v, first + k) for k in range(due)):
            found.append(_told(case, i, "V20.idle", f"it was not idle for {parking.after_s} s before"))
    for v, start, end, woken in _away(case):
        for step in range(-(-start // step_s), -(-end // step_s)):
            if not _idle(case, v, step):
                if woken != step * step_s:
                    name = case.placement.vms.name(v)
                    message = (
                        f"{case.arm.label}: VM {name} has demand at {step * step_s} s in storage, and is "
                        f"{'not woken' if woken is None else f'woken at {woken} s'}"
                    )
                    witness: dict[str, object] = {"arm": case.arm.label, "vm": name}
                    found.append(Violation(code="V20.woken", message=message, witness=witness))
                break
        else:
            if woken is not None:
                i = int(np.flatnonzero((s.vm == v) & (s.start_s == woken))[0])
                found.append(
                    _told(case, i, "V20.woken", f"VM {case.placement.vms.name(v)} is idle then")
                )
    return found


def _idle(case: ArmCase, v: int, step: int) -> bool:
    parking = case.arm.parking
    row = int(case.demand.rows(np.array([v]), np.array([step]))[0])
    if row < 0 or parking is None:
        return False
    allocated = int(case.placement.vms.cpu_mcores[v])
    return parking.is_idle(int(case.demand.cpu_mcores[row]), allocated)


def _away(case: ArmCase) -> list[tuple[int, int, int, int | None]]:
    """Return VM, start and end of each time from a saving on, and when it was woken, if it was.

    The end is that of the steps in which demand would have woken it: the waking, the failure that broke the
    saving off, or the end of the VM's life.
    """
    s, found, planned = case.arm.stops, [], planned_stops(case)
    for v in np.unique(s.vm[s.of("saving")]).tolist():
        for life in _lives(case, v):
            rows = _rows_of(case, v, life)
            for place, i in enumerate(rows):
                if s.cause[i] != "saving" or i in planned:
                    continue
                start, end, woken = int(s.start_s[i]), life[1], None
                for k in rows[place + 1 :]:
                    if s.cause[k] == "woken":
                        woken = int(s.start_s[k])
                        end = woken + 1
                        break
                    # A restoring without a waking before it does not excuse the waking.
                    end = int(s.start_s[k]) + (s.cause[k] == "restoring")
                    break
                found.append((v, start, end, woken))
    return found


def parked_s(case: ArmCase) -> int:
    """Return the time that VMs are in storage and not woken, in VM-seconds."""
    s, total = case.arm.stops, 0
    for i in s.of("saving").tolist():
        if not s.completed[i]:
            continue
        v, end = int(s.vm[i]), int(s.end_s[i])
        until = next(stop for start, stop in _lives(case, v) if start <= s.start_s[i] < stop)
        asked = s.start_s[s.of("woken")][s.vm[s.of("woken")] == v]
        asked = asked[asked >= s.start_s[i]]
        total += max(0, min(until, int(asked.min()) if asked.size else until) - end)
    return total


def stop_totals(case: ArmCase) -> dict[str, int]:
    """Return the service levels that follow from stops alone, keys as in ``service.json``."""
    s, t = case.arm.stops, case.arm.states
    done = {c: [i for i in s.of(c).tolist() if s.completed[i]] for c in ("saving", "restarting")}
    restored = [i for i in s.of("restoring").tolist() if s.completed[i]]
    delays = [int(s.end_s[i] - s.asked_s[i]) for i in restored]
    return {
        "savings": len(done["saving"]),
        "restorations": len(restored),
        "parked_vm_s": parked_s(case),
        "wake_delay_s": sum(delays),
        "longest_wake_delay_s": max(delays, default=0),
        "host_failures": int((t.state == FAILED).sum()),
        "vm_restarts": len(done["restarting"]),
        "lost_work_mcore_s": int(s.lost_mcore_s.sum()),
    }


def _failed_hosts(case: ArmCase) -> list[Violation]:
    """Hold failures against the events told, and against the VMs that were there."""
    s, t, r, failures = case.arm.stops, case.arm.states, case.arm.residency, case.arm.failures
    horizon, hosts = case.demand.duration_s, case.placement.hosts
    told = {
        (host, start, min(start + lasts, horizon))
        for host, start, lasts in (failures.events if failures else ())
        if start < horizon
    }
    failed = np.flatnonzero(t.state == FAILED).tolist()
    made = {(int(t.host[i]), int(t.start_s[i]), int(t.end_s[i])) for i in failed}
    found = []
    for host, start, end in sorted(told ^ made):
        what = "is told" if (host, start, end) in told else "is in host_states.parquet"
        other = "did not happen" if (host, start, end) in told else "is not in options.json"
        message = f"{case.arm.label}: the failure of host {hosts.name(host)} in {start}-{end} s "
        message += f"{what} and {other}"
        witness: dict[str, object] = {"arm": case.arm.label, "host": hosts.name(host), "start_s": start}
        found.append(Violation(code="V20.failed", message=message, witness=witness))
    said = {(int(s.vm[i]), int(s.start_s[i])) for i in s.of("failed").tolist()}
    for host, start, _ in sorted(made):
        for k in np.flatnonzero((r.host == host) & (r.end_s == start)).tolist():
            follows = ((r.vm == r.vm[k]) & (r.start_s == start) & (r.host < 0)).any()
            if follows and (int(r.vm[k]), start) not in said:
                name = case.placement.vms.name(int(r.vm[k]))
                message = (
                    f"{case.arm.label}: VM {name} was on host {hosts.name(host)} when it failed at "
                    f"{start} s; stops.parquet does not say so"
                )
                found.append(Violation(code="V20.failed", message=message, witness={"vm": name}))
    return found


def _lost(case: ArmCase) -> list[Violation]:
    """Integrate again what each VM had run since its state was last safe."""
    s, found = case.arm.stops, []
    for i in s.of("failed").tolist():
        v, at = int(s.vm[i]), int(s.start_s[i])
        due = _ran(case, v, _safe_s(case, v, at), at)
        if due != int(s.lost_mcore_s[i]):
            problem = f"{int(s.lost_mcore_s[i])} mcore s are said to be lost; it is {due}"
            found.append(_told(case, i, "V20.lost", problem))
    return found


def _safe_s(case: ArmCase, v: int, at: int) -> int:
    """Return when the state of a VM was last safe before a failure."""
    s, failures = case.arm.stops, case.arm.failures
    assert failures is not None
    born = next((start for start, stop in _lives(case, v) if start <= at < stop), at)
    safe = [born]
    if failures.checkpoint_s:
        # A failure at the very second of a checkpoint comes first.
        safe.append(max(0, at - 1) // failures.checkpoint_s * failures.checkpoint_s)
    mine = np.flatnonzero((s.vm == v) & (s.end_s <= at))
    safe += [int(s.end_s[k]) for k in mine.tolist() if s.cause[k] == "saving" and s.completed[k]]
    safe += [int(s.start_s[k]) for k in mine.tolist() if s.cause[k] == "failed" and s.start_s[k] < at]
    return max(safe)


def _ran(case: ArmCase, v: int, since: int, at: int) -> int:
    """Return the capped demand of a VM while it ran between two moments, in mcore s."""
    s, r, m, step_s = case.arm.stops, case.arm.residency, case.arm.moves, case.demand.step_s
    hosts, vcpus = case.placement.hosts, int(case.placement.vms.vcpus[v])
    still = [(int(s.start_s[k]), int(s.end_s[k])) for k in s.standing().tolist() if s.vm[k] == v]
    still += [
        (int(m.start_s[k]), int(m.end_s[k]))
        for k in np.flatnonzero(m.vm == v).tolist()
        if m.mode[k] != "live"
    ]
    total = 0
    for k in np.flatnonzero((r.vm == v) & (r.host >= 0)).tolist():
        begin, end = max(since, int(r.start_s[k])), min(at, int(r.end_s[k]))
        core = hosts.kind(int(r.host[k])).core_mcores
        for step in range(begin // step_s, -(-end // step_s) if end > begin else 0):
            low, high = max(begin, step * step_s), min(end, (step + 1) * step_s)
            # A VM stands still for one thing at a time.
            rest = high - low - sum(max(0, min(high, b) - max(low, a)) for a, b in still)
            row = int(case.demand.rows(np.array([v]), np.array([step]))[0])
            total += max(0, rest) * min(int(case.demand.cpu_mcores[row]), vcpus * core)
    return total
