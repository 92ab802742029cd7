"""``consolidate replay``."""

from __future__ import annotations

import click

from consolidate.cli.terminal import say

__all__ = ["command"]


@click.command("replay")
@click.argument("run")
@click.option("--carbon", metavar="FILE|ZONE|G", help="Intensities; default those of the solve.")
@click.option(
    "--also",
    multiple=True,
    metavar="POLICY|without-off",
    help="A further arm for the report: another policy, or the plan with nothing switched off.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
def command(run: str, carbon: str | None, also: tuple[str, ...], quiet: bool) -> None:
    """Replay the planned run folder RUN: doing nothing, and carrying out the plan."""
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.other_arms import replay_others
    from consolidate.study.pipeline import replay_stage

    with show_progress(quiet=quiet) as progress:
        before, after = replay_stage(Path(run), carbon=carbon, progress=progress)
        others = replay_others(Path(run), also, progress=progress) if also else {}
    for arm in (before, after, *others.values()):
        say(arm.summary())
    share = 1 - after.total_mj / before.total_mj if before.total_mj else 0.0
    click.echo(f"saved {share:.2%} (modelled); next: consolidate report {run}")
