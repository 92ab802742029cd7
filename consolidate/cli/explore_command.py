"""``consolidate explore``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("explore")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--out", default="explore.html", show_default=True, metavar="FILE", help="File to write.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in the browser.")
def command(runs: tuple[str, ...], out: str, open_page: bool) -> None:
    """Write one page of several replayed run folders: filters, values on hover, no network."""
    from consolidate.cli.output import show_page
    from consolidate.reporting.explore import write_explore_page
    from consolidate.study import load_run

    path = write_explore_page([load_run(run) for run in runs], out)
    click.echo(path)
    if open_page:
        show_page(path)
