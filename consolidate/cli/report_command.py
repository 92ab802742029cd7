"""``consolidate report``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("report")
@click.argument("run")
@click.option("--out", metavar="FOLDER", help="Where to write; default the run folder itself.")
def command(run: str, out: str | None) -> None:
    """Write report.html, figures.csv, figures.json and plan.csv of the replayed run folder RUN."""
    from consolidate.reporting import report_run

    for path in report_run(run).write(out or run):
        click.echo(path)
