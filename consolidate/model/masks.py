"""Which hosts each VM may run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.model.rules import Among, Ban, Fence, Offline, Quarantine, Root, SplitAmong
from consolidate.model.stated import hosts_of_rules

if TYPE_CHECKING:
    from consolidate.model.instance import Instance

__all__ = ["host_masks"]


def host_masks(
    instance: Instance, *, over_others: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Fold everything that excludes hosts for a VM into one row of hosts, shared by like VMs.

    Kind of guest, core speed, maintenance, hosts that cannot be woken, common modes of migration and
    the rules fence, ban and root count. A VM may always stay at home unless a rule forbids that; an
    immovable VM may only stay.

    Parameters
    ----------
    over_others
        Count hosts to which a VM comes only by stopping at others on its way, too.

    Returns
    -------
    mask_of
        Row of each VM, shape ``(vms,)``.
    masks
        Distinct rows, shape ``(rows, hosts)``.
    """
    fleet, home = instance.fleet, instance.current.host_of
    receive = fleet.may_receive()
    open_hosts = ~hosts_of_rules(instance.rules, Offline, fleet.n_hosts)
    type_of, type_ok = _type_rows(instance, over_others=over_others)
    limit_of, limits = _limit_rows(instance)
    pinned = (home >= 0) & ~instance.movable
    at_home = np.maximum(home, 0)
    welcome = receive[at_home] & type_ok[type_of, fleet.host_type[at_home]]
    # A home that others of the class may not choose makes the row the VM's own.
    odd_home = np.where((home >= 0) & (pinned | ~welcome), home, -1)
    mask_of = _joint(_joint(type_of, pinned.astype(np.int64)), _joint(limit_of, odd_home + 1))
    _, first = np.unique(mask_of, return_index=True)
    masks = np.zeros((len(first), fleet.n_hosts), dtype=np.bool_)
    for row, v in zip(masks, first.tolist(), strict=True):
        if not pinned[v]:
            row |= type_ok[type_of[v]][fleet.host_type] & receive
        if odd_home[v] >= 0:
            row[odd_home[v]] = True
        row &= limits[limit_of[v]] & open_hosts
    return _distinct(mask_of, masks)


def _distinct(
    mask_of: NDArray[np.int64], masks: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the same without repeated rows: different reasons may leave the same hosts."""
    by_row: dict[bytes, int] = {}
    number = [by_row.setdefault(row.tobytes(), len(by_row)) for row in np.packbits(masks, axis=1)]
    first = np.unique(number, return_index=True)[1]
    return np.array(number, dtype=np.int32)[mask_of], masks[first]


def _joint(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a numbering of the distinct pairs of two numberings."""
    pairs = one.astype(np.int64) * (int(other.max(initial=0)) + 1) + other
    joint: NDArray[np.int64] = np.unique(pairs, return_inverse=True)[1]
    return joint


def _type_rows(instance: Instance, *, over_others: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return which host types each VM can run on, given the type that it is on now, as distinct rows."""
    types, vms, home = instance.fleet.types, instance.vms, instance.current.host_of
    speeds = np.array([t.core_mcores for t in types], dtype=np.int64)
    kinds = np.array([[t.hypervisor.hosts(kind) for t in types] for kind in ("vm", "container")])
    reach = np.ones((len(types) + 1, len(types)), dtype=np.bool_)
    for a, one in enumerate(types):
        for b, other in enumerate(types):
            reach[a, b] = bool(one.hypervisor.moves & other.hypervisor.moves)
    for via in range(len(types) if over_others else 0):
        reach[:-1] |= reach[:-1, via, None] & reach[via]
    home_type = np.where(home >= 0, instance.fleet.host_type[np.maximum(home, 0)], len(types))
    # A vCPU gets at most one core, so a slow core cannot carry a VM whose sized demand is higher.
    per_vcpu = -(-instance.need[:, 0] // np.maximum(vms.vcpus.astype(np.int64), 1))
    per_vcpu = np.where((vms.vcpus == 0) & (instance.need[:, 0] > 0), np.iinfo(np.int64).max, per_vcpu)
    slower = np.searchsorted(np.sort(speeds), per_vcpu)  # so many types are too slow
    class_of = _joint(_joint(slower, vms.is_container.astype(np.int64)), home_type.astype(np.int64))
    _, first = np.unique(class_of, return_index=True)
    rows = np.zeros((len(first), len(types)), dtype=np.bool_)
    for row, v in zip(rows, first.tolist(), strict=True):
        row[:] = (per_vcpu[v] <= speeds) & kinds[int(vms.is_container[v])] & reach[home_type[v]]
    return class_of, rows


def _limit_rows(instance: Instance) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
    """Return which hosts rules leave to each VM, as distinct rows; the first allows all.

    Fence, ban and root are said here in full; among and split_among keep VMs within their zones;
    quarantine keeps residents at home and all others out.
    """
    n_hosts = instance.fleet.n_hosts
    allows: list[NDArray[np.bool_]] = []
    known: dict[tuple[bool, tuple[int, ...]], int] = {}
    named: dict[int, list[int]] = {}

    def demand(vms: tuple[int, ...], hosts: tuple[int, ...], *, inside: bool = True) -> None:
        if (inside, hosts) not in known:
            known[inside, hosts] = len(allows)
            allows.append(np.full(n_hosts, not inside))
            allows[-1][list(hosts)] = inside
        for v in vms:
            named.setdefault(v, []).append(known[inside, hosts])

    everywhere = np.ones(n_hosts, dtype=np.bool_)
    for rule in instance.rules:
        if isinstance(rule, Fence | Ban):
            demand(rule.vms, rule.hosts, inside=isinstance(rule, Fence))
        elif isinstance(rule, Root):
            for v, h in zip(rule.vms, rule.hosts, strict=True):
                demand((v,), (h,))
        elif isinstance(rule, Among | SplitAmong):
            demand(rule.vms, tuple(h for zone in rule.zones for h in zone))
        elif isinstance(rule, Quarantine):
            everywhere[list(rule.hosts)] = False
            for h in rule.hosts:
                residents = np.flatnonzero(instance.current.host_of == h)
                demand(tuple(residents.tolist()), (h,))
    rows = [everywhere]
    by_key: dict[tuple[int, ...], int] = {}
    limit_of = np.zeros(len(instance.vms), dtype=np.int64)
    home, shut = instance.current.host_of, ~everywhere
    for v, numbers in named.items():
        resident = home[v] >= 0 and bool(shut[home[v]])
        key = (*numbers, -1 - int(home[v])) if resident else tuple(numbers)
        if key not in by_key:
            row = np.ones(n_hosts, dtype=np.bool_) if resident else everywhere.copy()
            for k in numbers:
                row &= allows[k]
            by_key[key] = len(rows)
            rows.append(row)
        limit_of[v] = by_key[key]
    return limit_of, rows
