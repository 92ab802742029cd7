"""Keeping memory together: now and then the emptiest host is emptied into fuller ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk
from consolidate.control.evacuate import evacuate
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Compact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """Every so often, empty the host with the least memory promised into fuller ones, and switch it off.

    All of its VMs or none: the largest first, each to the fullest host that is on and has room for what it was
    promised. CPU in use is not looked at. Meant as the simplest partner of parking, not as a good policy.

    Parameters
    ----------
    every_s : s
        Time between two decisions.
    """

    name: ClassVar[str] = "compact"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    every_s: int = 3_600

    def __post_init__(self) -> None:
        if self.every_s <= 0:
            msg = f"needs more than 0 s, got {self.every_s}"
            raise ConfigError(msg, path="controller.compact.every_s")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return _Run(self, setting)


class _Run:
    def __init__(self, kind: Compact, setting: Setting) -> None:
        self._kind, self._desk, self._due_s = kind, Desk(setting), 0

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the plan that empties one host, if there is one."""
        sight = self._desk.look(observation)
        if observation.now_s < self._due_s:
            return None
        self._due_s = observation.now_s + self._kind.every_s
        promised = self._desk.setting.vms.memory_mib.astype(np.float64)
        sight.demand = promised  # The order in which a host is emptied.
        here = np.flatnonzero(sight.where >= 0)
        held = np.bincount(sight.where[here], promised[here], len(sight.on))
        soon = observation.shutdown_from_s
        may_go = sight.on & sight.gives & (held > 0)
        if soon is not None:
            may_go &= soon <= observation.now_s
        candidates = np.flatnonzero(may_go)
        if not candidates.size:
            return self._desk.act(sight)

        def fullest(_: int, hosts: NDArray[np.int64]) -> int:
            return int(hosts[np.argmin(sight.hard.room[hosts, 1])])

        emptiest = int(candidates[np.argmin(held[candidates])])
        evacuate(sight, emptiest, sight.on & (held > 0), fullest)
        return self._desk.act(sight)
