"""``consolidate replay``."""

from __future__ import annotations

from typing import Any

import click

from consolidate.cli.terminal import say
from consolidate.cli.what_if_options import what_if_from, what_if_options

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
@what_if_options
@click.option("--quiet", is_flag=True, help="No progress.")
def command(run: str, carbon: str | None, also: tuple[str, ...], quiet: bool, **given: Any) -> None:
    """Replay the planned run folder RUN: doing nothing, and carrying out the plan.

    With --park, --failures or --mtbf-hours the plan is carried out once more with idle VMs in storage,
    or with hosts that fail.
    """
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.other_arms import replay_others
    from consolidate.study.pipeline import replay_stage
    from consolidate.study.what_if import replay_what_if

    with show_progress(quiet=quiet) as progress:
        before, after = replay_stage(Path(run), carbon=carbon, progress=progress)
        others = replay_others(Path(run), also, progress=progress) if also else {}
        parking, failures = what_if_from(Path(run), given)
        if parking is not None or failures is not None:
            arm = replay_what_if(Path(run), parking=parking, failures=failures, progress=progress)
            others[arm.label] = arm
    for arm in (before, after, *others.values()):
        say(arm.summary())
    share = 1 - after.total_mj / before.total_mj if before.total_mj else 0.0
    click.echo(f"saved {share:.2%} (modelled); next: consolidate report {run}")
