"""``consolidate inspect``."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("inspect")
@click.argument("trace")
@click.option("--format", "name", help="Trace format; found from the file by default.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(trace: str, name: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Say what TRACE is, what is wrong with it, and what it would take to use it."""
    from consolidate.traces import inspect_trace

    found = inspect_trace(trace, name)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        click.echo(found.to_text())
