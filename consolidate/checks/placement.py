"""The target placement: everybody somewhere, nobody where they cannot be, nothing overfull."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import NO_WAKE, PlacementCase
from consolidate.checks.rules import broken_rules
from consolidate.checks.verdict import Violation, each

__all__ = ["placement_violations", "unsuitable", "usage"]


def placement_violations(case: PlacementCase) -> list[Violation]:
    """Return what is wrong with the target placement of a case."""
    found = _whereabouts(case)
    if found:
        # Hosts that do not exist cannot be summed over.
        return found
    found += _capacity(case)
    found += _fitness(case)
    broken = list(broken_rules(case, case.target))

    def breaks(i: int) -> tuple[str, dict[str, object]]:
        rule, message, witness = broken[i]
        return f"rule {rule}: {message} in the target", witness

    return found + each("V3.rule", range(len(broken)), breaks)


def _whereabouts(case: PlacementCase) -> list[Violation]:
    hosts, vms = case.hosts, case.vms
    found = []
    for label, where in (("current", case.current), ("target", case.target)):

        def lost(v: int) -> tuple[str, dict[str, object]]:
            return (
                f"VM {vms.name(v)} is active but on no host in the target placement",
                {"vm": vms.name(v), "placement": "target"},
            )

        def unknown(
            v: int, label: str = label, where: NDArray[np.int64] = where
        ) -> tuple[str, dict[str, object]]:
            return (
                f"VM {vms.name(v)} is on host {int(where[v])} in the {label} placement; "
                f"the fleet has hosts 0 to {hosts.n - 1}",
                {"vm": vms.name(v), "host": int(where[v]), "placement": label},
            )

        if label == "target":  # a new VM is on no host yet
            found += each("V1.lost", np.flatnonzero(case.active & (where == -1)), lost)
        found += each("V1.unknown-host", np.flatnonzero((where < -1) | (where >= hosts.n)), unknown)

    def conjured(v: int) -> tuple[str, dict[str, object]]:
        return (
            f"VM {vms.name(v)} does not exist at the decision, yet the target puts it on host "
            f"{hosts.name(int(case.target[v]))}",
            {"vm": vms.name(v), "host": hosts.name(int(case.target[v]))},
        )

    strange = ~case.active & (case.target >= 0) & (case.target != case.current)
    found += each("V1.inactive", np.flatnonzero(strange), conjured)

    def dark(v: int) -> tuple[str, dict[str, object]]:
        host = hosts.name(int(case.current[v]))
        return (
            f"VM {vms.name(v)} is on host {host} in the current placement, and that host is off",
            {"vm": vms.name(v), "host": host},
        )

    if not found:
        here = case.current >= 0
        off = here & ~hosts.powered_on[np.where(here, case.current, 0)]
        found += each("V4.off-host", np.flatnonzero(off), dark)
    return found


def usage(case: PlacementCase, where: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what VMs take of each host, overheads included, shape ``(hosts, resources)``."""
    used = np.zeros((case.hosts.n, len(case.resources)), dtype=np.int64)
    placed = np.flatnonzero(where >= 0)
    np.add.at(used, where[placed], case.need[placed] + case.overhead[where[placed]])
    return used


def _capacity(case: PlacementCase) -> list[Violation]:
    used = usage(case, case.target)
    found = []
    for r, resource in enumerate(case.resources):

        def over(h: int, r: int = r, resource: str = resource) -> tuple[str, dict[str, object]]:
            name, took, limit = case.hosts.name(h), int(used[h, r]), int(case.capacity[h, r])
            residents = np.flatnonzero(case.target == h)
            largest = case.vms.name(int(residents[np.argmax(case.need[residents, r])]))
            return (
                f"host {name} carries {took} of {resource}, its capacity is {limit} "
                f"({residents.size} VMs, the largest is {largest})",
                {"host": name, "resource": resource, "used": took, "capacity": limit},
            )

        found += each("V2.capacity", np.flatnonzero(used[:, r] > case.capacity[:, r]), over)
    return found


def unsuitable(
    case: PlacementCase, vms: NDArray[np.int64], hosts: NDArray[np.int64]
) -> list[tuple[str, int, str]]:
    """Return why VMs cannot be brought to hosts, pair by pair.

    Parameters
    ----------
    case
        The case.
    vms, hosts
        Pairs of a VM and the host it is brought to, of equal shape.

    Returns
    -------
    list
        Code, position of the pair and reason.
    """
    fleet, guests = case.hosts, case.vms
    engine = np.array([k.guest_kind == "container_engine" for k in fleet.kinds])[fleet.kind_of]
    reachable = guests.vcpus[vms] * fleet.per_host("core_mcores")[hosts]
    reasons = []
    for i in np.flatnonzero(guests.is_container[vms] != engine[hosts]):
        guest = "container" if guests.is_container[vms[i]] else "VM"
        kind = fleet.kind(int(hosts[i])).guest_kind
        reasons.append(("V3.kind", int(i), f"it is a {guest}, and the host's hypervisor is {kind}"))
    for i in np.flatnonzero(case.need[vms, 0] > reachable):
        vm = int(vms[i])
        reasons.append(
            (
                "V3.speed",
                int(i),
                f"its {int(guests.vcpus[vm])} vCPUs get at most {int(reachable[i])} mcores there, "
                f"its CPU need is {int(case.need[vm, 0])} mcores",
            )
        )
    dead = ~fleet.powered_on[hosts] & (fleet.control[hosts] == NO_WAKE)
    for code, barred, reason in (
        ("V3.maintenance", fleet.maintenance[hosts], "the host is in maintenance"),
        ("V3.no-wake", dead, "the host is off and nothing can wake it"),
    ):
        reasons += [(code, int(i), reason) for i in np.flatnonzero(barred)]
    return reasons


def _fitness(case: PlacementCase) -> list[Violation]:
    """Judge VMs away from where they were; whoever stays at home may, unless a rule says otherwise."""
    vms, hosts = case.vms, case.hosts
    away = np.flatnonzero((case.target >= 0) & (case.target != case.current))
    reasons = unsuitable(case, away, case.target[away])
    found = []
    for code in ("V3.kind", "V3.speed", "V3.maintenance", "V3.no-wake"):
        mine = {i: reason for c, i, reason in reasons if c == code}

        def why(i: int, mine: dict[int, str] = mine) -> tuple[str, dict[str, object]]:
            vm, host = vms.name(int(away[i])), hosts.name(int(case.target[away[i]]))
            return (
                f"VM {vm} is put on host {host}: {mine[i]}",
                {"vm": vm, "host": host, "reason": mine[i]},
            )

        found += each(code, mine, why)

    def uprooted(v: int) -> tuple[str, dict[str, object]]:
        source, target = hosts.name(int(case.current[v])), hosts.name(int(case.target[v]))
        return (
            f"VM {vms.name(v)} cannot be moved, yet it goes from host {source} to {target}",
            {"vm": vms.name(v), "source": source, "target": target},
        )

    pinned = ~case.movable & (case.current >= 0) & (case.target != case.current) & case.active
    return found + each("V3.immovable", np.flatnonzero(pinned), uprooted)
