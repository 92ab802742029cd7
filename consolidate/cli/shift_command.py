"""``consolidate shift``."""

from __future__ import annotations

import click

from consolidate.cli.terminal import say

__all__ = ["command"]


@click.command("shift")
@click.argument("run")
@click.option("--jobs", required=True, metavar="FILE", help="Work that may wait (CSV).")
@click.option(
    "--forecast",
    default="seasonal",
    show_default=True,
    metavar="NAME|FILE",
    help="seasonal, persistence, actual (hindsight), or an intensity file.",
)
@click.option(
    "--carbon", metavar="FILE", help="Intensities with their history, if they are not where the run was."
)
@click.option(
    "--cpu-limit",
    default=0.9,
    show_default=True,
    help="Part of a host's usable CPU that VMs and jobs may fill together.",
)
@click.option(
    "--deterministic-seconds", default=5.0, show_default=True, help="Work of the exact solver."
)
@click.option("--seed", default=0, show_default=True, help="Seed of the exact solver.")
@click.option("--json", "as_json", is_flag=True, help="Print shift.json.")
def command(
    run: str,
    jobs: str,
    forecast: str,
    carbon: str | None,
    cpu_limit: float,
    deterministic_seconds: float,
    seed: int,
    as_json: bool,
) -> None:
    """Shift work that may wait into clean hours, on the hosts that the replayed run folder RUN leaves on.

    The decision is made by a forecast and accounted for with the intensities that came true. What
    consolidation saves comes first; shifting is credited with what it saves on top.
    """
    from pathlib import Path

    from consolidate.study.shifting import shift_run

    found = shift_run(
        run,
        jobs,
        forecast=forecast,
        carbon=carbon,
        cpu_limit_fraction=cpu_limit,
        deterministic_s=deterministic_seconds,
        seed=seed,
    )
    if as_json:
        click.echo((Path(run) / "shift.json").read_text("utf-8"), nl=False)
        return
    say(found.summary())
    say(f"written: {Path(run) / 'shift.json'}; next: consolidate report {run}")
