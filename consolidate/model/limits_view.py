"""The rules that depend on who else is there, as the arrays that kernels read."""

from __future__ import annotations

from collections.abc import Sequence
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
    from consolidate.model.instance import Instance

__all__ = ["kernel_limits", "kernel_taken", "lists_of", "rule_lists"]

_NO_LIMIT = np.iinfo(np.int32).max


def rule_lists(instance: Instance) -> dict[str, NDArray[np.int32]]:
    """Return the rules as lists; names and meaning are those of ``consolidate._kernels.limits.LISTS``."""
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
    n_groups = len(groups.members)
    pointer, group = _members(groups.members, instance.need.shape[0])
    pairs = np.array(groups.pairs, dtype=np.int64).reshape(-1, 3)
    with_pointer, with_at = _rows(pairs[:, 0], np.arange(len(pairs)), n_groups)
    under_pointer, under_at = _rows(pairs[:, 1], np.arange(len(pairs)), n_groups)
    sets = [rule for rule in instance.rules if isinstance(rule, MaxOnline)]
    set_pointer, host_set = _members([rule.hosts for rule in sets], instance.fleet.n_hosts)
    return {
        "pointer": pointer,
        "group": group,
        "most": np.array(groups.most, dtype=np.int32),
        "with_pointer": with_pointer,
        "with_group": pairs[with_at, 1].astype(np.int32),
        "with_most": pairs[with_at, 2].astype(np.int32),
        "under_pointer": under_pointer,
        "under_group": pairs[under_at, 0].astype(np.int32),
        "under_most": pairs[under_at, 2].astype(np.int32),
        "set_pointer": set_pointer,
        "host_set": host_set,
        "set_most": np.array([rule.most for rule in sets], dtype=np.int32),
        **_zone_lists(instance),
    }


def _zone_lists(instance: Instance) -> dict[str, NDArray[np.int32]]:
    rules = [rule for rule in instance.rules if isinstance(rule, Among | SplitAmong)]
    zone = np.full((len(rules), instance.fleet.n_hosts), -1, dtype=np.int32)
    flocks: list[tuple[int, ...]] = []
    first = [0]
    for number, rule in enumerate(rules):
        for k, hosts in enumerate(rule.zones):
            zone[number, list(hosts)] = k
        flocks += rule.parts if isinstance(rule, SplitAmong) else [rule.vms]
        first.append(len(flocks))
    pointer, flock = _members(flocks, instance.need.shape[0])
    return {
        "flock_pointer": pointer,
        "flock": flock,
        "zone_rule": np.repeat(np.arange(len(rules), dtype=np.int32), np.diff(first)),
        "first_flock": np.array(first, dtype=np.int32),
        "apart": np.array([isinstance(rule, SplitAmong) for rule in rules], dtype=np.int32),
        "zone": zone.ravel(),
    }


def kernel_limits(instance: Instance) -> Limits:
    """Return the fixed arrays; see :class:`consolidate._kernels.limits.Limits`."""
    from consolidate._kernels.limits import LISTS, Limits

    lists = rule_lists(instance)
    start = np.zeros(len(LISTS) + 1, dtype=np.int64)
    start[1:] = np.cumsum([len(lists[name]) for name in LISTS])
    return Limits(
        named=(np.diff(lists["pointer"]) > 0) | (np.diff(lists["flock_pointer"]) > 0),
        counted=(np.diff(lists["set_pointer"]) > 0) & ~instance.stays_on(),
        data=np.concatenate([lists[name] for name in LISTS]),
        start=start,
    )


def lists_of(limits: Limits) -> dict[str, NDArray[np.int32]]:
    """Return the lists of limits by name, as views."""
    from consolidate._kernels.limits import LISTS

    bounds = zip(limits.start[:-1], limits.start[1:], strict=True)
    return {name: limits.data[a:b] for name, (a, b) in zip(LISTS, bounds, strict=True)}


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


def _members(sets: Sequence[Sequence[int]], n_rows: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return, as compressed rows, the sets that each member is in."""
    owner = np.repeat(np.arange(len(sets), dtype=np.int64), [len(s) for s in sets])
    return _rows(np.array([x for s in sets for x in s], dtype=np.int64), owner, n_rows)


def _rows(
    key: NDArray[np.int64], value: NDArray[np.int64], n_rows: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return compressed rows: the values of each key, in ascending order of their position."""
    order = np.argsort(key, kind="stable")
    pointer = np.zeros(n_rows + 1, dtype=np.int32)
    pointer[1:] = np.cumsum(np.bincount(key, minlength=n_rows)[:n_rows])
    return pointer, value[order].astype(np.int32)


def kernel_taken(
    instance: Instance, limits: Limits, host_of: NDArray[np.int32], *, times: int = 1
) -> Taken:
    """Return what counts against the limits in a placement, shape of ``host_of`` ``(vms,)``.

    ``times`` is on how many hosts a VM may count at once; during a move there are two.
    """
    from consolidate._kernels.counts import empty_table
    from consolidate._kernels.limits import Taken, switch
    from consolidate._kernels.zones import join_company

    lists = lists_of(limits)
    keys, counts = empty_table(times * len(lists["group"]))
    n_zones = int(lists["zone"].max(initial=-1)) + 1
    taken = Taken(
        keys=keys,
        counts=counts,
        online=np.zeros(len(lists["set_most"]), dtype=np.int32),
        in_zone=np.zeros((len(lists["zone_rule"]), n_zones + 1), dtype=np.int32),
    )
    if len(taken.online):
        for h in np.flatnonzero(instance.stays_on()):
            taken.online[lists["host_set"][slice(*lists["set_pointer"][h : h + 2])]] += 1
        used = np.unique(host_of[host_of >= 0])
        for h in used[limits.counted[used]]:
            switch(limits, taken, h, 1)
    for v in np.flatnonzero((host_of >= 0) & limits.named):
        join_company(limits, taken, v, int(host_of[v]), 1)
    return taken
