"""Power management by two limits of utilisation with two lengths of history, as VMware DPM does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk, Sight, sum_by_host
from consolidate.control.evacuate import evacuate, recent
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Dpm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dpm:
    """Keep hosts between two limits of utilisation: quick to switch on, slow to switch off.

    After the description of VMware Distributed Power Management ("VMware Distributed Power Management:
    Concepts and Use", white paper, 2010; knowledge base article 310527): a host above target plus tolerance by
    the demand of the last five minutes makes a host come on; hosts below target less tolerance by that of the
    last forty minutes are emptied, one after the other, as long as no other host comes above. Balancing is
    reduced to what brings hosts below the upper limit. Not VMware's program.

    Parameters
    ----------
    target
        Utilisation aimed at, CPU or memory, whichever is higher.
    tolerance
        Half the width of the range around it.
    on_history_s, off_history_s : s
        Demand that is looked at before a host is switched on and off.
    """

    name: ClassVar[str] = "dpm"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    target: float = 0.63
    tolerance: float = 0.18
    on_history_s: int = 300
    off_history_s: int = 2_400

    def __post_init__(self) -> None:
        if not 0 < self.tolerance < self.target <= 1 - self.tolerance + 1e-9:
            msg = (
                f"needs 0 < tolerance < target <= 1 - tolerance, got {self.target} and {self.tolerance}"
            )
            raise ConfigError(msg, path="controller.dpm.target")
        for key in ("on_history_s", "off_history_s"):
            if getattr(self, key) <= 0:
                msg = f"needs more than 0 s, got {getattr(self, key)}"
                raise ConfigError(msg, path=f"controller.dpm.{key}")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return _Run(self, setting)


class _Run:
    def __init__(self, kind: Dpm, setting: Setting) -> None:
        self._kind, self._desk = kind, Desk(setting)
        self._high = kind.target + kind.tolerance
        self._low = kind.target - kind.tolerance

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight, kind = self._desk.look(observation), self._kind
        step_s = self._desk.setting.step_s
        none = np.zeros(len(sight.on), dtype=np.bool_)
        if observation.step == 0:
            return None
        demand = np.minimum(observation.cpu_mcores, self._desk.most[:, np.newaxis])
        self._weigh(sight, recent(demand, kind.on_history_s, step_s))
        if self._relieve(sight):
            return self._desk.act(sight, off=none)
        if observation.now_s < kind.off_history_s:
            return self._desk.act(sight, off=none)
        self._weigh(sight, recent(demand, kind.off_history_s, step_s))
        self._shrink(sight)
        return self._desk.act(sight)

    def _weigh(self, sight: Sight, demand: NDArray[np.float64]) -> None:
        """Judge hosts by this demand."""
        here = sight.where >= 0
        sight.demand = demand.astype(np.float64)
        sight.load = sum_by_host(sight.where[here], demand[here], len(sight.on))
        sight.load += np.bincount(sight.where[here], minlength=len(sight.on)) * self._desk.overhead

    def _used(self, sight: Sight) -> NDArray[np.float64]:
        """Return the utilisation of each host, of CPU or memory, whichever is higher."""
        total = self._desk.hard.capacity[:, 0]
        memory = 1.0 - sight.hard.room[:, 0] / np.maximum(1, total)
        used: NDArray[np.float64] = np.maximum(sight.load / self._desk.capacity, memory)
        return used

    def _fits(self, sight: Sight, v: int, hosts: NDArray[np.int64], limit: float) -> NDArray[np.int64]:
        """Return those of the hosts that stay within a limit with VM ``v``."""
        cpu = (sight.load[hosts] + sight.demand[v]) / self._desk.capacity[hosts]
        total = np.maximum(1, self._desk.hard.capacity[hosts, 0])
        memory = 1.0 - (sight.hard.room[hosts, 0] - sight.hard.need[v, 0]) / total
        fitting: NDArray[np.int64] = hosts[np.maximum(cpu, memory) <= limit]
        return fitting

    def _relieve(self, sight: Sight) -> bool:
        """Bring hosts below the upper limit, waking a host where none has room; say if any was above."""
        over = np.flatnonzero(sight.on & ~sight.pending & (self._used(sight) > self._high))
        sources = set(over.tolist())
        woken: list[int] = []
        for host in over[np.argsort(-self._used(sight)[over], kind="stable")].tolist():
            guests = sight.guests(host)
            for v in guests[np.lexsort((guests, -sight.demand[guests]))].tolist():
                if self._used(sight)[host] <= self._high:
                    break
                if not sight.free[v]:
                    continue
                hosts = np.flatnonzero(sight.on)
                hosts = np.array(
                    [h for h in [*hosts.tolist(), *woken] if h not in sources], dtype=np.int64
                )
                found = self._fits(sight, v, sight.open_to(v, hosts), self._kind.target)
                if not found.size:
                    asleep = sight.open_to(v, np.flatnonzero(sight.asleep))
                    if not asleep.size:
                        continue
                    found = asleep[[np.argmax(self._desk.capacity[asleep])]]
                    sight.asleep[found[0]] = False
                    woken.append(int(found[0]))
                sight.move(v, int(found[np.argmin(self._used(sight)[found])]))
        return bool(over.size)

    def _shrink(self, sight: Sight) -> None:
        """Empty hosts below the lower limit, the least used first."""
        used = self._used(sight)
        received: set[int] = set()
        low = np.flatnonzero(sight.on & sight.gives & (used < self._low))
        targets = sight.on.copy()
        for host in low[np.argsort(used[low], kind="stable")].tolist():
            if host in received:
                continue
            before = sight.where.copy()

            def least(v: int, hosts: NDArray[np.int64]) -> int:
                found = self._fits(sight, v, hosts, self._high)
                found = found[np.isin(found, np.unique(sight.where[sight.where >= 0]))]
                return int(found[np.argmin(self._used(sight)[found])]) if found.size else -1

            if evacuate(sight, host, targets, least):
                targets[host] = False
                received |= set(sight.where[before != sight.where].tolist())
