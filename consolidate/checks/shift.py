"""Shifted work: times, room on every host in every step, grams, and lines that add up exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import ON, Arm, Demand
from consolidate.checks.carbon import Intensity
from consolidate.checks.cases import Hosts
from consolidate.checks.files import Json, read_json
from consolidate.checks.verdict import Violation

__all__ = ["ShiftClaim", "load_shift", "shift_violations"]

_SCHEDULES = ("planned", "unshifted", "perfect")
_LINES = ("saved_by_consolidation_ug", "saved_by_shifting_ug", "saved_ug", "regret_ug")


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    cpu_mcores: int
    memory_mib: int
    power_mw: int
    earliest_s: int
    deadline_s: int
    duration_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftClaim:
    """``shift.json``: jobs, three schedules as (step, host) of each job, and amounts in ug."""

    jobs: tuple[_Job, ...]
    schedules: dict[str, tuple[tuple[int, int], ...]]
    actual_ug: dict[str, int]
    cpu_limit_fraction: float
    amounts_ug: dict[str, int]


def load_shift(folder: Path, *, n_hosts: int, n_steps: int) -> ShiftClaim:
    """Read ``shift.json``."""
    about = read_json(folder, "shift.json")
    whole = ("cpu_mcores", "memory_mib", "power_mw", "earliest_s", "deadline_s", "duration_s")
    jobs = tuple(
        _Job(entry.text("id"), *(entry.integer(key, least=0) for key in whole))
        for entry in about.objects("jobs")
    )
    schedules, actual = {}, {}
    for name in _SCHEDULES:
        entry: Json = about.object("schedules").object(name)
        steps = entry.integers("start_step", limit=n_steps)
        where = entry.integers("host", limit=n_hosts)
        if len(steps) != len(jobs) or len(where) != len(jobs):
            entry.fail("start_step", f"needs {len(jobs)} values, as there are jobs")
        schedules[name] = tuple(zip(steps, where, strict=True))
        actual[name] = entry.integer("actual_ug", least=0)
    stated = ("forecast_ug", "forecast_bound_ug", "baseline_ug", "consolidated_ug", *_LINES)
    return ShiftClaim(
        jobs=jobs,
        schedules=schedules,
        actual_ug=actual,
        cpu_limit_fraction=about.number("cpu_limit_fraction"),
        amounts_ug={key: about.integer(key) for key in stated},
    )


def shift_violations(
    claim: ShiftClaim,
    *,
    hosts: Hosts,
    site_of: NDArray[np.int64],
    arm: Arm,
    demand: Demand,
    actual: Intensity,
    forecast: Intensity,
    emissions_kg: Mapping[str, float],
) -> list[Violation]:
    """Return what is wrong with shifted work.

    Parameters
    ----------
    claim
        What the run says.
    hosts, site_of
        The fleet, and the site of each host.
    arm, demand
        The consolidated arm, and what its VMs ask for.
    actual, forecast
        Intensities that came true, and that were expected.
    emissions_kg
        Emissions of each arm, derived.
    """
    room = _Room(hosts=hosts, arm=arm, demand=demand, limit=claim.cpu_limit_fraction)
    found: list[Violation] = []
    for name, schedule in claim.schedules.items():
        found += _times(claim, name, schedule, demand.step_s)
        found += _room_violations(claim, name, schedule, room, demand.step_s)
        due = _grams_ug(claim, schedule, site_of, actual, demand)
        found += _amount(f"actual_ug of {name}", claim.actual_ug[name], due)
    due = _grams_ug(claim, claim.schedules["planned"], site_of, forecast, demand)
    found += _amount("forecast_ug", claim.amounts_ug["forecast_ug"], due)
    stated = claim.amounts_ug
    if stated["forecast_bound_ug"] > stated["forecast_ug"]:
        found.append(_wrong("V18.bound", "the bound exceeds the emissions of the schedule"))
    for key, label in (("baseline_ug", "baseline"), ("consolidated_ug", "consolidated")):
        if label in emissions_kg:
            found += _amount(key, stated[key], emissions_kg[label] * 1e9)
    planned, unshifted = claim.actual_ug["planned"], claim.actual_ug["unshifted"]
    lines = {
        "saved_by_consolidation_ug": stated["baseline_ug"] - stated["consolidated_ug"],
        "saved_by_shifting_ug": unshifted - planned,
        "regret_ug": planned - claim.actual_ug["perfect"],
    }
    lines["saved_ug"] = lines["saved_by_consolidation_ug"] + lines["saved_by_shifting_ug"]
    found += [
        _wrong("V18.lines", f"{key} is stated as {stated[key]}; the parts give {due_ug}")
        for key, due_ug in lines.items()
        if stated[key] != due_ug
    ]
    return found


def _wrong(code: str, message: str) -> Violation:
    return Violation(code=code, message=f"shift.json: {message}", witness={"file": "shift.json"})


def _amount(name: str, stated: int, due: float) -> list[Violation]:
    # Intensities are rounded to whole mg/kWh, grams to ug: of three digits more than anybody knows.
    if abs(stated - due) <= 1e-4 * abs(due) + 2:
        return []
    return [_wrong("V18.grams", f"{name} is stated as {stated}; energy times intensity is {due:.0f}")]


def _times(
    claim: ShiftClaim, name: str, schedule: tuple[tuple[int, int], ...], step_s: int
) -> list[Violation]:
    return [
        _wrong(
            "V18.time",
            f"{name}: job {job.name} runs from {step * step_s} s to {step * step_s + job.duration_s} s; it may "
            f"from {job.earliest_s} s to {job.deadline_s} s",
        )
        for job, (step, _) in zip(claim.jobs, schedule, strict=True)
        if step * step_s < job.earliest_s or step * step_s + job.duration_s > job.deadline_s
    ]


class _Room:
    """What is left on a host in a step, counted for those that are asked for."""

    def __init__(self, *, hosts: Hosts, arm: Arm, demand: Demand, limit: float) -> None:
        self.hosts, self.arm, self.demand, self.limit = hosts, arm, demand, limit
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def left(self, host: int, step: int) -> tuple[int, int]:
        """Return mcores and MiB; -1 where the host is not on throughout the step."""
        if (host, step) not in self._known:
            self._known[host, step] = self._count(host, step)
        return self._known[host, step]

    def _count(self, host: int, step: int) -> tuple[int, int]:
        start, end = step * self.demand.step_s, (step + 1) * self.demand.step_s
        states, kind = self.arm.states, self.hosts.kind(host)
        mine = (states.host == host) & (states.state == ON)
        if not ((states.start_s[mine] <= start) & (states.end_s[mine] >= end)).any():
            return -1, -1
        cpu, mib = math.floor(self.limit * kind.usable_mcores), kind.usable_memory_mib
        there = self.arm.residency
        here = (there.host == host) & (there.start_s < end) & (there.end_s > start)
        here &= there.end_s > there.start_s
        for vm in there.vm[here].tolist():
            asked = self._asked(vm, step)
            cpu -= asked[0] + kind.per_vm_mcores
            mib -= asked[1] + kind.per_vm_memory_mib
        made = self.arm.moves
        moving = (made.start_s < end) & (made.end_s > start)
        for i in np.flatnonzero(moving & ((made.source == host) | (made.target == host))).tolist():
            cpu -= int(made.overhead_mcores[i])
            if made.target[i] == host:
                mib -= self._asked(int(made.vm[i]), step)[1]
        return cpu, mib

    def _asked(self, vm: int, step: int) -> tuple[int, int]:
        row = int(self.demand.rows(np.array([vm]), np.array([step]))[0])
        if row < 0:
            return 0, 0
        return int(self.demand.cpu_mcores[row]), int(self.demand.memory_mib[row])


def _running(
    claim: ShiftClaim, schedule: tuple[tuple[int, int], ...], step_s: int
) -> Iterator[tuple[int, int, _Job]]:
    for job, (first, host) in zip(claim.jobs, schedule, strict=True):
        for step in range(first, first - (-job.duration_s // step_s)):
            yield host, step, job


def _room_violations(
    claim: ShiftClaim, name: str, schedule: tuple[tuple[int, int], ...], room: _Room, step_s: int
) -> list[Violation]:
    taken: dict[tuple[int, int], list[int]] = {}
    for host, step, job in _running(claim, schedule, step_s):
        both = taken.setdefault((host, step), [0, 0])
        both[0] += job.cpu_mcores
        both[1] += job.memory_mib
    found = []
    for (host, step), (cpu, mib) in sorted(taken.items()):
        if step >= room.demand.n_steps:
            continue
        left = room.left(host, step)
        if cpu > left[0] or mib > left[1]:
            found.append(
                _wrong(
                    "V18.room",
                    f"{name}: jobs take {cpu} mcores and {mib} MiB of host {room.hosts.name(host)} in step "
                    f"{step}; there are {left[0]} and {left[1]}",
                )
            )
    return found[:20]


def _grams_ug(
    claim: ShiftClaim,
    schedule: tuple[tuple[int, int], ...],
    site_of: NDArray[np.int64],
    intensity: Intensity,
    demand: Demand,
) -> float:
    """Return energy times intensity, second by second's share, in ug."""
    total = 0.0
    mean_of: Callable[[int, int], float] = _Means(intensity, demand).of
    for host, step, job in _running(claim, schedule, demand.step_s):
        kwh = job.power_mw * demand.step_s / 3.6e9
        total += kwh * mean_of(int(site_of[host]), min(step, demand.n_steps - 1)) * 1e6
    return total


class _Means:
    """Mean intensity of a site in a step, in g/kWh."""

    def __init__(self, intensity: Intensity, demand: Demand) -> None:
        self._intensity, self._demand = intensity, demand
        self._known: dict[tuple[int, int], float] = {}

    def of(self, site: int, step: int) -> float:
        if (site, step) not in self._known:
            begin = self._demand.start_utc_s + step * self._demand.step_s
            end = begin + self._demand.step_s
            starts, ends, values = self._intensity.of(site)
            inside = np.clip(np.minimum(ends, end) - np.maximum(starts, begin), 0, None)
            self._known[site, step] = float((inside * values).sum()) / self._demand.step_s
        return self._known[site, step]
