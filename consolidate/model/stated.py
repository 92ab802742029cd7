"""Rules that fleet, needs and capacities can state as well, and the instance in which they do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import Issue
from consolidate.model.fleet import PowerControl
from consolidate.model.rules import (
    Ban,
    Offline,
    Online,
    Preserve,
    Ready,
    ResourceCapacity,
    Rule,
    Running,
    SharedCapacity,
)

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["STATED_RULES", "hosts_of_rules", "stated", "stated_amounts", "stated_issues"]

_STATED = (Offline, Online, Preserve, Ready, ResourceCapacity, Running)
#: Names of the rules that every policy honours, because the instance does.
STATED_RULES = frozenset(kind.name for kind in _STATED)


def stated_amounts(
    rules: tuple[Rule, ...],
    resources: tuple[str, ...],
    need: NDArray[np.int64],
    capacity: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return needs that hold what VMs are promised, and capacities that hold the limits of hosts."""
    rows = [r for r in rules if isinstance(r, Preserve | ResourceCapacity) and r.resource in resources]
    if not rows:
        return need, capacity
    need, capacity = need.copy(), capacity.copy()
    for rule in rows:
        k = resources.index(rule.resource)
        if isinstance(rule, Preserve):
            members = [v for v in rule.vms if v < len(need)]
            need[members, k] = np.maximum(need[members, k], rule.least)
        else:
            hosts = [h for h in rule.hosts if h < len(capacity)]
            capacity[hosts, k] = np.minimum(capacity[hosts, k], rule.most)
    return need, capacity


def hosts_of_rules(rules: tuple[Rule, ...], kind: type[Online | Offline], n: int) -> NDArray[np.bool_]:
    """Say of each host whether a rule of a kind names it, shape ``(hosts,)``."""
    named = np.zeros(n, dtype=np.bool_)
    for rule in rules:
        if isinstance(rule, kind):
            named[list(rule.hosts)] = True
    return named


def stated_issues(instance: Instance) -> list[Issue]:
    """Return what such rules ask that no placement and no plan can give."""
    fleet, issues = instance.fleet, []
    both = hosts_of_rules(instance.rules, Online, fleet.n_hosts)
    both &= hosts_of_rules(instance.rules, Offline, fleet.n_hosts)
    for k, rule in enumerate(instance.rules):
        path = f"rules[{k}]"
        if (
            isinstance(rule, Preserve | ResourceCapacity | SharedCapacity)
            and rule.resource not in instance.resources
        ):
            known = ", ".join(instance.resources)
            msg = f"there is no resource {rule.resource!r}; there are {known}"
            issues.append(Issue(path=f"{path}.resource", message=msg))
        elif isinstance(rule, Online | Offline):
            for h in [h for h in rule.hosts if both[h]][:20]:
                msg = f"host {fleet.host_ids[h]} has to be online and offline"
                issues.append(Issue(path=f"{path}.hosts", message=msg))
        if isinstance(rule, Online):
            for h in [h for h in rule.hosts if not fleet.powered_on[h]][:20]:
                msg = f"host {fleet.host_ids[h]} is off; a rule boots no host, a VM that needs it does"
                issues.append(Issue(path=f"{path}.hosts", message=msg))
        elif isinstance(rule, Offline):
            stuck = instance.stays_on()
            for h in [h for h in rule.hosts if stuck[h] and not both[h]][:20]:
                msg = (
                    f"host {fleet.host_ids[h]} is on and is not to be switched off (its power control, "
                    "maintenance, or too short a horizon for the time off to pay)"
                )
                issues.append(Issue(path=f"{path}.hosts", message=msg))
        elif isinstance(rule, Running | Ready):
            wrong = instance.active if isinstance(rule, Ready) else ~instance.active
            for v in [v for v in rule.vms if wrong[v]][:20]:
                word = "exists, and a plan stops no VM" if isinstance(rule, Ready) else "does not exist"
                msg = f"VM {instance.vms.ids[v]} {word}"
                issues.append(Issue(path=f"{path}.vms", message=msg))
    return issues


def stated(instance: Instance) -> Instance:
    """Return the same problem without rules that fleet, needs and capacities can state.

    Needs and capacities hold them from the birth of the instance. Hosts that must stay on become hosts that
    may not be switched off, and hosts that must be off are banned for all VMs.
    """
    if not any(isinstance(rule, _STATED) for rule in instance.rules):
        return instance
    fleet, n = instance.fleet, instance.fleet.n_hosts
    rules = tuple(rule for rule in instance.rules if not isinstance(rule, _STATED))
    control = np.array(fleet.power_control)
    control[hosts_of_rules(instance.rules, Online, n)] = PowerControl.KEEP_ON
    shut = np.flatnonzero(hosts_of_rules(instance.rules, Offline, n))
    if shut.size:
        everybody = tuple(range(len(instance.vms)))
        rules = (*rules, Ban(vms=everybody, hosts=tuple(shut.tolist()), continuous=False))
    return replace(instance, fleet=replace(fleet, power_control=control), rules=rules)
