"""VMs that are on no host yet: where they have room for good, and from when on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from consolidate.model import Boot, Lonely, Migration, Restore, Save, Start
from consolidate.model.action import Action
from consolidate.planning.problem import Problem

__all__ = ["hosts_to_boot", "start_vms", "started"]

#: Rules that speak of a VM and its hosts alone; whatever else happens meanwhile, they hold.
_ALONE = frozenset({"ban", "fence", "root", "preserve", "running"})


def started(problem: Problem) -> NDArray[np.int64]:
    """Return the VMs that are on no host now and on one in the target, ascending."""
    return np.flatnonzero((problem.places < 0) & (problem.target.host_of >= 0))


def hosts_to_boot(problem: Problem) -> list[int]:
    """Return the hosts that are off although VMs are to be started there, ascending."""
    hosts = np.unique(problem.target.host_of[started(problem)])
    return [h for h in hosts.tolist() if not problem.instance.fleet.powered_on[h]]


def start_vms(problem: Problem, actions: Iterable[Action], boots: dict[int, Boot]) -> list[Action]:
    """Return a start for each VM that is on no host yet, as early as there is room that stays.

    A VM starts when its host is on and has room for it at every later moment of the plan. One that a rule
    about company names starts when all moves have ended: the target keeps the rule, whoever is missing.

    Parameters
    ----------
    problem
        What is planned.
    actions
        Boots and moves that the plan makes.
    boots
        The boot of each host that is booted.
    """
    instance, vms = problem.instance, started(problem)
    if not vms.size:
        return []
    made = list(actions)
    moves = [a for a in made if isinstance(a, Migration | Restore | Save)]
    last_s = max((move.end_s for move in moves), default=0)
    lasts_s = max(1, math.ceil(instance.moves.restart_s))
    late = _company(problem)
    number = max((a.id for a in made), default=0)
    rooms: dict[int, _Room] = {}
    found: list[Action] = []
    for v in sorted(vms.tolist(), key=lambda v: (v in late, v)):
        host = int(problem.target.host_of[v])
        if host not in rooms:
            rooms[host] = _Room(problem, moves, boots.get(host), host)
        start_s = rooms[host].take(v, not_before_s=last_s if v in late else 0)
        number += 1
        found.append(
            Start(
                id=number,
                vm=v,
                host=host,
                start_s=start_s,
                end_s=start_s + lasts_s,
                after=tuple(move.id for move in moves) if v in late else rooms[host].before(start_s),
            )
        )
    return found


def _company(problem: Problem) -> set[int]:
    """Return the VMs to start for which it matters who else is where while the plan is carried out."""
    rules = [rule for rule in problem.instance.rules if rule.continuous and rule.name not in _ALONE]
    if any(isinstance(rule, Lonely) for rule in rules):
        return set(started(problem).tolist())
    return {v for rule in rules for v in (*rule.vms, *getattr(rule, "others", ()))}


def _source(move: Migration | Save) -> int:
    return move.source if move.kind == "migration" else move.host


def _target(move: Migration | Restore) -> int:
    return move.target if move.kind == "migration" else move.host


class _Room:
    """What is free on a host from each moment on, for good."""

    def __init__(
        self, problem: Problem, moves: list[Migration | Restore | Save], boot: Boot | None, host: int
    ) -> None:
        self.instance, self.host, self.boot = problem.instance, host, boot
        self.leaving = [m for m in moves if m.kind != "restore" and _source(m) == host]
        coming = [m for m in moves if m.kind != "save" and _target(m) == host]
        changes = [(m.start_s, m.vm, -1) for m in coming] + [(m.end_s, m.vm, 1) for m in self.leaving]
        on_s = 0 if boot is None else boot.end_s
        self.times = sorted({on_s, *(max(time, on_s) for time, _, _ in changes)})
        current = problem.instance.current.host_of
        free = problem.instance.capacity[host].copy()
        for resident in np.flatnonzero(current == host).tolist():
            free -= self._amount(resident)
        rows = np.zeros((len(self.times), len(free)), dtype=np.int64)
        for time, v, sign in changes:
            rows[self.times.index(max(time, on_s))] += sign * self._amount(v)
        now = free + np.cumsum(rows, axis=0)
        #: What is free at each time and at all later ones.
        self.free = np.minimum.accumulate(now[::-1], axis=0)[::-1]

    def _amount(self, v: int) -> NDArray[np.int64]:
        amount: NDArray[np.int64] = self.instance.need[v] + self.instance.vm_overhead[self.host]
        return amount

    def take(self, v: int, *, not_before_s: int) -> int:
        """Take room for a VM and return the time from which it has it, in seconds."""
        need = self._amount(v)
        at = next(k for k, row in enumerate(self.free) if (row >= need).all())
        # Whoever comes to the host later needs room beside this one.
        self.free[at:] -= need
        self.free = np.minimum.accumulate(self.free[::-1], axis=0)[::-1]
        return max(self.times[at], not_before_s)

    def before(self, start_s: int) -> tuple[int, ...]:
        """Return what has to have ended: the boot of the host, and the moves that made room."""
        gone = [move.id for move in self.leaving if move.end_s <= start_s]
        return tuple(sorted(gone + ([] if self.boot is None else [self.boot.id])))
