"""Judge a run folder: everything that is in it, and nothing that is not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from consolidate.checks.arms import Arm
from consolidate.checks.docket import Docket
from consolidate.checks.figures import Facts
from consolidate.checks.fleet_file import load_guests, load_hosts, load_sites
from consolidate.checks.inputs import switching_violations
from consolidate.checks.judge_replay import (
    judge_arms,
    judge_emissions,
    judge_replay_bound,
    judge_shares,
    judge_shift,
)
from consolidate.checks.judge_report import judge_account, judge_report
from consolidate.checks.judge_solution import judge_placement, judge_plan, judge_weights
from consolidate.checks.loader import (
    count_rows,
    load_case,
    load_claim,
    load_demand,
    load_switchable,
    load_windows,
)
from consolidate.checks.verdict import Verdict
from consolidate.errors import InputError

__all__ = ["check_run"]


def check_run(path: str | Path, *, report: str | Path | None = None) -> Verdict:
    """Judge a run folder.

    Parameters
    ----------
    path
        The folder; one that holds no plan, replay or report yet is judged for what it holds.
    report
        Folder of the report; default the run folder.

    Returns
    -------
    Verdict
        Violations, what was proven, what was not there.

    Raises
    ------
    InputError
        When ``path`` is not a folder.
    """
    folder = Path(path)
    if not folder.is_dir():
        msg = f"{path}: needs a run folder, there is none"
        raise InputError(msg)
    if report is not None and not (Path(report) / "figures.json").is_file():
        msg = f"{report}: needs the folder of a report, with figures.json"
        raise InputError(msg)
    return _judge(Docket(folder, str(path), folder if report is None else Path(report)))


def _judge(docket: Docket) -> Verdict:
    folder, attempt = docket.folder, docket.attempt
    windows = attempt(partial(load_windows, folder))
    hosts = attempt(partial(load_hosts, folder))
    vms = attempt(partial(load_guests, folder))
    claim = attempt(partial(load_claim, folder))
    case = demand = switchable = None
    if hosts is not None and vms is not None:
        case = attempt(partial(load_case, folder, hosts, vms))
    if windows is not None and vms is not None:
        demand = attempt(partial(load_demand, folder, windows, n_vms=vms.n))
    sites = attempt(partial(load_sites, folder)) if hosts is not None else None
    n_sites = 0 if sites is None else sites[1]
    actions = None
    arms: dict[str, Arm] = {}
    if case is not None:
        docket.checked |= {"VMs": case.vms.n, "hosts": case.hosts.n, "rules": len(case.rules)}
        switchable = attempt(partial(load_switchable, folder, case.hosts))
        if switchable is not None:
            docket.violations += switching_violations(case, switchable)
        judge_weights(docket, case, demand, n_sites=n_sites)
        placed = judge_placement(docket, case, claim)
        actions = judge_plan(docket, case, claim, placed=placed)
        if demand is not None and sites is not None:
            arms = judge_arms(docket, case, demand, sites, actions)
    emissions = judge_emissions(docket, arms, demand, n_sites=n_sites)
    shifted = least_mj = None
    if case is not None and demand is not None:
        judge_shares(docket, arms, case, demand)
        least_mj = judge_replay_bound(docket, case, demand, arms)
    if case is not None and demand is not None and sites is not None:
        shifted = judge_shift(docket, case, demand, sites, arms, emissions)
    derived: dict[str, float] = {}
    bands: dict[str, tuple[float, float]] = {}
    if case is not None and demand is not None and sites is not None:
        derived, bands = judge_account(docket, case, demand, sites, arms)
    if case is not None and claim is not None and demand is not None:
        judge_report(
            docket,
            Facts(
                claim=claim,
                case=case,
                demand=demand,
                actions=actions,
                arms=arms,
                emissions_kg=emissions,
                trace_rows=attempt(partial(count_rows, folder)) or 0,
                switchable=switchable,
                n_sites=n_sites,
                least_mj=least_mj,
                shifted_ug={} if shifted is None else shifted.amounts_ug,
            ),
            derived,
            bands,
        )
    return docket.verdict()
