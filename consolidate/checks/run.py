"""Judge a run folder: everything that is in it, and nothing that is not."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.account import AccountFacts, account_figures, load_account, record_violations
from consolidate.checks.arm_files import load_arm
from consolidate.checks.arms import Arm, ArmCase, Demand
from consolidate.checks.bound import bound_verdict, bound_violations
from consolidate.checks.carbon import (
    Intensity,
    coverage_violations,
    emission_violations,
    emissions_kg,
)
from consolidate.checks.cases import (
    MOVE,
    NO_ACTIONS,
    Actions,
    Guests,
    PlacementCase,
    PlacementClaim,
    PlanCase,
)
from consolidate.checks.figures import Facts, derived_figures
from consolidate.checks.fleet_file import load_guests, load_hosts, load_sites
from consolidate.checks.forecast_file import load_moves_s, load_pue
from consolidate.checks.hashes import file_hashes
from consolidate.checks.inputs import input_violations, switching_violations
from consolidate.checks.ledger import energy_violations, recount
from consolidate.checks.loader import (
    Problems,
    count_rows,
    load_actions,
    load_case,
    load_claim,
    load_demand,
    load_emissions,
    load_intensity,
    load_limits,
    load_makespan_bounds,
    load_switchable,
    load_windows,
)
from consolidate.checks.objective import objective_violations
from consolidate.checks.per_vm import FILE as SHARES_FILE
from consolidate.checks.per_vm import load_shares, share_violations
from consolidate.checks.placement import placement_violations
from consolidate.checks.plan import plan_violations
from consolidate.checks.report import report_violations
from consolidate.checks.report_files import carriers, load_report
from consolidate.checks.residency import residency_violations
from consolidate.checks.rules import too_many_on
from consolidate.checks.service import service_violations
from consolidate.checks.shift import ShiftClaim, load_shift, shift_violations
from consolidate.checks.states import state_violations
from consolidate.checks.stops import stop_violations
from consolidate.checks.verdict import Verdict, Violation
from consolidate.checks.weights import in_reference_mj, weight_violations
from consolidate.errors import InputError

__all__ = ["check_arm", "check_placement", "check_plan", "check_run"]

#: The arm that executes the plan.
PLANNED_ARM = "consolidated"
#: The arm that does nothing but take in VMs that arrive.
IDLE_ARM = "baseline"


def check_placement(case: PlacementCase, claim: PlacementClaim | None = None) -> tuple[Violation, ...]:
    """Judge a placement, and what a result says of it.

    Parameters
    ----------
    case
        The problem and its answer.
    claim
        Objective, bounds and verdict as stated; ``None`` leaves them out.

    Returns
    -------
    tuple
        Violations; empty when the placement is right. Where an infeasible instance is claimed, nobody is
        placed anew, so only the inputs are judged.
    """
    found = input_violations(case)
    if claim is not None and claim.status in ("infeasible", "unknown"):
        return tuple(found)
    found += placement_violations(case)
    if claim is not None and not any(v.code.startswith(("V1.", "V4.")) for v in found):
        stays = replace(case, target=case.current)
        fits = not placement_violations(stays) and not too_many_on(case)
        counted = in_reference_mj(case)
        found += objective_violations(counted, claim, current_fits=fits)
        found += bound_violations(counted, claim)
    return tuple(found)


def check_plan(case: PlanCase) -> tuple[Violation, ...]:
    """Judge a plan; its placements must have been judged before.

    Parameters
    ----------
    case
        Placement case, settings of moves, actions.

    Returns
    -------
    tuple
        Violations; empty when every prefix of the plan can be executed and it ends at the target.
    """
    return tuple(plan_violations(case))


def check_arm(case: ArmCase) -> tuple[Violation, ...]:
    """Judge one replayed arm: states, whereabouts, energy, service levels.

    The ledger is integrated again only when states and whereabouts are in order; without them there is
    nothing to integrate.
    """
    found = state_violations(case)
    found += residency_violations(case)
    if not any(v.code in {"V8.states", "V8.residency"} for v in found):
        found += stop_violations(case)
    if any(v.code in {"V8.states", "V8.residency", "V4.on", "V20.options", "V20.time"} for v in found):
        return tuple(found)
    again = recount(case)
    found += energy_violations(case, again)
    found += service_violations(case, unmet_mcore_s=again.unmet_mcore_s, totals=again.service)
    return tuple(found)


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
    return _Judge(folder, str(path), folder if report is None else Path(report)).judge()


class _Judge:
    """Collects the parts of one verdict."""

    def __init__(self, folder: Path, name: str, report: Path) -> None:
        self._folder, self._name, self._printed = folder, name, report
        self._problems = Problems()
        self._violations: list[Violation] = []
        self._proven: list[str] = []
        self._checked: dict[str, int] = {}
        self._absent: list[str] = []
        self._notes: list[str] = []
        self._bound = ""
        self._intensity: Intensity | None = None

    def judge(self) -> Verdict:
        folder, attempt = self._folder, self._problems.attempt
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
            self._checked |= {"VMs": case.vms.n, "hosts": case.hosts.n, "rules": len(case.rules)}
            switchable = attempt(partial(load_switchable, folder, case.hosts))
            if switchable is not None:
                self._violations += switching_violations(case, switchable)
            self._forecast(case, demand, n_sites=n_sites)
            placed = self._placement(case, claim)
            actions = self._plan(case, claim, placed=placed)
            if demand is not None and sites is not None:
                arms = self._replay(case, demand, sites, actions)
        if vms is not None and demand is not None:
            self._shares(arms, vms, demand)
        emissions = self._carbon(arms, demand, n_sites=n_sites)
        shifted = None
        if case is not None and demand is not None and sites is not None:
            shifted = self._shift(case, demand, sites, arms, emissions)
        derived: dict[str, float] = {}
        bands: dict[str, tuple[float, float]] = {}
        if case is not None and demand is not None and sites is not None:
            derived, bands = self._account(case, demand, sites, arms)
        if case is not None and claim is not None and demand is not None:
            self._report(
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
                    shifted_ug={} if shifted is None else shifted.amounts_ug,
                ),
                derived,
                bands,
            )
        return Verdict(
            run=self._name,
            violations=(*self._problems.violations, *self._violations),
            proven=tuple(self._proven),
            checked=self._checked,
            absent=tuple(self._absent),
            notes=tuple(self._notes),
            bound_verdict=self._bound,
            hashes=file_hashes(folder),
        )

    def _add(self, violations: tuple[Violation, ...] | list[Violation], proven: str) -> bool:
        self._violations += violations
        if not violations:
            self._proven.append(proven)
        return not violations

    def _placement(self, case: PlacementCase, claim: PlacementClaim | None) -> bool:
        """Judge placement and claim; say whether the target can be taken for a placement at all."""
        found = check_placement(case, claim)
        infeasible = claim is not None and claim.status in ("infeasible", "unknown")
        about_bounds = [v for v in found if v.code.startswith(("V11.", "V14."))]
        rest = [v for v in found if v not in about_bounds]
        sentence = "needs and capacities are those of the VMs and the fleet"
        if not infeasible:
            sentence += "; every active VM is on one host that may run it, within each capacity and rule"
        self._add(rest, sentence)
        if claim is None:
            return not any(v.code.startswith(("V1.", "V4.")) for v in found)
        self._bound = bound_verdict(claim)
        if not infeasible and not any(v.code.startswith(("V1.", "V4.")) for v in found):
            self._add(about_bounds, "objective, certified bounds, gap and status follow from the inputs")
        self._notes += [
            f"bound {b.name} of {b.value_mj} mJ is attested by {b.source}, not recomputed"
            for b in claim.bounds
            if b.kind == "attested"
        ]
        return not infeasible and not any(v.code.startswith(("V1.", "V4.")) for v in found)

    def _forecast(self, case: PlacementCase, demand: Demand | None, *, n_sites: int) -> None:
        """Judge the weights of an objective in grams by the forecast that the run has kept."""
        if not case.site_mg_per_kwh or demand is None:
            return
        attempt = self._problems.attempt
        load = partial(load_intensity, self._folder, n_sites=n_sites, name="forecast.parquet")
        forecast, moves_s = attempt(load), attempt(partial(load_moves_s, self._folder))
        pue = attempt(partial(load_pue, self._folder))
        if forecast is None or moves_s is None or pue is None:
            return
        found = weight_violations(
            case, forecast=forecast, pue=pue, start_s=demand.start_utc_s, moves_s=moves_s
        )
        self._add(found, "the objective weighs energy by the mean of the forecast at each site")

    def _plan(
        self, case: PlacementCase, claim: PlacementClaim | None, *, placed: bool
    ) -> Actions | None:
        if not (self._folder / "plan.parquet").exists():
            self._absent.append("plan")
            return None
        load = partial(load_actions, self._folder, hosts=case.hosts.n, vms=case.vms.n)
        actions = self._problems.attempt(load)
        limits = self._problems.attempt(partial(load_limits, self._folder))
        if actions is None or limits is None:
            return None
        self._checked["planned moves"] = int(actions.of_kind(MOVE).size)
        if not placed:
            self._notes.append("the plan is not judged: there is no placement for it to reach")
        else:
            worthwhile = claim is None or claim.worthwhile
            bounds = self._problems.attempt(partial(load_makespan_bounds, self._folder)) or (0, 0)
            plan = PlanCase(
                placement=case,
                limits=limits,
                actions=actions,
                worthwhile=worthwhile,
                makespan_bound_s=bounds[0],
                direct_bound_s=bounds[1],
            )
            self._add(
                check_plan(plan),
                "the plan fits at every moment, both ends of a move charged, and ends at the target",
            )
        return actions

    def _replay(
        self,
        case: PlacementCase,
        demand: Demand,
        sites: tuple[NDArray[np.int64], int],
        actions: Actions | None,
    ) -> dict[str, Arm]:
        at = self._folder / "replay"
        labels = sorted(entry.name for entry in at.iterdir() if entry.is_dir()) if at.is_dir() else []
        if not labels:
            self._absent.append("replay")
        arms: dict[str, Arm] = {}
        for label in labels:
            load = partial(
                load_arm,
                self._folder,
                label,
                demand=demand,
                hosts=case.hosts,
                vms=case.vms.n,
                n_sites=sites[1],
            )
            arm = self._problems.attempt(load)
            if arm is None:
                continue
            arms[label] = arm
            judged = ArmCase(
                placement=case,
                site_of=sites[0],
                demand=demand,
                arm=arm,
                actions={PLANNED_ARM: actions, IDLE_ARM: NO_ACTIONS}.get(label),
            )
            self._add(
                check_arm(judged),
                f"{label}: states, whereabouts, energy by host and step, service levels add up exactly",
            )
        if arms:
            self._checked["replayed seconds"] = demand.duration_s * len(arms)
        return arms

    def _carbon(self, arms: dict[str, Arm], demand: Demand | None, *, n_sites: int) -> dict[str, float]:
        """Judge intensities and emissions; return the emissions of each arm in kilograms."""
        if not (self._folder / "carbon.parquet").exists():
            self._absent.append("carbon")
            return {}
        attempt = self._problems.attempt
        intensity = attempt(partial(load_intensity, self._folder, n_sites=n_sites))
        stated = attempt(partial(load_emissions, self._folder))
        if intensity is None or demand is None:
            return {}
        self._intensity = intensity
        found = coverage_violations(
            intensity,
            n_sites=n_sites,
            start_utc_s=demand.start_utc_s,
            end_utc_s=demand.start_utc_s + demand.duration_s,
        )
        if found:
            self._violations += found
            self._intensity = None
            return {}
        emitted = {
            label: emissions_kg(arm, intensity, step_s=demand.step_s) for label, arm in arms.items()
        }
        if stated is not None:
            self._add(
                emission_violations(stated, emitted),
                "emissions are energy times intensity, site by site, over the whole replay",
            )
        return emitted

    def _shares(self, arms: dict[str, Arm], vms: Guests, demand: Demand) -> None:
        """Judge the energy of each VM, where the report has it."""
        both = (IDLE_ARM, PLANNED_ARM)
        if not (self._printed / SHARES_FILE).exists() or any(arm not in arms for arm in both):
            return
        shares = self._problems.attempt(partial(load_shares, self._printed, n_vms=vms.n, arms=both))
        if shares is not None:
            found = share_violations(shares, arms=arms, vms=vms, demand=demand)
            self._add(
                found, "energy per VM follows from its rule; with the shared part it is the ledger"
            )

    def _shift(
        self,
        case: PlacementCase,
        demand: Demand,
        sites: tuple[NDArray[np.int64], int],
        arms: dict[str, Arm],
        emissions_kg: dict[str, float],
    ) -> ShiftClaim | None:
        """Judge work that was shifted; return what the run says of it."""
        arm, actual = arms.get(PLANNED_ARM), self._intensity
        if not (self._folder / "shift.json").exists() or arm is None or actual is None:
            return None
        attempt, folder = self._problems.attempt, self._folder
        claim = attempt(partial(load_shift, folder, n_hosts=case.hosts.n, n_steps=demand.n_steps))
        forecast = attempt(
            partial(load_intensity, folder, n_sites=sites[1], name="shift_forecast.parquet")
        )
        if claim is None or forecast is None:
            return None
        found = shift_violations(
            claim,
            hosts=case.hosts,
            site_of=sites[0],
            arm=arm,
            demand=demand,
            actual=actual,
            forecast=forecast,
            emissions_kg=emissions_kg,
        )
        self._checked["shifted jobs"] = len(claim.jobs)
        self._add(found, "shifted work has time and room in every step, and its lines add up exactly")
        return claim

    def _account(
        self,
        case: PlacementCase,
        demand: Demand,
        sites: tuple[NDArray[np.int64], int],
        arms: dict[str, Arm],
    ) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
        """Derive the figures of the account; without its record there are none."""
        before, after = arms.get(IDLE_ARM), arms.get(PLANNED_ARM)
        if before is None or after is None or not (self._printed / "account.json").is_file():
            return {}, {}
        record = self._problems.attempt(
            partial(load_account, self._folder, self._printed, n_sites=sites[1])
        )
        if record is None:
            return {}, {}
        facts = AccountFacts(
            record=record,
            hosts=case.hosts,
            site_of=sites[0],
            demand=demand,
            before=before,
            after=after,
            intensity=self._intensity,
        )
        found = record_violations(facts)
        self._violations += found
        return ({}, {}) if found else account_figures(facts)

    def _report(
        self,
        facts: Facts,
        derived: dict[str, float],
        bands: dict[str, tuple[float, float]],
    ) -> None:
        folder, attempt = self._printed, self._problems.attempt
        if not (folder / "figures.json").exists():
            self._absent.append("report")
            return
        files, found = load_report(folder, attempt)
        if files is None:
            return
        more, known, unknown = report_violations(files, derived_figures(facts) | derived, bands)
        self._checked["figures derived again"] = known
        if unknown:
            self._notes.append(f"{unknown} of {len(files.figures)} figures are not derived again")
        self._add(
            [*found, *more],
            f"{known} printed figures follow from the run; {carriers(files)} carry the same values",
        )
