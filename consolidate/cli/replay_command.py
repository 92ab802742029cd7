"""``consolidate replay``."""

from __future__ import annotations

from typing import Any

import click

from consolidate.cli.terminal import say
from consolidate.cli.what_if_options import what_if_from, what_if_options

__all__ = ["command"]


@click.command("replay")
@click.argument("source", metavar="RUN|TRACE")
@click.option("--carbon", metavar="FILE|ZONE|G", help="Intensities; default those of the solve.")
@click.option(
    "--also",
    multiple=True,
    metavar="POLICY|without-off|perfect-forecast",
    help="A further arm for the report: another policy, the plan with nothing switched off, or, where grams "
    "are minimised, a plan that knew the intensities.",
)
@click.option(
    "--bound",
    is_flag=True,
    help="Also the energy that no policy undercuts: which part of the possible saving is captured.",
)
@click.option(
    "--controller",
    "controllers",
    multiple=True,
    metavar="NAME[:PARAMETER=VALUE,...]",
    help="Decide at every step; see `consolidate list controllers`. An arm of RUN, or a row for TRACE.",
)
@click.option("--fleet", metavar="FILE|NAME", help="For TRACE: fleet file, or name of a built-in fleet.")
@click.option(
    "--placement", metavar="FILE", help="For TRACE: present placement. Default: by allocation."
)
@click.option("--rules", metavar="FILE", help="For TRACE: placement rules (TOML).")
@click.option("--format", help="For TRACE: its format; found from the file by default.")
@click.option("--reader", multiple=True, metavar="KEY=VALUE", help="For TRACE: option of its reader.")
@click.option("--repair", default="", metavar="NAME,...", help="For TRACE: repairs, or 'all'.")
@click.option("--seed", default=0, show_default=True, help="For TRACE: seed of everything random.")
@click.option("--csv", "as_csv", is_flag=True, help="For TRACE: print CSV.")
@what_if_options
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    source: str,
    carbon: str | None,
    also: tuple[str, ...],
    bound: bool,
    controllers: tuple[str, ...],
    quiet: bool,
    **given: Any,
) -> None:
    """Replay the planned run folder RUN: doing nothing, and carrying out the plan.

    With --controller, decide at every step with what is known by then: as a further arm of RUN, which the
    report shows and `consolidate check` judges; or, for a TRACE, as a table against doing nothing.

    With --park, --failures or --mtbf-hours the plan of RUN is carried out once more with idle VMs in storage,
    or with hosts that fail.
    """
    from pathlib import Path

    if (Path(source) / "manifest.json").is_file() or not controllers:
        _replay_run(source, carbon, also, controllers, given, bound=bound, quiet=quiet)
    else:
        _replay_trace(source, carbon, also, controllers, given | {"bound": bound}, quiet=quiet)


def _replay_run(
    run: str,
    carbon: str | None,
    also: tuple[str, ...],
    controllers: tuple[str, ...],
    given: dict[str, Any],
    *,
    bound: bool,
    quiet: bool,
) -> None:
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.study.controlled import replay_controllers
    from consolidate.study.other_arms import replay_others
    from consolidate.study.pipeline import replay_stage
    from consolidate.study.replay_bounds import bound_replay
    from consolidate.study.what_if import replay_what_if

    _refuse(
        given, ("fleet", "placement", "rules", "format", "reader", "repair"), "a run folder has its own"
    )
    with show_progress(quiet=quiet) as progress:
        before, after = replay_stage(Path(run), carbon=carbon, progress=progress)
        others = replay_others(Path(run), also, progress=progress) if also else {}
        if controllers:
            others |= replay_controllers(Path(run), controllers, progress=progress)
        parking, failures = what_if_from(Path(run), given)
        if parking is not None or failures is not None:
            arm = replay_what_if(Path(run), parking=parking, failures=failures, progress=progress)
            others[arm.label] = arm
        least = bound_replay(Path(run), progress=progress) if bound else None
    for arm in (before, after, *others.values()):
        say(arm.summary())
    if least is not None:
        say(f"lower bound: {least.summary()}")
    share = 1 - after.total_mj / before.total_mj if before.total_mj else 0.0
    click.echo(f"saved {share:.2%} (modelled); next: consolidate report {run}")


def _replay_trace(
    trace: str,
    carbon: str | None,
    also: tuple[str, ...],
    controllers: tuple[str, ...],
    given: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    from consolidate.cli.options import reader_options
    from consolidate.cli.output import print_table
    from consolidate.cli.progress import show_progress
    from consolidate.inventory import read_placement, read_rules
    from consolidate.study import RunConfig
    from consolidate.study.controlled import compare_controllers
    from consolidate.study.preparation import fleet_for
    from consolidate.traces import read_trace

    asked = {"carbon": carbon, "also": also} | given
    _refuse(asked, ("carbon", "also", "bound", "park", "failures", "mtbf_hours"), "needs a run folder")
    repair = tuple(name for name in given["repair"].split(",") if name)
    read = read_trace(trace, format=given["format"], repair=repair, **reader_options(given["reader"]))
    fleet, assumed = fleet_for(read, RunConfig(trace=trace, fleet=given["fleet"]))
    for default in assumed:
        say(f"assumed {default.key} = {default.value}: {default.source}", err=True)
    placement = given["placement"] and read_placement(given["placement"], read.vms, fleet)
    rules = read_rules(given["rules"], read.vms, fleet) if given["rules"] else ()
    with show_progress(quiet=quiet) as progress:
        table = compare_controllers(
            read,
            fleet,
            controllers,
            current=placement,
            rules=rules,
            seeds=(given["seed"],),
            progress=progress,
        )
    if given["as_csv"]:
        click.echo(table.to_csv(index=False), nl=False)
        return
    print_table(table)


def _refuse(given: dict[str, Any], names: tuple[str, ...], why: str) -> None:
    """Refuse options that would be ignored."""
    from consolidate.errors import ConfigError

    for name in names:
        if given[name]:
            raise ConfigError(why, path=f"--{name.replace('_', '-')}")
