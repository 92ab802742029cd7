"""``consolidate cloudsim``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from consolidate.cli.terminal import say

if TYPE_CHECKING:
    from consolidate.cloudsim import Experiment, Variant

__all__ = ["command"]

#: Rows of the printed table: figure, label with unit, factor, digits.
_ROWS = (
    ("energy_kwh", "energy, kWh", 1, 2),
    ("energy_with_standby_kwh", "  with 12 W per host off, kWh", 1, 2),
    ("migrations", "migrations", 1, 0),
    ("slatah", "SLATAH, %", 100, 4),
    ("pdm", "PDM, %", 100, 4),
    ("slav", "SLAV, 1e-5", 1e5, 4),
    ("esv", "ESV, 1e-3 kWh", 1e3, 4),
    ("sla_overall", "overall SLA violation, %", 100, 4),
    ("sla_average", "average SLA violation, %", 100, 2),
    ("overload_share", "overload alone, % of time on", 100, 4),
    ("unmet_share", "demand that no sharing meets, %", 100, 4),
    ("host_shutdowns", "host shutdowns", 1, 0),
    ("host_shutdowns_never_on", "  of hosts never on", 1, 0),
    ("power_cycles_max", "most power cycles of a host", 1, 0),
    ("mean_time_before_host_shutdown_s", "mean time before a shutdown, s", 1, 1),
    ("stdev_time_before_host_shutdown_s", "  standard deviation, s", 1, 1),
    ("mean_time_before_vm_migration_s", "mean duration of migrations, s", 1, 2),
    ("stdev_time_before_vm_migration_s", "  standard deviation, s", 1, 2),
    ("mean_active_hosts", "hosts on, mean", 1, 2),
    ("hosts_ever_active", "hosts ever on", 1, 0),
    ("vms_remaining_at_end", "VMs that survive", 1, 0),
    ("sim_end_s", "end of the simulation, s", 1, 0),
)


@click.command("cloudsim")
@click.argument("days", nargs=-1, required=True, metavar="DAY...")
@click.option(
    "--detector", default="lr", show_default=True, help="thr, iqr, mad, lr, lrr; npa, dvfs: no moves."
)
@click.option("--selector", default="mmt", show_default=True, help="mmt, mc, mu or rs.")
@click.option("--parameter", type=float, help="Of the detector. Default: that of the paper.")
@click.option(
    "--order",
    default="upper",
    show_default=True,
    metavar="upper|sorted|FILE",
    help="Order of the VMs, which decides their sizes; a FILE has one name a line.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the selector rs.")
@click.option("--seeds", default=1, show_default=True, help="Run so many seeds, from --seed on.")
@click.option("--hosts", default=800, show_default=True, help="Number of hosts, of both types in turns.")
@click.option(
    "--variant",
    default="3.0.3",
    show_default=True,
    help="3.0.3, 3.0.1 or corrected-pabfd, to start from.",
)
@click.option(
    "--off-hosts-cost-full", is_flag=True, help="Hosts that are off count with all their power."
)
@click.option(
    "--fresh-baseline", is_flag=True, help="The power before counts what this step has placed."
)
@click.option("--tricube-weights", type=click.Choice(["paper", "3.0.1"]), help="Weigh lr's samples.")
@click.option("--keep-idle-vms", is_flag=True, help="VMs that ask for nothing live on.")
@click.option("--enforce-ram", is_flag=True, help="RAM binds when hosts are chosen.")
@click.option(
    "--shield-overload-targets", is_flag=True, help="Targets are not emptied in the same step."
)
@click.option(
    "--stale-load", is_flag=True, help="Placement of 3.0.1: what this step places is not seen."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print as CSV.")
@click.option(
    "--out", metavar="FOLDER", help="Write initial.csv, steps.csv and migrations.csv of each run."
)
def command(days: tuple[str, ...], **given: Any) -> None:
    """Run the PlanetLab experiment of CloudSim 3.0.3 on each DAY, a folder or archive of its files.

    For comparison with published figures: its quirks are kept, its energy is modelled. See
    docs/reference/cloudsim.md before you conclude anything from it.
    """
    from pathlib import Path

    from consolidate import cloudsim

    if given["as_json"] and given["as_csv"]:
        msg = "--json and --csv exclude each other"
        raise click.UsageError(msg)
    if given["seeds"] < 1:
        msg = f"--seeds: needs 1 or more, got {given['seeds']}"
        raise click.UsageError(msg)
    variant, order = _variant(given), _order(given["order"])
    read = [cloudsim.read_day(day, order=order) for day in days]
    began = time.perf_counter()
    cloudsim.warm_up()
    ready = time.perf_counter()
    done = [
        cloudsim.run(
            day,
            given["detector"],
            given["selector"],
            parameter=given["parameter"],
            seed=seed,
            variant=variant,
            hosts=given["hosts"],
        )
        for day in read
        for seed in range(given["seed"], given["seed"] + given["seeds"])
    ]
    ended = time.perf_counter()
    if given["out"] is not None:
        for experiment in done:
            experiment.log.write(Path(given["out"]) / _folder(experiment))
    if given["as_json"]:
        rows = [experiment.to_dict() for experiment in done]
        click.echo(json.dumps([_finite(row) for row in rows], indent=1))
    elif given["as_csv"]:
        click.echo(cloudsim.frame(done).to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        _print(done)
    say(f"kernels ready after {ready - began:.2f} s; ran in {ended - ready:.2f} s", err=True)


def _variant(given: dict[str, Any]) -> Variant:
    from dataclasses import fields, replace

    from consolidate.cloudsim import Variant

    named = Variant.named(given["variant"])
    return replace(named, **{f.name: given[f.name] for f in fields(Variant) if given[f.name]})


def _order(text: str) -> Any:
    from pathlib import Path

    from consolidate.errors import ConfigError

    if text in ("upper", "sorted"):
        return text
    if not Path(text).is_file():
        msg = f"needs 'upper', 'sorted' or a file of names, got {text!r}"
        raise ConfigError(msg, path="--order")
    return [name for name in Path(text).read_text("utf-8").split("\n") if name]


def _folder(experiment: Experiment) -> str:
    name = f"{experiment.policy}_{experiment.day}_{experiment.order}".lower()
    return f"{name}_seed{experiment.seed}" if "-rs-" in name else name


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: what is undefined is null."""
    return {key: None if value != value else value for key, value in row.items()}


