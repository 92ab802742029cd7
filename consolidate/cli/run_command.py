"""``consolidate run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from consolidate.cli.options import config_from, run_options

if TYPE_CHECKING:
    from consolidate.study import RunData

__all__ = ["command", "finish"]


@click.command("run")
@click.argument("trace")
@click.option("--out", required=True, metavar="RUN", help="Run folder to write.")
@run_options
@click.option(
    "--baselines",
    is_flag=True,
    help="Also replay what the saving is to be compared with: nothing switched off, first fit decreasing, "
    "the lower bound.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--open", "open_page", is_flag=True, help="Open the report in the browser.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    trace: str, out: str, baselines: bool, as_json: bool, open_page: bool, quiet: bool, **given: Any
) -> int:
    """Read TRACE, solve, plan, replay, check and report.

    A run that was interrupted is taken up where it stopped by the same command.
    """
    from consolidate.cli.progress import show_progress
    from consolidate.study import run
    from consolidate.study.replay_bounds import with_baselines

    config = config_from(trace, given)
    with show_progress(quiet=quiet) as progress:
        done = run(config, out, progress=progress)
        if baselines:
            done = with_baselines(done, progress=progress)
        progress("report")
    return finish(done, as_json=as_json, open_page=open_page)


def finish(run: RunData, *, as_json: bool, open_page: bool) -> int:
    """Write the report of a complete run, check everything, and print the summary."""
    from consolidate.checks import check_run
    from consolidate.cli.output import print_summary, show_page
    from consolidate.reporting import report_run

    report, folder = report_run(run), run.folder
    report.write(folder)
    verdict = check_run(folder)
    print_summary(report, folder, verdict, as_json=as_json)
    if open_page and verdict.ok:
        show_page(folder / "report.html")
    return 0 if verdict.ok else 4
