"""``consolidate check``."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("check")
@click.argument("run")
@click.option(
    "--report", metavar="FOLDER", help="Report of the run in another folder; default in RUN itself."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def command(run: str, report: str | None, as_json: bool) -> int:
    """Re-derive everything in the run folder RUN with code that shares nothing with the solver.

    Exit code 4 when anything does not hold.
    """
    from consolidate.checks import check_run
    from consolidate.cli.terminal import say

    verdict = check_run(run, report=report)
    if as_json:
        click.echo(json.dumps(verdict.to_dict(), indent=1))
    else:
        say(verdict.to_text())
    return 0 if verdict.ok else 4
