"""``consolidate compare``."""

from __future__ import annotations

from typing import Any

import click

from consolidate.cli.options import comparison_options, config_from

__all__ = ["command"]


@click.command("compare")
@click.argument("trace")
@click.option(
    "--policies",
    default="ffd,bfd,dot,pabfd,drain,auto",
    show_default=True,
    metavar="NAME,...",
    help="Policies to compare.",
)
@click.option("--seeds", default="0", show_default=True, metavar="N,...", help="Seeds of each policy.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@comparison_options
@click.option(
    "--out", metavar="FOLDER", help="Study: folder of cells and results. Default: name of the file."
)
@click.option("--workers", type=int, metavar="N", help="Study: processes.  [default: 1]")
@click.option("--data", metavar="FOLDER", help="Study: where relative paths of traces start.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    trace: str,
    policies: str,
    seeds: str,
    as_csv: bool,
    out: str | None,
    workers: int | None,
    data: str | None,
    quiet: bool,
    **given: Any,
) -> None:
    """Solve, plan and replay TRACE under several policies, against doing nothing.

    A TRACE that ends in .toml is a study: a file with axes of policies, controllers, traces, fleets,
    parameters and seeds. Its options stand in the file; finished cells are kept, and the same command goes on
    after an interruption.
    """
    asked = {
        name
        for name in ctx.params
        if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
    }
    if trace.endswith(".toml"):
        _refuse(asked - {"trace", "as_csv", "quiet", *_STUDY}, "stands in the study file, not here")
        _study(trace, as_csv=as_csv, out=out, workers=workers, data=data, quiet=quiet)
        return
    _refuse(asked & set(_STUDY), "is for a study: a TRACE that ends in .toml")
    from consolidate.cli.progress import show_progress
    from consolidate.study import compare, prepare
    from consolidate.study.emissions import intensities

    config = config_from(trace, given)
    numbers = _numbers(seeds)
    prepared = prepare(config)
    instance = prepared.instance
    carbon, _ = intensities(instance.fleet, prepared.replayed.grid, config)
    with show_progress(quiet=quiet) as progress:
        table = compare(
            prepared.trace,
            instance.fleet,
            policies=[name for name in policies.split(",") if name],
            sizing=config.sizing(),
            sizing_fraction=config.sizing_fraction,
            hindsight=config.hindsight,
            current=instance.current,
            rules=instance.rules,
            cpu_limit_fraction=config.cpu_limit_fraction,
            min_saving_fraction=config.min_saving_fraction,
            carbon=carbon,
            objective=instance.objective,
            move_price_j=config.move_price_j,
            moves=instance.moves,
            budget=config.budget,
            seeds=numbers,
            progress=progress,
        )
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
        return
    from consolidate.cli.output import print_table

    shown = ["policy", "seed", "energy_kwh", "saved_fraction", "hosts_on_last", "migrations"]
    shown += ["saving_share_fraction", "unmet_fraction", "overload_fraction", "carbon_kg"]
    shown += ["carbon_saved_fraction"] if config.objective == "carbon" else []
    shown += ["gap_fraction", "solve_s"]
    print_table(table[[name for name in shown if name in table]])


_STUDY = ("out", "workers", "data")


def _refuse(options: set[str], why: str) -> None:
    from consolidate.errors import ConfigError

    if options:
        raise ConfigError(why, path=f"--{min(options).replace('_', '-')}")


def _study(
    path: str, *, as_csv: bool, out: str | None, workers: int | None, data: str | None, quiet: bool
) -> None:
    from pathlib import Path

    from consolidate.cli.output import print_table
    from consolidate.cli.progress import show_progress
    from consolidate.reporting import write_study
    from consolidate.study.grid import run_study

    folder = Path(out) if out is not None else Path(Path(path).stem)
    with show_progress(quiet=quiet) as progress:
        done = run_study(
            path, folder, data=data, workers=1 if workers is None else workers, progress=progress
        )
    written = write_study(done, folder)
    if as_csv:
        click.echo((folder / "table.csv").read_text("utf-8"), nl=False)
        return
    shown = ["trace", "fleet", "mode", "policy", "seed", "energy_kwh", "bound_ratio"]
    shown += ["saving_share_fraction", "overload_fraction", "migrations"]
    print_table(done.table[shown])
    click.echo(f"{done.computed} of {len(done.study.cells)} cells run now", err=True)
    for place in written:
        click.echo(place, err=True)


def _numbers(text: str) -> list[int]:
    from consolidate.errors import ConfigError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        msg = f"needs whole numbers with commas between them, got {text!r}"
        raise ConfigError(msg, path="--seeds") from error
