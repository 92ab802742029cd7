"""Placement rules as constraints of the exact model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from consolidate.model import (
    Among,
    Instance,
    Interference,
    LicenceGroup,
    Lonely,
    MaxOnline,
    Placement,
    Rule,
    SharedCapacity,
    Split,
    SplitAmong,
    Spread,
)

__all__ = ["add_rules"]


def add_rules(
    model: Any, instance: Instance, x: dict[tuple[int, int], Any], hosting_of: dict[int, Any]
) -> None:
    """Add every rule that the masks do not say already.

    Parameters
    ----------
    model
        A CP-SAT model.
    instance
        The instance.
    x
        Literal of each VM and host that may carry it.
    hosting_of
        Literal of each host that may carry a VM.
    """
    adder = _Adder(model, instance, x, hosting_of)
    for rule in instance.rules:
        adder.add(rule)


class _Adder:
    def __init__(
        self,
        model: Any,
        instance: Instance,
        x: dict[tuple[int, int], Any],
        hosting_of: dict[int, Any],
    ) -> None:
        self.model, self.instance, self.x, self.hosting_of = model, instance, x, hosting_of
        self.hosts = range(instance.fleet.n_hosts)

    def add(self, rule: Rule) -> None:
        if isinstance(rule, MaxOnline):
            self._online(rule)
        elif isinstance(rule, Spread):
            for h in self.hosts:
                self.model.add_at_most_one(self._here(rule.vms, h))
        elif isinstance(rule, Interference):
            self._limit(rule.vms, rule.others, rule.most)
        elif isinstance(rule, Lonely):
            own = set(rule.vms)
            strangers = [v for v in range(len(self.instance.vms)) if v not in own]
            self._limit(rule.vms, strangers, 0)
        elif isinstance(rule, Split):
            for h in self.hosts:
                self.model.add_at_most_one(self._any(self._here(part, h)) for part in rule.parts)
        elif isinstance(rule, Among):
            self._flocks([rule.vms], rule.zones)
        elif isinstance(rule, SplitAmong):
            self._flocks(rule.parts, rule.zones)
        elif isinstance(rule, LicenceGroup):
            self._licences(rule)
        elif isinstance(rule, SharedCapacity):
            self._share(rule)

    def _licences(self, rule: LicenceGroup) -> None:
        """Count each host that one of the VMs touches; those of the past are no choice any more."""
        nowhere = Placement(host_of=np.full(len(self.instance.vms), -1, dtype=np.int32))
        past = rule.touched(nowhere, self.instance)
        total: Any = sum(rule.size(h, self.instance) for h in past)
        for h in self.hosts:
            if h not in past and (here := self._here(rule.vms, h)):
                total += rule.size(h, self.instance) * self._any(here)
        self.model.add(total <= rule.most)

    def _share(self, rule: SharedCapacity) -> None:
        k, hosts = self.instance.resources.index(rule.resource), set(rule.hosts)
        need, overhead = self.instance.need[:, k], self.instance.vm_overhead[:, k]
        taken: Any = sum(int(need[v] + overhead[h]) * x for (v, h), x in self.x.items() if h in hosts)
        self.model.add(taken <= rule.most)

    def _here(self, vms: Sequence[int], h: int) -> list[Any]:
        return [self.x[v, h] for v in vms if (v, h) in self.x]

    def _any(self, literals: list[Any]) -> Any:
        """Return a literal that is true when one of them is."""
        anyone = self.model.new_bool_var("")
        for literal in literals:
            self.model.add_implication(literal, anyone)
        return anyone

    def _online(self, rule: MaxOnline) -> None:
        forced = self.instance.stays_on()
        always = sum(bool(forced[h]) for h in rule.hosts)
        others = [self.hosting_of[h] for h in rule.hosts if h in self.hosting_of and not forced[h]]
        self.model.add(sum(others) <= rule.most - always)

    def _limit(self, vms: Sequence[int], others: Sequence[int], most: int) -> None:
        for h in self.hosts:
            here, counted = self._here(vms, h), self._here(others, h)
            if here and len(counted) > most:
                self.model.add(sum(counted) <= most).only_enforce_if(self._any(here))

    def _flocks(self, parts: Sequence[Sequence[int]], zones: Sequence[Sequence[int]]) -> None:
        """Keep each part within one zone, and each zone to one part."""
        zone_of = {h: k for k, zone in enumerate(zones) for h in zone}
        chosen = [[self.model.new_bool_var("") for _ in zones] for _ in parts]
        for part, mine in zip(parts, chosen, strict=True):
            self.model.add_exactly_one(mine)
            for v in part:
                for h in self.hosts:
                    if (v, h) in self.x:
                        self.model.add_implication(self.x[v, h], mine[zone_of[h]])
        if len(parts) > 1:
            for k in range(len(zones)):
                # A part without active VMs claims a zone for nothing: only parts that have some count.
                real = [
                    mine[k]
                    for part, mine in zip(parts, chosen, strict=True)
                    if self.instance.active[list(part)].any()
                ]
                self.model.add_at_most_one(real)
