"""The exact model of a part: some VMs on a few hosts, everything else fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate._kernels.problem import Problem, State, table_power
from consolidate.errors import ConfigError

__all__ = ["Part", "PartSize", "repack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSize:
    """How large a part is, and how long it is worked on.

    Parameters
    ----------
    most_hosts
        Most hosts of a part, one that is off included.
    most_pairs
        Most VM-host pairs of a part; on crowded hosts only some VMs are free to move.
    part_s : s
        Work on one part, in deterministic seconds of CP-SAT.
    """

    most_hosts: int = 5
    most_pairs: int = 400
    part_s: float = 0.1

    def __post_init__(self) -> None:
        for key, least in (("most_hosts", 2), ("most_pairs", 2)):
            if getattr(self, key) < least:
                msg = f"needs at least {least}, got {getattr(self, key)}"
                raise ConfigError(msg, path=f"lns.{key}")
        if not self.part_s > 0:
            msg = f"needs more than 0 s, got {self.part_s}"
            raise ConfigError(msg, path="lns.part_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What may change.

    Parameters
    ----------
    hosts
        The hosts.
    vms
        VMs on these hosts that may change places among them.
    spreads
        Sets of VMs of which at most one is on a host.
    """

    hosts: tuple[int, ...]
    vms: tuple[int, ...]
    spreads: tuple[frozenset[int], ...] = ()


def repack(
    problem: Problem, state: State, part: Part, limit_s: float | None, *, seed: int, work_s: float
) -> tuple[dict[int, int], float]:
    """Pack a part as well as the budget allows.

    Parameters
    ----------
    limit_s : s
        Wall seconds, if they are limited.
    work_s : s
        Deterministic seconds of CP-SAT.

    Returns
    -------
    moves, spent_s
        The new host of each VM that changes places, and the deterministic seconds used.
    """
    from ortools.sat.python import cp_model

    model = _Model(problem, state, part)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = work_s
    if limit_s is not None:
        solver.parameters.max_time_in_seconds = limit_s
    status = solver.solve(model.model)
    spent_s = float(solver.response_proto.deterministic_time)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return {}, spent_s
    return model.moves(solver), spent_s


