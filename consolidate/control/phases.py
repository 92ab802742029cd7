"""Consolidation in four phases, as OpenStack Watcher's strategy ``vm_workload_consolidation`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk, Sight, sum_by_host
from consolidate.control.evacuate import recent
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Phases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """Offload hosts that are too full, fill the fullest from the emptiest, drop detours, switch off the rest.

    After the description of the strategy *VM workload consolidation* in the documentation of OpenStack
    Watcher: first fit on measured CPU and on memory; a capacity coefficient for each of the two first phases;
    no VM moves twice. Not Watcher's program.

    Parameters
    ----------
    interval_s : s
        Time between two decisions.
    history_s : s
        Demand that is averaged.
    offload, consolidation
        Parts of the capacity that may be used in each phase.
    """

    name: ClassVar[str] = "watcher"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    interval_s: int = 3_600
    history_s: int = 3_600
    offload: float = 1.0
    consolidation: float = 1.0

    def __post_init__(self) -> None:
        for key in ("interval_s", "history_s", "offload", "consolidation"):
            if not getattr(self, key) > 0:
                msg = f"needs more than 0, got {getattr(self, key)}"
                raise ConfigError(msg, path=f"controller.watcher.{key}")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return _Run(self, setting)


class _Run:
    def __init__(self, kind: Phases, setting: Setting) -> None:
        self._kind, self._desk = kind, Desk(setting)
        self._due_s = setting.step_s

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight, kind = self._desk.look(observation), self._kind
        if observation.now_s < self._due_s:
            return None
        self._due_s = observation.now_s + kind.interval_s
        demand = np.minimum(observation.cpu_mcores, self._desk.most[:, np.newaxis])
        sight.demand = recent(demand, kind.history_s, self._desk.setting.step_s)
        here = sight.where >= 0
        sight.load = sum_by_host(sight.where[here], sight.demand[here], len(sight.on))
        sight.load += np.bincount(sight.where[here], minlength=len(sight.on)) * self._desk.overhead
        # Hosts that give and hosts that take are told apart, so that moving twice cannot happen.
        gave = np.zeros(len(sight.on), dtype=np.bool_)
        took = gave.copy()
        self._offload(sight, gave, took)
        self._consolidate(sight, gave, took)
        return self._desk.act(sight)

    def _order(self, sight: Sight) -> NDArray[np.int64]:
        """Return the hosts that are on, the least used first."""
        on = np.flatnonzero(sight.on & ~sight.pending)
        return on[np.argsort((sight.load / self._desk.capacity)[on], kind="stable")]

    def _first(self, sight: Sight, v: int, hosts: NDArray[np.int64], part: float) -> int:
        """Return the first of the hosts with room for VM ``v``, -1 if none has."""
        found = sight.open_to(v, hosts)
        found = found[sight.load[found] + sight.demand[v] <= part * self._desk.capacity[found]]
        return int(found[0]) if found.size else -1

    def _offload(self, sight: Sight, gave: NDArray[np.bool_], took: NDArray[np.bool_]) -> None:
        part = self._kind.offload
        for host in self._order(sight)[::-1].tolist():
            guests = sight.guests(host)
            for v in guests[np.lexsort((guests, sight.demand[guests]))].tolist():
                if sight.load[host] <= part * self._desk.capacity[host] or took[host]:
                    break
                if not sight.free[v] or sight.demand[v] <= 0:
                    continue
                order = self._order(sight)
                target = self._first(sight, v, order[~gave[order] & (order != host)], part)
                if target < 0:
                    # No host that is on has room: one that is off is enabled.
                    asleep = np.flatnonzero(sight.asleep & ~gave)
                    target = self._first(sight, v, asleep, part)
                if target >= 0:
                    sight.move(v, target)
                    gave[host] = took[target] = True

    def _consolidate(self, sight: Sight, gave: NDArray[np.bool_], took: NDArray[np.bool_]) -> None:
        part = self._kind.consolidation
        order = self._order(sight)
        for at, host in enumerate(order.tolist()):
            guests = sight.guests(host)
            if took[host] or not guests.size:
                continue
            fuller = order[:at:-1]
            moved = []
            for v in guests[np.lexsort((guests, -sight.demand[guests]))].tolist():
                target = -1
                if sight.free[v]:
                    target = self._first(sight, v, fuller[~gave[fuller]], part)
                if target < 0:
                    break
                sight.move(v, target)
                moved.append(v)
            if len(moved) < len(guests):
                # A host that cannot be emptied keeps its VMs: the phase that drops needless moves.
                for v in moved:
                    sight.undo(v, host)
                continue
            gave[host] = True
            took[np.unique(sight.where[moved])] = True
