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
@click.option("--quiet", is_flag=True, help="No progress.")
def command(trace: str, policies: str, seeds: str, as_csv: bool, quiet: bool, **given: Any) -> None:
    """Solve, plan and replay TRACE under several policies, against doing nothing."""
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
            budget=config.budget,
            seeds=numbers,
            progress=progress,
        )
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
        return
    from consolidate.cli.output import print_table

    shown = ["policy", "seed", "energy_kwh", "saved_fraction", "hosts_on_last", "migrations"]
    shown += ["unmet_fraction", "overload_fraction", "carbon_kg", "gap_fraction", "solve_s"]
    print_table(table[[name for name in shown if name in table]])


def _numbers(text: str) -> list[int]:
    from consolidate.errors import ConfigError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        msg = f"needs whole numbers with commas between them, got {text!r}"
        raise ConfigError(msg, path="--seeds") from error
