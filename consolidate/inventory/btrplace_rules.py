"""Constraints of BtrPlace as rules; what no rule here can say is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from consolidate.errors import UnsupportedError
from consolidate.inventory.btrplace import BtrplaceConstraint
from consolidate.model import (
    Among,
    Ban,
    Fence,
    Gather,
    Lonely,
    MaxOnline,
    Offline,
    Online,
    Preserve,
    Quarantine,
    Ready,
    ResourceCapacity,
    Root,
    Rule,
    Running,
    SharedCapacity,
    Split,
    SplitAmong,
    Spread,
)

__all__ = ["btrplace_rules", "refuse_unknown"]

#: ``overbook`` is part of the capacity of its hosts, as an allocation ratio is.
_KNOWN = frozenset(
    {
        *("spread", "gather", "lonely", "among", "split", "splitAmong", "fence", "ban", "root"),
        *("quarantine", "maxOnline", "online", "offline", "running", "ready", "preserve"),
        *("resourceCapacity", "overbook"),
    }
)

Numbers = dict[int, int]


def refuse_unknown(constraints: Iterable[BtrplaceConstraint]) -> None:
    """Raise when a constraint asks for what no rule here can say.

    Raises
    ------
    UnsupportedError
        Names the constraints.
    """
    names = {c.id for c in constraints if c.id not in _KNOWN}
    if names:
        feature = f"the constraint {', '.join(sorted(names))}"
        raise UnsupportedError(feature, who="an Instance", supported_by=())


def btrplace_rules(
    constraints: Iterable[BtrplaceConstraint],
    *,
    vms: Numbers,
    hosts: Numbers,
    home: Callable[[int], int],
    resource: dict[str, str],
) -> tuple[Rule, ...]:
    """Return the rules that constraints state; those that say the same of several VMs or hosts become one.

    Parameters
    ----------
    constraints
        Known ones only; see :func:`refuse_unknown`.
    vms, hosts
        Index of each id of the file.
    home
        Host of a VM by index, -1 on none.
    resource
        Name of each resource of the file here.
    """
    rules: list[Rule] = []
    like: dict[tuple[Any, ...], set[int]] = {}
    kept: dict[tuple[int, ...], tuple[int, ...]] = {}

    def sets(parts: list[list[int]], of: Numbers) -> tuple[tuple[int, ...], ...]:
        # Hundreds of constraints repeat the same long sets of hosts: each set is kept once.
        found = (tuple(of[i] for i in part) for part in parts)
        return tuple(kept.setdefault(part, part) for part in found)

    for c in constraints:
        members = tuple(sorted({vms[v] for v in c.members}))
        places = tuple(sorted({hosts[h] for h in c.places}))
        flag = c.continuous
        match c.id:
            case "spread" | "gather" | "lonely":
                kind: Any = {"spread": Spread, "gather": Gather, "lonely": Lonely}[c.id]
                rules.append(kind(vms=members, continuous=flag))
            case "among":
                rules.append(Among(vms=members, zones=sets(c.parts, hosts), continuous=flag))
            case "split":
                rules.append(Split(parts=sets(c.parts, vms), continuous=flag))
            case "splitAmong":
                parts, within = sets(c.vParts, vms), sets(c.pParts, hosts)
                rules.append(SplitAmong(parts=parts, zones=within, continuous=flag))
            case "maxOnline":
                rules.append(MaxOnline(hosts=places, most=c.amount, continuous=flag))
            case "resourceCapacity":
                limit = resource[c.rc]
                kind = ResourceCapacity if len(places) == 1 else SharedCapacity
                rules.append(kind(hosts=places, resource=limit, most=c.amount, continuous=flag))
            case "quarantine" | "online" | "offline":
                like.setdefault((c.id, flag), set()).update(places)
            case "preserve":
                like.setdefault((c.id, flag, resource[c.rc], c.amount), set()).update(members)
            case "fence" | "ban":
                like.setdefault((c.id, flag, places), set()).update(members)
            case "running" | "ready" | "root":
                at_home = (v for v in members if c.id != "root" or home(v) >= 0)
                like.setdefault((c.id, flag), set()).update(at_home)
    return (*rules, *(_joined(key, tuple(sorted(who)), home) for key, who in like.items() if who))


def _joined(key: tuple[Any, ...], who: tuple[int, ...], home: Callable[[int], int]) -> Rule:
    name, flag, *more = key
    match name:
        case "quarantine":
            return Quarantine(hosts=who, continuous=flag)
        case "online":
            return Online(hosts=who, continuous=flag)
        case "offline":
            return Offline(hosts=who, continuous=flag)
        case "preserve":
            return Preserve(vms=who, resource=more[0], least=more[1], continuous=flag)
        case "fence":
            return Fence(vms=who, hosts=more[0], continuous=flag)
        case "ban":
            return Ban(vms=who, hosts=more[0], continuous=flag)
        case "running":
            return Running(vms=who, continuous=flag)
        case "ready":
            return Ready(vms=who, continuous=flag)
        case _:
            return Root(vms=who, hosts=tuple(home(v) for v in who), continuous=flag)
