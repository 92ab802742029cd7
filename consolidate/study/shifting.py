"""Shift work that may wait into clean hours on the consolidated hosts, after everything else is decided.

Consolidation comes first, and is credited with what it saves alone; shifting is credited with what it saves on
top, on hosts that are on anyway. Decisions use a forecast, accounts the intensities that came true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consolidate.carbon import emissions_by_step_g
from consolidate.errors import ConfigError
from consolidate.inventory import read_jobs
from consolidate.model import CarbonIntensity, Fleet, Job, Replay, TimeGrid, Trace
from consolidate.solvers.shift import Schedule, ShiftProblem, shift, soonest
from consolidate.study import write
from consolidate.study.folder import read_json, write_json
from consolidate.study.forecasts import carbon_forecasts
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["Shifted", "room_of", "shift_run", "shifted"]

#: Part of the usable CPU that VMs and jobs may fill together.
CPU_LIMIT_FRACTION = 0.9
#: On throughout: the state of a host in ``host_states``.
_ON = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """What shifting does, and what forecast and consolidation have to do with it.

    Parameters
    ----------
    jobs
        The jobs.
    grid
        The steps of the replay.
    planned
        The schedule by the forecast; its cost and bound are those of the forecast.
    unshifted
        Everybody as soon as there is room.
    perfect
        The schedule of somebody who knew the intensities that came true.
    forecast
        Where the forecast comes from.
    actual_ug : ug
        Emissions of the jobs by the intensities that came true: ``unshifted``, ``planned``, ``perfect``.
    baseline_ug, consolidated_ug : ug
        Emissions of both arms without the jobs.
    """

    jobs: tuple[Job, ...]
    grid: TimeGrid
    planned: Schedule
    unshifted: Schedule
    perfect: Schedule
    forecast: str
    actual_ug: dict[str, int]
    baseline_ug: int
    consolidated_ug: int

    @property
    def saved_by_consolidation_ug(self) -> int:
        """What consolidation saves alone."""
        return self.baseline_ug - self.consolidated_ug

    @property
    def saved_by_shifting_ug(self) -> int:
        """What shifting saves on top."""
        return self.actual_ug["unshifted"] - self.actual_ug["planned"]

    @property
    def saved_ug(self) -> int:
        """What both save together: jobs as soon as possible on today's hosts, against what is planned."""
        before = self.baseline_ug + self.actual_ug["unshifted"]
        return before - (self.consolidated_ug + self.actual_ug["planned"])

    @property
    def regret_ug(self) -> int:
        """What the planned schedule emits more than the one that perfect knowledge gives."""
        return self.actual_ug["planned"] - self.actual_ug["perfect"]

    def summary(self) -> str:
        """Return the lines of the account in a few lines of text."""
        kwh = sum(job.energy_mj for job in self.jobs) / MILLIJOULES_PER_KWH

        def g(amount_ug: int) -> str:
            return f"{amount_ug / 1e6:,.1f} g CO2e"

        planned = self.planned
        return "\n".join(
            (
                f"{len(self.jobs)} jobs, {kwh:.3f} kWh, on hosts that are on; forecast: {self.forecast}",
                f"by the forecast {g(planned.cost_ug)}, no schedule less than {g(planned.bound_ug)} "
                f"({planned.proof}), gap {planned.gap:.4%}",
                f"came true: as soon as possible {g(self.actual_ug['unshifted'])}, as planned "
                f"{g(self.actual_ug['planned'])}, with perfect knowledge {g(self.actual_ug['perfect'])}",
                f"forecast regret {g(self.regret_ug)}",
                f"saved by consolidation {g(self.saved_by_consolidation_ug)}",
                f"saved by shifting, on top {g(self.saved_by_shifting_ug)}",
                f"saved together {g(self.saved_ug)}",
            )
        )


