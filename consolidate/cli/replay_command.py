"""``consolidate replay``."""

from __future__ import annotations

from dataclasses import replace

import click

__all__ = ["command"]


@click.command("replay")
@click.argument("run")
@click.option("--carbon", metavar="FILE|ZONE|G", help="Intensities; default those of the solve.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(run: str, carbon: str | None, quiet: bool) -> None:
    """Replay the planned run folder RUN: doing nothing, and carrying out the plan."""
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.folder import read_json
    from consolidate.study.pipeline import config_from, replay_stage

    folder = Path(run)
    config = config_from(read_json(folder / "manifest.json"))
    if carbon is not None:
        config = replace(config, carbon=carbon)
    with show_progress(quiet=quiet) as progress:
        before, after = replay_stage(folder, config, progress=progress)
    click.echo(before.summary())
    click.echo(after.summary())
    click.echo(
        f"saved {1 - after.total_mj / before.total_mj:.2%} (modelled); next: consolidate report {run}"
    )
