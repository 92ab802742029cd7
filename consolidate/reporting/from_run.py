"""The report of two replays in memory, or of a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from consolidate.model.carbon import CarbonIntensity
from consolidate.reporting.account import Account
from consolidate.reporting.bundle import Report

if TYPE_CHECKING:
    from consolidate.model.instance import Instance
    from consolidate.model.plan import MigrationPlan
    from consolidate.model.replay import Replay
    from consolidate.model.result import Result
    from consolidate.study import RunData

__all__ = ["report", "report_run"]


def report(
    before: Replay,
    after: Replay,
    *,
    plan: MigrationPlan,
    result: Result | None = None,
    instance: Instance | None = None,
    carbon: CarbonIntensity | tuple[CarbonIntensity, ...] | None = None,
    manifest: Mapping[str, object] | None = None,
) -> Report:
    """Make the report of a consolidation, emissions included.

    Parameters
    ----------
    before, after
        The baseline and the consolidated arm.
    plan
        What was done in the consolidated arm.
    result, instance, manifest
        As in :class:`Report`.
    carbon
        Carbon intensity, one for all sites or one for each.

    Raises
    ------
    InstanceError
        When the parts do not belong together.
    HorizonError
        When an intensity does not cover the replays.
    """
    n_sites = len(before.site_energy_mj)
    each = (carbon,) * n_sites if isinstance(carbon, CarbonIntensity) else (carbon or ())
    made = Report(
        before, after, plan=plan, result=result, instance=instance, intensities=each, manifest=manifest
    )
    if not each:
        return made
    from dataclasses import replace

    from consolidate.study.emissions import arm_emissions_g

    grams = {
        "baseline": arm_emissions_g(before, each),
        "consolidated": arm_emissions_g(after, each),
    }
    return replace(made, emissions_g=grams)


def report_run(run: str | Path | RunData, *, account: Account | None = None) -> Report:
    """Make the report of a complete run; ``report_run(folder).write(folder)`` puts it there.

    Parameters
    ----------
    run
        Run folder, or what :func:`consolidate.run` has returned.
    account
        What lines beside the location-based one rest on, see :func:`read_account`.

    Raises
    ------
    InputError
        When it is no run folder, or a stage is missing.
    """
    from consolidate.study import load_run

    if isinstance(run, str | Path):
        run = load_run(run)
    return Report(
        run.baseline,
        run.consolidated,
        plan=run.plan,
        result=run.result,
        instance=run.instance,
        intensities=run.intensities,
        emissions_g=run.emissions_g,
        manifest=run.manifest,
        account=account or Account(),
        trace_rows=int(run.trace.alive.sum()),
        others=run.others,
        shift=run.shift,
        replay_bound=run.replay_bound,
    )
