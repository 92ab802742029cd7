"""Printed figures: which can be derived again, and how.

A metric means one thing: its name alone says what is derived, whatever arm or status it is printed with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arms import LEDGER, ON, Arm, Demand
from consolidate.checks.bound import gap_of
from consolidate.checks.cases import (
    BOOT,
    MOVE,
    RESTORE,
    SAVE,
    SHUTDOWN,
    Actions,
    PlacementCase,
    PlacementClaim,
)
from consolidate.units import JOULES_PER_KWH, MCORES_PER_CORE, MIB_PER_GIB

__all__ = ["Facts", "derived_figures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that figures rest on; parts that a run does not hold are ``None`` or empty."""

    claim: PlacementClaim
    case: PlacementCase
    demand: Demand
    actions: Actions | None
    arms: Mapping[str, Arm]
    emissions_kg: Mapping[str, float]
    trace_rows: int = 0
    switchable: NDArray[np.bool_] | None = None
    n_sites: int = 1
    least_mj: int | None = None
    shifted_ug: Mapping[str, int] = field(default_factory=dict)


def derived_figures(facts: Facts) -> dict[str, float]:
    """Return the value of every figure that is known here and whose facts are there, by metric."""
    values = _sizes(facts) | _claim(facts.claim, is_energy=not facts.case.site_mg_per_kwh)
    for label, arm in facts.arms.items():
        values |= _energy(label, arm) | _service(label, arm)
    baseline, after = facts.arms.get("baseline"), facts.arms.get("consolidated")
    if facts.actions is not None:
        values |= _plan(facts.case, facts.actions, n_sites=facts.n_sites)
    if after is not None:
        values |= {
            "migrations_count": after.service["migrations"],
            "migrations_skipped_count": after.service["skipped_migrations"],
            "shutdowns_cancelled_count": after.service["cancelled_shutdowns"],
        }
    if baseline is not None and after is not None:
        values |= _savings(facts.case, baseline, after)
        values |= _other_arms(facts, baseline, after)
        if facts.least_mj is not None:
            values |= _possible(_total_mj(baseline), _total_mj(after), facts.least_mj)
    values |= _carbon(facts, facts.emissions_kg)
    values |= {
        f"shift_{name.removesuffix('_ug')}_kg": facts.shifted_ug[name] / 1e9
        for name in ("saved_by_consolidation_ug", "saved_by_shifting_ug", "saved_ug", "regret_ug")
        if name in facts.shifted_ug
    }
    return {metric: float(value) for metric, value in values.items()}


def _kwh(energy_mj: int) -> float:
    return energy_mj / (1_000 * JOULES_PER_KWH)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _claim(claim: PlacementClaim, *, is_energy: bool) -> dict[str, float]:
    # A kWh at 1,000 g/kWh is a kg.
    unit = "kwh" if is_energy else "carbon_kg"
    values = {
        f"objective_{unit}": _kwh(claim.objective_mj),
        f"current_{unit}": _kwh(claim.current_mj),
        "gap_fraction": gap_of(claim.objective_mj, claim.bounds),
    }
    if claim.bounds:
        best_mj = max(b.value_mj for b in claim.bounds)
        values[f"bound_{unit}"] = _kwh(best_mj)
        if claim.current_mj > best_mj:
            reached_mj, possible_mj = claim.current_mj - claim.objective_mj, claim.current_mj - best_mj
            values["possible_share_fraction"] = reached_mj / possible_mj
    return values


def _sizes(facts: Facts) -> dict[str, float]:
    case = facts.case
    values: dict[str, float] = {
        "vms_count": case.vms.n,
        "hosts_count": case.hosts.n,
        "window_s": facts.demand.duration_s,
        "step_s": facts.demand.step_s,
        "horizon_s": case.horizon_s,
        "min_off_s": case.min_off_s,
        "trace_rows_count": facts.trace_rows,
        "vms_immovable_count": int((~case.movable).sum()),
        "vms_later_count": int((~case.active).sum()),
    }
    if facts.switchable is not None:
        values["hosts_kept_on_count"] = int((~facts.switchable).sum())
    for k, kind in enumerate(case.hosts.kinds):
        values |= {
            f"type_{k}_hosts_count": int((case.hosts.kind_of == k).sum()),
            f"type_{k}_idle_w": kind.points_mw[0] / 1_000,
            f"type_{k}_hosting_idle_w": kind.hosting_idle_mw / 1_000,
            f"type_{k}_full_w": kind.points_mw[-1] / 1_000,
            f"type_{k}_off_w": kind.off_mw / 1_000,
        }
    return values


