"""Reserve: whether, after every step of a plan, the VMs of any failed hosts find room on those that are on.

Nobody else moves. A VM under way runs on its source and holds room on its target. For each set of hosts that
may fail, VMs are put where they leave least room, the largest first, and, where that fails, by a search that
gives up after a while. What was found is proof; what was not is called not proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.cases import BOOT, MOVE, RESTORE, SAVE, SHUTDOWN, START, PlanCase
from consolidate.checks.placement import unsuitable
from consolidate.checks.rules import broken_rules

__all__ = ["ReserveVerdict", "check_reserve"]

#: Sets of failed hosts times moments that are looked at; more are not proven.
_MOST_CASES = 200_000
#: Partial placements that a search looks at.
_MOST_STEPS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveVerdict:
    """Whether the reserve is proven.

    Parameters
    ----------
    failures
        How many hosts may fail at a time; 0 = any one site.
    proven
        Whether a place was found for everybody at every moment.
    moments
        Moments that were looked at.
    time_s : s
        First moment at which it is not proven; -1 when it is.
    hosts
        Hosts whose failure is not proven to be survived then.
    reason
        In words.
    """

    failures: int
    proven: bool
    moments: int
    time_s: int = -1
    hosts: tuple[int, ...] = ()
    reason: str = ""


def check_reserve(case: PlanCase, *, failures: int = 1, sites: bool = False) -> ReserveVerdict:
    """Look for a place for the VMs of any failed hosts, before the plan and after each of its steps.

    Parameters
    ----------
    case
        The plan.
    failures
        How many hosts fail at a time.
    sites
        All hosts of any one site fail instead.
    """
    moments = sorted({0, *case.actions.end_s.tolist()})
    n = 0 if sites else failures
    hosts = case.placement.hosts
    n_sets = 1 if sites else comb(hosts.n, failures)
    if n_sets * len(moments) > _MOST_CASES:
        reason = f"{n_sets} sets of hosts at {len(moments)} moments are too many to look at"
        return ReserveVerdict(failures=n, proven=False, moments=0, reason=reason)
    for time_s in moments:
        scene = _Scene.at(case, time_s)
        for failed in scene.failures(failures, sites=sites):
            reason = scene.survives(failed)
            if reason:
                return ReserveVerdict(
                    failures=n,
                    proven=False,
                    moments=len(moments),
                    time_s=time_s,
                    hosts=failed,
                    reason=reason,
                )
    return ReserveVerdict(failures=n, proven=True, moments=len(moments))


@dataclass(slots=True)
class _Scene:
    """Who runs where at a moment, what is free, and which hosts are on."""

    case: PlanCase
    where: NDArray[np.int64]
    room: NDArray[np.int64]
    on: NDArray[np.bool_]
    apart: dict[int, set[int]]
    steps: int = 0

    @classmethod
    def at(cls, case: PlanCase, time_s: int) -> _Scene:
        """Return the scene just after all that ends at a time has ended, before anything else begins."""
        a, placement = case.actions, case.placement
        where, on = placement.current.copy(), placement.hosts.powered_on.copy()
        reserved: list[tuple[int, int]] = []
        for i in np.lexsort((a.id, a.start_s)).tolist():
            target, started, ended = int(a.target[i]), a.start_s[i] < time_s, a.end_s[i] <= time_s
            if a.kind[i] in (MOVE, RESTORE) and ended:
                where[a.vm[i]] = target
            elif a.kind[i] == SAVE and ended:
                where[a.vm[i]] = -1
            elif a.kind[i] in (MOVE, RESTORE) and started:
                reserved.append((int(a.vm[i]), target))
            elif a.kind[i] == START and (started or ended):
                where[a.vm[i]] = target
            elif a.kind[i] == BOOT and ended:
                on[target] = True
            elif a.kind[i] == SHUTDOWN and (started or ended):
                on[target] = False
        room = placement.capacity.copy()
        placed = np.flatnonzero(where >= 0)
        np.subtract.at(room, where[placed], placement.need[placed] + placement.overhead[where[placed]])
        for v, h in reserved:
            room[h] -= placement.need[v] + placement.overhead[h]
        apart: dict[int, set[int]] = {}
        for rule in placement.rules:
            for v in rule.vms if rule.name == "spread" else ():
                apart.setdefault(v, set()).update(rule.vms)
        return cls(case=case, where=where, room=room, on=on, apart=apart)

    def failures(self, k: int, *, sites: bool) -> Iterator[tuple[int, ...]]:
        """Yield the sets of hosts that may fail and carry anybody."""
        carry = [h for h in np.flatnonzero(self.on).tolist() if (self.where == h).any()]
        if not sites:
            yield from combinations(carry, min(k, len(carry)))
            return
        site = self.case.placement.hosts.site
        site = np.zeros(len(self.on), dtype=np.int64) if site is None else site
        for s in np.unique(site[carry]).tolist():
            yield tuple(h for h in carry if site[h] == s)

    def survives(self, failed: tuple[int, ...]) -> str:
        """Return why it is not proven that the VMs of failed hosts find room; empty when it is."""
        placement = self.case.placement
        lost = np.flatnonzero(np.isin(self.where, failed))
        left = np.setdiff1d(np.flatnonzero(self.on), failed)
        size = (placement.need / np.maximum(placement.capacity.max(axis=0), 1)).max(axis=1)
        order = lost[np.argsort(-size[lost], kind="stable")].tolist()
        found = self._fit(order, left)
        if found is None:
            return f"no room was found for the {len(order)} VMs of {self._names(failed)}"
        after = self.where.copy()
        after[order] = found
        before = {label for label, _, _ in broken_rules(placement, self.where)}
        broken = [r for r, _, _ in broken_rules(placement, after) if r not in before]
        if broken:
            return f"the room that was found for the VMs of {self._names(failed)} breaks {broken[0]}"
        return ""

    def _names(self, hosts: tuple[int, ...]) -> str:
        return ", ".join(self.case.placement.hosts.name(h) for h in hosts[:5])

    def _fit(self, order: list[int], left: NDArray[np.int64]) -> list[int] | None:
        """Return a host for each VM."""
        if not order:
            return []
        pairs_v = np.repeat(np.array(order, dtype=np.int64), len(left))
        pairs_h = np.tile(left, len(order))
        barred = {i for _, i, _ in unsuitable(self.case.placement, pairs_v, pairs_h)}
        allowed = [
            [
                h
                for j, h in enumerate(left.tolist())
                if k * len(left) + j not in barred and self._permits(v, h)
            ]
            for k, v in enumerate(order)
        ]
        self.steps = 0
        return self._search(order, allowed, self.room.copy(), [])

    def _permits(self, v: int, host: int) -> bool:
        """Say whether the rules about a VM and its hosts, and the VMs that stay, let it be on a host."""
        for rule in self.case.placement.rules:
            if v not in rule.vms:
                continue
            if rule.name == "fence" and host not in rule.hosts:
                return False
            if rule.name == "ban" and host in rule.hosts:
                return False
        return not any(u != v and self.where[u] == host for u in self.apart.get(v, ()))

    def _search(
        self, order: list[int], allowed: list[list[int]], room: NDArray[np.int64], found: list[int]
    ) -> list[int] | None:
        k = len(found)
        if k == len(order):
            return found
        placement = self.case.placement
        fits = []
        mates = self.apart.get(order[k], set())
        taken = {h for u, h in zip(order, found, strict=False) if u in mates}
        for h in allowed[k]:
            if h in taken:
                continue
            rest = room[h] - placement.need[order[k]] - placement.overhead[h]
            if (rest >= 0).all():
                fits.append((float((rest / np.maximum(placement.capacity[h], 1)).sum()), h))
        for _, h in sorted(fits):
            self.steps += 1
            if self.steps > _MOST_STEPS + len(order):
                return None
            amount = placement.need[order[k]] + placement.overhead[h]
            room[h] -= amount
            done = self._search(order, allowed, room, [*found, h])
            room[h] += amount
            if done is not None:
                return done
        return None
