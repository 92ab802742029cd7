"""What else could have been done: other arms of the run, and the lower bound."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from consolidate.reporting.figure import Figure
from consolidate.units import MCORES_PER_CORE, SECONDS_PER_HOUR, g_to_kg, mj_to_kwh

if TYPE_CHECKING:
    from consolidate.model import Replay
    from consolidate.reporting.bundle import Report

__all__ = ["alternatives", "bound_mj", "missing_arms", "possible_share", "replay_bound", "slug"]


def slug(label: str) -> str:
    """Return the label of an arm as a part of a metric: small letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_") or "arm"


def alternatives(report: Report) -> list[Figure]:
    """Return energy and saving of every further arm, each paired with the same baseline."""
    baseline_mj, ours_mj = report.before.total_mj, report.after.total_mj
    figures: list[Figure] = []
    for label, replay in report.others.items():
        name, saved_mj = slug(label), baseline_mj - replay.total_mj
        source = f"energy ledger of the replay of arm {label}, on the same trace"
        rows = [
            (f"energy_arm_{name}_kwh", mj_to_kwh(replay.total_mj), "kWh", "modelled IT energy"),
            (f"energy_saved_arm_{name}_kwh", mj_to_kwh(saved_mj), "kWh", "energy saved"),
            (
                f"energy_saved_arm_{name}_fraction",
                saved_mj / baseline_mj if baseline_mj else 0.0,
                "fraction",
                "share of the baseline's energy saved",
            ),
            (
                f"energy_saved_beyond_arm_{name}_kwh",
                mj_to_kwh(replay.total_mj - ours_mj),
                "kWh",
                "energy that the consolidated arm saves beyond this one",
            ),
        ]
        grams = (report.emissions_g or {}).get(label)
        if grams is not None and report.emissions_g is not None:
            saved_g = report.emissions_g["baseline"] - grams
            words = "operational emissions saved"
            rows.append((f"operational_carbon_saved_arm_{name}_kg", g_to_kg(saved_g), "kgCO2e", words))
            if label == "perfect-forecast":
                regret_kg = g_to_kg(report.emissions_g["consolidated"] - grams)
                words = "forecast regret of the placement: emitted beyond it"
                rows.append(("placement_regret_kg", regret_kg, "kgCO2e", words))
        rows += _stops(replay, name)
        figures += [
            Figure(metric=m, value=v, unit=u, label=f"{words}, arm {label}", source=source, arm=label)
            for m, v, u, words in rows
        ]
    return figures


def _stops(replay: Replay, name: str) -> list[tuple[str, float, str, str]]:
    """Return what parking and failures cost the users of VMs, in an arm that has them."""
    if not replay.options:
        return []
    s = replay.service
    rows: list[tuple[str, float, str, str]] = [
        (f"unmet_arm_{name}_fraction", s.unmet_fraction, "fraction", "share of CPU demand not delivered")
    ]
    if "parking" in replay.options:
        hours, mean_s = s.parked_vm_s / SECONDS_PER_HOUR, s.wake_delay_s / max(1, s.restorations)
        rows += [
            (f"parked_arm_{name}_vm_h", hours, "VM h", "time of VMs in storage"),
            (f"savings_arm_{name}_count", s.savings, "count", "VMs written to storage"),
            (
                f"restorations_arm_{name}_count",
                s.restorations,
                "count",
                "VMs that ran again from storage",
            ),
            (f"wake_delay_mean_arm_{name}_s", mean_s, "s", "mean time from demand until a VM ran"),
            (f"wake_delay_longest_arm_{name}_s", s.longest_wake_delay_s, "s", "longest of these times"),
            (
                f"parking_arm_{name}_kwh",
                mj_to_kwh(s.parking_mj),
                "kWh",
                "energy of saving and restoring",
            ),
        ]
    if "failures" in replay.options:
        lost = s.lost_work_mcore_s / MCORES_PER_CORE
        rows += [
            (f"host_failures_arm_{name}_count", s.host_failures, "count", "failures of hosts"),
            (f"vm_restarts_arm_{name}_count", s.vm_restarts, "count", "VMs that ran again elsewhere"),
            (f"lost_work_arm_{name}_core_s", lost, "core s", "work lost with failed hosts"),
        ]
    return rows


def missing_arms(report: Report) -> list[str]:
    """Return in words what a saving should be compared with and is not."""
    missing = []
    if "without-off" not in report.others:
        missing.append("this plan with nothing switched off")
    if not set(report.others) - {"without-off"}:
        missing.append("a simple policy")
    if report.replay_bound is None:
        missing.append("the lower bound of the replay")
    return missing


def bound_mj(report: Report) -> int | None:
    """Return the energy that no policy undercuts in the replay, where it is known."""
    return None if report.replay_bound is None else int(str(report.replay_bound["value_mj"]))


def replay_bound(report: Report) -> list[Figure]:
    """Return what no policy undercuts in the replay, and how much of the possible saving was captured."""
    least_mj = bound_mj(report)
    if least_mj is None:
        return []
    before_mj, after_mj = report.before.total_mj, report.after.total_mj
    source = "certified lower bound of the replay"
    possible_mj = before_mj - least_mj
    rows = [
        ("replay_bound_kwh", mj_to_kwh(least_mj), "kWh", "no policy uses less energy in this window"),
        ("replay_bound_saved_kwh", mj_to_kwh(possible_mj), "kWh", "most that any policy could save"),
        (
            "replay_bound_saved_fraction",
            possible_mj / before_mj if before_mj else 0.0,
            "fraction",
            "share of the baseline's energy that any policy could save at most",
        ),
    ]
    if possible_mj > 0:
        share = (before_mj - after_mj) / possible_mj
        words = "part of the possible saving that was captured"
        rows.append(("possible_share_replayed_fraction", share, "fraction", words))
    return [Figure(metric=m, value=v, unit=u, label=words, source=source) for m, v, u, words in rows]


def possible_share(report: Report) -> list[Figure]:
    """Return how much of what any placement could save at most is saved, in the solver's terms."""
    result, best = report.result, report.best_bound()
    if result is None or best is None or result.current_mj <= best.value_mj:
        return []
    share = (result.current_mj - result.objective_mj) / (result.current_mj - best.value_mj)
    return [
        Figure(
            metric="possible_share_fraction",
            value=share,
            unit="fraction",
            label="part of the largest saving that the bound leaves possible, reached by the placement",
            source=f"{best.kind} bound: {best.name}; modelled over the horizon with sized needs",
        )
    ]
