"""Gathered VMs as one: whoever must share a host is placed as a single item.

The first VM of each bundle stands for all of it: it needs what they need together, and may be where each of
them may be. No policy then has to know the rule, and none can break it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import UnsupportedError
from consolidate.model import (
    Among,
    Fence,
    Gather,
    Instance,
    Interference,
    LicenceGroup,
    Lonely,
    Placement,
    Rule,
    Split,
    SplitAmong,
    Spread,
)

__all__ = ["Condensed", "condense"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condensed:
    """An instance in which each bundle of gathered VMs is one VM.

    Parameters
    ----------
    instance
        Same VMs and hosts; of each bundle only the first VM is active.
    first_of
        The VM that stands for each VM, shape ``(vms,)``.
    exact
        Whether energy and room are those of the original: the VMs of a bundle come from one host, and
        overheads per VM do not differ between hosts. Otherwise bounds do not carry over.
    same_room
        Whether at least the room is that of the original. Then the same placements are possible, so a
        proof that there is none carries over.
    impossible
        Why no placement exists, if that shows already.
    blocking
        VMs that make it impossible.
    """

    instance: Instance
    first_of: NDArray[np.int64]
    exact: bool
    same_room: bool
    impossible: str = ""
    blocking: tuple[int, ...] = ()

    def expand(self, host_of: NDArray[np.int32], active: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the host of every active VM, given the hosts of those that stand for them."""
        full: NDArray[np.int32] = np.where(active, host_of[self.first_of], -1).astype(np.int32)
        return full


def condense(instance: Instance) -> Condensed | None:
    """Return the instance with one VM per bundle, or ``None`` if no rule gathers.

    Raises
    ------
    UnsupportedError
        When an interference rule counts several VMs of one bundle.
    """
    if not any(isinstance(rule, Gather) for rule in instance.rules):
        return None
    # A rule with at most one active VM asks for nothing, and is left out like the others.
    bundles = _bundles(instance)
    first_of = np.arange(len(instance.vms), dtype=np.int64)
    for members in bundles:
        first_of[members] = members[0]
    _refuse_counted_bundles(instance, first_of)
    parts = _Parts(instance)
    for members in bundles:
        parts.merge(np.array(members, dtype=np.int64))
    impossible, blocking = parts.impossible, parts.blocking
    for rule in instance.rules:
        torn = _torn(rule, bundles)
        if torn:
            blocking = tuple(torn)
            impossible = f"gather and {rule.name} ask the opposite of the same VMs"
    merged = (
        instance
        if impossible
        else replace(
            instance,
            need=parts.need,
            load_mcores=np.minimum(parts.load, parts.need[:, 0]),
            move_mj=parts.move_mj,
            current=Placement(host_of=parts.home),
            active=parts.active,
            movable=parts.movable,
            rules=(*_renamed(instance, first_of), *parts.fences),
        )
    )
    return Condensed(
        instance=merged,
        first_of=first_of,
        exact=parts.exact,
        same_room=parts.same_room,
        impossible=impossible,
        blocking=blocking,
    )


def _bundles(instance: Instance) -> list[list[int]]:
    """Return the sets of active VMs that must share a host, ascending; rules that overlap are one."""
    root: dict[int, int] = {}

    def find(v: int) -> int:
        while root.setdefault(v, v) != v:
            root[v] = root[root[v]]
            v = root[v]
        return v

    for rule in instance.rules:
        if isinstance(rule, Gather):
            members = [v for v in rule.vms if instance.active[v]]
            for v in members[1:]:
                one, other = find(members[0]), find(v)
                root[max(one, other)] = min(one, other)
    together: dict[int, list[int]] = {}
    for v in sorted(root):
        together.setdefault(find(v), []).append(v)
    return [members for _, members in sorted(together.items()) if len(members) > 1]


def _torn(rule: Rule, bundles: list[list[int]]) -> list[int]:
    """Return the VMs of the first bundle that a rule wants on several hosts."""
    for members in bundles:
        if isinstance(rule, Spread) and len(set(rule.vms) & set(members)) > 1:
            return members
        if isinstance(rule, Lonely) and 0 < len(set(rule.vms) & set(members)) < len(members):
            return members
        parts = rule.parts if isinstance(rule, Split | SplitAmong) else ()
        if sum(bool(set(part) & set(members)) for part in parts) > 1:
            return members
    return []


