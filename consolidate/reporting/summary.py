"""Several runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from consolidate.plotting.text import number, percent, visible
from consolidate.reporting.files import write_files
from consolidate.reporting.tables import csv_text

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["SummaryRow", "summary_row", "write_summary_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One run.

    Parameters
    ----------
    case
        Name of the run.
    vms_count, hosts_count
        Size.
    energy_baseline_kwh, energy_consolidated_kwh : kWh
        Modelled IT energy before and after.
    energy_saved_fraction
        Share saved; negative when energy is lost.
    hosts_on_last_baseline, hosts_on_last_consolidated
        Hosts on at the end.
    migrations_count
        VMs moved.
    unmet_fraction_baseline, unmet_fraction_consolidated
        Share of the CPU demand that was not delivered.
    gap_fraction
        Gap to the bound; ``None`` without a bound.
    bound_kind
        ``certified``, ``attested``, or empty.
    """

    case: str
    vms_count: int
    hosts_count: int
    energy_baseline_kwh: float
    energy_consolidated_kwh: float
    energy_saved_fraction: float
    hosts_on_last_baseline: int
    hosts_on_last_consolidated: int
    migrations_count: int
    unmet_fraction_baseline: float
    unmet_fraction_consolidated: float
    gap_fraction: float | None = None
    bound_kind: str = ""


_HEADINGS: Final = (
    "case",
    "VMs",
    "hosts",
    "energy before, kWh",
    "energy after, kWh",
    "saved",
    "hosts on before",
    "hosts on after",
    "migrations",
    "unmet before",
    "unmet after",
    "gap",
    "bound",
)


def summary_row(case: str, report: Report) -> SummaryRow:
    """Take the row of a run from the figures of its report."""
    values = {f.metric: f.value for f in report.figures()}
    taken = {f.name: values.get(f.name) for f in fields(SummaryRow)}
    best = report.best_bound()
    return SummaryRow(**{**taken, "case": case, "bound_kind": best.kind if best else ""})  # type: ignore[arg-type]


def write_summary_table(rows: Sequence[SummaryRow], path: str | Path) -> tuple[Path, Path]:
    """Write several runs as a Markdown table and as CSV.

    Parameters
    ----------
    rows
        The runs, in the order of the table.
    path
        Where to write, with or without ``.md`` or ``.csv``; both files are written.

    Returns
    -------
    markdown, csv
        The two paths.
    """
    path = Path(path)
    stem = path.name.removesuffix(".md").removesuffix(".csv")
    columns = [f.name for f in fields(SummaryRow)]
    table = csv_text(columns, ([getattr(row, c) for c in columns] for row in rows))
    markdown, values = write_files(path.parent, {f"{stem}.md": _markdown(rows), f"{stem}.csv": table})
    return markdown, values


def _markdown(rows: Sequence[SummaryRow]) -> str:
    lines = [
        "| " + " | ".join(_HEADINGS) + " |",
        "|---|" + "---:|" * (len(_HEADINGS) - 2) + "---|",
    ]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cells(row: SummaryRow) -> tuple[str, ...]:
    return (
        _escaped(row.case),
        number(row.vms_count),
        number(row.hosts_count),
        number(row.energy_baseline_kwh),
        number(row.energy_consolidated_kwh),
        percent(row.energy_saved_fraction),
        number(row.hosts_on_last_baseline),
        number(row.hosts_on_last_consolidated),
        number(row.migrations_count),
        percent(row.unmet_fraction_baseline),
        percent(row.unmet_fraction_consolidated),
        "none" if row.gap_fraction is None else percent(row.gap_fraction),
        _escaped(row.bound_kind) or "none",
    )


def _escaped(text: str) -> str:
    """Neutralise what Markdown or HTML would read as markup."""
    shown = visible(text)
    for mark in "\\`*_[]|":
        shown = shown.replace(mark, f"\\{mark}")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
