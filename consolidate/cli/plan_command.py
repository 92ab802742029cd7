"""``consolidate plan``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("plan")
@click.argument("run")
@click.option("--json", "as_json", is_flag=True, help="Print the actions as JSON, one object a line.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(run: str, as_json: bool, quiet: bool) -> None:
    """Schedule the migrations of the solved run folder RUN."""
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.pipeline import plan_stage

    with show_progress(quiet=quiet) as progress:
        plan = plan_stage(Path(run), progress=progress)
    if as_json:
        click.echo(plan.to_frame().to_json(orient="records", lines=True), nl=False)
    else:
        click.echo(plan.summary())
        click.echo(f"next: consolidate replay {run}")
