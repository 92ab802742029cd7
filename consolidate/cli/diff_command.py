"""``consolidate diff``."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("diff")
@click.argument("run_a")
@click.argument("run_b")
@click.option("--json", "as_json", is_flag=True, help="Print the difference as JSON.")
def command(run_a: str, run_b: str, as_json: bool) -> None:
    """Say what changed from the reported run folder RUN_A to RUN_B: inputs, options, every figure."""
    from consolidate.reporting.difference import difference

    found = difference(run_a, run_b)
    click.echo(json.dumps(found.to_dict(), indent=1) if as_json else found.to_text())
