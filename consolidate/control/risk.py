"""Our controller: as few hosts as a stated risk of overload allows, held by feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.control_room import ASLEEP, AWAKE, AWAY, Guests, Machines
from consolidate._kernels.control_step import decide
from consolidate._kernels.replay import OFF, ON
from consolidate.control.base import Setting
from consolidate.control.hard import HardResources, Moving
from consolidate.control.levels import sum_by_host
from consolidate.control.machines import curves_of
from consolidate.control.moving import timed_plan
from consolidate.control.tuning import PAST, Tuning
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Risk", "RiskController"]

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
    rules: ClassVar[frozenset[str]] = frozenset(
        {
            "among",
            "ban",
            "fence",
            "interference",
            "lonely",
            "quarantine",
            "root",
            "split",
            "split_among",
            "spread",
        }
    )

    risk: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.risk <= 0.4:
            msg = f"needs more than 0 and at most 0.4, got {self.risk}"
            raise ConfigError(msg, path="controller.risk.risk")

    def start(self, setting: Setting, *, seed: int) -> Controller:  # noqa: ARG002
        """Return the controller; nothing in it is random."""
        return RiskController(setting, self.risk)


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
    """

    def __init__(self, setting: Setting, risk: float, tuning: Tuning = PAST) -> None:
        self._setting, self._tuning = setting, tuning
        fleet, vms = setting.fleet, setting.vms
        self._curves = curves_of(fleet)
        self._capacity = fleet.per_host("usable_mcores").astype(np.float64)
        self._overhead = np.array([t.hypervisor.per_vm_mcores for t in fleet.types])[fleet.host_type]
        self._core = fleet.per_host("core_mcores").astype(np.float64)
        self._most = vms.vcpus.astype(np.float64) * self._core.max(initial=0.0)
        self._saving = self._curves.saving_j(_PAYS_WITHIN_S)
        self._levels = tuning.levels(np.minimum(vms.cpu_mcores, self._most).astype(np.float64))
        self._safety = tuning.safety(risk, lasts=1.0)
        self._hard = HardResources(setting)
        self._moving = Moving(setting)
        self._before = np.full(len(vms), -1, dtype=np.int32)
        self._woken_s = np.full(fleet.n_hosts, -_DWELL_S, dtype=np.int64)
        self._cool = 0
        self._decided = False

    @property
    def z(self) -> float:
        """Standard deviations that are kept free now."""
        return self._safety.z

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        host_of = observation.placement.host_of
        self._learn(observation)
        self._before = host_of.copy()
        self._moving.forget(observation.now_s)
        where, pending = self._moving.expected(host_of)
        guests, machines = self._view(observation, where, pending)
        if observation.step == 0:
            # Nothing was seen yet: a move would rest on allocations. Empty hosts are empty all the same.
            return self._plan(observation, machines, [], pending)
        moves = self._setting.moves
        moves_s = max(self._setting.step_s, _MOVES_S) * min(moves.moves_in, moves.moves_out)
        guard = self._tuning.guard(
            self._safety.z,
            step_s=self._setting.step_s,
            moves_s=moves_s,
            first=not self._decided,
            drains=self._drains(),
        )
        rows = np.zeros((2 * len(host_of) + 1, 2), dtype=np.int64)
        n, woken = decide(guests, machines, guard, rows)
        self._decided = True
        made = [(int(v), int(t)) for v, t in rows[:n]]
        self._cool = self._tuning.calm_steps if woken else max(0, self._cool - 1)
        return self._plan(observation, machines, made, pending)

    def _drains(self) -> int:
        if not self._decided:
            return self._setting.fleet.n_hosts
        return 0 if self._cool else self._tuning.drains

    def _learn(self, observation: Observation) -> None:
        """Take the step that is over into account."""
        if observation.step == 0:
            return
        host_of = observation.placement.host_of
        sample = np.minimum(observation.cpu_mcores[:, -1].astype(np.float64), self._most)
        alive = (self._before >= 0) & (host_of >= 0)
        levels, n_hosts = self._levels, len(self._capacity)
        known = alive & (levels.seen > 0)
        self._safety.stray(
            *(sum_by_host(host_of[known], x[known], n_hosts) for x in (sample, levels.mean, levels.var))
        )
        levels.take(sample, alive)
        self._hard.observe(observation.memory_mib[:, -1], alive)
        load = np.bincount(host_of[alive], sample[alive], n_hosts)
        load += np.bincount(host_of[alive], minlength=n_hosts) * self._overhead
        active = observation.host_state == ON
        step_s = self._setting.step_s
        over = active & (load > self._capacity)
        self._safety.observe(float(step_s * over.sum()), float(step_s * active.sum()))

    def _view(
        self, observation: Observation, where: NDArray[np.int32], pending: NDArray[np.bool_]
    ) -> tuple[Guests, Machines]:
        """Return guests and hosts as the kernel sees them; VMs under way count at their targets."""
        levels, fleet = self._levels, self._setting.fleet
        now, noise = levels.coming()
        here = where >= 0
        n_hosts, hosts = fleet.n_hosts, where[here]
        count = np.bincount(hosts, minlength=n_hosts)
        sums = np.stack(
            [sum_by_host(hosts, x[here], n_hosts) for x in (now, noise, levels.mean, levels.var)], axis=1
        )
        # What the hypervisor takes for each guest is part of the load.
        sums[:, [0, 2]] += (count * self._overhead)[:, np.newaxis]
        state = np.full(n_hosts, AWAY, dtype=np.int8)
        state[observation.host_state == ON] = AWAKE
        asleep = (observation.host_state == OFF) & fleet.may_receive() & (fleet.power_control == 0)
        state[asleep] = ASLEEP
        hard = self._hard.view(observation.placement.host_of, where)
        mask_of, masks = self._hard.masks(observation.placement.host_of)
        vcpus = np.maximum(1, self._setting.vms.vcpus)
        guests = Guests(
            now=now,
            noise=noise,
            mean=levels.mean,
            var=levels.var,
            seconds=self._moving.seconds,
            joules=self._moving.joules,
            peak=np.minimum(levels.mean + 2 * np.sqrt(levels.var), self._most) / vcpus,
            need=hard.need,
            mask_of=mask_of,
            masks=masks,
            free=here & self._moving.movable & ~pending[np.maximum(where, 0)],
            host=where.copy(),
        )
        takes = fleet.may_receive() & ~pending
        merit = self._merit(here)
        machines = Machines(
            capacity=self._capacity,
            core=self._core,
            fill=np.minimum(self._curves.best_fill(), self._capacity),
            merit=merit,
            saving=self._saving,
            state=state,
            takes=takes,
            gives=self._hard.may_off & ~pending & (self._saving > 0),
            extra=hard.extra,
            room=hard.room,
            sums=sums,
            n_vms=count,
            busy=np.zeros((n_hosts, 2)),
            limits=hard.limits,
            taken=hard.taken,
        )
        return guests, machines

    def _merit(self, here: NDArray[np.bool_]) -> NDArray[np.float64]:
        levels = self._levels
        if not here.any():
            return np.zeros(len(self._capacity))
        return self._curves.merit(
            self._capacity,
            self._hard.capacity.astype(np.float64),
            mean=max(1e-6, float(levels.mean[here].mean())),
            var=float(levels.var[here].mean()),
            z=self._safety.z,
            need=self._hard.need[here].mean(axis=0),
        )

    def _plan(
        self,
        observation: Observation,
        machines: Machines,
        moves: list[tuple[int, int]],
        pending: NDArray[np.bool_],
    ) -> MigrationPlan | None:
        on = observation.host_state == ON
        now = observation.now_s
        rested = now - self._woken_s >= _DWELL_S
        empty = on & (machines.n_vms == 0) & machines.gives & ~pending & rested
        for _, target in moves:
            if not on[target]:
                self._woken_s[target] = now
        host_of = observation.placement.host_of
        plan = timed_plan(
            self._setting,
            host_of,
            on,
            self._hard.carried_mib(),
            moves=moves,
            off=np.flatnonzero(empty).tolist(),
        )
        self._moving.note(plan, now)
        return plan
