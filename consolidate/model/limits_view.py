"""The rules that depend on who else is there, as the arrays that kernels read."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.model.rules import (
    Among,
    Interference,
    Lonely,
    MaxOnline,
    Split,
    SplitAmong,
    Spread,
)

if TYPE_CHECKING:
    from consolidate._kernels.limits import Limits, Taken
    from consolidate._kernels.zones import Zones
    from consolidate.model.instance import Instance

__all__ = ["kernel_limits", "kernel_taken"]

_NO_LIMIT = np.iinfo(np.int32).max


def kernel_limits(instance: Instance) -> Limits:
    """Return the fixed arrays; see :class:`consolidate._kernels.limits.Limits`."""
    from consolidate._kernels.limits import Limits

    groups = _Groups()
    for rule in instance.rules:
        if isinstance(rule, Spread):
            groups.limit(rule.vms, 1)
        elif isinstance(rule, Interference):
            groups.pair(rule.vms, rule.others, rule.most)
        elif isinstance(rule, Lonely):
            own = set(rule.vms)
            groups.pair(rule.vms, tuple(v for v in range(len(instance.vms)) if v not in own), 0)
        elif isinstance(rule, Split):
            for one, other in combinations(rule.parts, 2):
                groups.pair(one, other, 0)
    n_groups, n_vms = len(groups.members), instance.need.shape[0]
    sizes = [len(m) for m in groups.members]
    owner = np.repeat(np.arange(n_groups, dtype=np.int64), sizes)
    member = np.array([v for m in groups.members for v in m], dtype=np.int64)
    pointer, group = _rows(member, owner, n_vms)
    pairs = np.array(groups.pairs, dtype=np.int64).reshape(-1, 3)
    with_pointer, with_at = _rows(pairs[:, 0], np.arange(len(pairs)), n_groups)
    under_pointer, under_at = _rows(pairs[:, 1], np.arange(len(pairs)), n_groups)
    sets = [rule for rule in instance.rules if isinstance(rule, MaxOnline)]
    set_owner = np.repeat(np.arange(len(sets), dtype=np.int64), [len(r.hosts) for r in sets])
    set_hosts = np.array([h for r in sets for h in r.hosts], dtype=np.int64)
    set_pointer, host_set = _rows(set_hosts, set_owner, instance.fleet.n_hosts)
    zones = _zones(instance)
    stays_on = instance.stays_on()
    return Limits(
        pointer=pointer,
        group=group,
        most=np.array(groups.most, dtype=np.int32),
        with_pointer=with_pointer,
        with_group=pairs[with_at, 1].astype(np.int32),
        with_most=pairs[with_at, 2].astype(np.int32),
        under_pointer=under_pointer,
        under_group=pairs[under_at, 0].astype(np.int32),
        under_most=pairs[under_at, 2].astype(np.int32),
        set_pointer=set_pointer,
        host_set=host_set,
        set_most=np.array([r.most for r in sets], dtype=np.int32),
        named=(np.diff(pointer) > 0) | (np.diff(zones.pointer) > 0),
        counted=(np.diff(set_pointer) > 0) & ~stays_on,
        stays_on=stays_on,
        zones=zones,
    )


def _zones(instance: Instance) -> Zones:
    from consolidate._kernels.zones import Zones

    rules = [rule for rule in instance.rules if isinstance(rule, Among | SplitAmong)]
    zone = np.full((len(rules), instance.fleet.n_hosts), -1, dtype=np.int16)
    flocks: list[tuple[int, ...]] = []
    first = [0]
    for number, rule in enumerate(rules):
        for k, hosts in enumerate(rule.zones):
            zone[number, list(hosts)] = k
        flocks += rule.parts if isinstance(rule, SplitAmong) else [rule.vms]
        first.append(len(flocks))
    owner = np.repeat(np.arange(len(flocks), dtype=np.int64), [len(f) for f in flocks])
    member = np.array([v for f in flocks for v in f], dtype=np.int64)
    pointer, flock = _rows(member, owner, instance.need.shape[0])
    return Zones(
        pointer=pointer,
        flock=flock,
        rule_of=np.repeat(np.arange(len(rules)), np.diff(first)).astype(np.int32),
        first=np.array(first, dtype=np.int32),
        apart=np.array([isinstance(rule, SplitAmong) for rule in rules], dtype=np.bool_),
        zone=zone,
    )


class _Groups:
    """Sets of VMs, each numbered once however many rules name it."""

    def __init__(self) -> None:
        self.by_members: dict[tuple[int, ...], int] = {}
        self.members: list[tuple[int, ...]] = []
        self.most: list[int] = []
        self.pairs: list[tuple[int, int, int]] = []

    def number(self, members: tuple[int, ...]) -> int:
        if members not in self.by_members:
            self.by_members[members] = len(self.members)
            self.members.append(members)
            self.most.append(_NO_LIMIT)
        return self.by_members[members]

    def limit(self, members: tuple[int, ...], most: int) -> None:
        """At most so many of the members share a host."""
        group = self.number(members)
        self.most[group] = min(self.most[group], most)

    def pair(self, one: tuple[int, ...], other: tuple[int, ...], most: int) -> None:
        """Where one is, at most so many of the other are."""
        if one == other:
            self.limit(one, most)
        elif one and other:
            self.pairs.append((self.number(one), self.number(other), most))


def _rows(
    key: NDArray[np.int64], value: NDArray[np.int64], n_rows: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return compressed rows: the values of each key, in ascending order of their position."""
    order = np.argsort(key, kind="stable")
    pointer = np.zeros(n_rows + 1, dtype=np.int32)
    pointer[1:] = np.cumsum(np.bincount(key, minlength=n_rows)[:n_rows])
    return pointer, value[order].astype(np.int32)


def kernel_taken(limits: Limits, host_of: NDArray[np.int32]) -> Taken:
    """Return what counts against the limits in a placement, shape of ``host_of`` ``(vms,)``."""
    from consolidate._kernels.counts import empty_table
    from consolidate._kernels.limits import Taken, join_groups, switch
    from consolidate._kernels.zones import InZone

    keys, counts = empty_table(len(limits.group))
    online = np.zeros(len(limits.set_most), dtype=np.int32)
    zones = limits.zones
    most_zones = int(zones.zone.max(initial=0)) + 1
    in_zone = InZone(
        members=np.zeros((len(zones.rule_of), most_zones), dtype=np.int32),
        total=np.zeros(len(zones.rule_of), dtype=np.int32),
    )
    taken = Taken(keys=keys, counts=counts, online=online, in_zone=in_zone)
    if len(limits.set_most):
        always = np.flatnonzero(limits.stays_on)
        for h in always:
            for i in range(limits.set_pointer[h], limits.set_pointer[h + 1]):
                online[limits.host_set[i]] += 1
        used = np.unique(host_of[host_of >= 0])
        for h in used[limits.counted[used]]:
            switch(limits, taken, h, 1)
    if limits.named.any():
        for v in np.flatnonzero((host_of >= 0) & limits.named):
            join_groups(limits, taken, v, host_of[v], 1)
    return taken