def _total_mj(arm: Arm) -> int:
    return int(arm.step_mj.sum())


def _energy(label: str, arm: Arm) -> dict[str, float]:
    values = {
        f"energy_{label}_kwh": _kwh(_total_mj(arm)),
        f"mean_power_{label}_w": float(arm.power_w.mean()),
        f"hosts_on_mean_{label}": float(arm.hosts_on.mean()),
        f"hosts_on_last_{label}": int(arm.hosts_on[-1]),
    }
    for k, column in enumerate(LEDGER):
        cause = column.removesuffix("_mj")
        values[f"energy_{cause}_{label}_kwh"] = _kwh(int(arm.step_mj[:, k].sum()))
    return values


def _service(label: str, arm: Arm) -> dict[str, float]:
    s = arm.service
    return {
        f"unmet_fraction_{label}": _share(s["unmet_mcore_s"], s["demand_mcore_s"]),
        f"unmet_core_s_{label}": s["unmet_mcore_s"] / MCORES_PER_CORE,
        f"overload_fraction_{label}": _share(s["overload_host_s"], s["on_host_s"]),
        f"memory_overcommit_host_s_{label}": s["memory_overcommit_host_s"],
        f"downtime_s_{label}": s["downtime_ms"] / 1_000,
        f"waiting_vm_s_{label}": s["waiting_vm_s"],
    }


def _plan(case: PlacementCase, actions: Actions, *, n_sites: int) -> dict[str, float]:
    moves = actions.of_kind(MOVE)
    before, then = (np.unique(where[where >= 0]) for where in (case.current, case.target))
    values: dict[str, float] = {}
    site = case.hosts.site
    if site is not None and n_sites > 1:
        far = moves[site[actions.source[moves]] != site[actions.target[moves]]]
        mib = int(actions.moved_mib[far].sum())
        values = {
            "moved_between_sites_gib": mib / MIB_PER_GIB,
            "network_memo_low_kwh": mib * 2**20 / 1e9 * 0.001,
            "network_memo_high_kwh": mib * 2**20 / 1e9 * 0.06,
        }
    saves, restores = actions.of_kind(SAVE), actions.of_kind(RESTORE)
    if saves.size:
        stopped_s = int(actions.end_s[restores].sum() - actions.start_s[saves].sum())
        values |= {"stored_count": saves.size, "stored_vm_s": stopped_s}
    return values | {
        "migrations_count": moves.size,
        "planned_migrations_count": moves.size,
        "parking_count": int(actions.parking[moves].sum()),
        "moved_gib": int(actions.moved_mib[moves].sum()) / MIB_PER_GIB,
        "plan_makespan_s": int(actions.end_s.max(initial=0)),
        "boots_count": actions.of_kind(BOOT).size,
        "shutdowns_count": actions.of_kind(SHUTDOWN).size,
        "released_hosts_count": np.setdiff1d(before, then).size,
    }


def _savings(case: PlacementCase, baseline: Arm, after: Arm) -> dict[str, float]:
    saved_mj = _total_mj(baseline) - _total_mj(after)
    by_off_mj = _off_gain_mj(case, after) - _off_gain_mj(case, baseline)
    values = {
        "energy_saved_kwh": _kwh(saved_mj),
        "energy_saved_fraction": _share(saved_mj, _total_mj(baseline)),
        "energy_saved_switching_off_kwh": _kwh(by_off_mj),
        "energy_saved_packing_kwh": _kwh(saved_mj - by_off_mj),
        "energy_saved_facility_proportional_kwh": float(
            ((baseline.host_mj - after.host_mj).sum(axis=1) * case.hosts.pue).sum()
        )
        / (1_000 * JOULES_PER_KWH),
    }
    for k, column in enumerate(LEDGER):
        cause = column.removesuffix("_mj")
        change_mj = int(baseline.step_mj[:, k].sum() - after.step_mj[:, k].sum())
        values[f"energy_{cause}_saved_kwh"] = _kwh(change_mj)
        values[f"energy_saved_share_{cause}"] = _share(change_mj, saved_mj)
    return values