class _Parts:
    """The arrays of the condensed instance, merged bundle by bundle."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.mask_of, self.masks = instance.host_masks()
        self.need = instance.need.copy()
        self.load = instance.load_mcores.copy()
        self.move_mj = instance.move_mj.copy()
        self.home = instance.current.host_of.copy()
        self.active = instance.active.copy()
        self.movable = instance.movable.copy()
        self.fences: list[Rule] = []
        self.exact = self.same_room = True
        self.impossible = ""
        self.blocking: tuple[int, ...] = ()

    def merge(self, members: NDArray[np.int64]) -> None:
        instance, first = self.instance, int(members[0])
        allowed = np.flatnonzero(self.masks[self.mask_of[members]].all(axis=0))
        if allowed.size == 0:
            self.impossible = "no host may carry all VMs of a gather rule"
            self.blocking = tuple(members.tolist())
            allowed = np.arange(instance.fleet.n_hosts)
        extra = len(members) - 1
        overhead = instance.vm_overhead[allowed]
        of_type = [t.hypervisor.per_vm_mcores for t in instance.fleet.types]
        per_vm = np.array(of_type, dtype=np.int64)[instance.fleet.host_type[allowed]]
        self.need[first] = instance.need[members].sum(axis=0) + extra * overhead.max(axis=0)
        self.load[first] = instance.load_mcores[members].sum() + extra * per_vm.max()
        home, self.move_mj[first] = self._home(members)
        uniform = bool((overhead == overhead[0]).all() and (per_vm == per_vm[0]).all())
        self.same_room &= uniform
        self.exact &= uniform and bool((instance.current.host_of[members] == home).all())
        self.home[members] = -1
        self.home[first] = home
        self.active[members[1:]] = False
        self.movable[first] = True
        self.fences.append(Fence(vms=(first,), hosts=tuple(allowed.tolist())))

    def _home(self, members: NDArray[np.int64]) -> tuple[int, int]:
        """Return the host that it costs most to leave, and that energy."""
        at, move_mj = self.instance.current.host_of[members], self.instance.move_mj[members]
        costs = {int(h): int(move_mj[at == h].sum()) for h in np.unique(at[at >= 0])}
        if not costs:
            return -1, 0
        home = min(costs, key=lambda h: (-costs[h], h))
        return home, costs[home]


def _renamed(instance: Instance, first_of: NDArray[np.int64]) -> tuple[Rule, ...]:
    """Return the rules that speak of several VMs, or of hosts, for the VMs that stand for others.

    Fence, ban and root stay as they are: they speak of single VMs, and of those that no longer are active
    the fence of their bundle speaks.
    """

    def renamed(vms: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(first_of[list(vms)].tolist())

    rules: list[Rule] = []
    for rule in instance.rules:
        if isinstance(rule, Spread | Lonely | Among):
            rules.append(replace(rule, vms=renamed(rule.vms)))
        elif isinstance(rule, LicenceGroup):
            # Whoever is joined to others has left a host that counts.
            past = rule.hosts_of(instance.current).values() if rule.continuous else ()
            rules.append(replace(rule, vms=renamed(rule.vms), hosts=(*rule.hosts, *past)))
        elif isinstance(rule, Interference):
            rules.append(replace(rule, vms=renamed(rule.vms), others=renamed(rule.others)))
        elif isinstance(rule, Split | SplitAmong):
            rules.append(replace(rule, parts=tuple(renamed(part) for part in rule.parts)))
        elif not isinstance(rule, Gather):
            rules.append(rule)
    return tuple(rules)


def _refuse_counted_bundles(instance: Instance, first_of: NDArray[np.int64]) -> None:
    for rule in instance.rules:
        if isinstance(rule, Interference):
            firsts = first_of[[v for v in rule.others if instance.active[v]]]
            if len(np.unique(firsts)) < len(firsts):
                feature = "interference that counts several VMs of one gather rule"
                raise UnsupportedError(feature, who="solve", supported_by=())
