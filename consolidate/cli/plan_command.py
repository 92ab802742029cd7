"""``consolidate plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from consolidate.cli.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from consolidate.model import MigrationPlan

__all__ = ["command"]


@click.command("plan")
@click.argument("run")
@click.option(
    "--resume",
    metavar="DONE",
    help="Plan the rest of the way, given the actions that have ended: ids with commas, or a file of ids.",
)
@click.option(
    "--undo",
    metavar="DONE",
    help="Plan the way back from those actions; 'all' if the whole plan was carried out.",
)
@click.option(
    "--window",
    "windows",
    multiple=True,
    metavar="A-B",
    help="Act only from A to B seconds from now; repeat it for further windows. What is too long is split.",
)
@click.option(
    "--within-minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MIN",
    help="When the plan shall have ended: where it would take longer, VMs move twice to save time.",
)
@click.option(
    "--fast", is_flag=True, help="Take a list schedule as it is: longer, but planned in seconds."
)
@click.option(
    "--reserve",
    type=int,
    metavar="K",
    help="Look, after every step, for room for the VMs of any K failed hosts, or say 'not proven'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the actions as JSON, one object a line.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    run: str,
    resume: str | None,
    undo: str | None,
    windows: tuple[str, ...],
    within_minutes: float | None,
    fast: bool,
    reserve: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Schedule the migrations of the solved run folder RUN.

    With --resume or --undo the plan that is there is followed up: the new plan is printed and judged, and
    the run folder stays as it is. So it does with --window, which prints one plan for each window used.
    """
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.pipeline import plan_stage

    if resume is not None and undo is not None:
        msg = "--resume and --undo exclude each other"
        raise click.UsageError(msg)
    folder = Path(run)
    followed = resume is not None or undo is not None
    if reserve is not None and (followed or as_json):
        msg = "--reserve is about the plan of the folder, in words"
        raise click.UsageError(msg)
    if within_minutes is not None and (followed or windows):
        msg = "--within-minutes is about the plan of the folder; a window has its own end"
        raise click.UsageError(msg)
    if fast and (followed or windows):
        msg = "--fast is about the plan of the folder"
        raise click.UsageError(msg)
    if windows:
        if followed or reserve is not None:
            msg = "--window excludes --resume, --undo and --reserve"
            raise click.UsageError(msg)
        _print_windows(folder, windows, as_json=as_json)
        return
    within_s = None if within_minutes is None else int(within_minutes * 60)
    with show_progress(quiet=quiet) as progress:
        if followed:
            plan = _follow_up(folder, resume, undo)
        else:
            plan = plan_stage(folder, fast=fast, within_s=within_s, progress=progress)
    if as_json:
        click.echo(plan.to_frame().to_json(orient="records", lines=True), nl=False)
        return
    say(plan.summary())
    if within_s is not None and plan.makespan_s > within_s:
        click.echo(f"longer than {within_minutes:g} min: no plan was found that is not")
    if reserve is not None:
        say(_reserve(folder, plan, reserve))
    if not followed:
        click.echo(f"next: consolidate replay {run}")


def _print_windows(folder: Path, given: tuple[str, ...], *, as_json: bool) -> None:
    """Print one plan for each change window that is used."""
    from consolidate.study.verbs import window_plans

    stretches = []
    for text in given:
        begin, _, end = text.partition("-")
        if not (begin.isdecimal() and end.isdecimal()):
            msg = f"--window: needs two whole numbers of seconds like 3600-7200, got {text!r}"
            raise click.UsageError(msg)
        stretches.append((int(begin), int(end)))
    for number, part in enumerate(window_plans(folder, stretches), start=1):
        if as_json:
            frame = part.to_frame().assign(part=number)
            click.echo(frame.to_json(orient="records", lines=True), nl=False)
        else:
            first_s = min(action.start_s for action in part.actions)
            say(f"part {number}, from {first_s} s to {part.makespan_s} s: {part.summary()}")


def _reserve(folder: Path, plan: MigrationPlan, failures: int) -> str:
    """Return what the checks say of the reserve, in words."""
    from consolidate.study import load
    from consolidate.study.judge import prove_reserve

    verdict = prove_reserve(load.load_instance(folder), plan, failures=failures)
    if verdict.proven:
        return f"reserve N+{failures}: proven at {verdict.moments} moments"
    when = f"at {verdict.time_s} s " if verdict.time_s >= 0 else ""
    return f"reserve N+{failures}: not proven; {when}{verdict.reason}"


def _follow_up(folder: Path, resume: str | None, undo: str | None) -> MigrationPlan:
    """Return the plan that goes on, or back, from what was carried out."""
    from consolidate.study.verbs import resume_plan, undo_plan

    if resume is not None:
        return resume_plan(folder, _ids(resume, "--resume"))
    assert undo is not None
    return undo_plan(folder, None if undo == "all" else _ids(undo, "--undo"))


def _ids(given: str, option: str) -> list[int]:
    """Return action ids from a list with commas, or from a file with white space or commas between them."""
    from pathlib import Path

    text = Path(given).read_text("utf-8") if Path(given).is_file() else given
    words = text.replace(",", " ").split()
    for position, word in enumerate(words):
        if not word.isdecimal():
            msg = f"{option}: needs ids of actions, entry {position + 1} is {word!r}"
            raise click.UsageError(msg)
    return [int(word) for word in words]
