"""VMs and hosts as the relaxations see them: like ones counted, not listed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem
from consolidate.model import Instance, Spread
from consolidate.solvers.bounds.integers import like_rows

__all__ = [
    "HostTable",
    "VmTable",
    "allowed_types",
    "curve_mw",
    "falls",
    "offered",
    "points_mw",
    "stay_mj",
    "tracked_spreads",
    "type_overhead",
    "units",
    "usable_hosts",
]

#: So many spread rules, the largest, are seen by the relaxations.
_SPREADS = 8


def usable_hosts(instance: Instance) -> NDArray[np.bool_]:
    """Say of each host whether a placement may use it: it may receive VMs, or carries some now."""
    usable: NDArray[np.bool_] = instance.fleet.may_receive().copy()
    current = instance.current.host_of
    usable[current[instance.active & (current >= 0)]] = True
    return usable


def allowed_types(instance: Instance) -> NDArray[np.bool_]:
    """Say which host types each VM may be on: its own, and those with a host that takes it.

    Kind of guest and core speed count. Shape ``(types, vms)``.
    """
    fleet, vms = instance.fleet, instance.vms
    receiving = np.zeros(len(fleet.types), dtype=np.bool_)
    receiving[fleet.host_type[fleet.may_receive()]] = True
    allowed = np.zeros((len(fleet.types), len(vms)), dtype=np.bool_)
    for k, kind in enumerate(fleet.types):
        fast = instance.need[:, 0] <= vms.vcpus.astype(np.int64) * kind.core_mcores
        guest = kind.hypervisor.hosts("vm") != vms.is_container
        allowed[k] = receiving[k] & fast & guest
    here = np.flatnonzero(instance.current.host_of >= 0)
    allowed[fleet.host_type[instance.current.host_of[here]], here] = True
    return allowed


def stay_mj(instance: Instance) -> NDArray[np.int64]:
    """Return, per host, the migration energy that is spared if all VMs on it stay."""
    stay = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
    here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
    np.add.at(stay, instance.current.host_of[here], instance.move_mj[here])
    return stay


def offered(instance: Instance) -> NDArray[np.int64]:
    """Return what each host can offer: one that takes no further VM, at most what its VMs need now."""
    closed = ~instance.fleet.may_receive()
    offer = instance.capacity.copy()
    if closed.any():
        residents = np.zeros_like(offer)
        here = np.flatnonzero(instance.active & (instance.current.host_of >= 0))
        hosts = instance.current.host_of[here]
        np.add.at(residents, hosts, instance.need[here] + instance.vm_overhead[hosts])
        offer[closed] = np.minimum(offer[closed], residents[closed])
    return offer


def units(instance: Instance) -> NDArray[np.int64]:
    """Return the unit of which all needs, overheads included, are multiples, shape ``(resources,)``.

    A host's room beyond a whole number of units is of no use to anybody.
    """
    amounts = np.concatenate([instance.need[instance.active], instance.vm_overhead])
    unit: NDArray[np.int64] = np.maximum(np.gcd.reduce(amounts, axis=0), 1)
    return unit


def type_overhead(instance: Instance, kind: int) -> NDArray[np.int64]:
    """Return the least overhead of a VM on any host of a type, shape ``(resources,)``."""
    hosts = np.flatnonzero(instance.fleet.host_type == kind)
    if hosts.size == 0:
        return np.zeros(len(instance.resources), dtype=np.int64)
    least: NDArray[np.int64] = instance.vm_overhead[hosts].min(axis=0)
    return least


def tracked_spreads(instance: Instance) -> tuple[int, ...]:
    """Return the numbers of the largest spread rules, largest first."""
    sizes = [
        (int(instance.active[list(rule.vms)].sum()), k)
        for k, rule in enumerate(instance.rules)
        if isinstance(rule, Spread)
    ]
    largest_first = sorted(sizes, key=lambda pair: (-pair[0], pair[1]))[:_SPREADS]
    return tuple(k for size, k in largest_first if size > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmTable:
    """The active VMs; alike are those with the same needs, load, host types and spread rules.

    Parameters
    ----------
    need
        Shape ``(classes, resources)``.
    load : mcores
        Shape ``(classes,)``.
    allowed
        Host types that a VM may be on, shape ``(types, classes)``.
    member
        Whether a VM is in each tracked spread rule, shape ``(rules, classes)``.
    count
        How many VMs there are of each class.
    """

    need: NDArray[np.int64]
    load: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    member: NDArray[np.bool_]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, instance: Instance) -> VmTable:
        """Collect the classes of an instance."""
        active = np.flatnonzero(instance.active)
        allowed = allowed_types(instance)[:, active]
        spreads = tracked_spreads(instance)
        member = np.zeros((len(spreads), len(instance.vms)), dtype=np.bool_)
        for row, rule in zip(member, spreads, strict=True):
            row[list(instance.rules[rule].vms)] = True
        member = member[:, active]
        need, load = instance.need[active], instance.load_mcores[active]
        columns = [*need.T, load, *allowed.astype(np.int64), *member.astype(np.int64)]
        first, _, count = like_rows(columns)
        return cls(
            need=need[first],
            load=load[first],
            allowed=allowed[:, first],
            member=member[:, first],
            count=count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostTable:
    """The hosts that a placement may use; alike are those that differ only in the VMs they carry now.

    Parameters
    ----------
    hosts
        Their indices, shape ``(usable,)``.
    class_of
        Class of each, shape ``(usable,)``.
    kind
        Host type of each class, shape ``(classes,)``.
    offer
        What a host of each class offers, shape ``(classes, resources)``.
    fixed_mj : mJ
        Energy of the boot, if one is needed, less that of the empty host, shape ``(classes,)``.
    """

    hosts: NDArray[np.int64]
    class_of: NDArray[np.int64]
    kind: NDArray[np.int64]
    offer: NDArray[np.int64]
    fixed_mj: NDArray[np.int64]

    @classmethod
    def of(cls, instance: Instance, problem: Problem) -> HostTable:
        """Collect the classes of an instance."""
        hosts = np.flatnonzero(usable_hosts(instance))
        kind = instance.fleet.host_type[hosts].astype(np.int64)
        offer = offered(instance)[hosts]
        fixed_mj = problem.boot_mj[hosts] - problem.empty_mj[hosts]
        first, class_of, _ = like_rows([kind, fixed_mj, *offer.T])
        return cls(
            hosts=hosts,
            class_of=class_of,
            kind=kind[first],
            offer=offer[first],
            fixed_mj=fixed_mj[first],
        )


def curve_mw(problem: Problem, h: int, top: int) -> NDArray[np.int64]:
    """Return a lower limit of the power of host ``h`` with VMs of each whole load up to ``top`` mcores.

    It is the power itself, unless guests cost CPU of their own and the curve falls somewhere: the number
    of guests is not known, so the host may run at any higher load.
    """
    cpu, background = int(problem.cpu[h]), int(problem.background[h])
    if not falls(problem, h):
        return _power_mw(problem, h, np.arange(background, top + background + 1, dtype=np.int64))
    last = max(top + background, cpu)
    curve = _power_mw(problem, h, np.arange(background, last + 1, dtype=np.int64))
    curve = np.minimum.accumulate(curve[::-1])[::-1]
    return curve[: top + 1]


def points_mw(problem: Problem, h: int, loads: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return :func:`curve_mw` at a few loads (mcores)."""
    if falls(problem, h):
        return curve_mw(problem, h, int(loads.max()))[loads]
    return _power_mw(problem, h, loads + int(problem.background[h]))


def falls(problem: Problem, h: int) -> bool:
    """Say whether guests cost host ``h`` CPU of their own while its curve falls somewhere."""
    return int(problem.per_vm[h]) > 0 and bool((np.diff(problem.table[h]) < 0).any())


def _power_mw(problem: Problem, h: int, load: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the power of host ``h`` at loads that include its own."""
    cpu, table = int(problem.cpu[h]), problem.table[h]
    load = np.minimum(load, cpu)
    segment = np.minimum(10 * load // cpu, 9)
    rest = 10 * load - segment * cpu
    rise = (table[segment + 1] - table[segment]) * rest
    power: NDArray[np.int64] = table[segment] + (2 * rise + cpu) // (2 * cpu)
    return power
