"""Power management by the resources that stay free for new VMs, as Ganeti's hsqueeze does."""

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

__all__ = ["Squeeze"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Squeeze:
    """Empty hosts while each of the others keeps room for so many new VMs; wake some when it does not.

    After hsqueeze of Ganeti (manual page hsqueeze(1), Ganeti 3.0): hosts are tried from the one with the fewest
    VMs on; two thresholds keep it from switching to and fro. A new VM is the mean of those that there are:
    memory as allocated, CPU as used on average over the history, where Ganeti counts what is allocated. Not
    Ganeti's program.

    Parameters
    ----------
    minimal
        New VMs for which every host keeps room, or else a host is woken.
    target
        New VMs for which every host has to keep room when one is switched off (Ganeti's default).
    history_s : s
        Demand that is looked at.
    """

    name: ClassVar[str] = "hsqueeze"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    minimal: float = 1.0
    target: float = 2.0
    history_s: int = 3_600

    def __post_init__(self) -> None:
        if not 0 <= self.minimal <= self.target:
            msg = f"needs 0 <= minimal <= target, got {self.minimal} and {self.target}"
            raise ConfigError(msg, path="controller.hsqueeze.minimal")
        if self.history_s <= 0:
            msg = f"needs more than 0 s, got {self.history_s}"
            raise ConfigError(msg, path="controller.hsqueeze.history_s")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return _Run(self, setting)


class _Run:
    def __init__(self, kind: Squeeze, setting: Setting) -> None:
        self._kind, self._desk = kind, Desk(setting)

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight, kind = self._desk.look(observation), self._kind
        if observation.step == 0 or not (sight.where >= 0).any():
            return None
        here = sight.where >= 0
        demand = np.minimum(observation.cpu_mcores, self._desk.most[:, np.newaxis])
        sight.demand = recent(demand, kind.history_s, self._desk.setting.step_s)
        sight.load = sum_by_host(sight.where[here], sight.demand[here], len(sight.on))
        sight.load += np.bincount(sight.where[here], minlength=len(sight.on)) * self._desk.overhead
        unit_cpu = float(sight.demand[here].mean())
        unit = sight.hard.need[here].mean(axis=0)
        short = sight.on & ~sight.pending & (self._spare(sight, unit_cpu, unit) < kind.minimal)
        if short.any():
            self._relieve(sight, short, unit_cpu, unit)
            return self._desk.act(sight, off=np.zeros(len(sight.on), dtype=np.bool_))
        self._squeeze(sight, unit_cpu, unit)
        return self._desk.act(sight)

    def _spare(self, sight: Sight, unit_cpu: float, unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for how many new VMs each host has room."""
        cpu = (self._desk.capacity - sight.load) / max(unit_cpu, 1e-9)
        hard = (sight.hard.room / np.maximum(unit, 1e-9)).min(axis=1)
        spare: NDArray[np.float64] = np.minimum(cpu, hard)
        return spare

    def _roomiest(
        self, sight: Sight, v: int, hosts: NDArray[np.int64], unit_cpu: float, unit: NDArray[np.float64]
    ) -> int:
        """Return the host with the most room that keeps the target with VM ``v``, -1 if none does."""
        spare = self._spare(sight, unit_cpu, unit)[hosts]
        spare = spare - sight.demand[v] / max(unit_cpu, 1e-9)
        return int(hosts[spare.argmax()]) if spare.max() >= self._kind.target else -1

    def _relieve(
        self, sight: Sight, short: NDArray[np.bool_], unit_cpu: float, unit: NDArray[np.float64]
    ) -> None:
        """Move VMs off hosts that are short, to hosts with room and then to one that is woken."""
        open_hosts = sight.on & ~short
        for host in np.flatnonzero(short).tolist():
            guests = sight.guests(host)
            for v in guests[np.lexsort((guests, -sight.demand[guests]))].tolist():
                if self._spare(sight, unit_cpu, unit)[host] >= self._kind.minimal:
                    break
                if not sight.free[v] or sight.demand[v] <= 0:
                    continue
                found = sight.open_to(v, np.flatnonzero(open_hosts))
                best = self._roomiest(sight, v, found, unit_cpu, unit) if found.size else -1
                if best < 0:
                    asleep = sight.open_to(v, np.flatnonzero(sight.asleep & ~open_hosts))
                    if not asleep.size:
                        continue
                    best = int(asleep[0])
                    open_hosts[best] = True
                sight.move(v, best)

    def _squeeze(self, sight: Sight, unit_cpu: float, unit: NDArray[np.float64]) -> None:
        """Empty hosts, the one with the fewest VMs first, as long as the others keep the target."""
        n_vms = np.bincount(sight.where[sight.where >= 0], minlength=len(sight.on))
        targets = sight.on & (n_vms > 0)
        received: set[int] = set()
        candidates = np.flatnonzero(sight.on & sight.gives & (n_vms > 0))

        def choose(v: int, hosts: NDArray[np.int64]) -> int:
            return self._roomiest(sight, v, hosts, unit_cpu, unit)

        for host in candidates[np.argsort(n_vms[candidates], kind="stable")].tolist():
            if host in received:
                continue
            before = sight.where.copy()
            if not evacuate(sight, host, targets, choose):
                break
            targets[host] = False
            received |= set(sight.where[before != sight.where].tolist())
