"""The risk controller in the place of CloudSim's policies: its timing, its accounting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.control_room import ASLEEP, AWAKE, Guests, Machines
from consolidate._kernels.control_step import decide
from consolidate._kernels.limits import LISTS, Limits, Taken
from consolidate.cloudsim import View
from consolidate.control.desk import sum_by_host
from consolidate.control.machines import Curves
from consolidate.control.tuning import PRESENT, Tuning
from consolidate.errors import ConfigError

__all__ = ["CloudSimRisk"]

#: CloudSim moves RAM over half of a host's Gbit/s.
_MB_PER_S = 62.5
_STEP_S = 300.0


class CloudSimRisk:
    """Decide with the risk controller in the experiments of CloudSim.

    A decision sees what is asked for until the next one, so overload is repaired while it lasts. What CloudSim
    counts as a violation is what is fed back: overload, and the time in which a host receives a VM.

    Parameters
    ----------
    risk
        Accepted share of active-host time in violation (CloudSim's SLATAH).
    host_ram_mb : MB
        RAM of a host where it is to be kept; 0 as in CloudSim, which forgets it after the first placement.
    tuning
        Constants.
    """

    def __init__(
        self, risk: float = 0.01, *, host_ram_mb: float = 0.0, tuning: Tuning = PRESENT
    ) -> None:
        if not 0 < risk <= 0.4:
            msg = f"needs more than 0 and at most 0.4, got {risk}"
            raise ConfigError(msg, path="risk")
        self._risk, self._ram_mb, self._tuning = risk, host_ram_mb, tuning

    def reset(self, view: View) -> None:
        """See the state after the first placement."""
        tuning, n_hosts, n_vms = self._tuning, len(view.host_mips), len(view.vm_mips)
        _, first, kind = np.unique(
            np.column_stack([view.host_mips, view.host_watts]),
            axis=0,
            return_index=True,
            return_inverse=True,
        )
        zeros = np.zeros(len(first))
        self._curves = Curves(
            kind=kind.reshape(-1).astype(np.int64),
            cpu=np.asarray(view.host_mips, dtype=np.float64),
            watts=np.asarray(view.host_watts, dtype=np.float64)[first],
            off_w=zeros,
            empty_w=zeros + 1.0,
            transition_j=zeros,
        )
        self._levels = tuning.levels(np.asarray(view.vm_mips, dtype=np.float64))
        self._seconds = np.asarray(view.vm_ram_mb, dtype=np.float64) / _MB_PER_S
        typical = float(self._seconds.mean()) / _STEP_S
        self._safety = tuning.safety(self._risk, lasts=2 * typical)
        columns = 1 if self._ram_mb else 0
        ram = np.asarray(view.vm_ram_mb, dtype=np.int64).reshape(-1, 1)
        self._need = ram[:, :columns].copy()
        self._ram = np.full((n_hosts, columns), int(self._ram_mb), dtype=np.int64)
        self._limits = Limits(
            named=np.zeros(n_vms, dtype=np.bool_),
            counted=np.zeros(n_hosts, dtype=np.bool_),
            data=np.zeros(1, dtype=np.int32),
            start=np.zeros(len(LISTS) + 1, dtype=np.int64),
        )
        self._taken = Taken(
            keys=np.zeros(1, dtype=np.int64),
            counts=np.zeros(1, dtype=np.int32),
            online=np.zeros(0, dtype=np.int32),
            in_zone=np.zeros((0, 1), dtype=np.int32),
        )
        self._cool, self._decided = 0, False
        #: Where VMs were after the last decision, what hosts then were asked for, and how long moves took.
        self._left: tuple[NDArray[np.int32], NDArray[np.float64], float] | None = None

    def optimize(self, view: View) -> NDArray[np.int64]:
        """Return the migrations that start now, rows (VM, target host)."""
        tuning = self._tuning
        now = np.asarray(view.demand_mips, dtype=np.float64)
        live = np.asarray(view.live)
        levels, n_hosts = self._levels, len(view.host_mips)
        crept = self._crept(view, now)
        known = live & (levels.seen > 0)
        hosts = np.asarray(view.host_of)[known]
        self._safety.stray(
            *(sum_by_host(hosts, x[known], n_hosts) for x in (now, levels.mean, levels.var))
        )
        levels.take(now, live)
        guests, machines = self._view(view, now, live)
        capacity, load = machines.capacity, machines.sums[:, 0].copy()
        drains = len(capacity) if not self._decided else 0 if self._cool else tuning.drains
        guard = tuning.guard(
            self._safety,
            step_s=_STEP_S,
            moves_s=_STEP_S * len(capacity),
            first=not self._decided,
            drains=drains,
        )
        rows = np.zeros((2 * len(now) + 1, 2), dtype=np.int64)
        n, woken = decide(guests, machines, guard, rows)
        moves = rows[:n]
        if self._decided:
            self._observe(view, machines, load, moves, crept)
        lasts = float(self._seconds[moves[:, 0]].max(initial=0.0))
        self._left = (guests.host.copy(), machines.sums[:, 0].copy(), lasts)
        self._cool = tuning.calm_steps if woken else max(0, self._cool - 1)
        self._decided = True
        return moves

    def _view(
        self, view: View, now: NDArray[np.float64], live: NDArray[np.bool_]
    ) -> tuple[Guests, Machines]:
        levels, n_hosts = self._levels, len(view.host_mips)
        where = np.where(live, view.host_of, -1).astype(np.int32)
        here = where >= 0
        hosts = where[here]
        count = np.bincount(hosts, minlength=n_hosts)
        noise = np.zeros(len(now))
        sums = np.stack(
            [sum_by_host(hosts, x[here], n_hosts) for x in (now, noise, levels.mean, levels.var)], axis=1
        )
        room = self._ram.copy()
        np.subtract.at(room, hosts, self._need[here])
        capacity = np.asarray(view.host_mips, dtype=np.float64)
        guests = Guests(
            now=now,
            noise=noise,
            mean=levels.mean,
            var=levels.var,
            seconds=self._seconds,
            joules=np.zeros(len(now)),
            peak=levels.mean + np.sqrt(levels.var),
            need=self._need,
            mask_of=np.zeros(len(now), dtype=np.int32),
            masks=np.ones((1, n_hosts), dtype=np.bool_),
            free=here,
            host=where,
        )
        always = np.ones(n_hosts, dtype=np.bool_)
        machines = Machines(
            capacity=capacity,
            core=np.asarray(view.core_mips, dtype=np.float64),
            fill=np.minimum(self._curves.best_fill(), capacity),
            merit=self._merit(here),
            saving=np.ones(n_hosts),
            state=np.where(count > 0, AWAKE, ASLEEP).astype(np.int8),
            takes=always,
            gives=always,
            extra=np.zeros_like(self._ram),
            whole=self._ram,
            room=room,
            sums=sums,
            n_vms=count,
            busy=np.zeros((n_hosts, 2)),
            limits=self._limits,
            taken=self._taken,
        )
        return guests, machines

    def _merit(self, here: NDArray[np.bool_]) -> NDArray[np.float64]:
        levels = self._levels
        if not here.any():
            return np.zeros(len(self._curves.cpu))
        return self._curves.merit(
            self._curves.cpu,
            self._ram.astype(np.float64),
            mean=max(1e-6, float(levels.mean[here].mean())),
            var=float(levels.var[here].mean()),
            z=self._safety.z,
            need=self._need[here].mean(axis=0),
        )

    def _crept(self, view: View, now: NDArray[np.float64]) -> float:
        """Return the seconds in which hosts were overloaded that no one saw in time.

        When its last move ends, CloudSim asks all VMs again: for a value between the last sample and the next.
        """
        if self._left is None or self._left[2] == 0.0:
            return 0.0
        host_of, load, lasts = self._left
        here = host_of >= 0
        then = sum_by_host(host_of[here], now[here], len(load))
        capacity = np.asarray(view.host_mips)
        asked = load + (then - load) * lasts / _STEP_S
        return (_STEP_S - lasts) * float(((load <= capacity) & (asked > capacity)).sum())

    def _observe(
        self,
        view: View,
        machines: Machines,
        load: NDArray[np.float64],
        moves: NDArray[np.int64],
        crept_s: float,
    ) -> None:
        """Count what this step will be charged as a violation, and feed it back."""
        n_hosts = len(load)
        into, out = np.zeros(n_hosts), np.zeros(n_hosts)
        seconds = self._seconds[moves[:, 0]]
        np.maximum.at(into, moves[:, 1], seconds)
        np.maximum.at(out, np.asarray(view.host_of)[moves[:, 0]], seconds)
        over = load > machines.capacity
        lasting = machines.sums[:, 0] > machines.capacity
        charged = np.where(lasting, _STEP_S, np.maximum(into, np.where(over, out, 0.0)))
        self._safety.observe(float(charged.sum()) + crept_s, _STEP_S * float((machines.n_vms > 0).sum()))
