"""Shift work that may wait into clean hours on the consolidated hosts, after everything else is decided.

Consolidation comes first, and is credited with what it saves alone; shifting is credited with what it saves on
top, on hosts that are on anyway. Decisions use a forecast, accounts the intensities that came true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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
from consolidate.study.shift_account import Shifted, shift_content
from consolidate.study.shift_room import room_of
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["shift_run", "shifted"]

#: Part of the usable CPU that VMs and jobs may fill together.
CPU_LIMIT_FRACTION = 0.9


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
    write_json(
        folder / "shift.json", shift_content(found, cpu_limit_fraction=cpu_limit_fraction, seed=seed)
    )
    return found
