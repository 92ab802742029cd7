"""Rules about company and zones, judged on one moment: who is where, and what is wrong with that.

``interference``: on a host with one of its VMs, at most ``most`` of its others. ``lonely``: on a host with
one of its VMs, nobody else. ``split``: on each host, VMs of one part only. ``among``: its VMs within one of
its zones. ``split_among``: each part within one zone, each zone with one part only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from consolidate.checks.cases import PlacementCase, PlacementRule

__all__ = ["COMPANY_RULES", "company_faults"]

COMPANY_RULES = ("interference", "lonely", "split", "among", "split_among")

#: Hosts of each VM at a moment: none, one, or two during a move.
Moment = Mapping[int, frozenset[int]]


def company_faults(
    case: PlacementCase, rule: PlacementRule, at: Moment
) -> dict[tuple[str, int], tuple[int, str]]:
    """Return the faults of a rule at a moment: what and where -> how bad, and in words."""
    if rule.name == "interference":
        return dict(_crowds(case, rule, at, set(rule.others), "of its other VMs"))
    if rule.name == "lonely":
        return dict(_crowds(case, rule, at, set(at) - set(rule.vms), "strangers"))
    if rule.name == "split":
        return dict(_mixtures(case, rule, at))
    return dict(_strays(case, rule, at))


Fault = tuple[tuple[str, int], tuple[int, str]]


def _crowds(
    case: PlacementCase, rule: PlacementRule, at: Moment, counted: set[int], who: str
) -> Iterator[Fault]:
    own = {h for v in rule.vms for h in at.get(v, ())}
    counts: dict[int, int] = {}
    for v in counted:
        for h in at.get(v, ()):
            if h in own:
                counts[h] = counts.get(h, 0) + 1
    for h, n in sorted(counts.items()):
        if n > rule.most:
            message = (
                f"{n} {who} on host {case.hosts.name(h)} beside its VMs, at most {rule.most} may be"
            )
            yield ("host", h), (n, message)


def _mixtures(case: PlacementCase, rule: PlacementRule, at: Moment) -> Iterator[Fault]:
    parts: dict[int, set[int]] = {}
    for k, part in enumerate(rule.parts):
        for v in part:
            for h in at.get(v, ()):
                parts.setdefault(h, set()).add(k)
    for h, found in sorted(parts.items()):
        if len(found) > 1:
            yield ("host", h), (len(found), f"VMs of {len(found)} parts share host {case.hosts.name(h)}")


def _strays(case: PlacementCase, rule: PlacementRule, at: Moment) -> Iterator[Fault]:
    """Yield VMs outside all zones, parts in several zones, and zones with several parts."""
    zone_of = {h: k for k, zone in enumerate(rule.zones) for h in zone}
    within: dict[int, int] = {}
    for number, part in enumerate(rule.parts or (rule.vms,)):
        found = set()
        for v in part:
            for h in at.get(v, ()):
                if h in zone_of:
                    found.add(zone_of[h])
                else:
                    message = f"VM {case.vms.name(v)} is on host {case.hosts.name(h)}, outside its zones"
                    yield ("vm", v), (1, message)
        if len(found) > 1:
            yield ("part", number), (len(found), f"its part {number} is in {len(found)} zones")
        for zone in found:
            within[zone] = within.get(zone, 0) + 1
    for zone, n in sorted(within.items()):
        if n > 1:
            yield ("zone", zone), (n, f"{n} of its parts are in zone {zone}")
