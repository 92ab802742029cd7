"""What each placement rule means, said again in the judge's own words.

``spread``: no two of its VMs on one host. ``gather``: all of its VMs on one host. ``fence``: its VMs
only on its hosts. ``ban``: its VMs on none of its hosts. ``root``: its i-th VM on its i-th host.
``quarantine``: nobody leaves its hosts, nobody comes to them. ``max_online``: at most ``most`` of its hosts
carry a VM or stay on without. ``online``: its hosts are on. ``offline``: its hosts are off. ``running``: its
VMs are on hosts. ``ready``: its VMs are on none. ``preserve``: its VMs have at least ``least`` of ``resource``.
``resource_capacity``: the VMs on its host take at most ``most`` of ``resource``. ``shared_capacity``: those on
all of its hosts together do. ``licence_group``: the hosts where its VMs are, were at the beginning or stopped
on their way, and its ``hosts``, have at most ``most`` hosts or cores; at the end alone if it is not continuous.
Rules about company are in :mod:`consolidate.checks.company`. A VM on no host breaks nothing but ``running``.
During a move a VM is on both hosts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import PlacementCase, PlacementRule
from consolidate.checks.company import COMPANY_RULES, company_faults

__all__ = ["RULE_NAMES", "broken_rules", "disturbed_rules", "too_many_on"]

#: Rules about the state of hosts and VMs, and about amounts; kept at the end of a plan.
STATE_RULES = ("online", "offline", "running", "ready", "preserve", "resource_capacity")
RULE_NAMES = (
    "spread",
    "gather",
    "fence",
    "ban",
    "root",
    "quarantine",
    "max_online",
    "licence_group",
    "shared_capacity",
    *STATE_RULES,
    *COMPANY_RULES,
)

#: Rule in words, what happened, the same as data.
Finding = tuple[str, str, dict[str, object]]
#: Hosts on which a VM is, during one stretch of the plan: start, end (``None`` for ever), hosts.
Stay = tuple[int, int | None, frozenset[int]]


def broken_rules(case: PlacementCase, where: NDArray[np.int64]) -> Iterator[Finding]:
    """Yield the rules that a placement breaks."""
    company = any(rule.name in COMPANY_RULES for rule in case.rules)
    at = {v: frozenset({int(h)}) for v, h in enumerate(where) if company and h >= 0}
    for number, rule in enumerate(case.rules):
        on = [(v, int(where[v])) for v in rule.vms if where[v] >= 0]
        label = f"{rule.name}[{number}]"
        if rule.name == "spread":
            by_host: dict[int, list[int]] = {}
            for v, h in on:
                by_host.setdefault(h, []).append(v)
            for h, members in by_host.items():
                if len(members) > 1:
                    yield label, *_together(case, members, h)
        elif rule.name == "gather":
            if len({h for _, h in on}) > 1:
                names = ", ".join(f"{case.vms.name(v)} on {case.hosts.name(h)}" for v, h in on[:10])
                yield label, f"its VMs are apart: {names}", {"vms": [case.vms.name(v) for v, _ in on]}
        elif rule.name in COMPANY_RULES:
            for (kind, which), (_, message) in company_faults(case, rule, at).items():
                yield label, message, {kind: which}
        elif rule.name == "quarantine":
            shut = frozenset(rule.hosts)
            for v in np.flatnonzero((where >= 0) & (where != case.current)).tolist():
                if shut & {int(where[v]), int(case.current[v])}:
                    yield label, *_misplaced(case, v, int(where[v]))
        elif rule.name == "max_online":
            forced = case.hosts.powered_on & ~case.may_switch_off()
            online = [h for h in rule.hosts if forced[h] or bool((where == h).any())]
            if len(online) > rule.most:
                message = f"{len(online)} of its hosts are on, at most {rule.most} may be"
                yield label, message, {"hosts": [case.hosts.name(h) for h in online]}
        elif rule.name == "licence_group":
            hosts = {h for _, h in on} | set(rule.hosts)
            if rule.continuous:
                hosts |= {int(case.current[v]) for v in rule.vms if case.current[v] >= 0}
            yield from ((label, *fault) for fault in _uncovered(case, rule, hosts))
        elif rule.name == "shared_capacity":
            yield from ((label, *fault) for fault in _overdrawn(case, rule, where))
        elif rule.name in STATE_RULES:
            yield from ((label, *fault) for fault in _state_faults(case, rule, where))
        elif rule.name not in RULE_NAMES:
            yield label, "its meaning is not known here, so nobody can say that it holds", {}
        else:
            allows = _permission(rule)
            for v, h in on:
                if not allows(v, h):
                    yield label, *_misplaced(case, v, h)


def _state_faults(
    case: PlacementCase, rule: PlacementRule, where: NDArray[np.int64]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield hosts and VMs in a state that a rule does not want, and amounts that it does not allow."""
    carries = {int(h) for h in where if h >= 0}
    forced = case.hosts.powered_on & ~case.may_switch_off()
    if rule.name in ("online", "offline"):
        for h in rule.hosts:
            is_on = h in carries or bool(forced[h])
            if is_on != (rule.name == "online"):
                name = case.hosts.name(h)
                yield f"host {name} is {'on' if is_on else 'off'}", {"host": name}
    elif rule.name in ("running", "ready"):
        for v in rule.vms:
            if (where[v] >= 0) != (rule.name == "running"):
                name = case.vms.name(v)
                yield f"VM {name} is on {'a' if where[v] >= 0 else 'no'} host", {"vm": name}
    elif rule.resource not in case.resources:
        yield f"there is no resource {rule.resource}", {}
    elif rule.name == "preserve":
        for v in rule.vms:
            given = int(case.need[v, case.resources.index(rule.resource)])
            if where[v] >= 0 and given < rule.least:
                name = case.vms.name(v)
                message = f"VM {name} has {given} of {rule.resource}, it needs {rule.least}"
                yield message, {"vm": name}
    else:
        k = case.resources.index(rule.resource)
        for h in rule.hosts:
            there = np.flatnonzero(where == h)
            taken = int(case.need[there, k].sum()) + len(there) * int(case.overhead[h, k])
            if taken > rule.most:
                name = case.hosts.name(h)
                message = (
                    f"VMs on host {name} take {taken} of {rule.resource}, at most {rule.most} may be"
                )
                yield message, {"host": name}