def _print(done: list[Experiment]) -> None:
    first = done[0]
    click.echo(f"{first.policy}, {first.hosts} hosts, order {first.order}, {first.variant.describe()}")
    columns = [(_heading(experiment, done), experiment.outcome.to_dict()) for experiment in done]
    if len(done) > 1:
        from consolidate.cloudsim import frame

        table = frame(done)
        figures = [name for name, *_ in _ROWS]
        columns += [("mean", dict(zip(figures, table[figures].mean(), strict=True)))]
        columns += [("s.d.", dict(zip(figures, table[figures].std(), strict=True)))]
    say(f"{'modelled':34}" + "".join(f"{heading:>16}" for heading, _ in columns))
    for name, label, factor, digits in _ROWS:
        cells = [
            _cell(values[name] * factor, digits if heading not in ("mean", "s.d.") else max(digits, 1))
            for heading, values in columns
        ]
        click.echo(f"{label:34}" + "".join(f"{cell:>16}" for cell in cells))


def _heading(experiment: Experiment, done: list[Experiment]) -> str:
    seeds = {other.seed for other in done}
    return experiment.day if len(seeds) == 1 else f"{experiment.day[:10]}/{experiment.seed}"


def _cell(value: float, digits: int) -> str:
    return "-" if value != value else f"{value:,.{digits}f}"
