"""What keeps a host on: the fewest of its VMs that find no other place, and the rules without which they would.

Everybody else stays where the placement has them. A set of VMs finds no place when no assignment to the other
hosts in use satisfies room and rules, by a search through all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from consolidate.model import Instance, Placement, Rule
from consolidate.study.why.places import Places
from consolidate.units import mj_to_kwh

__all__ = ["HostReason", "why_hosts"]

#: Pairs of VMs that are tried before a minimal set is taken, whose size need not be the least.
_MOST_PAIRS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReason:
    """Why one host is on.

    Parameters
    ----------
    host
        Index of the host.
    kind
        ``must``: it may not be switched off, whatever it carries. ``no_place``: ``vms`` find no place on
        the other hosts in use. ``price``: they would, but that costs more energy than it saves.
        ``missed``: they would, and it would save energy: the placement is not the best. ``unknown``: the
        search was too large.
    vms
        The fewest VMs of the host that find no place; none of them can be left out.
    rules
        Numbers of the rules without which they would find one; none = room alone.
    smallest
        Whether no smaller set of its VMs has that property; else none can be left out of this one.
    change_mj : mJ
        For ``price`` and ``missed``: what emptying the host would add to the energy over the horizon.
    """

    host: int
    kind: Literal["must", "no_place", "price", "missed", "unknown"]
    vms: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()
    smallest: bool = True
    change_mj: int = 0

    def sentence(self, instance: Instance) -> str:
        """Return the reason in words, with names."""
        name = instance.fleet.host_ids[self.host]
        who = ", ".join(instance.vms.ids[v] for v in self.vms)
        if self.kind == "must":
            return f"{name} may not be switched off, or not for long enough to pay"
        if self.kind == "unknown":
            return f"{name}: too many ways to place its VMs elsewhere; not decided"
        if self.kind != "no_place":
            kwh = mj_to_kwh(abs(self.change_mj))
            if self.kind == "price":
                return f"{name} could be emptied, which costs {kwh:.3f} kWh more than it saves"
            return (
                f"{name} could be emptied, which would save {kwh:.3f} kWh: the placement is not the best"
            )
        because = "for lack of room"
        if self.rules:
            named = ", ".join(f"{instance.rules[k].name}[{k}]" for k in self.rules)
            because = f"because of {named} and the room that is left"
        least = "" if self.smallest else ", none of them can be left out"
        return f"{name} stays on for {who} ({because}{least})"


def why_hosts(
    instance: Instance, placement: Placement, *, hosts: Iterable[int] | None = None
) -> tuple[HostReason, ...]:
    """Say of each host that is on in a placement what keeps it on.

    Parameters
    ----------
    instance, placement
        The problem and its answer.
    hosts
        Hosts to explain; default all that are on.
    """
    must = instance.stays_on()
    used = np.zeros(instance.fleet.n_hosts, dtype=np.bool_)
    used[placement.used_hosts()] = True
    asked = (
        np.flatnonzero(used | must).tolist()
        if hosts is None
        else [h for h in hosts if used[h] or must[h]]
    )
    places = Places(instance, placement)
    return tuple(
        HostReason(host=h, kind="must") if must[h] else _reason(instance, placement, places, h)
        for h in asked
    )


def _reason(instance: Instance, placement: Placement, places: Places, host: int) -> HostReason:
    residents = np.flatnonzero(placement.host_of == host).tolist()
    found = places.elsewhere(host, residents)
    if found:
        host_of = np.array(placement.host_of)
        for v, h in found.items():
            host_of[v] = h
        moved = instance.energy(Placement(host_of=host_of)).total_mj
        change_mj = moved - instance.energy(placement).total_mj
        kind: Literal["price", "missed"] = "price" if change_mj >= 0 else "missed"
        return HostReason(host=host, kind=kind, change_mj=change_mj)
    try:
        vms, smallest = _fewest(places, host, residents)
        rules = _needed_rules(instance, placement, host, vms)
    except _UndecidedError:
        return HostReason(host=host, kind="unknown")
    return HostReason(host=host, kind="no_place", vms=tuple(vms), rules=rules, smallest=smallest)


class _UndecidedError(Exception):
    """A search was given up."""


def _is_stuck(places: Places, host: int, vms: Sequence[int]) -> bool:
    found = places.elsewhere(host, vms)
    if found is None:
        raise _UndecidedError
    return not found


def _fewest(places: Places, host: int, residents: Sequence[int]) -> tuple[list[int], bool]:
    """Return VMs that find no place together, as few as was found, and whether there are no fewer."""

    def stuck(vms: Sequence[int]) -> bool:
        return bool(vms) and _is_stuck(places, host, vms)

    if not stuck(residents):
        raise _UndecidedError
    for v in residents:
        if stuck([v]):
            return [v], True
    few = len(residents) * (len(residents) - 1) // 2 <= _MOST_PAIRS
    for pair in combinations(residents, 2) if few else ():
        if stuck(pair):
            return list(pair), True
    kept = list(residents)
    for v in residents:
        fewer = [u for u in kept if u != v]
        if stuck(fewer):
            kept = fewer
    return kept, len(kept) <= (3 if few else 2)


def _needed_rules(
    instance: Instance, placement: Placement, host: int, vms: Sequence[int]
) -> tuple[int, ...]:
    """Return rules that, with room, leave the VMs no place; none of them can be left out."""
    kept = list(range(len(instance.rules)))

    def stuck(numbers: Sequence[int]) -> bool:
        rules: tuple[Rule, ...] = tuple(instance.rules[k] for k in numbers)
        return _is_stuck(Places(replace(instance, rules=rules), placement), host, vms)

    if stuck([]):
        return ()
    # Whole halves first: of hundreds of rules, few have to do with these VMs.
    size = len(kept)
    while size >= 1:
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            if len(fewer) < len(kept) and stuck(fewer):
                kept = fewer
                break
        else:
            size //= 2
    return tuple(kept)
