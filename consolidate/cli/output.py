"""What verbs print on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from consolidate.cli.terminal import say

if TYPE_CHECKING:
    import pandas as pd

    from consolidate.checks import Verdict
    from consolidate.reporting import Report

__all__ = ["peak_memory_mib", "print_summary", "print_table", "show_page"]


def print_summary(report: Report, folder: Path, verdict: Verdict, *, as_json: bool) -> None:
    """Print the outcome of a run."""
    if as_json:
        click.echo((folder / "figures.json").read_text("utf-8"), nl=False)
        if not verdict.ok:
            say(verdict.to_text(), err=True)
        return
    assumed = report.defaults()
    if assumed:
        click.echo(f"assumed ({len(assumed)}, sources in the report):")
        for default in assumed:
            say(f"  {default.key} = {default.value}")
        click.echo()
    if report.result is not None:
        say(report.result.summary())
    say(report.plan.summary())
    click.echo()
    for label, before, after in _rows(report):
        click.echo(f"{label:28} {before:>14} {after:>14}")
    click.echo()
    say(verdict.to_text().splitlines()[0] if verdict.ok else verdict.to_text())
    click.echo(f"report: {folder / 'report.html'}")


def _rows(report: Report) -> list[tuple[str, str, str]]:
    before, after = report.before, report.after
    rows = [("modelled, over the replay", "do nothing", "consolidated")]
    rows.append(("energy, kWh", f"{before.energy_kwh:.2f}", f"{after.energy_kwh:.2f}"))
    emissions = report.emissions_g
    if emissions is not None:
        carbon = (emissions["baseline"] / 1_000, emissions["consolidated"] / 1_000)
        rows.append(("carbon, kg CO2e", f"{carbon[0]:.2f}", f"{carbon[1]:.2f}"))
    rows.append(("hosts on at the end", f"{before.hosts_on[-1]}", f"{after.hosts_on[-1]}"))
    one, other = before.service, after.service
    rows += [
        ("migrations", f"{one.migrations}", f"{other.migrations}"),
        ("unmet CPU demand", f"{one.unmet_fraction:.4%}", f"{other.unmet_fraction:.4%}"),
        ("overload, of host time on", f"{one.overload_fraction:.4%}", f"{other.overload_fraction:.4%}"),
    ]
    share = 1 - after.total_mj / before.total_mj if before.total_mj else 0.0
    rows.append(("energy saved", "", f"{share:.2%}"))
    return rows


def print_table(table: pd.DataFrame) -> None:
    """Print a table, numbers to four significant digits."""

    def text(value: object) -> str:
        if isinstance(value, float):
            return "" if value != value else f"{value:.4g}"
        return str(value)

    rows = [list(table.columns), *([text(v) for v in row] for row in table.itertuples(index=False))]
    widths = [max(len(str(row[k])) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        say("  ".join(str(cell).rjust(w) for cell, w in zip(row, widths, strict=True)))


def peak_memory_mib() -> int | None:
    """Return the most memory that this process has held, in MiB; ``None`` where nobody counts it."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, others KiB.
    return most // 2**20 if sys.platform == "darwin" else most // 2**10


def show_page(path: Path) -> None:
    """Open a page in the user's browser."""
    import webbrowser

    webbrowser.open(path.resolve().as_uri())
