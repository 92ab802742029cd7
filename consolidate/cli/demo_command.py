"""``consolidate demo``."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("demo")
@click.option(
    "--out", default="consolidate-demo", show_default=True, metavar="FOLDER", help="Folder to write."
)
@click.option("--vms", default=240, show_default=True, help="Number of VMs.")
@click.option("--days", default=8.0, show_default=True, help="Length of the trace.")
@click.option("--seed", default=0, show_default=True, help="Seed of data and solver.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(out: str, vms: int, days: float, seed: int, quiet: bool) -> int:
    """Generate a private cloud, consolidate it, check everything, and write the report."""
    from pathlib import Path

    from consolidate.cli.progress import show_progress
    from consolidate.cli.run_command import finish
    from consolidate.datasets import PrivateCloud, generate, write_dataset
    from consolidate.study import RunConfig, run

    folder = Path(out)
    data = folder / "data"
    with show_progress(quiet=quiet) as progress:
        progress("generate a private cloud")
        write_dataset(generate(PrivateCloud(vms=vms, days=days), seed), data)
        config = RunConfig(
            trace=str(data),
            fleet=str(data / "fleet.toml"),
            rules=str(data / "rules.toml"),
            seed=seed,
        )
        run(config, folder / "run", progress=progress)
        progress("report")
    return finish(str(folder / "run"), as_json=False)