def _uncovered(
    case: PlacementCase, rule: PlacementRule, hosts: set[int]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the hosts that the VMs of a licence group touch, if licences do not cover them."""
    if rule.unit not in ("hosts", "cores"):
        yield f"nobody knows how to count {rule.unit!r}", {}
        return
    total = sum(case.hosts.kind(h).cores if rule.unit == "cores" else 1 for h in hosts)
    if total > rule.most:
        names = [case.hosts.name(h) for h in sorted(hosts)]
        message = f"its VMs touch {total} {rule.unit}, at most {rule.most} are covered: {', '.join(names[:10])}"
        yield message, {"hosts": names, rule.unit: total}


def _overdrawn(
    case: PlacementCase, rule: PlacementRule, where: NDArray[np.int64]
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the amount that VMs take on hosts that share a limit, if it is too much."""
    if rule.resource not in case.resources:
        yield f"there is no resource {rule.resource}", {}
        return
    k, shared = case.resources.index(rule.resource), set(rule.hosts)
    there = [(v, int(h)) for v, h in enumerate(where.tolist()) if h in shared]
    taken = sum(int(case.need[v, k]) + int(case.overhead[h, k]) for v, h in there)
    if taken > rule.most:
        message = f"VMs on its hosts take {taken} of {rule.resource}, at most {rule.most} may be"
        yield message, {"hosts": [case.hosts.name(h) for h in rule.hosts]}


def _permission(rule: PlacementRule) -> Callable[[int, int], bool]:
    """Return what says of a fence, ban or root whether it lets a VM be on a host."""
    hosts = frozenset(rule.hosts)
    if rule.name == "fence":
        return lambda _, h: h in hosts
    if rule.name == "ban":
        return lambda _, h: h not in hosts
    home_of = dict(zip(rule.vms, rule.hosts, strict=False))
    return lambda v, h: home_of.get(v) == h


def _together(case: PlacementCase, vms: list[int], host: int) -> tuple[str, dict[str, object]]:
    names, place = [case.vms.name(v) for v in vms], case.hosts.name(host)
    return (f"VMs {', '.join(names[:10])} share host {place}", {"vms": names, "host": place})


def _misplaced(case: PlacementCase, vm: int, host: int) -> tuple[str, dict[str, object]]:
    name, place = case.vms.name(vm), case.hosts.name(host)
    return (f"VM {name} is on host {place}", {"vm": name, "host": place})


def too_many_on(case: PlacementCase) -> bool:
    """Say whether a rule is broken if nobody does anything, which leaves on every host that is on."""
    on = case.hosts.powered_on
    return any(
        bool(on[list(rule.hosts)].sum() > (rule.most if rule.name == "max_online" else 0))
        for rule in case.rules
        if rule.name in ("max_online", "offline")
    )


def disturbed_rules(case: PlacementCase, stays: dict[int, list[Stay]]) -> Iterator[Finding]:
    """Yield the continuous rules that a plan breaks at some moment although they were kept before.

    What the present placement breaks already is allowed to stay broken until the plan repairs it.

    Parameters
    ----------
    case
        The case; ``current`` is where VMs are before the plan.
    stays
        Whereabouts of each VM that the plan moves, in order of time. Others stay at ``current``.
    """
    for number, rule in enumerate(case.rules):
        label = f"{rule.name}[{number}]"
        everyone = rule.name in ("lonely", "quarantine")
        touched = everyone or any(v in stays for v in (*rule.vms, *rule.others))
        if not rule.continuous or not touched or rule.name not in RULE_NAMES:
            continue
        if rule.name in STATE_RULES:
            # What is promised holds from the beginning, and a host that must stay on is never switched off.
            continue
        of = {
            v: stays.get(v) or [(0, None, frozenset({int(case.current[v])}))]
            for v in rule.vms
            if v in stays or case.current[v] >= 0
        }
        if rule.name == "spread":
            yield from _meetings(case, label, of)
        elif rule.name == "gather":
            yield from _partings(case, label, of)
        elif rule.name == "licence_group":
            met = {h for path in of.values() for _, _, hosts in path for h in hosts} | set(rule.hosts)
            met |= {int(case.current[v]) for v in rule.vms if case.current[v] >= 0}
            yield from ((label, *fault) for fault in _uncovered(case, rule, met))
        elif rule.name in ("max_online", "shared_capacity"):
            yield label, "no plan is known to keep it at every moment; state it as discrete", {}
        elif rule.name == "quarantine":
            yield from _crossings(case, rule, label, stays)
        elif rule.name in COMPANY_RULES:
            yield from _disturbances(case, rule, label, stays)
        else:
            allows = _permission(rule)
            for v, path in of.items():
                previous: frozenset[int] = frozenset({int(case.current[v])})
                for start, _, hosts in path:
                    for h in sorted(hosts - previous):
                        if not allows(v, h):
                            message, witness = _misplaced(case, v, h)
                            yield label, f"{message} from {start} s on", {**witness, "time_s": start}
                    previous = hosts


def _meetings(case: PlacementCase, label: str, of: dict[int, list[Stay]]) -> Iterator[Finding]:
    """Yield pairs that come to share a host; pairs that share one from the start may part."""
    spans: dict[int, list[tuple[int, float, int]]] = {}
    for v, path in of.items():
        for h in {h for _, _, hosts in path for h in hosts}:
            pieces = [(s, e) for s, e, hosts in path if h in hosts]
            for start, end in _joined(pieces):
                spans.setdefault(h, []).append((start, end, v))
    for h, rows in spans.items():
        rows.sort()
        for i, (_, end, v) in enumerate(rows):
            for start, _, other in rows[i + 1 :]:
                if start >= end:
                    break
                at_home = int(case.current[v]) == h and int(case.current[other]) == h
                if other != v and not (start == 0 and at_home):
                    message, witness = _together(case, [v, other], h)
                    yield label, f"{message} at {start} s", {**witness, "time_s": start}


def _crossings(
    case: PlacementCase, rule: PlacementRule, label: str, stays: dict[int, list[Stay]]
) -> Iterator[Finding]:
    """Yield the VMs that leave the hosts of a quarantine, or come to them, if only to be parked."""
    shut = frozenset(rule.hosts)
    for v, path in stays.items():
        home = int(case.current[v])
        for start, _, hosts in path:
            others = hosts - {home}
            if others and (home in shut or others & shut):
                message, witness = _misplaced(case, v, min(others))
                yield label, f"{message} from {start} s on", {**witness, "time_s": start}
                break


def _disturbances(
    case: PlacementCase, rule: PlacementRule, label: str, stays: dict[int, list[Stay]]
) -> Iterator[Finding]:
    """Yield the moments at which a rule about company comes to be broken, or more so than before."""
    members = range(case.vms.n) if rule.name == "lonely" else sorted({*rule.vms, *rule.others})
    times = sorted({start for v in members for start, _, _ in stays.get(v, [])})
    at = {v: frozenset({int(case.current[v])} - {-1}) for v in members}
    before = company_faults(case, rule, at)
    for t in times:
        for v in members:
            for start, end, hosts in stays.get(v, []):
                if start <= t and (end is None or t < end):
                    at[v] = hosts
        now = company_faults(case, rule, at)
        for key, (severity, message) in now.items():
            if severity > before.get(key, (0, ""))[0]:
                yield label, f"{message} at {t} s", {key[0]: key[1], "time_s": t}
        before = now


def _joined(pieces: list[tuple[int, int | None]]) -> list[tuple[int, float]]:
    """Merge stretches that follow each other without a gap."""
    merged: list[tuple[int, float]] = []
    for start, end in pieces:
        stop = np.inf if end is None else float(end)
        if merged and merged[-1][1] >= start:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _partings(case: PlacementCase, label: str, of: dict[int, list[Stay]]) -> Iterator[Finding]:
    """Yield the moments at which VMs that were together cease to be on the same hosts."""
    times = sorted({start for path in of.values() for start, _, _ in path})
    together = len({int(case.current[v]) for v in of}) == 1
    for t in times:
        now = {
            v: next(hosts for s, e, hosts in path if s <= t and (e is None or t < e))
            for v, path in of.items()
        }
        same = len(set(now.values())) == 1
        if together and not same:
            names = ", ".join(
                f"{case.vms.name(v)} on {'+'.join(case.hosts.name(h) for h in sorted(hosts))}"
                for v, hosts in list(now.items())[:10]
            )
            witness: dict[str, object] = {"vms": [case.vms.name(v) for v in now], "time_s": t}
            yield label, f"its VMs part at {t} s: {names}", witness
        together = same
