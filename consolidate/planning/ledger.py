"""What every host holds at the present moment of a schedule: both ends of a move are charged."""

from __future__ import annotations

import numpy as np

from consolidate.model import Instance, Spread

__all__ = ["HostLedger"]


class HostLedger:
    """Room, migration slots and rule members of every host while a plan is made.

    Parameters
    ----------
    instance
        The problem; everything starts at its present placement.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.memory = instance.resources.index("memory_demand_mib")
        self.on = instance.fleet.powered_on.copy()
        self.room = instance.capacity - instance.usage(instance.current)
        self.outgoing = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
        self.incoming = np.zeros(instance.fleet.n_hosts, dtype=np.int64)
        self._groups = _continuous_groups(instance)
        self._members: dict[tuple[int, int], int] = {}
        for v in np.flatnonzero(instance.current.host_of >= 0).tolist():
            self._count(v, int(instance.current.host_of[v]), 1)
        self._left: dict[int, list[int]] = {}

    def _count(self, v: int, host: int, step: int) -> None:
        for g in self._groups.get(v, ()):
            self._members[g, host] = self._members.get((g, host), 0) + step

    def has_room(self, v: int, host: int) -> bool:
        """Say whether the host can hold the VM on top of everything that it holds now."""
        need = self.instance.need[v] + self.instance.vm_overhead[host]
        if (need > self.room[host]).any():
            return False
        return all(self._members.get((g, host), 0) == 0 for g in self._groups.get(v, ()))

    def has_slots(self, source: int, target: int) -> bool:
        """Say whether both hosts may take part in one more move."""
        moves = self.instance.moves
        return bool(self.outgoing[source] < moves.moves_out and self.incoming[target] < moves.moves_in)

    def can_move(self, v: int, source: int, target: int) -> bool:
        """Say whether the move may start now."""
        return bool(self.on[target]) and self.has_slots(source, target) and self.has_room(v, target)

    def start(self, v: int, source: int, target: int) -> list[int]:
        """Charge the target; return the ids of the moves that have made room there."""
        self.room[target] -= self.instance.need[v] + self.instance.vm_overhead[target]
        self.outgoing[source] += 1
        self.incoming[target] += 1
        self._count(v, target, 1)
        return self._left.get(target, [])

    def finish(self, v: int, source: int, target: int, move_id: int) -> None:
        """Release the source."""
        self.room[source] += self.instance.need[v] + self.instance.vm_overhead[source]
        self.outgoing[source] -= 1
        self.incoming[target] -= 1
        self._count(v, source, -1)
        self._left.setdefault(source, []).append(move_id)


def _continuous_groups(instance: Instance) -> dict[int, list[int]]:
    """Return the spread rules of each VM that bind during the plan; others bind at its end only."""
    groups: dict[int, list[int]] = {}
    for number, rule in enumerate(instance.rules):
        if isinstance(rule, Spread) and rule.continuous:
            for v in rule.vms:
                groups.setdefault(v, []).append(number)
    return groups
