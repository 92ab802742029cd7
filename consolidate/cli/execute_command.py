"""``consolidate execute``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from consolidate.engine.execution import Faults

__all__ = ["command"]


@click.command("execute")
@click.argument("run")
@click.option(
    "--faults",
    default="all=0.05",
    show_default=True,
    metavar="NAME=P,...",
    help="What goes wrong, with which probability: setup, mid_copy, lost_ack (migrations), boot, late_boot, "
    "power_off (hosts), surge, created, resized, deleted (VMs); 'all' for every one, 'none' for none.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one object a line.")
@click.option("--quiet", is_flag=True, help="Print the summary only.")
def command(run: str, faults: str, seed: int, as_json: bool, quiet: bool) -> None:
    """Carry out the plan of the planned run folder RUN on simulated hosts that fail.

    Whenever something is not as planned, the rest is planned anew. The history is judged by the independent
    checks before anything is printed: no VM on no host or on two, no host switched off with a VM there or on
    its way, no capacity exceeded by an arrival. The run folder stays as it is.
    """
    from pathlib import Path

    from consolidate.errors import InputError
    from consolidate.study import load
    from consolidate.study.executing import execute

    wrong = _faults(faults)
    folder = Path(run)
    if not (folder / "plan.parquet").is_file():
        msg = f"{folder}: there is no plan yet; run: consolidate plan {folder}"
        raise InputError(msg)
    done = execute(load.load_instance(folder), load.load_plan(folder), faults=wrong, seed=seed)
    if as_json:
        click.echo(done.to_frame().to_json(orient="records", lines=True), nl=False)
        return
    if not quiet:
        for event in done.events:
            click.echo(done.line(event))
    click.echo(done.summary())
    click.echo("the history is judged: no VM lost or doubled, no dark host used, no arrival too much")


def _faults(text: str) -> Faults:
    """Turn ``NAME=P,...`` into faults."""
    from dataclasses import fields, replace

    from consolidate.engine.execution import Faults
    from consolidate.errors import ConfigError

    faults = Faults()
    if text == "none":
        return faults
    known = [field.name for field in fields(Faults)]
    for word in text.split(","):
        name, _, value = word.partition("=")
        name = name.strip().replace("-", "_")
        try:
            probability = float(value)
        except ValueError:
            msg = f"needs NAME=P with a number P, got {word!r}"
            raise ConfigError(msg, path="--faults") from None
        if name == "all":
            faults = Faults.all(probability)
        elif name in known:
            faults = replace(faults, **{name: probability})
        else:
            msg = f"no fault is called {name!r}; known are all, {', '.join(known)}"
            raise ConfigError(msg, path="--faults")
    return faults
