"""``consolidate report``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("report")
@click.argument("run")
@click.option("--out", metavar="FOLDER", help="Where to write; default the run folder itself.")
@click.option("--open", "open_page", is_flag=True, help="Open the report in the browser.")
def command(run: str, out: str | None, open_page: bool) -> None:
    """Write report.html, figures.csv, figures.json and plan.csv of the replayed run folder RUN."""
    from consolidate.cli.output import show_page
    from consolidate.reporting import report_run

    paths = report_run(run).write(out or run)
    for path in paths:
        click.echo(path)
    if open_page:
        show_page(paths[0])