def shifted(
    jobs: Sequence[Job],
    *,
    trace: Trace,
    fleet: Fleet,
    baseline: Replay,
    consolidated: Replay,
    forecast: Sequence[CarbonIntensity],
    actual: Sequence[CarbonIntensity],
    source: str = "given",
    cpu_limit_fraction: float = CPU_LIMIT_FRACTION,
    deterministic_s: float = 5.0,
    seed: int = 0,
) -> Shifted:
    """Schedule jobs on the hosts of a consolidated arm, and account for them.

    Parameters
    ----------
    jobs
        The jobs, in seconds from the start of the replay.
    trace
        The replayed window.
    fleet
        The hosts.
    baseline, consolidated
        The two arms.
    forecast, actual
        Intensity of each site over the window: for the decision, and for the account.
    source
        Where the forecast comes from.
    cpu_limit_fraction
        Part of the usable CPU of a host that VMs and jobs may fill together.
    deterministic_s, seed
        As in :func:`consolidate.solvers.shift.shift`.

    Raises
    ------
    ConfigError
        When the limit is no fraction.
    InfeasibleError
        When a job finds no room in time.
    """
    if not 0 < cpu_limit_fraction <= 1:
        msg = f"needs more than 0 and at most 1, got {cpu_limit_fraction}"
        raise ConfigError(msg, path="cpu_limit")
    grid = consolidated.grid
    cpu, mib = room_of(consolidated, trace, fleet, cpu_limit_fraction=cpu_limit_fraction)
    by_forecast = ShiftProblem(
        jobs=tuple(jobs),
        grid=grid,
        room_mcores=cpu,
        room_mib=mib,
        site=fleet.host_site.astype(np.int64),
        mg_per_kwh=_mg_per_kwh(grid, forecast),
    )
    by_actual = replace(by_forecast, mg_per_kwh=_mg_per_kwh(grid, actual))
    planned = shift(by_forecast, deterministic_s=deterministic_s, seed=seed)
    perfect = shift(by_actual, deterministic_s=deterministic_s, seed=seed)
    now = soonest(by_forecast)
    actual_ug = {
        name: _emitted_ug(by_actual, made)
        for name, made in (("unshifted", now), ("planned", planned), ("perfect", perfect))
    }
    return Shifted(
        jobs=tuple(jobs),
        grid=grid,
        planned=planned,
        unshifted=now,
        perfect=perfect,
        forecast=source,
        actual_ug=actual_ug,
        baseline_ug=_arm_ug(baseline, actual),
        consolidated_ug=_arm_ug(consolidated, actual),
    )


