"""``consolidate export``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("export")
@click.argument("run")
@click.option("--to", required=True, metavar="FORMAT", help="See `consolidate list exports`.")
@click.option("--out", required=True, metavar="FILE", help="File to write.")
def command(run: str, to: str, out: str) -> None:
    """Write the plan of the run folder RUN in the format of another system."""
    from pathlib import Path

    from consolidate.exports import export_plan
    from consolidate.study import load

    folder = Path(run)
    click.echo(export_plan(load.load_plan(folder), load.load_instance(folder), out, to=to))
