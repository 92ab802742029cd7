"""The heuristic of Beloglazov and Buyya under honest accounting: it decides with complete steps only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from consolidate.control.base import Setting
from consolidate.control.desk import KEPT_RULES, Desk, Sight
from consolidate.control.detectors import DETECTORS, SAMPLES
from consolidate.control.machines import curves_of
from consolidate.control.selections import SELECTIONS, Choice
from consolidate.engine import Controller, Observation
from consolidate.errors import ConfigError
from consolidate.model import MigrationPlan

__all__ = ["Pabfd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pabfd:
    """Relieve overloaded hosts, empty the least used, place by the least rise in power.

    Beloglazov and Buyya, "Optimal online deterministic algorithms and adaptive heuristics for energy and
    performance efficient dynamic consolidation of virtual machines in Cloud data centers", 2012,
    doi:10.1002/cpe.1867. Power is compared with what a host draws now, an off host counted with its off power
    (CloudSim 3.0.3 compares with the idle power of hosts that are off, which wakes them for nothing).

    Parameters
    ----------
    detector
        ``thr``, ``iqr``, ``mad``, ``lr`` or ``lrr``.
    selection
        ``mc``, ``mmt``, ``mu`` or ``rs``.
    parameter
        Threshold or safety parameter of the detector; 0 = that of the published runs.
    """

    name: ClassVar[str] = "pabfd"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    detector: str = "lr"
    selection: str = "mmt"
    parameter: float = 0.0

    def __post_init__(self) -> None:
        for key, value, known in (
            ("detector", self.detector, tuple(DETECTORS)),
            ("selection", self.selection, SELECTIONS),
        ):
            if value not in known:
                msg = f"needs one of {', '.join(known)}, got {value!r}"
                raise ConfigError(msg, path=f"controller.pabfd.{key}")
        if not self.parameter >= 0:
            msg = f"needs 0 or more, got {self.parameter}"
            raise ConfigError(msg, path="controller.pabfd.parameter")

    def start(self, setting: Setting, *, seed: int) -> Controller:
        """Return the controller; the seed is that of the selection ``rs``."""
        return _Run(self, setting, Choice(self.selection, seed))


class _Run:
    def __init__(self, kind: Pabfd, setting: Setting, choice: Choice) -> None:
        self._desk, self._choice = Desk(setting), choice
        self._detect, published = DETECTORS[kind.detector]
        self._parameter = kind.parameter or published
        self._curves = curves_of(setting.fleet)
        self._points = np.linspace(0.0, 1.0, self._curves.watts.shape[1])

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight = self._desk.look(observation)
        if observation.step == 0:
            return self._desk.act(sight)
        past = observation.cpu_mcores[:, max(0, observation.step - SAMPLES) :][:, ::-1]
        past = np.minimum(past, self._desk.most[:, np.newaxis]).astype(np.float64)
        used = np.bincount(sight.where[sight.where >= 0], minlength=len(sight.on)) > 0
        active = np.flatnonzero(sight.on & used)
        over = active[self._overloaded(sight, past, active)]
        leaving = self._select(sight, past, over)
        shut = np.zeros(len(sight.on), dtype=np.bool_)
        shut[over] = True
        received = self._place(sight, past, leaving, shut, wake=True)
        shut[~used] = True
        self._drain(sight, past, shut, received)
        return self._desk.act(sight)

    def _overloaded(
        self, sight: Sight, past: NDArray[np.float64], hosts: NDArray[np.int64], extra: int = -1
    ) -> NDArray[np.bool_]:
        """Say which of the hosts are overloaded, with VM ``extra`` added to each if there is one."""
        if not len(hosts):
            return np.zeros(0, dtype=np.bool_)
        n_hosts, samples = len(sight.on), past.shape[1]
        here = np.flatnonzero(sight.where >= 0)
        sums = np.zeros((n_hosts, samples))
        np.add.at(sums, sight.where[here], past[here])
        rows, now = sums[hosts], sight.load[hosts]
        if extra >= 0:
            rows, now = rows + past[extra], now + sight.demand[extra]
        capacity = self._desk.capacity[hosts]
        return self._detect(rows / capacity[:, np.newaxis], now / capacity, self._parameter)

    def _select(
        self, sight: Sight, past: NDArray[np.float64], over: NDArray[np.int64]
    ) -> list[tuple[int, int]]:
        """Take VMs off overloaded hosts until they are not; return them with their hosts."""
        setting = self._desk.setting
        share = sight.demand / np.maximum(1, setting.vms.cpu_mcores)
        leaving = []
        for host in over.tolist():
            only = np.array([host])
            while True:
                guests = sight.guests(host)
                guests = guests[sight.free[guests]]
                if not guests.size:
                    break
                v = self._choice.of(guests, memory_mib=sight.hard.need[:, 0], share=share, past=past)
                sight.where[v] = -1
                sight.load[host] -= sight.demand[v]
                leaving.append((v, host))
                if not self._overloaded(sight, past, only)[0]:
                    break
        return leaving

    def _place(
        self,
        sight: Sight,
        past: NDArray[np.float64],
        leaving: list[tuple[int, int]],
        shut: NDArray[np.bool_],
        *,
        wake: bool,
    ) -> set[int]:
        """Place VMs, the most demanding first; one that finds no host goes back. Return the targets."""
        received: set[int] = set()
        for v, source in sorted(leaving, key=lambda row: (-sight.demand[row[0]], row[0])):
            sight.where[v] = source
            sight.load[source] += sight.demand[v]
            target = self._target(sight, past, v, shut, wake=wake)
            if target >= 0:
                sight.move(v, target)
                received.add(target)
        return received

    def _target(
        self,
        sight: Sight,
        past: NDArray[np.float64],
        v: int,
        shut: NDArray[np.bool_],
        *,
        wake: bool,
    ) -> int:
        """Return the host whose power rises least, -1 if none takes the VM."""
        used = np.zeros(len(shut), dtype=np.bool_)
        used[sight.where[sight.where >= 0]] = True
        open_hosts = used & ~shut & (sight.on | sight.asleep)
        if wake:
            # Of the hosts that carry nobody one of each type is looked at; they are alike.
            idle = np.flatnonzero(~used & (sight.on | sight.asleep) & sight.takes)
            _, first = np.unique(self._curves.kind[idle], return_index=True)
            open_hosts[idle[first]] = True
        desk, wants = self._desk, sight.demand[v]
        hosts = sight.open_to(v, np.flatnonzero(open_hosts))
        room = desk.capacity[hosts] - sight.load[hosts]
        hosts = hosts[(room >= wants) & (desk.core[hosts] * desk.setting.vms.vcpus[v] >= wants)]
        fine = ~used[hosts] | ~self._overloaded(sight, past, hosts, extra=v)
        hosts = hosts[fine]
        if not hosts.size:
            return -1
        after = self._watts(hosts, sight.load[hosts] + wants)
        off_w = self._curves.off_w[self._curves.kind[hosts]]
        rise = after - np.where(used[hosts], self._watts(hosts, sight.load[hosts]), off_w)
        return int(hosts[rise.argmin()])

    def _watts(self, hosts: NDArray[np.int64], load: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the power of hosts at a load, in watts."""
        kind, share = self._curves.kind[hosts], load / self._curves.cpu[hosts]
        watts = np.empty(len(hosts))
        for k in np.unique(kind):
            rows = kind == k
            watts[rows] = np.interp(share[rows], self._points, self._curves.watts[k])
        return watts

    def _drain(
        self,
        sight: Sight,
        past: NDArray[np.float64],
        shut: NDArray[np.bool_],
        received: set[int],
    ) -> None:
        """Empty hosts, the least used first, as long as all VMs of one find other hosts that are used."""
        n_hosts = len(shut)
        done = shut.copy()
        done[list(received)] = True
        share = sight.load / self._desk.capacity
        for host in np.argsort(share, kind="stable").tolist():
            if done[host] or not sight.gives[host] or not sight.on[host]:
                continue
            done[host] = True
            guests = sight.guests(host)
            if not guests.size or not sight.free[guests].all():
                continue
            closed = shut.copy()
            closed[host] = True
            moved: list[int] = []
            for v in guests[np.lexsort((guests, -sight.demand[guests]))].tolist():
                target = self._target(sight, past, v, closed, wake=False)
                if target < 0:
                    break
                sight.move(v, target)
                moved.append(v)
            if len(moved) < len(guests):
                for v in moved:
                    sight.undo(v, host)
                continue
            shut[host] = True
            done |= np.bincount(sight.where[moved], minlength=n_hosts) > 0
