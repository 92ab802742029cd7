"""The part of a verdict about what the report prints."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.account import AccountFacts, account_figures, load_account, record_violations
from consolidate.checks.arms import Arm, Demand
from consolidate.checks.cases import PlacementCase
from consolidate.checks.docket import IDLE_ARM, PLANNED_ARM, Docket
from consolidate.checks.figures import Facts, derived_figures
from consolidate.checks.report import report_violations
from consolidate.checks.report_files import carriers, load_report

__all__ = ["judge_account", "judge_report"]


def judge_account(
    docket: Docket,
    case: PlacementCase,
    demand: Demand,
    sites: tuple[NDArray[np.int64], int],
    arms: dict[str, Arm],
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Derive the figures of the account; without its record there are none."""
    before, after = arms.get(IDLE_ARM), arms.get(PLANNED_ARM)
    if before is None or after is None or not (docket.printed / "account.json").is_file():
        return {}, {}
    record = docket.attempt(partial(load_account, docket.folder, docket.printed, n_sites=sites[1]))
    if record is None:
        return {}, {}
    facts = AccountFacts(
        record=record,
        hosts=case.hosts,
        site_of=sites[0],
        demand=demand,
        before=before,
        after=after,
        intensity=docket.intensity,
    )
    found = record_violations(facts)
    docket.violations += found
    return ({}, {}) if found else account_figures(facts)


def judge_report(
    docket: Docket,
    facts: Facts,
    derived: dict[str, float],
    bands: dict[str, tuple[float, float]],
) -> None:
    """Judge what is printed, figure by figure, in every file of the report."""
    folder, attempt = docket.printed, docket.attempt
    if not (folder / "figures.json").exists():
        docket.absent.append("report")
        return
    files, found = load_report(folder, attempt)
    if files is None:
        return
    more, known, unknown = report_violations(files, derived_figures(facts) | derived, bands)
    docket.checked["figures derived again"] = known
    if unknown:
        docket.notes.append(f"{unknown} of {len(files.figures)} figures are not derived again")
    docket.add(
        [*found, *more],
        f"{known} printed figures follow from the run; {carriers(files)} carry the same values",
    )
