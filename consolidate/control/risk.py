"""Our controller: as few hosts as a stated risk of overload allows, held by feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.control_room import ASLEEP, AWAKE, AWAY, Guests, Machines
from consolidate._kernels.control_step import decide
from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk, Sight, sum_by_host
from consolidate.control.machines import curves_of
from consolidate.control.tuning import PAST, Tuning
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Risk", "RiskController", "RiskHostsOn"]

#: A host is emptied when that pays within so long, in seconds.
_PAYS_WITHIN_S = 7_200
#: An empty host that was woken stays on for so long at least, in seconds.
_DWELL_S = 1_800
#: Moves that one decision may give to one host, in seconds; a host with large VMs takes longer than a step.
_MOVES_S = 1_800


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """As few hosts as a stated risk of overload allows.

    Levels and variances of every VM are learnt; hosts that are likely to be overloaded are relieved first, then
    the least loaded ones are emptied and switched off. How much is kept free follows from the overload that was
    observed, so the one parameter is the risk itself.

    Parameters
    ----------
    risk
        Accepted share of active-host time in which the VMs of a host want more CPU than it has.
    """

    name: ClassVar[str] = "risk"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    risk: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.risk <= 0.4:
            msg = f"needs more than 0 and at most 0.4, got {self.risk}"
            raise ConfigError(msg, path="controller.risk.risk")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return RiskController(setting, self.risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskHostsOn:
    """Consolidate as ``risk`` does, but switch nothing off: what the moves alone are worth.

    Parameters
    ----------
    risk
        Accepted share of active-host time in which the VMs of a host want more CPU than it has.
    """

    name: ClassVar[str] = "risk-hosts-on"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    risk: float = 0.01

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return RiskController(setting, Risk(risk=self.risk).risk, power_off=False)


class RiskController:
    """One replay under the controller; see :class:`Risk`.

    Parameters
    ----------
    setting
        What is known before the first step.
    risk
        Accepted share of overload.
    tuning
        Constants.
    power_off
        Whether hosts are switched off.
    """

    def __init__(
        self, setting: Setting, risk: float, *, tuning: Tuning = PAST, power_off: bool = True
    ) -> None:
        self._desk, self._tuning, self._power_off = Desk(setting), tuning, power_off
        desk, fleet = self._desk, setting.fleet
        self._curves = curves_of(fleet)
        self._fill = np.minimum(self._curves.best_fill(), desk.capacity)
        self._saving = self._curves.saving_j(_PAYS_WITHIN_S)
        allocation = np.minimum(setting.vms.cpu_mcores, desk.most).astype(np.float64)
        self._levels = tuning.levels(allocation)
        self._safety = tuning.safety(risk, lasts=1.0)
        self._woken_s = np.full(fleet.n_hosts, -_DWELL_S, dtype=np.int64)
        self._cool = 0
        self._decided = False

    @property
    def z(self) -> float:
        """Standard deviations that are kept free now."""
        return self._safety.z

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        seen = self._desk.seen_in(observation)
        sight = self._desk.look(observation)
        # Before anything was seen a move would rest on allocations. Empty hosts are empty all the same.
        if observation.step:
            self._learn(sight, seen)
            self._move(sight)
        rested = sight.now_s - self._woken_s >= _DWELL_S
        off = rested & (self._saving > 0) & self._power_off
        for host in np.unique(sight.where[sight.where >= 0]):
            if sight.asleep[host]:
                self._woken_s[host] = sight.now_s
        return self._desk.act(sight, off=off)

    def _learn(self, sight: Sight, seen: NDArray[np.bool_]) -> None:
        """Take the step that is over into account."""
        levels, n_hosts = self._levels, len(sight.on)
        known = seen & (levels.seen > 0)
        hosts = sight.host_of[known]
        self._safety.stray(
            *(sum_by_host(hosts, x[known], n_hosts) for x in (sight.demand, levels.mean, levels.var))
        )
        levels.take(sight.demand, seen)
        load = sum_by_host(sight.host_of[seen], sight.demand[seen], n_hosts)
        load += np.bincount(sight.host_of[seen], minlength=n_hosts) * self._desk.overhead
        over = sight.on & (load > self._desk.capacity)
        step_s = self._desk.setting.step_s
        self._safety.observe(float(step_s * over.sum()), float(step_s * sight.on.sum()))

    def _move(self, sight: Sight) -> None:
        """Let the kernel decide, and write its moves into the sight."""
        setting, tuning = self._desk.setting, self._tuning
        moves = setting.moves
        first = not self._decided
        guard = tuning.guard(
            self._safety,
            step_s=setting.step_s,
            moves_s=max(setting.step_s, _MOVES_S) * min(moves.moves_in, moves.moves_out),
            first=first,
            drains=setting.fleet.n_hosts if first else 0 if self._cool else tuning.drains,
        )
        guests, machines = self._view(sight)
        rows = np.zeros((2 * len(sight.where) + 1, 2), dtype=np.int64)
        n, woken = decide(guests, machines, guard, rows)
        for v, target in rows[:n]:
            sight.where[v] = target
        self._decided = True
        self._cool = tuning.calm_steps if woken else max(0, self._cool - 1)

    def _view(self, sight: Sight) -> tuple[Guests, Machines]:
        """Return guests and hosts as the kernel sees them; VMs under way count at their targets."""
        desk, levels = self._desk, self._levels
        now, noise = levels.coming()
        here = sight.where >= 0
        n_hosts, hosts = len(sight.on), sight.where[here]
        count = np.bincount(hosts, minlength=n_hosts)
        sums = np.stack(
            [sum_by_host(hosts, x[here], n_hosts) for x in (now, noise, levels.mean, levels.var)], axis=1
        )
        # What the hypervisor takes for each guest is part of the load.
        sums[:, [0, 2]] += (count * desk.overhead)[:, np.newaxis]
        state = np.full(n_hosts, AWAY, dtype=np.int8)
        state[sight.on] = AWAKE
        state[sight.asleep] = ASLEEP
        vcpus = np.maximum(1, desk.setting.vms.vcpus)
        guests = Guests(
            now=now,
            noise=noise,
            mean=levels.mean,
            var=levels.var,
            seconds=desk.moving.seconds,
            joules=desk.moving.joules,
            peak=np.minimum(levels.mean + 2 * np.sqrt(levels.var), desk.most) / vcpus,
            need=sight.hard.need,
            mask_of=sight.mask_of,
            masks=sight.masks,
            free=sight.free,
            host=sight.where.copy(),
        )
        machines = Machines(
            capacity=desk.capacity,
            core=desk.core,
            fill=self._fill,
            merit=self._merit(here),
            saving=self._saving,
            state=state,
            takes=sight.takes,
            gives=sight.gives & (self._saving > 0),
            extra=sight.hard.extra,
            whole=desk.hard.capacity,
            room=sight.hard.room,
            sums=sums,
            n_vms=count,
            busy=np.zeros((n_hosts, 2)),
            limits=sight.hard.limits,
            taken=sight.hard.taken,
        )
        return guests, machines

    def _merit(self, here: NDArray[np.bool_]) -> NDArray[np.float64]:
        levels, hard = self._levels, self._desk.hard
        if not here.any():
            return np.zeros(len(self._saving))
        return self._curves.merit(
            self._desk.capacity,
            hard.capacity.astype(np.float64),
            mean=max(1e-6, float(levels.mean[here].mean())),
            var=float(levels.var[here].mean()),
            z=self._safety.z,
            need=hard.need[here].mean(axis=0),
        )
