"""One consolidation a day: a policy on yesterday's demand, carried out at a stated hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError, PlanError, SolveError
from consolidate.forecasting import Percentile
from consolidate.model import Instance, MigrationPlan, TimeGrid, Trace
from consolidate.planning import plan
from consolidate.solvers import Budget, solve

__all__ = ["Nightly"]

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Nightly:
    """Repack once a day, by a policy and the percentile of what was seen; in between nothing moves.

    What schedulers with a maintenance window do; packing by first fit or best fit decreasing is the practice
    (Coffman, Garey, Johnson, 1996). Hosts that come empty are switched off.

    Parameters
    ----------
    policy
        Registry name of the policy.
    hour
        Hour of the day, UTC, from which on the next step decides. Before a day was seen, the first such hour
        decides with what there is.
    percentile
        CPU percentile that sizes a VM.
    """

    name: ClassVar[str] = "nightly"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    policy: str = "ffd"
    hour: float = 3.0
    percentile: float = 95.0

    def __post_init__(self) -> None:
        if not 0 <= self.hour < 24:
            msg = f"needs 0 or more and less than 24, got {self.hour}"
            raise ConfigError(msg, path="controller.nightly.hour")
        Percentile(self.percentile)

    def start(self, setting: Setting, *, seed: int) -> Controller:
        """Return the controller; the seed is that of the policy."""
        return _Run(self, setting, seed)


class _Run:
    def __init__(self, kind: Nightly, setting: Setting, seed: int) -> None:
        self._kind, self._desk, self._seed = kind, Desk(setting), seed
        midnight = setting.start.astype("datetime64[D]").astype("datetime64[s]")
        since_s = int((setting.start - midnight) / np.timedelta64(1, "s"))
        self._due_s = int(kind.hour * 3_600) - since_s
        if self._due_s <= 0:
            self._due_s += _DAY_S

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight = self._desk.look(observation)
        if observation.now_s < self._due_s or observation.step == 0:
            return None
        self._due_s += _DAY_S
        instance = self._instance(observation, sight.on)
        try:
            result = solve(
                instance,
                self._kind.policy,
                budget=Budget(bounds="quick"),
                seed=self._seed,
                min_saving_fraction=0.0,
            ).raise_if_infeasible()
            made = plan(instance, result.placement, fast=True)
        except (SolveError, PlanError):
            # A day without room is a day without consolidation.
            return None
        return made if made.actions else None

    def _instance(self, observation: Observation, on: NDArray[np.bool_]) -> Instance:
        """Return the problem of this night."""
        setting, host_of = self._desk.setting, observation.placement.host_of
        steps = min(observation.step, _DAY_S // setting.step_s)
        alive = np.repeat((host_of >= 0)[:, np.newaxis], steps, axis=1)
        seen = Trace(
            vms=setting.vms,
            grid=TimeGrid(start=setting.start, step_s=setting.step_s, n_steps=steps),
            cpu_mcores=np.where(alive, observation.cpu_mcores[:, -steps:], 0),
            memory_mib=np.where(alive, observation.memory_mib[:, -steps:], 0),
            alive=alive,
        )
        return Instance.from_trace(
            seen,
            replace(setting.fleet, powered_on=np.array(on)),
            sizing=Percentile(self._kind.percentile),
            horizon_s=_DAY_S,
            current=observation.placement,
            rules=setting.rules,
            moves=setting.moves,
        )