def _possible(before_mj: int, after_mj: int, least_mj: int) -> dict[str, float]:
    """Return what no policy undercuts in the replay, and how much of the way there was gone."""
    values = {
        "replay_bound_kwh": _kwh(least_mj),
        "replay_bound_saved_kwh": _kwh(before_mj - least_mj),
        "replay_bound_saved_fraction": _share(before_mj - least_mj, before_mj),
    }
    if before_mj > least_mj:
        values["possible_share_replayed_fraction"] = _share(before_mj - after_mj, before_mj - least_mj)
    return values


def _other_arms(facts: Facts, baseline: Arm, after: Arm) -> dict[str, float]:
    """Return energy and savings of the arms besides the two of every run."""
    values: dict[str, float] = {}
    whole_mj, kg = _total_mj(baseline), facts.emissions_kg
    for label, arm in facts.arms.items():
        if label in ("baseline", "consolidated"):
            continue
        name = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_") or "arm"
        used_mj = _total_mj(arm)
        values |= {
            f"energy_arm_{name}_kwh": _kwh(used_mj),
            f"energy_saved_arm_{name}_kwh": _kwh(whole_mj - used_mj),
            f"energy_saved_arm_{name}_fraction": _share(whole_mj - used_mj, whole_mj),
            f"energy_saved_beyond_arm_{name}_kwh": _kwh(used_mj - _total_mj(after)),
        }
        values |= _stops(arm, name)
        if {label, "baseline"} <= kg.keys():
            values[f"operational_carbon_saved_arm_{name}_kg"] = kg["baseline"] - kg[label]
        if label == "perfect-forecast" and {label, "consolidated"} <= kg.keys():
            values["placement_regret_kg"] = kg["consolidated"] - kg[label]
    return values


def _stops(arm: Arm, name: str) -> dict[str, float]:
    """Return the figures of an arm with VMs in storage or failing hosts, whose service is judged apart."""
    s, values = arm.service, {}
    if arm.parking is not None or arm.failures is not None:
        values[f"unmet_arm_{name}_fraction"] = _share(s["unmet_mcore_s"], s["demand_mcore_s"])
    if arm.parking is not None:
        values |= {
            f"parked_arm_{name}_vm_h": s["parked_vm_s"] / 3_600,
            f"savings_arm_{name}_count": s["savings"],
            f"restorations_arm_{name}_count": s["restorations"],
            f"wake_delay_mean_arm_{name}_s": s["wake_delay_s"] / max(1, s["restorations"]),
            f"wake_delay_longest_arm_{name}_s": s["longest_wake_delay_s"],
            f"parking_arm_{name}_kwh": _kwh(s["parking_mj"]),
        }
    if arm.failures is not None:
        values |= {
            f"host_failures_arm_{name}_count": s["host_failures"],
            f"vm_restarts_arm_{name}_count": s["vm_restarts"],
            f"lost_work_arm_{name}_core_s": s["lost_work_mcore_s"] / 1_000,
        }
    return values


def _off_gain_mj(case: PlacementCase, arm: Arm) -> int:
    """Return how much more hosts would have drawn, on and empty, while they were not on."""
    s = arm.states
    idle_mw = np.array([k.points_mw[0] for k in case.hosts.kinds], dtype=np.int64)
    away = s.state != ON
    would_mj = int((idle_mw[case.hosts.kind_of[s.host]] * (s.end_s - s.start_s))[away].sum())
    return would_mj - int(arm.step_mj[:, 3:].sum())


def _carbon(facts: Facts, kg: Mapping[str, float]) -> dict[str, float]:
    values = {f"operational_carbon_{label}_kg": emitted for label, emitted in kg.items()}
    for label, emitted in kg.items():
        energy_kwh = _kwh(_total_mj(facts.arms[label]))
        values[f"carbon_intensity_{label}_g_per_kwh"] = _share(1_000 * emitted, energy_kwh)
    if {"baseline", "consolidated"} <= kg.keys():
        saved = kg["baseline"] - kg["consolidated"]
        values |= {
            "operational_carbon_saved_kg": saved,
            "operational_carbon_saved_fraction": _share(saved, kg["baseline"]),
        }
    return values