class _Model:
    def __init__(self, problem: Problem, state: State, part: Part) -> None:
        from ortools.sat.python import cp_model

        self.p, self.s, self.part = problem, state, part
        self.model = cp_model.CpModel()
        self.classes = self._classes()
        self.cost: list[Any] = []
        # How many VMs of each class are on each host; VMs of a class are interchangeable.
        self.n: dict[tuple[int, int], Any] = {}
        for c, vms in enumerate(self.classes):
            self._count(c, vms)
        for h in part.hosts:
            self._host(h)
        self._spread()
        self.model.minimize(sum(self.cost))

    def _classes(self) -> list[list[int]]:
        p = self.p
        apart = set().union(*self.part.spreads) if self.part.spreads else set()
        classes: dict[tuple[object, ...], list[int]] = {}
        for v in self.part.vms:
            home = int(p.home[v]) if int(p.home[v]) in self.part.hosts else -1
            amounts = (int(p.load[v]), int(p.move_mj[v]) if home >= 0 else 0, home, int(p.mask_of[v]))
            key = (p.need[v].tobytes(), *amounts, v if v in apart else -1)
            classes.setdefault(key, []).append(v)
        return list(classes.values())

    def _count(self, c: int, vms: list[int]) -> None:
        p, v = self.p, vms[0]
        mine = []
        for h in self.part.hosts:
            if not p.masks[p.mask_of[v], h]:
                continue
            n = self.model.new_int_var(0, len(vms), "")
            self.n[c, h] = n
            mine.append(n)
            self.model.add_hint(n, sum(int(self.s.host_of[w]) == h for w in vms))
            if p.home[v] >= 0 and p.home[v] != h and int(p.home[v]) in self.part.hosts:
                self.cost.append(n * int(p.move_mj[v]))
        self.model.add(sum(mine) == len(vms))

    def _host(self, h: int) -> None:
        p, s, model = self.p, self.s, self.model
        here = [v for v in self.part.vms if s.host_of[v] == h]
        counted = [
            (vms[0], len(vms), self.n[c, h]) for c, vms in enumerate(self.classes) if (c, h) in self.n
        ]
        n_fixed = int(s.n_vms[h]) - len(here)
        hosting: Any = model.new_bool_var("") if n_fixed == 0 else 1
        if n_fixed == 0:
            model.add_hint(hosting, bool(here))
            for _, most, n in counted:
                model.add(n <= most * hosting)
            # Where a shutdown costs more than hosting, an empty host must not pass as one that carries VMs.
            model.add(sum(n for _, _, n in counted) >= hosting)
        for r in range(p.need.shape[1]):
            room = int(s.room[h, r]) + sum(int(p.need[v, r] + p.overhead[h, r]) for v in here)
            model.add(
                sum(int(p.need[v, r] + p.overhead[h, r]) * n for v, _, n in counted) <= room * hosting
            )
        per_vm, cpu, background = (int(a[h]) for a in (p.per_vm, p.cpu, p.background))
        fixed = int(s.load[h]) - sum(int(p.load[v]) for v in here) + n_fixed * per_vm
        load = sum((int(p.load[v]) + per_vm) * n for v, _, n in counted) + fixed + background * hosting
        most = fixed + background + sum((int(p.load[v]) + per_vm) * k for v, k, _ in counted)
        present = int(s.load[h]) + int(s.n_vms[h]) * per_vm + (background if s.n_vms[h] else 0)
        if most > cpu:
            # What is asked beyond the whole host draws no further power.
            cut = model.new_int_var(0, cpu, "")
            if int(s.room[h, 0]) >= 0 and fixed + background + self._most_load(h, here, counted) <= cpu:
                model.add(cut == load)
            else:
                model.add_min_equality(cut, [load, cpu])
            model.add_hint(cut, min(present, cpu))
            load = cut
        power = self._power(h, load, hosting, present)
        self.cost.append(power * int(p.horizon_s) + hosting * int(p.boot_mj[h] - p.empty_mj[h]))

    def _most_load(self, h: int, here: list[int], counted: list[tuple[int, int, Any]]) -> int:
        """Return an upper bound on the load that the free VMs can bring: no more than their CPU need."""
        p = self.p
        room = int(self.s.room[h, 0]) + sum(int(p.need[v, 0] + p.overhead[h, 0]) for v in here)
        covered = all(p.load[v] + p.per_vm[h] <= p.need[v, 0] + p.overhead[h, 0] for v, _, _ in counted)
        return room if covered else int(p.cpu[h]) + 1

    def _power(self, h: int, load: Any, hosting: Any, present: int) -> Any:
        """Return the milliwatts of a host; in whole numbers, minimisation makes them exact."""
        model, cpu = self.model, int(self.p.cpu[h])
        table = [int(x) for x in self.p.table[h]]
        power = model.new_int_var(0, max(table), "")
        is_used = self.s.n_vms[h] > 0
        model.add_hint(power, int(table_power(self.p.table[h], present, cpu)) if is_used else 0)
        rises = np.diff(table)
        is_convex = bool((np.diff(rises) >= 0).all())
        segments = [] if is_convex else [model.new_bool_var("") for _ in range(10)]
        if segments:
            model.add(sum(segments) == hosting)
        for k in range(10):
            if is_convex and k and rises[k] == rises[k - 1]:
                continue
            # power >= floor(numerator / (2 cpu)) on the segment; a convex curve is above all its lines.
            at_zero = 2 * cpu * (table[k] - k * int(rises[k])) - cpu + 1
            line = 2 * cpu * power >= at_zero * hosting + 20 * int(rises[k]) * load
            if is_convex:
                model.add(line)
                continue
            model.add(line).only_enforce_if(segments[k])
            model.add(10 * load >= k * cpu).only_enforce_if(segments[k])
            model.add(10 * load <= (k + 1) * cpu).only_enforce_if(segments[k])
            model.add_hint(segments[k], bool(is_used) and k == min(10 * min(present, cpu) // cpu, 9))
        return power

    def _spread(self) -> None:
        """Keep members of a set apart, those that are fixed on the hosts included."""
        class_of = {v: c for c, vms in enumerate(self.classes) for v in vms}
        for members in self.part.spreads:
            fixed = [int(self.s.host_of[v]) for v in members if v not in class_of]
            for h in self.part.hosts:
                free = [
                    self.n[class_of[v], h]
                    for v in members
                    if v in class_of and (class_of[v], h) in self.n
                ]
                if len(free) + fixed.count(h) > 1:
                    self.model.add(sum(free) <= 1 - fixed.count(h))

    def moves(self, solver: Any) -> dict[int, int]:
        """Return the new host of each VM that changes places; of like VMs as many stay as can."""
        moved: dict[int, int] = {}
        for c, vms in enumerate(self.classes):
            left = {h: int(solver.value(self.n[c, h])) for h in self.part.hosts if (c, h) in self.n}
            wait = []
            for v in vms:
                h = int(self.s.host_of[v])
                if left.get(h, 0):
                    left[h] -= 1
                else:
                    wait.append(v)
            targets: list[int] = [h for h, n in left.items() for _ in range(n)]
            moved.update(zip(wait, targets, strict=True))
        return moved


def spreads_of(groups: list[frozenset[int]], hosted: NDArray[np.int64]) -> tuple[frozenset[int], ...]:
    """Return the parts of the sets that are among the given VMs, where two or more are left."""
    here = set(hosted.tolist())
    return tuple(both for group in groups if len(both := group & here) > 1)