def room_of(
    arm: Replay, trace: Trace, fleet: Fleet, *, cpu_limit_fraction: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what each host of an arm has left in each step, in mcores and MiB, shape ``(hosts, steps)``.

    A VM counts on a host in every step in which it is there for a moment, a move on both of its ends. A host
    that is not on throughout a step has -1.
    """
    step_s, n_steps, n_hosts = arm.grid.step_s, arm.grid.n_steps, fleet.n_hosts
    hypervisor = [t.hypervisor for t in fleet.types]
    kinds = fleet.host_type
    limit = [math.floor(cpu_limit_fraction * t.usable_mcores) for t in fleet.types]
    room = np.repeat(np.array(limit, dtype=np.int64)[kinds][:, None], n_steps, axis=1)
    mib = np.array([t.usable_memory_mib for t in fleet.types], dtype=np.int64)[kinds]
    left = np.repeat(mib[:, None], n_steps, axis=1)
    extra = np.array([(h.per_vm_mcores, h.per_vm_memory_mib) for h in hypervisor], dtype=np.int64)
    for vm, host, start_s, end_s in arm.residency.tolist():
        if host < 0 or end_s <= start_s:
            continue
        span = slice(start_s // step_s, -(-end_s // step_s))
        room[host, span] -= trace.cpu_mcores[vm, span] + extra[kinds[host], 0]
        left[host, span] -= trace.memory_mib[vm, span] + extra[kinds[host], 1]
    for move in (*arm.moves, *arm.broken_off):
        span = slice(move.start_s // step_s, -(-move.end_s // step_s))
        for host in (move.source, move.target):
            room[host, span] -= move.overhead_mcores
        # The target holds what arrives while the source still has it.
        left[move.target, span] -= trace.memory_mib[move.vm, span]
    on = np.zeros((n_hosts, n_steps), dtype=np.int64)
    for host, state, start_s, end_s in arm.host_states.tolist():
        if state == _ON:
            on[host, -(-start_s // step_s) : end_s // step_s] = 1
    return np.where(on == 1, room, -1), np.where(on == 1, left, -1)


def _mg_per_kwh(grid: TimeGrid, each: Sequence[CarbonIntensity]) -> NDArray[np.int64]:
    """Return the mean intensity of each step at each site, to the mg/kWh."""
    kwh = np.full(grid.n_steps, MILLIJOULES_PER_KWH, dtype=np.int64)
    grams = [emissions_by_step_g(grid, kwh, intensity) for intensity in each]
    out: NDArray[np.int64] = np.rint(1_000 * np.array(grams)).astype(np.int64)
    return out


def _emitted_ug(problem: ShiftProblem, made: Schedule) -> int:
    return sum(
        int(problem.costs_ug(job)[problem.site[on], at - problem.starts(job).start])
        for job, at, on in zip(problem.jobs, made.start.tolist(), made.host.tolist(), strict=True)
    )


def _arm_ug(arm: Replay, actual: Sequence[CarbonIntensity]) -> int:
    from consolidate.study.emissions import arm_emissions_g

    return round(1e6 * arm_emissions_g(arm, tuple(actual)))


def shift_run(
    folder: str | Path,
    jobs: str | Path,
    *,
    forecast: str = "seasonal",
    carbon: str | None = None,
    cpu_limit_fraction: float = CPU_LIMIT_FRACTION,
    deterministic_s: float = 5.0,
    seed: int = 0,
) -> Shifted:
    """Schedule the jobs of a file on the hosts of a replayed run folder, and write the schedule there.

    Parameters
    ----------
    folder
        The run folder; ``shift.json`` and ``shift_forecast.parquet`` are written.
    jobs
        The file; see :func:`consolidate.inventory.read_jobs`.
    forecast
        ``seasonal``, ``persistence``, ``actual`` for hindsight, or an intensity file.
    carbon
        Where the intensities with their history are, if not where the run found them.
    cpu_limit_fraction, deterministic_s, seed
        As in :func:`shifted`.

    Raises
    ------
    InputError
        When the run is not replayed, or a file is wrong.
    InfeasibleError
        When a job finds no room in time.
    """
    from consolidate.study.pipeline import config_from, load_run

    folder = Path(folder)
    done = load_run(folder)
    grid = done.consolidated.grid
    config = replace(
        config_from(read_json(folder / "manifest.json"), carbon=carbon),
        objective="carbon",
        forecast=forecast,
    )
    expected = carbon_forecasts(done.instance.fleet, grid, config)
    found = shifted(
        read_jobs(jobs, grid),
        trace=done.trace.window(*read_json(folder / "manifest.json")["windows"]["replay"]),
        fleet=done.instance.fleet,
        baseline=done.baseline,
        consolidated=done.consolidated,
        forecast=expected.each,
        actual=done.intensities,
        source=expected.source,
        cpu_limit_fraction=cpu_limit_fraction,
        deterministic_s=deterministic_s,
        seed=seed,
    )
    write.write_intensities(folder / "shift_forecast.parquet", expected.each)
    write_json(folder / "shift.json", _content(found, cpu_limit_fraction=cpu_limit_fraction, seed=seed))
    return found


def _content(found: Shifted, *, cpu_limit_fraction: float, seed: int) -> dict[str, Any]:
    schedules = {"planned": found.planned, "unshifted": found.unshifted, "perfect": found.perfect}
    return {
        "forecast": found.forecast,
        "cpu_limit_fraction": cpu_limit_fraction,
        "seed": seed,
        "jobs": [
            {
                "id": job.id,
                "cpu_mcores": job.cpu_mcores,
                "memory_mib": job.memory_mib,
                "power_mw": job.power_mw,
                "earliest_s": job.earliest_s,
                "deadline_s": job.deadline_s,
                "duration_s": job.duration_s,
            }
            for job in found.jobs
        ],
        "schedules": {
            name: {
                "start_step": made.start.tolist(),
                "host": made.host.tolist(),
                "actual_ug": found.actual_ug[name],
                "stopped": made.stopped,
            }
            for name, made in schedules.items()
        },
        "forecast_ug": found.planned.cost_ug,
        "forecast_bound_ug": found.planned.bound_ug,
        "bound_proof": found.planned.proof,
        "baseline_ug": found.baseline_ug,
        "consolidated_ug": found.consolidated_ug,
        "saved_by_consolidation_ug": found.saved_by_consolidation_ug,
        "saved_by_shifting_ug": found.saved_by_shifting_ug,
        "saved_ug": found.saved_ug,
        "regret_ug": found.regret_ug,
    }
