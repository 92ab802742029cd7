"""Figures and plan as CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from consolidate.exports.csv_text import csv_text, safe_cell
from consolidate.reporting.figure import Figure

if TYPE_CHECKING:
    from consolidate.model.action import Action
    from consolidate.reporting.bundle import Report

__all__ = ["csv_text", "figures_csv", "figures_json", "plan_csv", "safe_cell"]

FIGURE_COLUMNS: Final = (
    "metric",
    "arm",
    "value",
    "unit",
    "status",
    "source",
    "label",
    "low",
    "high",
    "interval",
)
PLAN_COLUMNS: Final = (
    "action_id",
    "kind",
    "vm_id",
    "source_host",
    "target_host",
    "mode",
    "start_s",
    "end_s",
    "downtime_s",
    "moved_mib",
    "rate_mib_per_s",
    "overhead_mcores",
    "parking",
    "after",
)


def figures_csv(figures: Sequence[Figure]) -> str:
    """Return the figures as CSV, values in full precision."""
    return csv_text(FIGURE_COLUMNS, ([getattr(f, c) for c in FIGURE_COLUMNS] for f in figures))


def figures_json(figures: Sequence[Figure]) -> str:
    """Return the figures as JSON, values in full precision."""
    rows = [{c: getattr(f, c) for c in FIGURE_COLUMNS} for f in figures]
    text = json.dumps({"schema_version": 1, "figures": rows}, indent=1, allow_nan=False)
    return f"{text}\n"


def plan_csv(report: Report) -> str:
    """Return the plan as CSV: one row per action, with the names of VMs and hosts."""
    names = report.instance.vms.ids if report.instance is not None else None
    hosts = report.before.host_ids
    return csv_text(PLAN_COLUMNS, (_plan_row(a, names, hosts) for a in report.plan.actions))


def _plan_row(action: Action, vms: tuple[str, ...] | None, hosts: tuple[str, ...]) -> tuple[object, ...]:
    after = " ".join(map(str, action.after))
    if action.kind in ("save", "restore"):
        ends = (hosts[action.host], None) if action.kind == "save" else (None, hosts[action.host])
        return (
            action.id,
            action.kind,
            vm_name(action.vm, vms),
            *ends,
            None,
            action.start_s,
            action.end_s,
            None,
            action.image_mib,
            float(action.rate_mib_per_s),
            action.overhead_mcores,
            None,
            after,
        )
    if action.kind != "migration":
        target = hosts[action.host]
        empty = (None,) * 5
        return (
            action.id,
            action.kind,
            None,
            None,
            target,
            None,
            action.start_s,
            action.end_s,
            *empty,
            after,
        )
    return (
        action.id,
        action.kind,
        vm_name(action.vm, vms),
        hosts[action.source],
        hosts[action.target],
        action.mode,
        action.start_s,
        action.end_s,
        action.downtime_ms / 1_000,
        action.moved_mib,
        float(action.rate_mib_per_s),
        action.overhead_mcores,
        action.parking,
        after,
    )


def vm_name(vm: int, vms: tuple[str, ...] | None) -> str:
    """Return the name of a VM, or its index where names are not known."""
    return vms[vm] if vms is not None else f"vm {vm}"
