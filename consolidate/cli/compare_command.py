"""``consolidate compare``."""

from __future__ import annotations

from typing import Any

import click

from consolidate.cli.options import config_from, run_options

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
@run_options
@click.option("--quiet", is_flag=True, help="No progress.")
def command(trace: str, policies: str, seeds: str, as_csv: bool, quiet: bool, **given: Any) -> None:
    """Solve, plan and replay TRACE under several policies, against doing nothing."""
    from consolidate.cli.progress import show_progress
    from consolidate.forecasting import Percentile
    from consolidate.study import compare, prepare

    prepared = prepare(config_from(trace, given))
    instance = prepared.instance
    with show_progress(quiet=quiet) as progress:
        table = compare(
            prepared.trace,
            instance.fleet,
            policies=[name for name in policies.split(",") if name],
            sizing=Percentile(prepared.config.percentile),
            sizing_fraction=prepared.config.sizing_fraction,
            current=instance.current,
            rules=instance.rules,
            budget=prepared.config.budget,
            seeds=[int(seed) for seed in seeds.split(",")],
            progress=progress,
        )
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
        return
    from consolidate.cli.output import print_table

    shown = ["policy", "seed", "energy_kwh", "saved_fraction", "hosts_on_last", "migrations"]
    shown += ["unmet_fraction", "overload_fraction", "gap_fraction", "solve_s"]
    print_table(table[[name for name in shown if name in table]])
