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

#: From which power a rise counts.
BASELINES = ("fresh", "cloudsim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pabfd:
    """Relieve overloaded hosts, empty the least used, place by the least rise in power.

    Beloglazov and Buyya, "Optimal online deterministic algorithms and adaptive heuristics for energy and
    performance efficient dynamic consolidation of virtual machines in Cloud data centers", 2012,
    doi:10.1002/cpe.1867. With the baseline ``fresh`` power is compared with what a host draws now, an off
    host counted with its off power. CloudSim 3.0.3, whose LR-MMT most papers compare with, takes the power
    before the step for every VM that the step brings, and the idle power of hosts that are off, which wakes
    them for nothing: the baseline ``cloudsim``.

    Parameters
    ----------
    detector
        ``thr``, ``iqr``, ``mad``, ``lr`` or ``lrr``.
    selection
        ``mc``, ``mmt``, ``mu`` or ``rs``.
    parameter
        Threshold or safety parameter of the detector; 0 = that of the published runs.
    baseline
        ``fresh`` or ``cloudsim``: the power from which a rise counts.
    """

    name: ClassVar[str] = "pabfd"
    rules: ClassVar[frozenset[str]] = KEPT_RULES

    detector: str = "lr"
    selection: str = "mmt"
    parameter: float = 0.0
    baseline: str = "fresh"

    def __post_init__(self) -> None:
        for key, value, known in (
            ("detector", self.detector, tuple(DETECTORS)),
            ("selection", self.selection, SELECTIONS),
            ("baseline", self.baseline, BASELINES),
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


class _Step:
    """One decision: the state, and the past of each host, which follows its VMs."""

    def __init__(self, sight: Sight, past: NDArray[np.float64]) -> None:
        self.sight, self.past = sight, past
        here = np.flatnonzero(sight.where >= 0)
        self.used = np.bincount(sight.where[here], minlength=len(sight.on))
        self.by_host = np.zeros((len(sight.on), past.shape[1]))
        np.add.at(self.by_host, sight.where[here], past[here])
        #: Load at the start of the step.
        self.before = sight.load.copy()

    def _count(self, v: int, host: int, sign: int) -> None:
        self.used[host] += sign
        self.by_host[host] += sign * self.past[v]

    def take(self, v: int) -> int:
        """Take a VM off its host, and return that."""
        sight, host = self.sight, int(self.sight.where[v])
        sight.where[v] = -1
        sight.load[host] -= sight.demand[v]
        self._count(v, host, -1)
        return host

    def give_back(self, v: int, host: int) -> None:
        """Undo :meth:`take`."""
        self.sight.where[v] = host
        self.sight.load[host] += self.sight.demand[v]
        self._count(v, host, 1)

    def move(self, v: int, target: int) -> None:
        """Put a VM on another host."""
        self._count(v, int(self.sight.where[v]), -1)
        self._count(v, target, 1)
        self.sight.move(v, target)

    def undo(self, v: int, source: int) -> None:
        """Undo :meth:`move`."""
        self._count(v, int(self.sight.where[v]), -1)
        self._count(v, source, 1)
        self.sight.undo(v, source)


class _Run:
    def __init__(self, kind: Pabfd, setting: Setting, choice: Choice) -> None:
        self._desk, self._choice = Desk(setting), choice
        self._detect, published = DETECTORS[kind.detector]
        self._parameter = kind.parameter or published
        self._fresh = kind.baseline == "fresh"
        self._curves = curves_of(setting.fleet)
        self._points = np.linspace(0.0, 1.0, self._curves.watts.shape[1])

    def decide(self, observation: Observation) -> MigrationPlan | None:
        """Return the moves, boots and shutdowns that start now."""
        sight = self._desk.look(observation)
        if observation.step == 0:
            return self._desk.act(sight)
        past = observation.cpu_mcores[:, max(0, observation.step - SAMPLES) :][:, ::-1]
        past = np.minimum(past, self._desk.most[:, np.newaxis]).astype(np.float64)
        now = _Step(sight, past)
        unused = now.used == 0
        active = np.flatnonzero(sight.on & ~unused)
        over = active[self._overloaded(now, active)]
        leaving = self._select(now, over)
        shut = np.zeros(len(sight.on), dtype=np.bool_)
        shut[over] = True
        received = self._place(now, leaving, shut)
        shut[unused] = True
        self._drain(now, shut, received)
        return self._desk.act(sight)

    def _overloaded(self, now: _Step, hosts: NDArray[np.int64], extra: int = -1) -> NDArray[np.bool_]:
        """Say which of the hosts are overloaded, with VM ``extra`` added to each if there is one."""
        if not len(hosts):
            return np.zeros(0, dtype=np.bool_)
        past, load = now.by_host[hosts], now.sight.load[hosts]
        if extra >= 0:
            past, load = past + now.past[extra], load + now.sight.demand[extra]
        capacity = self._desk.capacity[hosts]
        return self._detect(past / capacity[:, np.newaxis], load / capacity, self._parameter)

    def _select(self, now: _Step, over: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Take VMs off overloaded hosts until they are not; return them with their hosts."""
        sight, vms = now.sight, self._desk.setting.vms
        share = sight.demand / np.maximum(1, vms.cpu_mcores)
        leaving = []
        for host in over.tolist():
            only = np.array([host])
            while True:
                guests = sight.guests(host)
                guests = guests[sight.free[guests]]
                if not guests.size:
                    break
                v = self._choice.of(guests, memory_mib=sight.hard.need[:, 0], share=share, past=now.past)
                leaving.append((v, now.take(v)))
                if not self._overloaded(now, only)[0]:
                    break
        return leaving

    def _place(self, now: _Step, leaving: list[tuple[int, int]], shut: NDArray[np.bool_]) -> set[int]:
        """Place VMs, the most demanding first; one that finds no host goes back. Return the targets."""
        received: set[int] = set()
        for v, source in sorted(leaving, key=lambda row: (-now.sight.demand[row[0]], row[0])):
            now.give_back(v, source)
            target = self._target(now, v, shut, wake=True)
            if target >= 0:
                now.move(v, target)
                received.add(target)
        return received

    def _target(self, now: _Step, v: int, shut: NDArray[np.bool_], *, wake: bool) -> int:
        """Return the host whose power rises least, -1 if none takes the VM."""
        sight, used = now.sight, now.used > 0
        open_hosts = used & ~shut & (sight.on | sight.asleep)
        if wake:
            # Of the hosts that carry nobody one of each type is looked at; they are alike.
            idle = np.flatnonzero(~used & (sight.on | sight.asleep) & sight.takes)
            _, first = np.unique(self._curves.kind[idle], return_index=True)
            open_hosts[idle[first]] = True
        desk, wants = self._desk, sight.demand[v]
        hosts = np.flatnonzero(open_hosts)
        room = desk.capacity[hosts] - sight.load[hosts]
        hosts = hosts[(room >= wants) & (desk.core[hosts] * desk.setting.vms.vcpus[v] >= wants)]
        hosts = sight.open_to(v, hosts)
        if not hosts.size:
            return -1
        rise = self._rise(now, hosts, wants)
        # The costly question comes last: its answer matters for the best host only.
        for k in np.argsort(rise, kind="stable").tolist():
            one = hosts[k : k + 1]
            if not used[one[0]] or not self._overloaded(now, one, extra=v)[0]:
                return int(one[0])
        return -1

    def _rise(self, now: _Step, hosts: NDArray[np.int64], wants: float) -> NDArray[np.float64]:
        """Return by how many watts the power of each host rises."""
        load = now.sight.load[hosts]
        used = now.used[hosts] > 0
        if not self._fresh:
            return self._watts(hosts, load + wants) - self._watts(hosts, now.before[hosts])
        off_w = self._curves.off_w[self._curves.kind[hosts]]
        return self._watts(hosts, load + wants) - np.where(used, self._watts(hosts, load), off_w)

    def _watts(self, hosts: NDArray[np.int64], load: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the power of hosts at a load, in watts."""
        kind, share = self._curves.kind[hosts], load / self._curves.cpu[hosts]
        watts = np.empty(len(hosts))
        for k in np.unique(kind):
            rows = kind == k
            watts[rows] = np.interp(share[rows], self._points, self._curves.watts[k])
        return watts

    def _drain(self, now: _Step, shut: NDArray[np.bool_], received: set[int]) -> None:
        """Empty hosts, the least used first, as long as all VMs of one find other hosts that are used."""
        sight = now.sight
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
                target = self._target(now, v, closed, wake=False)
                if target < 0:
                    break
                now.move(v, target)
                moved.append(v)
            if len(moved) < len(guests):
                for v in moved:
                    now.undo(v, host)
                continue
            shut[host] = True
            done[sight.where[moved]] = True
