"""``consolidate datasets``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.group("datasets")
def command() -> None:
    """List known datasets, fetch one, or generate a private cloud."""


@command.command("list")
def list_() -> None:
    """List the datasets of the catalogue."""
    from consolidate.datasets import list_datasets

    for entry in list_datasets():
        click.echo(f"{entry.name:28} {entry.title} ({entry.licence})")


@command.command("fetch")
@click.argument("name")
@click.option("--out", default=".", show_default=True, metavar="FOLDER", help="Where to put it.")
def fetch_(name: str, out: str) -> None:
    """Download the dataset NAME and check its hash."""
    from consolidate.datasets import fetch

    click.echo(fetch(name, out))


@command.command("generate")
@click.option("--vms", default=300, show_default=True, help="Number of VMs, arrivals included.")
@click.option("--days", default=7.0, show_default=True, help="Length of the trace.")
@click.option("--hosts", type=int, help="Number of hosts; default sized for the VMs.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same bytes.",
)
@click.option("--out", required=True, metavar="FOLDER", help="Folder to write.")
def generate_(vms: int, days: float, hosts: int | None, seed: int, out: str) -> None:
    """Generate a private cloud: trace, VM table, fleet and rules."""
    from consolidate.datasets import PrivateCloud, generate, write_dataset

    dataset = generate(PrivateCloud(vms=vms, days=days, hosts=hosts), seed)
    folder = write_dataset(dataset, out)
    click.echo(
        f"{dataset.trace.n_vms} VMs, {dataset.trace.grid}, {dataset.fleet.n_hosts} hosts, "
        f"{len(dataset.rules)} rules: {folder}"
    )
    click.echo(
        f"next: consolidate run {folder} --fleet {folder}/fleet.toml "
        f"--rules {folder}/rules.toml --out RUN"
    )
