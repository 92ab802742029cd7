"""Every number of a report, collected once: all outputs print from this list and from nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from consolidate.model.carbon_objective import Carbon
from consolidate.model.replay import LEDGER, Replay
from consolidate.plotting.ledger import CAUSES
from consolidate.reporting.account_lines import account_lines
from consolidate.reporting.alternatives import alternatives, possible_share, replay_bound
from consolidate.reporting.annual import annual_figures
from consolidate.reporting.context import carbon, facility, host_types
from consolidate.reporting.doubt import doubt_figures, doubt_of, with_intervals
from consolidate.reporting.figure import Figure, both_arms, count
from consolidate.reporting.network import between_sites
from consolidate.reporting.shifting import shifting
from consolidate.units import MCORES_PER_CORE, MIB_PER_GIB, mj_to_kwh

if TYPE_CHECKING:
    from consolidate.model.instance import Instance
    from consolidate.reporting.bundle import Report

__all__ = ["collect"]

LEDGER_SOURCE = "energy ledger of the replay"
DIFFERENCE = "energy ledger of the replay, baseline minus consolidated"
SERVICE = "service levels of the replay"


def collect(report: Report) -> tuple[Figure, ...]:
    """Return the figures of a report, in the order in which they are listed."""
    doubt = doubt_of(report)
    figures = [
        *_energy(report),
        *_causes(report),
        *_switching_off(report),
        *facility(report),
        *carbon(report),
        *account_lines(report),
        *shifting(report),
        *annual_figures(report),
        *doubt_figures(report, doubt),
        *alternatives(report),
        *replay_bound(report),
        *_hosts(report),
        *_plan(report),
        *_service(report),
        *_solver(report),
        *possible_share(report),
        *_sizes(report),
        *host_types(report),
    ]
    assert len({f.metric for f in figures}) == len(figures)
    return with_intervals(figures, report, doubt)


def _energy(report: Report) -> list[Figure]:
    baseline_mj = report.before.total_mj
    saved_mj = baseline_mj - report.after.total_mj
    return [
        *both_arms(
            report,
            "energy_{arm}_kwh",
            lambda replay: mj_to_kwh(replay.total_mj),
            unit="kWh",
            label="modelled IT energy of the fleet",
            source=LEDGER_SOURCE,
        ),
        Figure(
            metric="energy_saved_kwh",
            value=mj_to_kwh(saved_mj),
            unit="kWh",
            label="modelled IT energy saved (negative: lost)",
            source=DIFFERENCE,
        ),
        Figure(
            metric="energy_saved_fraction",
            value=saved_mj / baseline_mj if baseline_mj else 0.0,
            unit="fraction",
            label="share of the baseline's energy that is saved",
            source=DIFFERENCE,
        ),
        *both_arms(
            report,
            "mean_power_{arm}_w",
            lambda replay: replay.total_mj / (1_000 * replay.grid.duration_s),
            unit="W",
            label="mean power of the fleet",
            source=LEDGER_SOURCE,
        ),
    ]


def _causes(report: Report) -> list[Figure]:
    """Return the ledger: each cause in both arms, what it saves, and its part of the saving."""
    by_cause = {id(r): r.by_cause_mj() for r in (report.before, report.after)}
    saved_mj = report.before.total_mj - report.after.total_mj
    figures: list[Figure] = []
    for cause in LEDGER:
        words = CAUSES[cause]

        def energy_mj(replay: Replay, cause: str = cause) -> int:
            return by_cause[id(replay)][cause]

        change_mj = energy_mj(report.before) - energy_mj(report.after)
        figures += both_arms(
            report,
            f"energy_{cause}_{{arm}}_kwh",
            lambda replay, energy_mj=energy_mj: mj_to_kwh(energy_mj(replay)),  # type: ignore[misc]
            unit="kWh",
            label=words,
            source=LEDGER_SOURCE,
        )
        figures.append(
            Figure(
                metric=f"energy_{cause}_saved_kwh",
                value=mj_to_kwh(change_mj),
                unit="kWh",
                label=f"saved on {words}",
                source=DIFFERENCE,
            )
        )
        if saved_mj:
            figures.append(
                Figure(
                    metric=f"energy_saved_share_{cause}",
                    value=change_mj / saved_mj,
                    unit="fraction",
                    label=f"part of the saving from {words}",
                    source=DIFFERENCE,
                )
            )
    return figures


def _switching_off(report: Report) -> list[Figure]:
    """Split the saving: what packing alone gives, and what switching hosts off adds."""
    if report.instance is None:
        return []
    before_mj, after_mj = (_off_gain_mj(r, report.instance) for r in (report.before, report.after))
    by_off_mj = after_mj - before_mj
    saved_mj = report.before.total_mj - report.after.total_mj
    source = "active idle power of empty hosts, against what they draw off, booting and shutting down"
    return [
        Figure(metric=metric, value=mj_to_kwh(value_mj), unit="kWh", label=label, source=source)
        for metric, value_mj, label in (
            ("energy_saved_switching_off_kwh", by_off_mj, "saved because hosts are switched off"),
            ("energy_saved_packing_kwh", saved_mj - by_off_mj, "saved by packing, all hosts left on"),
        )
    ]


def _off_gain_mj(replay: Replay, instance: Instance) -> int:
    """Return what hosts would have drawn on top, had they stayed on and empty while they were not on."""
    fleet = instance.fleet
    idle_mw = np.array([t.power.points_mw[0] for t in fleet.types], dtype=np.int64)[fleet.host_type]
    not_on = replay.host_states[replay.host_states[:, 1] != 0]
    would_be = int((idle_mw[not_on[:, 0]] * (not_on[:, 3] - not_on[:, 2])).sum())
    by_cause = replay.by_cause_mj()
    return would_be - by_cause["off"] - by_cause["booting"] - by_cause["shutting_down"]


def _hosts(report: Report) -> list[Figure]:
    freed = np.setdiff1d(report.plan.current.used_hosts(), report.plan.target.used_hosts())
    source = "host states of the replay"
    return [
        *both_arms(
            report,
            "hosts_on_mean_{arm}",
            lambda replay: float(replay.hosts_on.mean()),
            unit="count",
            label="hosts on or booting, mean over time",
            source=source,
        ),
        *both_arms(
            report,
            "hosts_on_last_{arm}",
            lambda replay: int(replay.hosts_on[-1]),
            unit="count",
            label="hosts on or booting at the end",
            source=source,
        ),
        count(
            "released_hosts_count",
            int(freed.size),
            label="hosts that carry VMs now and none in the target placement",
            source="plan",
        ),
    ]


def _plan(report: Report) -> list[Figure]:
    plan, service = report.plan, report.after.service
    moves = plan.migrations
    stored = (
        ("stored_count", len(plan.saves), "VMs that the plan leaves in storage for a while", "plan"),
        ("stored_vm_s", plan.stored_s, "time for which they stand still, in VM-seconds", "plan"),
    )
    counts = [
        count(metric, value, label=label, source=source)
        for metric, value, label, source in (
            ("migrations_count", service.migrations, "VMs moved in the consolidated arm", SERVICE),
            (
                "migrations_skipped_count",
                service.skipped_migrations,
                "planned moves of VMs that had left before",
                SERVICE,
            ),
            ("planned_migrations_count", len(moves), "moves in the plan", "plan"),
            ("parking_count", sum(m.parking for m in moves), "moves that are temporary stops", "plan"),
            *(stored if plan.saves else ()),
            ("boots_count", len(plan.boots), "hosts booted by the plan", "plan"),
            ("shutdowns_count", len(plan.shutdowns), "hosts shut down by the plan", "plan"),
            (
                "shutdowns_cancelled_count",
                service.cancelled_shutdowns,
                "planned shutdowns not made because a VM was there",
                SERVICE,
            ),
        )
    ]
    return [
        *counts,
        Figure(
            metric="moved_gib",
            value=sum(m.moved_mib for m in moves) / MIB_PER_GIB,
            unit="GiB",
            label="data sent over the network by the planned moves",
            source="plan",
        ),
        *between_sites(report),
        Figure(
            metric="plan_makespan_s",
            value=plan.makespan_s,
            unit="s",
            label="time from the start of the plan to the end of its last action",
            source="plan",
        ),
    ]


def _service(report: Report) -> list[Figure]:
    values: tuple[tuple[str, str, str, Callable[[Replay], float]], ...] = (
        (
            "unmet_fraction",
            "fraction",
            "share of the CPU demand that was not delivered",
            lambda r: r.service.unmet_fraction,
        ),
        (
            "unmet_core_s",
            "core s",
            "CPU demand that was not delivered",
            lambda r: r.service.unmet_mcore_s / MCORES_PER_CORE,
        ),
        (
            "overload_fraction",
            "fraction",
            "share of host time on with more demand than capacity",
            lambda r: r.service.overload_fraction,
        ),
        (
            "memory_overcommit_host_s",
            "host s",
            "host time with more memory in use than there is",
            lambda r: r.service.memory_overcommit_host_s,
        ),
        (
            "downtime_s",
            "s",
            "time that VMs stood still because they were moved, summed",
            lambda r: r.service.downtime_ms / 1_000,
        ),
        (
            "waiting_vm_s",
            "VM s",
            "time that VMs waited for a host, summed",
            lambda r: r.service.waiting_vm_s,
        ),
    )
    return [
        figure
        for name, unit, label, value in values
        for figure in both_arms(report, f"{name}_{{arm}}", value, unit=unit, label=label, source=SERVICE)
    ]


def _solver(report: Report) -> list[Figure]:
    result = report.result
    if result is None:
        return []
    is_energy = result.measure == "energy"
    # A reference kWh, at 1,000 g/kWh, is a kg.
    end, unit, what = ("kwh", "kWh", "energy") if is_energy else ("carbon_kg", "kgCO2e", "emissions")
    source = f"policy {result.policy}, modelled over the horizon with sized needs"
    if report.instance is not None and isinstance(report.instance.objective, Carbon):
        source += f", by a forecast: {report.instance.objective.forecast}"
    label = f"{what} of the chosen placement over the horizon"
    amounts = [(f"objective_{end}", result.objective_mj, label, source)]
    label = f"{what} of the present placement over the horizon"
    amounts.append((f"current_{end}", result.current_mj, label, source))
    gap = []
    best = report.best_bound()
    if best is not None:
        proof = f"{best.kind} bound: {best.name}, {best.source}"
        label = f"no placement can {'use' if is_energy else 'emit'} less than this over the horizon"
        amounts.append((f"bound_{end}", best.value_mj, label, proof))
        label = "most that any other placement could still save of the objective"
        gap = [
            Figure(metric="gap_fraction", value=result.gap, unit="fraction", label=label, source=proof)
        ]
    return [
        Figure(metric=metric, value=mj_to_kwh(mj), unit=unit, label=label, source=said, digits=4)
        for metric, mj, label, said in amounts
    ] + gap


def _sizes(report: Report) -> list[Figure]:
    grid, instance = report.before.grid, report.instance
    vms = len(instance.vms) if instance else int(np.unique(report.before.residency[:, 0]).size)
    times = [
        ("window_s", grid.duration_s, "length of the replayed window", "trace"),
        ("step_s", grid.step_s, "length of a step of the trace", "trace"),
    ]
    if instance is not None:
        objective = instance.objective
        label = "time over which the solver counts a placement's energy"
        times.append(("horizon_s", objective.horizon_s, label, "instance"))
        label = "shortest time for which a host is switched off"
        times.append(("min_off_s", objective.min_off_s, label, "instance"))
    return [
        count("vms_count", vms, label="VMs", source="trace", status="input"),
        count("hosts_count", len(report.before.host_ids), label="hosts", source="fleet", status="input"),
        *_boundary(report),
        *(
            Figure(metric=metric, value=value, unit="s", label=label, source=source, status="input")
            for metric, value, label, source in times
        ),
    ]


def _boundary(report: Report) -> list[Figure]:
    """Return what is shut out of the decision, and the rows that were read."""
    rows = []
    if report.trace_rows is not None:
        label = "rows of demand: one for each VM and step in which it is alive, whole trace"
        rows.append(("trace_rows_count", report.trace_rows, label, "trace"))
    instance = report.instance
    if instance is not None:
        kept = int((~instance.may_switch_off()).sum())
        still = int((~instance.movable).sum())
        later = int((~instance.active).sum())
        rows += [
            ("hosts_kept_on_count", kept, "hosts that may not be switched off", "fleet"),
            ("vms_immovable_count", still, "VMs that may not be moved", "instance"),
            ("vms_later_count", later, "VMs that do not exist at the decision", "trace"),
        ]
    return [count(m, v, label=words, source=said, status="input") for m, v, words, said in rows]
