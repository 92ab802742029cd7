"""What CPU, memory and a host are worth in each step: duals of one linear program per window of the trace.

Any prices prove a bound, so nothing depends on the program but how strong the bound is. Windows keep it small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consolidate.solvers.bounds.clairvoyant.hosts import HostClass
from consolidate.solvers.bounds.clairvoyant.need import Need
from consolidate.solvers.bounds.mip import Mip

__all__ = ["Prices", "best_prices"]

#: Columns of a window, about.
_COLUMNS = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Worth of one unit in each step, none below zero; shape ``(steps,)`` each.

    Parameters
    ----------
    cpu_mw : mW per mcore
        Of CPU.
    memory_mw : mW per MiB
        Of memory.
    host_mw : mW per host
        Of a host with VMs, whatever its room.
    hosts_on
        Hosts on in the program, parts counted as parts; for the reader only.
    """

    cpu_mw: NDArray[np.float64]
    memory_mw: NDArray[np.float64]
    host_mw: NDArray[np.float64]
    hosts_on: NDArray[np.float64]


def best_prices(classes: tuple[HostClass, ...], need: Need, step_s: int) -> Prices:
    """Solve the windows one after the other; each starts with the hosts that the last one ended with."""
    n_steps = len(need.load_mcores)
    width = sum(len(c.load_mcores) + 3 for c in classes)
    length = max(1, _COLUMNS // width)
    found = [np.zeros(n_steps) for _ in range(4)]
    on = [float(c.always_on + c.starts_on) for c in classes]
    for first in range(0, n_steps, length):
        window = range(first, min(first + length, n_steps))
        program = _Window(classes, need, step_s, window, on)
        on = program.solve(found)
    return Prices(cpu_mw=found[0], memory_mw=found[1], host_mw=found[2], hosts_on=found[3])


class _Window:
    """Hosts of each class at each corner of its line, in each step; costs count from being off."""

    def __init__(
        self,
        classes: tuple[HostClass, ...],
        need: Need,
        step_s: int,
        window: range,
        on: list[float],
    ) -> None:
        self._classes, self._need, self._step_s, self._window = classes, need, step_s, window
        self._n_steps = len(need.load_mcores)
        self._mip = Mip(unit=step_s * max(1.0, *(float(c.power_mw[-1]) for c in classes)))
        self._rows: list[tuple[int, int, float, int]] = []
        self._n_rows = 0
        self._on: list[list[list[int]]] = []
        before: list[list[tuple[int, float]]] = [[] for _ in classes]
        for t in window:
            before = self._add_step(t, before, on if t == window.start else None)

    def _row(self, terms: list[tuple[int, float]], *, lower: float, upper: float = math.inf) -> int:
        self._mip.row(terms, lower=lower, upper=upper)
        self._n_rows += 1
        return self._n_rows - 1

    def _add_step(
        self, t: int, before: list[list[tuple[int, float]]], on: list[float] | None
    ) -> list[list[tuple[int, float]]]:
        cpu: list[tuple[int, float]] = []
        memory: list[tuple[int, float]] = []
        hosts: list[tuple[int, float]] = []
        now: list[list[tuple[int, float]]] = []
        units = [max(c.usable_mcores for c in self._classes), max(c.memory_mib for c in self._classes)]
        for k, c in enumerate(self._classes):
            carrying = [
                self._mip.column(self._step_s * (float(p) - c.off_mw), c.most_on) for p in c.power_mw
            ]
            empty = self._mip.column(self._step_s * float(c.empty_mw - c.off_mw), c.most_on)
            cpu += [
                (x, float(mcores) / units[0])
                for x, mcores in zip(carrying, c.load_mcores, strict=True)
                if mcores
            ]
            memory += [(x, c.memory_mib / units[1]) for x in carrying]
            hosts += [(x, 1.0) for x in carrying]
            mine = [(x, 1.0) for x in (*carrying, empty)]
            self._row(mine, lower=float(c.always_on), upper=float(c.most_on))
            if c.boot_mj or c.shutdown_mj:
                up = self._mip.column(float(c.boot_mj), math.inf)
                paid = c.pays_shutdown(t, self._n_steps, self._step_s)
                down = self._mip.column(float(c.shutdown_mj if paid else 0), math.inf)
                was = 0.0 if on is None else on[k]
                change = [*mine, *((x, -1.0) for x, _ in before[k]), (up, -1.0), (down, 1.0)]
                self._row(change, lower=was, upper=was)
            now.append(mine)
        self._on.append([[x for x, _ in mine] for mine in now])
        for kind, terms, unit, asked in (
            (0, cpu, units[0], self._need.load_mcores[t]),
            (1, memory, units[1], self._need.memory_mib[t]),
            (2, hosts, 1, self._need.hosts[t]),
        ):
            if asked:
                row = self._row(terms, lower=float(asked) / unit)
                self._rows.append((row, kind, float(unit), t))
        return now

    def solve(self, found: list[NDArray[np.float64]]) -> list[float]:
        """Fill in the prices of the window and return the hosts of each class that are on at its end."""
        solution = self._mip.solve_relaxed()
        if solution.values is None or solution.duals is None:
            # No prices are prices too; they prove little.
            return [float(c.always_on + c.starts_on) for c in self._classes]
        for row, kind, unit, t in self._rows:
            found[kind][t] = max(0.0, float(solution.duals[row])) / (unit * self._step_s)
        for t, by_class in zip(self._window, self._on, strict=True):
            found[3][t] = sum(float(solution.values[mine].sum()) for mine in by_class)
        return [float(solution.values[mine].sum()) for mine in self._on[-1]]
