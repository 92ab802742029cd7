"""``consolidate solve``."""

from __future__ import annotations

from typing import Any

import click

from consolidate.cli.options import config_from, run_options
from consolidate.cli.terminal import say

__all__ = ["command"]


@click.command("solve")
@click.argument("trace")
@click.option("--out", required=True, metavar="RUN", help="Run folder to write.")
@run_options
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(trace: str, out: str, as_json: bool, quiet: bool, **given: Any) -> None:
    """Read TRACE and choose a placement, with a lower bound and the gap."""
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.pipeline import solve_stage

    config = config_from(trace, given)
    with show_progress(quiet=quiet) as progress:
        result = solve_stage(config, Path(out), progress=progress)
    if as_json:
        click.echo((Path(out) / "result.json").read_text("utf-8"), nl=False)
    else:
        say(result.summary())
        click.echo(f"run folder: {out}; next: consolidate plan {out}")
