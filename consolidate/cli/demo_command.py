"""``consolidate demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from consolidate.datasets import Dataset

__all__ = ["command"]


@click.command("demo")
@click.option(
    "--out", default="consolidate-demo", show_default=True, metavar="FOLDER", help="Folder to write."
)
@click.option("--vms", default=240, show_default=True, help="Number of VMs.")
@click.option("--days", default=8.0, show_default=True, help="Length of the trace.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of data and solver."
)
@click.option("--open", "open_page", is_flag=True, help="Open the report in the browser.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(out: str, vms: int, days: float, seed: int, open_page: bool, quiet: bool) -> int:
    """Generate a private cloud, consolidate it, check everything, and write the report."""
    from consolidate.cli.progress import show_progress
    from consolidate.cli.run_command import finish
    from consolidate.datasets import PrivateCloud, generate
    from consolidate.study import RunConfig, run
    from consolidate.study.replay_bounds import with_baselines

    folder = Path(out)
    data = folder / "data"
    with show_progress(quiet=quiet) as progress:
        progress("generate a private cloud")
        _write(generate(PrivateCloud(vms=vms, days=days), seed), data)
        config = RunConfig(
            trace=str(data),
            fleet=str(data / "fleet.toml"),
            rules=str(data / "rules.toml"),
            seed=seed,
        )
        done = with_baselines(run(config, folder / "run", progress=progress), progress=progress)
        progress("report")
    return finish(done, as_json=False, open_page=open_page)


def _write(dataset: Dataset, data: Path) -> None:
    """Write a dataset; a folder that holds the very same is left as it is, any other refused."""
    import filecmp
    import tempfile

    from consolidate.datasets import write_dataset
    from consolidate.errors import InputError

    if not data.is_dir() or not any(data.iterdir()):
        write_dataset(dataset, data)
        return
    with tempfile.TemporaryDirectory() as folder:
        names = sorted(path.name for path in write_dataset(dataset, folder).iterdir())
        same, *_ = filecmp.cmpfiles(folder, data, names, shallow=False)
    if same != names:
        msg = f"{data}: holds other data; give --out another folder, or remove this one"
        raise InputError(msg)
